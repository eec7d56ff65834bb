"""From a scored case to its attention.json: maps, and what they are worth.

:func:`explain` follows the scoring of a case in every evaluation, with what the study
declares; ``veille explain`` asks for more.  What it makes is cached map by map: an
interrupted run goes on where it was, and an unchanged case computes nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from evaluation import records
from evaluation.data.photos import open_photo
from evaluation.errors import ArtefactError, DataError, VeilleError, eval_command, one_line
from evaluation.records import Case, CaseExplanation, ExplainFailure, ExplainSpec, Head, RunRecord
from evaluation.stages.engine import Bench, Engine
from evaluation.stages.open import StudyData
from evaluation.stages.score import run_case
from evaluation.stages.standing import maps_stand
from evaluation.stores import artefacts
from evaluation.stores.prediction_tables import read_predictions

OUTDATED = "the case was scored on other photos, texts or weights"


def deeper(spec: ExplainSpec) -> ExplainSpec:
    """A study's declaration with at least the numbers of ``records.DEPTH``."""
    numbers = ("masks", "rise_photos", "faithfulness_photos", "curve_steps", "randomisation_photos")
    least = {name: max(getattr(spec, name), getattr(records.DEPTH, name)) for name in numbers}
    return replace(spec, **least)


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
    except Exception as error:  # noqa: BLE001 - recorded: the scores stand
        ours = not isinstance(error, VeilleError)
        reason = f"{type(error).__name__}: {one_line(error)}" if ours else str(error)
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
        raise _unscored(case, OUTDATED)
    if maps_stand(case, spec, root):
        standing = artefacts.read(root / case.id / "attention.json", CaseExplanation)
        if standing.fingerprint == model.fingerprint:
            return standing
    stamp = stamp_of(case, data)
    stamp["predictions_digest"] = artefacts.predictions_digest(root, case.id)
    # The head just made, or made again from stored embeddings.
    head = engine.heads.get(case.id) or run_case(case, data, engine).head
    bench = Bench(data=data, model=model, engine=engine)
    explanation, overlays = look_into(bench, cast("Head", head), spec, predictions, stamp)
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
    head: Head,
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
    speed = cost and cost.images_per_second
    return passes, passes / speed if speed else None


def _scored(case: Case, data: StudyData, engine: Engine) -> tuple[RunRecord, records.Predictions]:
    """The stored result of a case, which must be about the study as it is now."""
    folder, what = engine.settings.artefacts / case.id, "the case was not scored yet"
    if (folder / "run.json").is_file():
        run = artefacts.read(folder / "run.json", RunRecord)
        texts = {prompts.digest if prompts else None for prompts in (run.prompts, case.prompts)}
        then = (run.dataset_revision, run.split_digest, run.model, len(texts))
        now = (data.dataset.revision, data.split.digest, case.model, 1)
        if run.status == "ok" and then == now:
            return run, read_predictions(folder / "predictions.csv")
        what = OUTDATED if run.status == "ok" else f"the case is {run.status}"
    raise _unscored(case, what)


def _unscored(case: Case, what: str) -> DataError:
    remedy = f"score it first: {eval_command(case.study)}"
    return DataError(what, where=case.id, remedy=remedy)
