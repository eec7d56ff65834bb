"""Reading published figures that stand beside the measured ones: quoted, never recomputed."""

from collections.abc import Sequence
from pathlib import Path

from evaluation.errors import ConfigError, Mistake
from evaluation.records import Reference, ReferenceScores, ReferenceSystem
from evaluation.study.toml_file import read_toml
from evaluation.study.toml_table import Table, check_schema

SCHEMA = 1
"""Version of the reference files that this program reads."""


def load_reference(path: Path) -> Reference:
    """Read a file of published figures.

    Raises:
        ConfigError: With every mistake of the file.

    """
    mistakes: list[Mistake] = []
    raw = read_toml(path, mistakes)
    if raw is None:
        raise ConfigError(mistakes)
    table = Table(raw, path, mistakes)
    check_schema(table, SCHEMA)
    classes = table.texts("classes")
    systems = tuple(_system(system, classes) for system in table.tables("systems"))
    if not systems:
        table.wrong("systems", "no system", "add a [[systems]] table")
    words = table.table("translations").every_text()
    reference = table.record(Reference, classes=classes, systems=systems, translations=words)
    if mistakes:
        raise ConfigError(mistakes)
    return reference


def _system(table: Table, classes: Sequence[str]) -> ReferenceSystem:
    """A system with a row a class; a figure that its source does not give is None."""
    scores = table.table("per_class")
    if sorted(scores.raw) != sorted(classes):
        named = ", ".join(scores.raw) or "no class"
        scores.wrong("", f"has figures of {named}", f"give those of {', '.join(classes)}")
    known = [label for label in classes if label in scores.raw]
    rows = tuple(scores.table(label).record(ReferenceScores, label=label) for label in known)
    return table.record(ReferenceSystem, per_class=rows)
