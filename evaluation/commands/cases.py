"""The cases of a study that a command is asked for, by name."""

from collections.abc import Sequence
from pathlib import Path

from evaluation.errors import VeilleError, refuse_unknown
from evaluation.records import Case
from evaluation.stores.artefacts import read_attempt
from evaluation.usage import eval_command


def named(cases: Sequence[Case], names: Sequence[str]) -> tuple[Case, ...]:
    """The cases of these names ("embedded/noms", or with the study before), in their own order.

    Raises :class:`VeilleError` for a name that none has.
    """
    study = cases[0].study
    wanted = {name.removeprefix(f"{study}/") for name in names}
    refuse_unknown("no case", wanted, [case.name for case in cases], study)
    return tuple(case for case in cases if case.name in wanted)


def scored(cases: Sequence[Case], artefacts: Path) -> tuple[Case, ...]:
    """Those whose last attempt came out; raises :class:`VeilleError` when there is none."""
    ready = tuple(
        case for case in cases if (run := read_attempt(artefacts, case.id)) and run.status == "ok"
    )
    if not ready:
        study = cases[0].study
        raise VeilleError(
            "no case was scored yet", where=study, remedy=f"run {eval_command(study)}"
        )
    return ready
