"""Reading a TOML file key by key; every mistake of it goes to one list."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from evaluation.errors import Mistake, meant, one_line

LARGEST = 1_000_000
"""Characters of a file: texts of a thousand classes take half of it."""
_STRING = re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*+"""|"(?:[^"\\\n]|\\.)*+"|\'[^\'\n]*\'')
_DEEP_KEY = re.compile(r'(?<![\w-])(?:(?:[\w-]++|"")[ \t]*+\.[ \t]*+){24}')
"""A dotted key of which TOML's reader takes minutes when it has thousands of parts."""
_LONG_WORD = re.compile(r"[^\s/]{256}")
"""No disk takes it as a name, no text holds it."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
"""What names a study, a model, a prompt set."""

Choice = TypeVar("Choice", bound=str)
Toml = Mapping[str, Any]


class Table:
    """A TOML table that is read key by key; what is wrong goes to one list of mistakes.

    Each reader returns a value of the right type whatever the file says, so that reading goes
    on and the next mistake is found too.
    """

    def __init__(self, raw: Toml, file: Path, mistakes: list[Mistake], prefix: str = "") -> None:
        self.raw = raw
        self.file = file
        self.mistakes = mistakes
        self.prefix = prefix
        self._read: list[str] = []

    def wrong(self, key: str, problem: str, remedy: str) -> None:
        """Add a mistake at one key of the table; "" for the table itself."""
        dotted = ".".join(part for part in (self.prefix, key) if part)
        self.mistakes.append(
            Mistake(file=shown(self.file), key=dotted, problem=problem, remedy=remedy)
        )

    def has(self, key: str) -> bool:
        """Whether the file gives the key, of whatever type."""
        return key in self.raw

    def _value(self, key: str, kind: type | tuple[type, ...], what: str) -> Any:
        """The value, or None when it is absent or of another type."""
        if key not in self._read:
            self._read.append(key)
        value = self.raw.get(key)
        if value is None:
            return None
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.wrong(key, f"is {type_name(value)}", f"write {what}")
            return None
        return value

    def required(self, key: str, example: str) -> None:
        """Note a key that is missing."""
        if key not in self.raw:
            self.wrong(key, "is missing", f"write {example}")

    def text(self, key: str, default: str = "") -> str:
        """A text; the default when it is absent or wrong."""
        value = self._value(key, str, f'a text: {key} = "…"')
        if value is not None and not value.strip():
            self.wrong(key, "is empty", "write a text or delete the line")
        return default if value is None else cast("str", value)

    def optional_text(self, key: str) -> str | None:
        """A text, or None."""
        return self.text(key) or None

    def required_text(self, key: str) -> str:
        """A text; "" when it is absent or wrong, which is noted."""
        self.required(key, f'{key} = "…"')
        return self.text(key)

    def character(self, key: str) -> str:
        """One character, be it a space or a tab; "" when it is absent or wrong."""
        value = self._value(key, str, 'a character: ";"')
        if value is not None and len(value) != 1:
            self.wrong(key, f"{value!r} is not one character", 'write one: ";" or "\\t"')
            return ""
        return value or ""

    def slug(self, key: str) -> str:
        """A text that can name a file and an address."""
        value = self.required_text(key)
        if value.strip() and not SLUG.fullmatch(value):
            self.wrong(key, f"{value!r} is no name", "use a-z, 0-9 and single hyphens: my-name")
        return value

    def choice(self, key: str, among: tuple[Choice, ...]) -> Choice | None:
        """One of some texts; None when it is absent or another."""
        value = self.text(key)
        if value.strip() and value not in among:
            self.wrong(key, f"{value!r} is unknown", meant(value, among))
            return None
        return cast("Choice", value) if value.strip() else None

    def boolean(self, key: str) -> bool:
        """True when the file says so."""
        return bool(self._value(key, bool, "true or false"))

    def integer(self, key: str, minimum: int) -> int | None:
        """A whole number of at least ``minimum``, or None."""
        value = self._value(key, int, f"a whole number, {minimum} or more")
        if value is not None and value < minimum:
            self.wrong(key, f"{value} is too small", f"write a whole number, {minimum} or more")
            return None
        return cast("int | None", value)

    def number(self, key: str) -> float | None:
        """A finite number, or None."""
        value = self._value(key, (int, float), "a number")
        if value is not None and not abs(value) < float("inf"):
            self.wrong(key, f"{value} is not a number", "write a finite number")
            return None
        return None if value is None else float(value)

    def within(self, key: str, low: float, high: float, *, open_low: bool = False) -> float | None:
        """A number from ``low`` to ``high``; with ``open_low`` above ``low``."""
        value = self.number(key)
        if value is not None and not (low < value <= high or (value == low and not open_low)):
            bounds = f"{'above' if open_low else 'from'} {low:g} to {high:g}"
            self.wrong(key, f"{value:g} is out of range", f"write a number {bounds}")
            return None
        return value

    def share(self, key: str) -> float | None:
        """A number above 0 and below 1, or None."""
        value = self.number(key)
        if value is not None and not 0 < value < 1:
            self.wrong(key, f"{value:g} is no share", "write a number between 0 and 1: 0.2")
            return None
        return value

    def texts(self, key: str, *, single: bool = False) -> tuple[str, ...]:
        """A list of texts, all different and none empty; with ``single`` one text will do."""
        kinds = (str, list) if single else (list,)
        value = self._value(key, kinds, 'a list of texts: ["…", "…"]')
        if value is None:
            return ()
        entries = [value] if isinstance(value, str) else value
        if not entries:
            self.wrong(key, "is empty", "write at least one text")
        result: list[str] = []
        for number, entry in enumerate(entries, start=1):
            if not isinstance(entry, str):
                self.wrong(key, f"entry {number} is {type_name(entry)}", "write a text")
            elif not entry.strip():
                self.wrong(key, f"text {number} is empty", "write a text or delete it")
            elif entry in result:
                self.wrong(key, f"{entry!r} comes twice", "delete one of them")
            else:
                result.append(entry)
        return tuple(result)

    def table(self, key: str) -> Table:
        """A table below this one; an empty one when it is absent or wrong."""
        raw = self._value(key, dict, f"a table: [{key}]") or {}
        prefix = ".".join(part for part in (self.prefix, key) if part)
        return Table(raw, self.file, self.mistakes, prefix)

    def tables(self, key: str) -> list[Table]:
        """An array of tables, ``[[key]]``; numbered from 1 in the mistakes."""
        raw = self._value(key, list, f"an array of tables: [[{key}]]") or []
        result = []
        for number, entry in enumerate(raw, start=1):
            if isinstance(entry, dict):
                result.append(Table(entry, self.file, self.mistakes, f"{key}[{number}]"))
            else:
                self.wrong(key, f"entry {number} is {type_name(entry)}", f"write [[{key}]]")
        return result

    def finish(self) -> None:
        """Refuse the keys that nothing has read."""
        for key in self.raw:
            if key not in self._read:
                self.wrong(key, "unknown key", meant(key, self._read))


def type_name(value: object) -> str:
    """What TOML calls the type of a value."""
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    names |= {list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")


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
        found = _parsed(file.read_bytes().decode("utf-8-sig"))
        odd = next(_odd(found), None)
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
            return found
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


def refuse_twice(tables: Sequence[Table], key: str, values: Sequence[str]) -> None:
    """Note each table whose value an earlier one has; empty values count as none."""
    for position, (table, value) in enumerate(zip(tables, values, strict=True)):
        if value and value in values[:position]:
            table.wrong(key, f"{value!r} comes twice", "give each one its own name")
