"""A case as an evaluation wants it: its record if it stands, or else scored, and its maps."""

import hashlib

from evaluation.errors import WeightsUnavailable
from evaluation.records import Case, ExplainSpec, RunRecord
from evaluation.stages.engine import Engine
from evaluation.stages.open import StudyData
from evaluation.stages.standing import asked_lately, maps_stand, standing_run


def evaluate(case: Case, data: StudyData, engine: Engine, maps: ExplainSpec | None) -> RunRecord:
    """The record of a case; nothing is run when none of its inputs changed.

    Two processes that want the same case take turns, and the second finds the record of the
    first; a killed one frees the lock.  What goes wrong with the maps is recorded beside the
    result.  Raises as :func:`evaluation.stages.score.score`.
    """
    from filelock import FileLock

    settings = engine.settings
    place = hashlib.sha256(f"{settings.artefacts.resolve()} {case.id}".encode()).hexdigest()[:16]
    folder = settings.cache / "cases"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{place}.lock"):
        run = None if settings.force else standing_run(case, data, settings)
        if run is None and not settings.retry:
            run = asked_lately(case, data, settings)
            if run is not None and (run.case, run.prompts) != (case.id, case.prompts):
                # Of another case of the model, which says the same of this one's weights.
                engine.unavailable[case.model.name] = WeightsUnavailable(
                    run.error or "", reason=run.reason
                )
                run = None
        if run is None:
            from evaluation.stages.score import score

            run = score(case, data, engine)
        if (
            maps is not None
            and run.status == "ok"
            and case.model.embeds
            and (settings.force or not maps_stand(case, maps, settings.artefacts))
        ):
            from evaluation.stages.explain import try_to_explain

            try_to_explain(case, data, engine, maps)
    return run
