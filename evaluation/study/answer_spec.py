"""``[answer]``: which cases answer the study's question, and what they are held against."""

from collections.abc import Sequence
from pathlib import Path

from evaluation.errors import meant
from evaluation.records import AnswerSpec
from evaluation.study.toml_file import read_toml
from evaluation.study.toml_table import Table

_POINTS = 100


def read_answer(
    study: Table, models: Sequence[str], cases: Sequence[str], reference: Path | None
) -> AnswerSpec:
    """The table of a study whose models and cases have these names; defaults without it.

    ``reference`` is the file of the quoted systems that ``[answer.beside]`` may name.
    """
    table = study.table("answer")
    margin = table.within("margin", 0, _POINTS, open_low=True)
    names = (*models, *cases)
    spec = table.record(
        AnswerSpec,
        candidates=_known(table, "candidates", names),
        rivals=_known(table, "rivals", names),
        beside=_beside(table.table("beside"), reference, names),
        margin=AnswerSpec().margin if margin is None else margin / _POINTS,
    )
    for name in set(spec.candidates) & set(spec.rivals):
        table.wrong("rivals", f"{name!r} is a candidate too", "delete it from one of the two")
    return spec


def _known(table: Table, key: str, names: Sequence[str]) -> tuple[str, ...]:
    """A list of models, or of cases."""
    chosen = table.texts(key, single=True)
    table.are_known(key, chosen, names, "is no model nor case")
    return chosen


def _beside(
    table: Table, reference: Path | None, names: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Systems that the reference quotes to what stands beside them."""
    raw = (read_toml(reference, []) if reference else None) or {}
    systems = [
        str(system["name"])
        for system in raw.get("systems", ())
        if isinstance(system, dict) and "name" in system
    ]
    for system in table.raw:
        if system not in systems:
            table.wrong(system, "is no quoted system", meant(system, systems))
    return {system: _known(table, system, names) for system in table.raw}
