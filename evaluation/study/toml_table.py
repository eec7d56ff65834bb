"""Reading a TOML file key by key; every mistake of it goes to one list."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from evaluation.errors import Mistake, meant, one_line
from evaluation.records.base import Within

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

Toml = Mapping[str, Any]
Choice = TypeVar("Choice", bound=str)
Record = TypeVar("Record")


def read_toml(file: Path, mistakes: list[Mistake]) -> Toml | None:
    """A TOML file as nested dicts; None when it cannot be read, which is noted."""
    content, remedy = {}, "correct the syntax there"
    try:
        # A byte order mark, which Windows editors write, is not TOML.
        text = file.read_bytes().decode("utf-8-sig")
        problem = "not TOML: larger, or with longer keys, than any study"
        if len(text) <= LARGEST and not _DEEP_KEY.search(_STRING.sub('""', text)):
            content = tomllib.loads(text)
            problem, remedy = next(_odd(content), ""), "correct the value"
    except UnicodeDecodeError as error:
        problem, remedy = f"not UTF-8 text (byte {error.start})", "save the file as UTF-8"
    except RecursionError:
        problem = "not TOML: nested too deeply"
    except ValueError as error:  # TOML's own, and numbers of thousands of digits
        problem = f"not TOML: {one_line(error)}"
    except OSError as error:
        problem = "no such file" if isinstance(error, FileNotFoundError) else one_line(error)
        remedy = "make it a file that can be read"
    if not problem:
        return content
    Table({}, file, mistakes).wrong("", problem, remedy)
    return None


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
        here, file = Path.cwd(), self.file  # as the user would type it
        shown = str(file.relative_to(here) if file.is_relative_to(here) else file)
        mistake = Mistake(file=shown, key=self._dotted(key), problem=problem, remedy=remedy)
        self.mistakes.append(mistake)

    def _dotted(self, key: str) -> str:
        return ".".join(part for part in (self.prefix, key) if part)

    def says(self, key: str, text: str) -> bool:
        """Whether the file gives this very text for a key that is usually of another type."""
        if self.raw.get(key) != text:
            return False
        self._read.append(key)
        return True

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

    def refuse(self, keys: Iterable[str], problem: str, remedy: str = "delete the line") -> None:
        """Note the keys that mean nothing here."""
        for key in keys:
            if key in self.raw:
                self.wrong(key, problem, remedy)

    def required(self, key: str, example: str) -> None:
        """Note a key that is missing."""
        if key not in self.raw:
            self.wrong(key, "is missing", f"write {example}")

    def text(self, key: str) -> str:
        """A text; "" when it is absent or wrong."""
        value = self._value(key, str, f'a text: {key} = "…"')
        if value is not None and not value.strip():
            self.wrong(key, "is empty", "write a text or delete the line")
        return cast("str", value or "")

    def required_text(self, key: str) -> str:
        """A text; "" when it is absent or wrong, which is noted."""
        self.required(key, f'{key} = "…"')
        return self.text(key)

    def path(self, value: str) -> Path:
        """The absolute path that a value means, from the folder of the file."""
        return (self.file.parent / Path(value).expanduser()).resolve()

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
        known = value.strip() and self.are_known(key, [value], among)
        return cast("Choice", value) if known else None

    def are_known(
        self, key: str, names: Iterable[str], among: Collection[str], problem: str = "is unknown"
    ) -> bool:
        """Whether all names are; those that are not are noted."""
        unknown = [name for name in names if name not in among]
        for name in unknown:
            self.wrong(key, f"{name!r} {problem}", meant(name, among))
        return not unknown

    def boolean(self, key: str) -> bool | None:
        """What the file says, or None."""
        return cast("bool | None", self._value(key, bool, "true or false"))

    def integer(self, key: str, low: float, high: float = float("inf")) -> int | None:
        """A whole number from ``low`` to ``high``, or None."""
        wanted = f"a whole number, {low:g} or more"
        value = self._value(key, int, wanted)
        if value is not None and value < low:
            self.wrong(key, f"{value} is too small", f"write {wanted}")
        elif value is not None and value > high:
            self.wrong(key, f"{value} is too large", f"write at most {high:g}")
        else:
            return cast("int | None", value)
        return None

    def within(self, key: str, low: float, high: float, *, open_low: bool = False) -> float | None:
        """A number from ``low`` to ``high``, or None; with ``open_low`` above ``low``."""
        value = self._value(key, (int, float), "a number")
        if value is None:
            return None
        if not abs(value) < float("inf"):
            self.wrong(key, f"{value} is not a number", "write a finite number")
        elif not (low < value <= high or (value == low and not open_low)):
            bounds = f"{'above' if open_low else 'from'} {low:g} to {high:g}"
            self.wrong(key, f"{value:g} is out of range", f"write a number {bounds}")
        else:
            return float(value)
        return None

    def share(self, key: str) -> float | None:
        """A number above 0 and below 1, or None."""
        value = self.within(key, float("-inf"), float("inf"))
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

    def every_text(self) -> dict[str, str]:
        """Each key of the table to its text."""
        return {key: self.required_text(key) for key in self.raw}

    def table(self, key: str) -> Table:
        """A table below this one; an empty one when it is absent or wrong."""
        raw = self._value(key, dict, f"a table: [{key}]") or {}
        return Table(raw, self.file, self.mistakes, self._dotted(key))

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

    def record(self, kind: type[Record], /, **given: Any) -> Record:
        """The table as a record, each field read as its type says, but those that are ``given``.

        A field that the file does not give, or gives wrongly, has its default, or else is empty.
        """
        hints = get_type_hints(kind, include_extras=True)
        for field in fields(cast("Any", kind)):
            if field.name not in given:
                bare = field.default is MISSING and field.default_factory is MISSING
                value = self._field(field.name, hints[field.name], required=bare)
                if bare or value is not None:
                    given[field.name] = value
        self.finish()
        return kind(**given)

    def _field(self, key: str, hint: Any, *, required: bool) -> Any:
        """What the file says of a field; None when it says nothing, and the field may be so."""
        bounds = Within(0)
        if get_origin(hint) is Annotated:
            hint, bounds = get_args(hint)
        if NoneType in get_args(hint):
            hint, required = get_args(hint)[0], False
        if required:
            self.required(key, f'{key} = "…"' if hint is str else f"{key} = …")
        if get_origin(hint) is tuple:
            (of, _), texts = get_args(hint), self.texts(key)
            return texts if of is str or self.are_known(key, texts, get_args(of)) else None
        if get_origin(hint) is Literal:
            return self.choice(key, get_args(hint)) or (get_args(hint)[0] if required else None)
        readers: Mapping[Any, Callable[[], object]] = {
            str: lambda: self.text(key) or None,
            bool: lambda: self.boolean(key),
            int: lambda: self.integer(key, bounds.low, bounds.high),
            float: lambda: self.within(key, bounds.low, bounds.high, open_low=bounds.above),
        }
        value = readers[hint]()
        return hint() if value is None and required else value

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


def check_schema(table: Table, known: int) -> None:
    """Note a file of another version than the one that is known."""
    table.required("schema", f"schema = {known}")
    schema = table.integer("schema", 1)
    if schema not in (None, known):
        remedy = f"write schema = {known}, or use a newer veille-clip"
        table.wrong("schema", f"version {schema} is unknown", remedy)


def refuse_twice(tables: Sequence[Table], key: str, values: Sequence[str]) -> None:
    """Note each table whose value an earlier one has; empty values count as none."""
    for position, (table, value) in enumerate(zip(tables, values, strict=True)):
        if value and value in values[:position]:
            table.wrong(key, f"{value!r} comes twice", "give each one its own name")
