"""From a scored case to its attention.json: maps, and what they are worth.

:func:`explain` follows the scoring of a case in every evaluation, with what the study
declares; ``veille explain`` asks for more.  What it makes is cached map by map: an
interrupted run goes on where it was, and an unchanged case computes nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evaluation import records
from evaluation.data.photos import open_photo
from evaluation.errors import ArtefactError, DataError, VeilleError, one_line
from evaluation.records import DEPTH, Case, CaseExplanation, ExplainFailure, ExplainSpec, RunRecord
from evaluation.stages.bench import Bench
from evaluation.stages.engine import Engine
from evaluation.stages.open import StudyData
from evaluation.stages.score import head_of
from evaluation.stages.standing import maps_stand
from evaluation.stores import artefacts
from evaluation.stores.tables import read_predictions
from evaluation.usage import eval_command


def deeper(spec: ExplainSpec) -> ExplainSpec:
    """A study's declaration with at least the numbers of ``DEPTH``."""
    return replace(
        spec,
        masks=max(spec.masks, DEPTH.masks),
        rise_photos=max(spec.rise_photos, DEPTH.rise_photos),
        faithfulness_photos=max(spec.faithfulness_photos, DEPTH.faithfulness_photos),
        curve_steps=max(spec.curve_steps, DEPTH.curve_steps),
        randomisation_photos=max(spec.randomisation_photos, DEPTH.randomisation_photos),
    )


def try_to_explain(
    case: Case, data: StudyData, engine: Engine, spec: ExplainSpec
) -> ExplainFailure | None:
    """:func:`explain`, for those whose scores must not suffer from it.

    Whatever goes wrong is recorded in attention-failure.json and returned, our own faults
    included: earlier maps and the scored result stand.  An :class:`ArtefactError` (disk full,
    folder read-only) is raised: it could not be recorded.
    """
    try:
        explain(case, data, engine, spec)
    except ArtefactError:
        raise
    except VeilleError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - recorded: the scores stand
        reason = f"{type(error).__name__}: {one_line(error)}"
    else:
        return None
    failure = ExplainFailure(study=case.study, case=case.id, error=reason)
    artefacts.write(engine.settings.artefacts, failure)
    return failure


def explain(case: Case, data: StudyData, engine: Engine, spec: ExplainSpec) -> CaseExplanation:
    """Explains a case that was scored, and writes its attention.json and overlays.

    Maps that were made of the same predictions, at least as deep, are left as they are.

    Raises :class:`DataError`: the case was not scored on the photos and the texts as they are now;
    :class:`WeightsUnavailable`: the model cannot be had here; :class:`StoreError`: the cache of
    maps cannot be used; :class:`ArtefactError`: the maps cannot be written.
    """
    if not case.model.embeds:
        raise DataError("predictions made elsewhere have no maps", where=case.id)
    root = engine.settings.artefacts
    run, predictions = _scored(case, data, engine)
    model = engine.model(case.model, data)
    if run.provenance.weights_digest not in (None, model.weights_digest):
        raise _outdated(case)
    if maps_stand(case, spec, root):
        standing = artefacts.read(root / case.id / "attention.json", CaseExplanation)
        if standing.fingerprint == model.fingerprint:
            return standing
    stamp = {
        **stamp_of(case, data),
        "predictions_digest": artefacts.predictions_digest(root, case.id),
    }
    head, bench = head_of(case, data, engine), Bench(data=data, model=model, engine=engine)
    explanation, overlays = look_into(bench, head, spec, predictions, stamp)
    artefacts.write(root, explanation, overlays)
    return explanation


def stamp_of(case: Case, data: StudyData) -> dict[str, Any]:
    """Which case is explained, and on which data: fields of the record."""
    return {
        "study": case.study,
        "case": case.id,
        "dataset_revision": data.dataset.revision,
        "split_digest": data.split.digest,
    }


def look_into(
    bench: Bench,
    head: records.Head,
    spec: ExplainSpec,
    predictions: records.Predictions,
    stamp: Mapping[str, str],
    **chosen: Any,
) -> tuple[CaseExplanation, dict[str, bytes]]:
    """What is explained of some predictions, and the overlays to write with it.

    ``chosen`` may name the photos and the folder of the overlays, as :func:`explain_case` does.
    """
    from evaluation.explain.case import explain_case
    from evaluation.explain.computed import Explainer

    overlays: dict[str, bytes] = {}
    settings = bench.engine.settings
    with bench.engine.map_cache() as cache:
        explainer = Explainer(
            model=bench.model,
            head=head,
            spec=spec,
            load=lambda sample: open_photo(sample.image, sample.bits),
            cache=cache,
            batch_size=settings.batch_size,
        )
        record = explain_case(
            explainer,
            stamp=stamp,
            samples=bench.data.samples(predictions.sample_ids),
            predictions=predictions,
            write=overlays.__setitem__,
            progress=settings.progress,
            **chosen,
        )
    return record, overlays


def planned(
    case: Case, data: StudyData, engine: Engine, spec: ExplainSpec
) -> tuple[int, float | None]:
    """Forward passes that explaining a case takes at most, and how many seconds that is.

    The seconds are those of embedding as many photos, as measured when they were embedded;
    None when none was.

    Raises as :func:`explain` does.
    """
    from evaluation.explain.case import planned_passes
    from evaluation.explain.computed import tower_of
    from evaluation.explain.selection import select_photos

    model = engine.model(case.model, data)
    photos = len(select_photos(_scored(case, data, engine)[1], spec))
    with engine.map_cache() as cache:
        passes = planned_passes(spec, tower_of(model, cache), photos)
    cost = engine.store.cost(model.fingerprint, model.device)
    speed = None if cost is None else cost.images_per_second
    return passes, None if speed is None else passes / speed


def _scored(case: Case, data: StudyData, engine: Engine) -> tuple[RunRecord, records.Predictions]:
    """The stored result of a case, which must be about the study as it is now."""
    folder = engine.settings.artefacts / case.id
    if not (folder / "run.json").is_file():
        raise _unscored(case, "the case was not scored yet")
    run = artefacts.read(folder / "run.json", RunRecord)
    if run.status != "ok":
        raise _unscored(case, f"the case is {run.status}")
    if not _is_of_now(run, case, data):
        raise _outdated(case)
    return run, read_predictions(folder / "predictions.csv")


def _outdated(case: Case) -> DataError:
    return _unscored(case, "the case was scored on other photos, texts or weights")


def _unscored(case: Case, what: str) -> DataError:
    remedy = f"score it first: {eval_command(case.study)}"
    return DataError(what, where=case.id, remedy=remedy)


def _is_of_now(run: RunRecord, case: Case, data: StudyData) -> bool:
    texts = (None if prompts is None else prompts.digest for prompts in (run.prompts, case.prompts))
    return (
        run.dataset_revision == data.dataset.revision
        and run.split_digest == data.split.digest
        and run.model == case.model
        and len(set(texts)) == 1
    )
