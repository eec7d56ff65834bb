"""Reading published figures that stand beside the measured ones: quoted, never recomputed."""

from pathlib import Path

from evaluation.errors import ConfigError, Mistake
from evaluation.records import Reference, ReferenceScores, ReferenceSystem
from evaluation.study.toml_table import Table, check_schema, read_toml

SCHEMA = 1
"""Version of the reference files that this program reads."""


def load_reference(path: Path) -> Reference:
    """Read a file of published figures; one that its source does not give is None.

    Raises :class:`ConfigError`: with every mistake of the file.
    """
    mistakes: list[Mistake] = []
    raw = read_toml(path, mistakes)
    if raw is None:
        raise ConfigError(mistakes)
    table = Table(raw, path, mistakes)
    check_schema(table, SCHEMA)
    classes, systems = table.texts("classes"), []
    for system in table.tables("systems"):
        scores = system.table("per_class")
        if sorted(scores.raw) != sorted(classes):
            named = ", ".join(scores.raw) or "no class"
            scores.wrong("", f"has figures of {named}", f"give those of {', '.join(classes)}")
        rows = tuple(
            scores.table(label).record(ReferenceScores, label=label)
            for label in classes
            if label in scores.raw
        )
        systems.append(system.record(ReferenceSystem, per_class=rows))
    if not systems:
        table.wrong("systems", "no system", "add a [[systems]] table")
    words = table.table("translations").every_text()
    reference = table.record(Reference, classes=classes, systems=tuple(systems), translations=words)
    if mistakes:
        raise ConfigError(mistakes)
    return reference
