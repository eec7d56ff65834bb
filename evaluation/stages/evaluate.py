"""A case as an evaluation wants it: its record if it stands, or else scored, and its maps."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from evaluation.errors import WeightsUnavailable
from evaluation.records import Case, ExplainSpec, RunRecord
from evaluation.stages.engine import Engine
from evaluation.stages.open import StudyData
from evaluation.stages.settings import Settings
from evaluation.stages.standing import asked_lately, maps_stand, standing_run


def evaluate(case: Case, data: StudyData, engine: Engine, maps: ExplainSpec | None) -> RunRecord:
    """The record of a case; nothing is run when none of its inputs changed.

    Two processes that want the same case take turns, and the second finds the record of the
    first.  What goes wrong with the maps is recorded beside the result.  Raises as
    :func:`evaluation.stages.score.score`.
    """
    with _turn(case, engine.settings):
        run = None if engine.settings.force else standing_run(case, data, engine.settings)
        if run is None:
            run = _scored(case, data, engine)
        if maps is not None and run.status == "ok" and case.model.embeds:
            settings = engine.settings
            if settings.force or not maps_stand(case, maps, settings.artefacts):
                from evaluation.stages.explain import try_to_explain

                try_to_explain(case, data, engine, maps)
    return run


def _scored(case: Case, data: StudyData, engine: Engine) -> RunRecord:
    earlier = None if engine.settings.retry else asked_lately(case, data, engine.settings)
    if earlier is not None and earlier.error:
        if earlier.case == case.id and earlier.prompts == case.prompts:
            return earlier
        engine.unavailable[case.model.name] = WeightsUnavailable(
            earlier.error, reason=earlier.reason
        )
    from evaluation.stages.score import score

    return score(case, data, engine)


@contextmanager
def _turn(case: Case, settings: Settings) -> Iterator[None]:
    """One process at a time works on a case; a killed one frees the lock."""
    from filelock import FileLock

    folder = settings.cache / "cases"
    folder.mkdir(parents=True, exist_ok=True)
    place = f"{settings.artefacts.resolve()} {case.id}"
    with FileLock(folder / f"{hashlib.sha256(place.encode()).hexdigest()[:16]}.lock"):
        yield
