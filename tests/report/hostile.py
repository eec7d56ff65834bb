"""A study of which every text is an attack, by reflection over the records."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from evaluation.records import StudyResults

PAYLOAD = (
    "'\"></script></title></style><img src=x onerror=hit()><script>hit()</script>"
    "[x](javascript:hit())`*_|#{: onclick=hit() }\n\n<svg onload=hit()>"
)
ADDRESS = "javascript:hit()"

RUN = re.compile(
    r"<(img src=x|script>hit|svg onload)|<[^>]*(href|src)=\"javascript:", re.IGNORECASE
)


def runs(text: str) -> str:
    """What a browser would run of a page, with its surroundings."""
    found = RUN.search(text)
    return "" if found is None else text[max(0, found.start() - 80) : found.end() + 40]


NAMES = {
    ("StudyRecord", "name"), ("StudyRecord", "cases"), ("RunRecord", "study"),
    ("RunRecord", "case"), ("Threshold", "case"), ("Threshold", "metric"), ("ModelSpec", "name"),
    ("PromptSet", "name"), ("PromptSet", "like"), ("Reference", "study"), ("Threshold", "over"),
    ("Projection", "case"),
}  # fmt: skip
"""Names that files and other records are found by: anything but a-z, 0-9 and hyphens is refused
when the study is read, and a case that no folder has is not read at all."""
DIGESTS = {"dataset_revision", "split_digest", "prompts_digest", "predictions_digest"}
"""A record whose digests are others is about something else, and not shown."""
FILES = {("SampleCard", "photo"), ("ClassMap", "overlay"), ("TrainingRecord", "views")}
"""Pictures: refused unless this program names them so (tests/test_pictures.py)."""
OTHERS = {
    ("Metric", "name"), ("Provenance", "started"), ("PromptSet", "language"),
    ("TrainingRecord", "photo"),
}  # fmt: skip
"""Looked up in a list of the program's own; a date that is none is refused."""
CASES = {"case", "a", "b", "study", "model", "zero_shot_case", "cases", "groups", "candidates",
         "chosen", "best_on_test", "members", "subject"}  # fmt: skip
"""Fields of conclusions that name cases, models or prompt sets."""
TEXT_KEYS = {("PromptSet", "texts"), ("StudyRecord", "translations")}
"""Mappings whose keys are texts as well."""


def poisoned_text(text: str) -> str:
    """The same attack for the same text: what agreed still agrees."""
    return f"{text}{PAYLOAD}" if text else text


def poison(results: StudyResults) -> StudyResults:
    """The results with an attack in every field that holds free text."""
    return replace(
        _poisoned(results),
        folder=results.folder,
    )


def _poisoned(record: Any) -> Any:
    kind = type(record)
    hints = get_type_hints(kind)
    changes = {}
    for field in fields(record):
        place = (kind.__name__, field.name)
        value = getattr(record, field.name)
        if place in NAMES | FILES | OTHERS or field.name in DIGESTS or _is_case(kind, field.name):
            continue
        if field.name in ("url", "page") and isinstance(value, str):
            changes[field.name] = ADDRESS
        elif not _is_choice(hints[field.name]):
            changes[field.name] = _value(value, keys=place in TEXT_KEYS)
    return replace(record, **changes)


def _is_case(kind: type, name: str) -> bool:
    return kind.__module__.endswith(("analysis", "explanations")) and (
        name in CASES and kind.__name__ != "TextPair"
    )


def _is_choice(hint: Any) -> bool:
    return get_origin(hint) is Literal or any(_is_choice(one) for one in get_args(hint))


def _value(value: Any, *, keys: bool = False) -> Any:
    if isinstance(value, str):
        return poisoned_text(value)
    if isinstance(value, tuple):
        return tuple(_value(one) for one in value)
    if isinstance(value, Mapping):
        return {(_value(key) if keys else key): _value(one) for key, one in value.items()}
    return _poisoned(value) if is_dataclass(value) else value
