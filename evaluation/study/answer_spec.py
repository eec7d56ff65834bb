"""``[answer]``: which cases answer the study's question, and what they are held against."""

from collections.abc import Sequence
from pathlib import Path

from evaluation.errors import meant
from evaluation.records import AnswerSpec
from evaluation.study.toml_table import Table, read_toml

_POINTS = 100


def read_answer(
    study: Table, models: Sequence[str], cases: Sequence[str], reference: Path | None
) -> AnswerSpec:
    """The table of a study whose models and cases have these names; defaults without it.

    ``reference`` is the file of the quoted systems that ``[answer.beside]`` may name.
    """
    table = study.table("answer")
    default = AnswerSpec()
    margin = table.within("margin", 0, _POINTS, open_low=True)
    spec = AnswerSpec(
        about=table.choice("about", ("clip",)),
        candidates=_known(table, "candidates", (*models, *cases)),
        rivals=_known(table, "rivals", (*models, *cases)),
        beside=_beside(table.table("beside"), _systems(reference), (*models, *cases)),
        margin=default.margin if margin is None else margin / _POINTS,
    )
    for name in set(spec.candidates) & set(spec.rivals):
        table.wrong("rivals", f"{name!r} is a candidate too", "delete it from one of the two")
    table.finish()
    return spec


def _known(table: Table, key: str, names: Sequence[str]) -> tuple[str, ...]:
    """A list of models, or of cases."""
    chosen = table.texts(key, single=True)
    for name in chosen:
        if name not in names:
            table.wrong(key, f"{name!r} is no model nor case", meant(name, names))
    return chosen


def _systems(reference: Path | None) -> tuple[str, ...]:
    raw = (read_toml(reference, []) if reference else None) or {}
    systems = raw.get("systems", ())
    return tuple(
        str(system["name"]) for system in systems if isinstance(system, dict) and "name" in system
    )


def _beside(
    table: Table, systems: Sequence[str], names: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    for system in table.raw:
        if system not in systems:
            table.wrong(system, "is no quoted system", meant(system, systems))
    return {system: _known(table, system, names) for system in table.raw}
