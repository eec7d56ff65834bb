"""Names that a page marks: those of the data in another language, and those of methods.

WCAG 3.1.2 asks that a passage in another language say so: a screen reader then pronounces it,
and a browser does not offer to translate it.  A method is explained where a page first names it.
"""

import re
from collections.abc import Callable, Mapping

from evaluation.report.kit.language import WORDS, word
from evaluation.report.kit.markup import inert

MOST = 300
"""Names that are looked for inside sentences; with more, those alone that fill an element."""

_KEPT = re.compile(
    r"(\A---\n.*?\n---\n|<(?:svg|script|style|pre|code)\b.*?</(?:svg|script|style|pre|code)>"
    r"|<[a-z][^<>]*\slang=\"[^\"]*\"[^<>]*>[^<>]*(?=<)|`[^`\n]*`|\]\([^)\n]*\)"
    r"|\{:[^}\n]*\}|^#+ [^\n]*$)",
    flags=re.DOTALL | re.MULTILINE,
)
"""What is left as it is: headings, code, addresses, and what says its language already."""
_HEADING = re.compile(r"^(#+) ([^\n{]+?)(?: \{: ([^}\n]+) \})?$", flags=re.MULTILINE)
_WHOLE = re.compile(r"(<[a-z][a-z0-9]*(?:\s[^<>]*)?)>([^<>\n]+)(?=</)")
_DESCRIBED = re.compile(r"\s(?:title|aria-label|alt)=")
"""An element whose attributes speak the language of the page."""
_TAGS = re.compile(r"(<option[^<>]*>[^<>]*|<[^<>]*>)")


def marked(page: str, names: Mapping[str, str]) -> str:
    """A page whose names say their language: an element that is one, or a passage of a text.

    ``page`` is Markdown with blocks of HTML, in which what was printed is inert; ``names`` is
    name to language.
    """
    if not names:
        return page
    known = {str(inert(name)): lang for name, lang in names.items()}
    longest = sorted(known, key=len, reverse=True)
    within = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest))})(?!\w)")

    def whole(match: re.Match[str]) -> str:
        lang = known.get(match[2].strip())
        if lang is None or _DESCRIBED.search(match[1]):
            return match[0]
        return f'{match[1]} lang="{lang}">{match[2]}'

    def heading(match: re.Match[str]) -> str:
        # An attribute of the heading: a menu takes an element inside it for words.
        if (lang := known.get(match[2])) is None:
            return match[0]
        anchor = f"{match[3]} " if match[3] else ""
        return f'{match[1]} {match[2]} {{: {anchor}lang="{lang}" }}'

    def passage(match: re.Match[str]) -> str:
        return f'<span lang="{known[match[0]]}">{match[0]}</span>'

    def text(piece: str) -> str:
        return within.sub(passage, piece) if len(known) <= MOST else piece

    pieces = _KEPT.split(page)
    pieces[::2] = [_WHOLE.sub(whole, piece) for piece in pieces[::2]]
    return in_texts(_HEADING.sub(heading, "".join(pieces)), text)


def in_texts(page: str, change: Callable[[str], str]) -> str:
    """The page with each of its texts changed, in order: no tag, heading, drawing or code."""
    pieces = _KEPT.split(page)
    for place in range(0, len(pieces), 2):
        parts = _TAGS.split(pieces[place])
        parts[::2] = map(change, parts[::2])
        pieces[place] = "".join(parts)
    return "".join(pieces)


_NAMES = re.compile(rf"(?<![\w-])(?:{'|'.join(WORDS['glosses'])})(?![\w-])")


def glossed(page: str) -> str:
    """A page of :func:`~evaluation.report.kit.foreign.marked`, whose methods have their gloss."""
    explained: set[str] = set()

    def first(match: re.Match[str]) -> str:
        name = match[0]
        if name in explained:
            return name
        explained.add(name)
        return f'<abbr title="{inert(word("glosses", name))}">{name}</abbr>'

    return in_texts(page, lambda text: _NAMES.sub(first, text))
