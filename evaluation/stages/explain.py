"""From a scored case to its attention.json: maps, and what they are worth.

:func:`explain_scored` follows the scoring of a case in every evaluation, with what the study
declares; ``veille explain`` asks for more.  What it makes is cached map by map: an
interrupted run goes on where it was, and an unchanged case computes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from evaluation.data import open_photo
from evaluation.errors import ArtefactError, DataError, VeilleError, one_line
from evaluation.records import (
    Case,
    CaseExplanation,
    ExplainFailure,
    ExplainSpec,
    Predictions,
    RunRecord,
)
from evaluation.stages.score import OpenStudy
from evaluation.stores import artefacts
from evaluation.usage import eval_command

if TYPE_CHECKING:
    from evaluation.explain import MapCache

DEPTH = ExplainSpec(
    masks=1000,
    rise_photos=32,
    faithfulness_photos=24,
    curve_steps=20,
    randomisation_photos=4,
)
"""What ``veille explain`` raises a study's numbers to when it is not told otherwise."""


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


def try_to_explain(case: Case, opened: OpenStudy, spec: ExplainSpec) -> ExplainFailure | None:
    """:func:`explain_scored`, for those whose scores must not suffer from it.

    Whatever goes wrong is recorded in attention-failure.json and returned, our own faults
    included: earlier maps and the scored result stand.  An :class:`ArtefactError` (disk full,
    folder read-only) is raised: it could not be recorded.
    """
    try:
        explain_scored(case, opened, spec)
    except ArtefactError:
        raise
    except VeilleError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - recorded: the scores stand
        reason = f"{type(error).__name__}: {one_line(error)}"
    else:
        return None
    failure = ExplainFailure(study=case.study, case=case.id, error=reason)
    artefacts.write_explain_failure(opened.settings.artefacts, failure)
    return failure


def explain_scored(case: Case, opened: OpenStudy, spec: ExplainSpec) -> CaseExplanation:
    """Explains a case that was scored, and writes its attention.json and overlays.

    Maps that were made of the same predictions, at least as deep, are left as they are.

    Raises:
        DataError: the case was not scored on the photos and the texts as they are now.
        WeightsUnavailable: the model cannot be had here.
        StoreError: the cache of maps cannot be used.
        ArtefactError: the maps cannot be written.

    """
    from evaluation.explain import ALGORITHMS, CaseStamp, explain_case  # noqa: PLC0415 - start-up

    root = opened.settings.artefacts
    run, predictions = _scored(case, opened)
    stamp = CaseStamp(
        study=case.study,
        case=case.id,
        dataset_revision=opened.dataset.revision,
        split_digest=opened.split.digest,
        predictions_digest=artefacts.predictions_digest(root, case.id),
    )
    model = opened.model(case.model)
    if run.provenance.weights_digest not in (None, model.weights_digest):
        raise _outdated(case)
    standing = _standing(case, opened)
    if standing is not None and (
        standing.predictions_digest == stamp.predictions_digest
        and standing.fingerprint == model.fingerprint
        and standing.algorithms == ALGORITHMS
        and standing.spec.covers(spec)
    ):
        return standing
    overlays: dict[str, bytes] = {}
    with map_cache(opened) as cache:
        found = explain_case(
            model,
            opened.head(case),
            stamp=stamp,
            samples=opened.samples(predictions.sample_ids),
            predictions=predictions,
            spec=spec,
            load=lambda sample: open_photo(sample.image),
            write=overlays.__setitem__,
            cache=cache,
            batch_size=opened.settings.batch_size,
            progress=opened.settings.progress,
        )
    artefacts.write_explanation(root, found, overlays)
    return found


def planned(case: Case, opened: OpenStudy, spec: ExplainSpec) -> tuple[int, float | None]:
    """Forward passes that explaining a case takes at most, and how many seconds that is.

    The seconds are those of embedding as many photos, as measured when they were embedded;
    None when none was.

    Raises as :func:`explain_scored` does.
    """
    from evaluation.explain import (  # noqa: PLC0415 - keeps start-up short
        Plan,
        methods_of,
        planned_passes,
        select_photos,
    )

    model = opened.model(case.model)
    plan = Plan.of(select_photos(_scored(case, opened)[1], spec), spec)
    with map_cache(opened) as cache:
        passes = planned_passes(spec, methods_of(model, spec, cache), plan)
    speed = opened.store.throughput(model.fingerprint)
    return passes, None if speed is None else passes / speed


def _scored(case: Case, opened: OpenStudy) -> tuple[RunRecord, Predictions]:
    """The stored result of a case, which must be about the study as it is now."""
    folder = opened.settings.artefacts / case.id
    if not (folder / "run.json").is_file():
        raise DataError("the case was not scored yet", where=case.id, remedy=_score_it(case))
    run = artefacts.read_run(folder / "run.json")
    if run.status != "ok":
        raise DataError(f"the case is {run.status}", where=case.id, remedy=_score_it(case))
    if not _is_of_now(run, case, opened):
        raise _outdated(case)
    return run, artefacts.read_predictions(folder / "predictions.csv")


def _outdated(case: Case) -> DataError:
    return DataError(
        "the case was scored on other photos, texts or weights",
        where=case.id,
        remedy=_score_it(case),
    )


def _score_it(case: Case) -> str:
    return f"score it first: {eval_command(case.study)}"


def _is_of_now(run: RunRecord, case: Case, opened: OpenStudy) -> bool:
    texts = (None if one is None else one.digest for one in (run.prompts, case.prompts))
    return (
        run.dataset_revision == opened.dataset.revision
        and run.split_digest == opened.split.digest
        and run.model == case.model
        and len(set(texts)) == 1
    )


def _standing(case: Case, opened: OpenStudy) -> CaseExplanation | None:
    """The maps that were made before, with all their overlays."""
    folder = opened.settings.artefacts / case.id
    # Whatever cannot be read is made anew.
    with suppress(ArtefactError):
        found = artefacts.read_explanation(folder / "attention.json")
        maps = [one for photo in found.photos for one in photo.maps]
        failed = (folder / "attention-failure.json").is_file()
        if not failed and all((folder / one.overlay).is_file() for one in maps):
            return found
    return None


@contextmanager
def map_cache(opened: OpenStudy) -> Iterator[MapCache]:
    """The cache of maps, beside that of the embeddings."""
    from evaluation.explain import MapCache  # noqa: PLC0415 - keeps start-up short

    with MapCache(opened.settings.cache / "maps.sqlite") as cache:
        yield cache
