"""A record as the text of a JSON file, and back: strict on every value, one line for any file."""

import json
import math
from pathlib import Path
from typing import Any, TypeVar

import cattrs
import cattrs.preconf.json
from cattrs.strategies import configure_union_passthrough

from evaluation import errors
from evaluation.errors import SCORE_AGAIN, ArtefactError, SchemaVersionError, one_line, quoted
from evaluation.files import reading
from evaluation.records import OLDEST_READ, SCHEMA_VERSION, Option

T = TypeVar("T")

MISFITS = (
    *(OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError),
    cattrs.BaseValidationError,
)
"""What reading a file of whatever content as a record can raise."""
FARTHEST = 1e15
"""Beyond any number that this program writes: what is further overflows where it is squared."""
_SCALARS = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}


def _strict(value: Any, kind: type[Any]) -> Any:
    """A value of that very type; a whole number is a number, and true or false is none."""
    fits = isinstance(value, (int, float) if kind is float else kind)
    if not fits or isinstance(value, bool) is not (kind is bool):
        raise TypeError(f"{value!r} is not {_SCALARS[kind]}")
    if kind is str:
        value.encode("utf-8")  # half a surrogate pair is no character
    elif not abs(value) <= FARTHEST:
        raise ValueError(f"{value!r} is beyond what is measured")
    return kind(value)


_CONVERTER = cattrs.preconf.json.make_converter(forbid_extra_keys=True)
for _scalar in _SCALARS:
    _CONVERTER.register_structure_hook(_scalar, _strict)
# An option is a str, int, float or bool and stays what it was; JSON keeps them apart.
configure_union_passthrough(Option | None, _CONVERTER)


plain = _CONVERTER.unstructure
"""A record as dictionaries, lists and scalars."""
structured = _CONVERTER.structure
"""What :func:`plain` gave, as a record again; cattrs says what does not fit."""


def to_json(record: object, indent: int | None = 1) -> str:
    """A record as the text of an artefact file: keys sorted, NaN refused."""
    text = json.dumps(
        plain(record), sort_keys=True, indent=indent, ensure_ascii=False, allow_nan=False
    )
    return f"{text}\n"


def read_plain(path: Path, kind: type[T]) -> T:
    """Reads a record that has no version of its own; raises :class:`ArtefactError`."""
    try:
        return structured(_parsed(path.read_bytes()), kind)
    except MISFITS as error:
        raise ArtefactError("cannot be read", where=path) from error


def _parsed(content: bytes) -> Any:
    def finite(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            raise ValueError(f"{text[:40]} is beyond any number")
        return value

    return json.loads(content, parse_constant=finite, parse_float=finite)


def read_json(path: Path, kind: type[T], *, again: str = SCORE_AGAIN) -> T:
    """Reads one record; ``again`` says how to write it anew.

    Raises :class:`SchemaVersionError` for a version that this program does not know, and
    :class:`ArtefactError` for a file that is absent, cut or not such a record.
    """
    try:
        with reading(path, ArtefactError, remedy="check its permissions"):
            parsed = _parsed(path.read_bytes())
    except FileNotFoundError:
        raise ArtefactError("no such artefact", where=path, remedy=again) from None
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"is not JSON ({one_line(error)})", where=path, remedy=again) from error
    version = parsed.get("schema_version") if isinstance(parsed, dict) else None
    if type(version) is not int or not OLDEST_READ <= version <= SCHEMA_VERSION:
        newer = isinstance(version, int) and version > SCHEMA_VERSION
        raise SchemaVersionError(
            f"has schema version {quoted([version])}; this program knows version {SCHEMA_VERSION}",
            where=path,
            remedy="update veille-clip"
            if newer
            else f"remove the folder and run `{errors.eval_command()}` again",
        )
    try:
        return structured(parsed, kind)
    except (cattrs.BaseValidationError, TypeError, ValueError, KeyError) as error:
        reason = "; ".join(cattrs.transform_error(error)[:3])
        raise ArtefactError(
            f"is not a {kind.__name__}: {reason}", where=path, remedy=again
        ) from error
