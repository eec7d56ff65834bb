"""A TOML file as nested dicts, or one line of what is wrong with it."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evaluation.errors import Mistake, one_line

LARGEST = 1_000_000
"""Characters of a file: texts of a thousand classes take half of it."""
_STRING = re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*+"""|"(?:[^"\\\n]|\\.)*+"|\'[^\'\n]*\'')
_DEEP_KEY = re.compile(r'(?<![\w-])(?:(?:[\w-]++|"")[ \t]*+\.[ \t]*+){24}')
"""A dotted key of which TOML's reader takes minutes when it has thousands of parts."""
_LONG_WORD = re.compile(r"[^\s/]{256}")
"""No disk takes it as a name, no text holds it."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

Toml = Mapping[str, Any]


def shown(file: Path) -> str:
    """A path as the user would type it here."""
    try:
        return str(file.relative_to(Path.cwd()))
    except ValueError:
        return str(file)


def read_toml(file: Path, mistakes: list[Mistake]) -> Toml | None:
    """A TOML file as nested dicts; None when it cannot be read, which is noted."""
    try:
        # A byte order mark, which Windows editors write, is not TOML.
        content = _parsed(file.read_bytes().decode("utf-8-sig"))
        odd = next(_odd(content), None)
    except UnicodeDecodeError as error:
        problem, remedy = f"not UTF-8 text (byte {error.start})", "save the file as UTF-8"
    except RecursionError:
        problem, remedy = "not TOML: nested too deeply", "correct the syntax there"
    except ValueError as error:  # TOML's own, and numbers of thousands of digits
        problem, remedy = f"not TOML: {one_line(error)}", "correct the syntax there"
    except OSError as error:
        problem = "no such file" if isinstance(error, FileNotFoundError) else one_line(error)
        remedy = "make it a file that can be read"
    else:
        if odd is None:
            return content
        problem, remedy = odd, "correct the value"
    mistakes.append(Mistake(file=shown(file), key="", problem=problem, remedy=remedy))
    return None


def _parsed(text: str) -> dict[str, Any]:
    if len(text) > LARGEST or _DEEP_KEY.search(_STRING.sub('""', text)):
        raise ValueError("larger, or with longer keys, than any study")
    return tomllib.loads(text)


def _odd(value: object) -> Iterator[str]:
    """What no key of a study may hold, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from (f"{key}: {problem}" for problem in _odd(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from _odd(inner)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield "a whole number of more than 64 bits"
    elif isinstance(value, str) and _LONG_WORD.search(value):
        yield f"a word of more than 255 characters ({value[:20]!r}…)"
    elif isinstance(value, str) and _CONTROL.search(value):
        yield f"a control character in {value[:40]!r}"
