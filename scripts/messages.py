"""Brings evaluation/report/kit/messages/en.po up to date with the messages of the code.

    python scripts/messages.py           # or: tox -e messages
    python scripts/messages.py --check   # changes nothing; says what is wrong

Babel finds the messages (``t``, ``nt`` and ``message`` with literal text, and the tables of
evaluation/records/lists.toml and evaluation/report/kit/words.toml).
New messages are added without a translation, those that nobody says any more are dropped, the
others keep theirs.  Then fill each empty ``msgstr`` by hand.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

import click
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "evaluation" / "report" / "kit" / "messages" / "en.po"

Message = str | tuple[str, str]
"""A message, or its forms for one and for several."""

KEYWORDS = {"t": None, "message": None, "nt": (2, 3)}
"""Which arguments are messages: the first, or the second and the third after a number."""


def python_messages(
    file: IO[bytes], keywords: Collection[str], _tags: object, options: object
) -> Iterator[tuple[int, str, tuple[str | None, ...], list[str]]]:
    """Babel's way to read Python, by the syntax tree.

    Its own way misses a message in a call that is itself inside a message,
    ``t("de {name}", name=quote(t("nom")))``, and one in an f-string.
    """
    del options
    for node in ast.walk(ast.parse(file.read())):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in keywords:
                yield node.lineno, name, tuple(map(_literal, node.args)), []


def _literal(node: ast.expr) -> str | None:
    literal = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return node.value if literal else None  # type: ignore[attr-defined]


def listed_messages(
    file: IO[bytes], _keywords: Collection[str], _tags: object, options: object
) -> Iterator[tuple[int, str, tuple[str, ...], list[str]]]:
    """Those of the rows of evaluation/records/lists.toml."""
    del options
    for rows in tomllib.load(file).values():
        for row in rows if isinstance(rows, list) else rows.values():
            for key in ("title", "definition", "about", "source"):
                if key in row:
                    yield 0, "message", (row[key],), []


def worded_messages(
    file: IO[bytes], _keywords: Collection[str], _tags: object, options: object
) -> Iterator[tuple[int, str, tuple[str, ...], list[str]]]:
    """Those of the tables of evaluation/report/kit/words.toml."""
    del options
    for words in tomllib.load(file).values():
        yield from ((0, "message", (text,), []) for text in words.values())


REPORT = [("**.py", python_messages), ("**.jinja", "jinja2"), ("**.toml", worded_messages)]
JINJA = {"**.jinja": {"trim_blocks": "true", "lstrip_blocks": "true"}}
PLACES = (
    ("evaluation/records", [("**.toml", listed_messages)], {}),
    ("evaluation/report", REPORT, JINJA),
    ("templates", [("**.jinja", "jinja2")], JINJA),
)
"""Rooms whose texts the site shows: folder, how Babel reads its files, and its options."""

_SLOT = re.compile(r"\{([a-z]\w*)\}")
_FRENCH = re.compile(r"[«»]|\b(?:le|la|les|des|une|est|sont|avec|dans|sur|par|qui|que)\b")


def main(*arguments: str) -> int:
    """Updates the catalogue, or with ``--check`` only looks; 1 when something is wrong."""
    found, known = messages(ROOT), translations(CATALOGUE)
    text = written(found, known)
    problems = faults(found, known)
    if "--check" in arguments:
        if not CATALOGUE.is_file() or CATALOGUE.read_bytes() != text:
            problems.append("the catalogue is not up to date: run `tox -e messages`")
    else:
        CATALOGUE.write_bytes(text)
        problems = faults(found, translations(CATALOGUE))
    for problem in problems:
        click.echo(problem)
    return 1 if problems else 0


def messages(root: Path) -> dict[Message, list[str]]:
    """Each message of the report to the files that say it."""
    found: dict[Message, list[str]] = {}
    for room, methods, options in PLACES:
        for name, _, message, _, _ in extract_from_dir(
            root / room, method_map=methods, options_map=options, keywords=KEYWORDS
        ):
            places = found.setdefault(_message(message), [])
            if (place := f"{room}/{name}") not in places:
                places.append(place)
    return found


def translations(path: Path) -> dict[Message, tuple[str, ...]]:
    """What the catalogue holds: message to its forms in the other language."""
    if not path.is_file():
        return {}
    with path.open("rb") as file:
        entries = read_po(file, locale="en")
    return {_message(entry.id): _forms(entry.string) for entry in entries if entry.id}


def _message(found: str | list[str] | tuple[str, ...]) -> Message:
    return found if isinstance(found, str) else (found[0], found[1])


def _forms(found: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (found,) if isinstance(found, str) else tuple(found)


def written(found: dict[Message, list[str]], known: dict[Message, tuple[str, ...]]) -> bytes:
    """The catalogue of the messages found, with the translations known."""
    catalogue = Catalog(locale="en", charset="utf-8", fuzzy=False)
    for message in found:
        forms = known.get(message, ("",) if isinstance(message, str) else ("", ""))
        catalogue.add(message, forms[0] if isinstance(message, str) else forms)
    output = io.BytesIO()
    # Neither places nor their order: a catalogue that changes with every edit cannot be merged.
    write_po(output, catalogue, width=0, omit_header=True, no_location=True, sort_output=True)
    header = (
        "# English messages of the report; the French text is the message.\n"
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Language: en\\n"\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
    )
    return header.encode() + output.getvalue()


def faults(found: dict[Message, list[str]], known: dict[Message, tuple[str, ...]]) -> list[str]:
    """What is wrong with the translations, a line each."""
    said = []
    for message, places in found.items():
        forms = known.get(message, ())
        text = message if isinstance(message, str) else message[-1]
        where = f"{places[0]}: {text!r}"
        if not forms or not all(forms):
            said.append(f"{where} has no translation")
            continue
        slots = set(_SLOT.findall(text)) - {"n"}
        for form in forms:
            if set(_SLOT.findall(form)) - {"n"} != slots:
                said.append(f"{where}: other slots in {form!r}")
            # `code` and addresses are what they are in every language.
            if _FRENCH.search(re.sub(r"`[^`]*`|\]\([^)]*\)|<[^>]*>|lang=\"fr\"", "", form)):
                said.append(f"{where}: French is left in {form!r}")
    said += [f"nobody says {message!r} any more" for message in known if message not in found]
    return said


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
