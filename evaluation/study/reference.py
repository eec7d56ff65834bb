"""Reading published figures that stand beside the measured ones: quoted, never recomputed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cattrs

from evaluation.errors import ConfigError, Mistake
from evaluation.records import Reference, ReferenceScores, ReferenceSystem
from evaluation.study.toml_table import read_toml

SCHEMA = 1
"""Version of the reference files that this program reads."""

_converter = cattrs.Converter(forbid_extra_keys=True)
_REMEDY = "see evaluation/studies/flipkart/slides.toml for the shape of the file"


def load_reference(path: Path) -> Reference:
    """Read a file of published figures.

    Raises:
        ConfigError: With every mistake of the file.

    """
    unread: list[Mistake] = []
    content = read_toml(path, unread)
    if content is None:
        raise ConfigError(unread)
    raw = dict(content)
    schema = raw.pop("schema", None)
    if schema != SCHEMA:
        raise ConfigError([_mistake(path, "schema", f"is {schema}", f"write schema = {SCHEMA}")])
    try:
        rows = _with_rows(raw)
    except (AttributeError, TypeError, ValueError) as error:  # a number where a table belongs
        shape = [_mistake(path, "systems", "not tables of figures by class", _REMEDY)]
        raise ConfigError(shape) from error
    try:
        reference = _converter.structure(rows, Reference)
    except (cattrs.BaseValidationError, ValueError, TypeError, KeyError) as error:
        # cattrs says "problem @ .path.to[0].key".
        found = [text.partition(" @ .") for text in cattrs.transform_error(error, path="")]
        mistakes = [_mistake(path, key, problem, _REMEDY) for problem, _, key in found]
        raise ConfigError(mistakes) from error
    mistakes = list(_mistakes(reference, path))
    if mistakes:
        raise ConfigError(mistakes)
    return reference


def _mistake(path: Path, key: str, problem: str, remedy: str) -> Mistake:
    return Mistake(file=str(path), key=key, problem=problem, remedy=remedy)


def _with_rows(raw: dict[str, Any]) -> dict[str, Any]:
    """The file's tables keyed by class, as rows in the order of ``classes``.

    A figure that the source does not give is left out of the file, and is None in the record.
    """
    systems = []
    for system in raw.get("systems", ()):
        scores = dict(system.get("per_class", {}))
        rows = [{"label": label, **_figures(values)} for label, values in scores.items()]
        order = {label: position for position, label in enumerate(raw.get("classes", ()))}
        rows.sort(key=lambda row: order.get(row["label"], len(order)))
        systems.append({"prompts": None, **system, "per_class": rows})
    return {**raw, "systems": systems}


def _figures(values: dict[str, Any]) -> dict[str, Any]:
    return {"precision": None, "recall": None, "f1": None, **values}


def _mistakes(reference: Reference, path: Path) -> Iterator[Mistake]:
    for system in reference.systems:
        key = f"systems.{system.name}"
        labels = [row.label for row in system.per_class]
        if sorted(labels) != sorted(reference.classes):
            yield _mistake(
                path,
                f"{key}.per_class",
                f"has figures of {', '.join(labels) or 'no class'}",
                f"give those of {', '.join(reference.classes)}",
            )
        for where, value in _values(system):
            if not 0 <= value <= 1:
                yield _mistake(path, f"{key}.{where}", f"is {value:g}", "write it between 0 and 1")
    if not reference.systems:
        yield _mistake(path, "systems", "no system", "add a [[systems]] table")


def _values(system: ReferenceSystem) -> Iterator[tuple[str, float]]:
    yield "accuracy", system.accuracy
    for row in system.per_class:
        for name, value in _row_values(row).items():
            if value is not None:
                yield f"{row.label}.{name}", value


def _row_values(row: ReferenceScores) -> dict[str, float | None]:
    return {"precision": row.precision, "recall": row.recall, "f1": row.f1}
