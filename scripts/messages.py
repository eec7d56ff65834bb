"""Brings evaluation/report/kit/messages/en.po up to date with the messages of the code.

    python scripts/messages.py           # or: tox -e messages
    python scripts/messages.py --check   # changes nothing; says what is wrong

New messages are added without a translation, those that nobody says any more are dropped, the
others keep theirs.  Then fill each empty ``msgstr`` by hand.
"""

from __future__ import annotations

import ast
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import jinja2
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2 import nodes

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "evaluation" / "report" / "kit" / "messages" / "en.po"

SAYING = ("evaluation/records", "evaluation/report")
"""Rooms whose texts the site shows."""

Message = str | tuple[str, str]
"""A message, or its forms for one and for several."""

PLAIN, COUNTED = {"t", "say", "message"}, {"nt", "nsay"}
IN_TEMPLATES = {"t", "nt"}
"""A template's own ``say`` prints a sentence."""

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
    """Each message of the report to the files that say it, in order of appearance."""
    found: dict[Message, list[str]] = {}
    for path, extract in (
        *((path, from_python) for room in SAYING for path in sorted((root / room).rglob("*.py"))),
        *((path, from_template) for path in sorted((root / "templates").glob("*.jinja"))),
    ):
        place = path.relative_to(root).as_posix()
        for message in extract(path.read_text(encoding="utf-8")):
            places = found.setdefault(message, [])
            if place not in places:
                places.append(place)
    return found


def from_python(text: str) -> Iterator[Message]:
    """Literal arguments of the functions that say a message."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if name in PLAIN and call.args:
            yield from _literals(call.args[0])
        elif name in COUNTED and len(call.args) > 2:  # noqa: PLR2004 - n, one, several
            yield from zip(_literals(call.args[1]), _literals(call.args[2]), strict=True)


def _literals(node: ast.expr) -> list[str]:
    if isinstance(node, ast.IfExp):
        return [*_literals(node.body), *_literals(node.orelse)]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def from_template(text: str) -> Iterator[Message]:
    """Literal arguments of ``t`` and ``nt`` in a template."""
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    for call in environment.parse(text).find_all(nodes.Call):
        if not (isinstance(call.node, nodes.Name) and call.node.name in IN_TEMPLATES):
            continue
        said = call.args if call.node.name == "t" else call.args[1:]
        values = [node.value for node in said if isinstance(node, nodes.Const)]
        if len(values) != len(said):
            raise SystemExit(f"line {call.lineno}: {call.node.name}() wants literal text")
        yield values[0] if call.node.name == "t" else (values[0], values[1])


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
