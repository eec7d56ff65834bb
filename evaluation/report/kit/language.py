"""The language that the report speaks, and its messages.

The French text is the message: ``t("{n} photos de « {label} »", n=…, label=…)``.  Its
translation stands in ``messages/en.po``; a message without one is said in French.  Both are
typed on an ordinary keyboard: their spaces that do not break are set here.  Sentences are
whole, with named slots, never halves put together: another language orders them otherwise.

``scripts/messages.py`` finds the messages: literal arguments of :func:`t`, :func:`nt` and
:func:`message`, in Python and in templates, and the texts of ``evaluation/records/lists.toml``
and of ``words.toml``.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from babel import Locale
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from evaluation.report.kit.typography import bound, typeset

Language = Literal["fr", "en"]

LANGUAGES: tuple[Language, ...] = get_args(Language)

CATALOGUES = Path(__file__).resolve().parent / "messages"

WORDS: Mapping[str, Mapping[str, str]] = tomllib.loads(
    Path(__file__).with_name("words.toml").read_text(encoding="utf-8")
)
"""Tables of messages: of each kind of code, what the pages call each code."""

SLOT = re.compile(r"\{([a-z]\w*)\}")
"""A slot is a name between braces; "{}" is not one."""

_LOCALES: dict[Language, Locale] = {"fr": Locale("fr"), "en": Locale("en", "GB")}

_current: ContextVar[Language] = ContextVar("language", default="fr")
_texts: ContextVar[Mapping[str, str] | None] = ContextVar("texts", default=None)


def message(text: str) -> str:
    """The text itself, kept in a constant and marked as one that :func:`t` is given later."""
    return text


def current() -> Language:
    """The language that is spoken now."""
    return _current.get()


def locale(language: Language | None = None) -> Locale:
    """What Babel knows of a language, of the current one when none is given."""
    return _LOCALES[language or current()]


@contextmanager
def speaking(language: Language, texts: Mapping[str, str] | None = None) -> Iterator[None]:
    """Speaks a language until the end of the block.

    ``texts`` translates into it what the authors of studies wrote in French.
    """
    spoken, known = _current.set(language), _texts.set(texts)
    try:
        yield
    finally:
        _current.reset(spoken)
        _texts.reset(known)


def authored(text: str) -> str | None:
    """A text of a study in the current language; None where nobody translated it.

    French is what studies are written in: there a text is its own translation.
    """
    return text if current() == "fr" else (_texts.get() or {}).get(text)


def foreign(text: str) -> str:
    """Language of a text of a study where it is not that of the page: "fr", or ""."""
    return "" if authored(text) is not None or not text else "fr"


def t(text: str, /, **slots: str) -> str:
    """A message in the current language, its slots filled.

    Raises :class:`TypeError` for a slot without a value, a value without a slot, and a value that
    is not text.
    """
    forms = _catalogue(current()).get(text)
    return _filled(_set(text, "fr") if forms is None else _set(forms[0], current()), slots)


def word(table: str, code: str, /, **slots: str) -> str:
    """What a code of the records is called, ``word("verdicts", "tie")``; raises as :func:`t`."""
    return t(WORDS[table][code], **slots)


def nt(n: int, one: str, several: str, /, **slots: str) -> str:
    """One of two messages, as the current language counts; slot ``{n}`` is the number.

    French says zero and one in the singular, English one alone.  Raises as :func:`t` does;
    ``{n}`` alone may be left out of a message.
    """
    values = {"n": format_decimal(n, locale=locale()), **slots}
    forms = _catalogue(current()).get((one, several))
    language: Language = "fr" if forms is None else current()
    singular, plural = forms or (one, several)
    single = locale(language).plural_form(abs(n)) == "one"
    text = _set(singular if single else plural, language)
    return _filled(text, values if "n" in SLOT.findall(text) else slots)


@cache
def _set(text: str, language: Language) -> str:
    """A message with the spaces that do not break in its language."""
    return bound(typeset(text) if language == "fr" else text)


def _filled(text: str, slots: Mapping[str, str]) -> str:
    """The text with its slots filled; braces in a value mean nothing."""
    wanted = set(SLOT.findall(text))
    if wanted != set(slots):
        missing, unknown = sorted(wanted - set(slots)), sorted(set(slots) - wanted)
        raise TypeError(f"slots of {text!r}: missing {missing}, unknown {unknown}")

    def value(slot: re.Match[str]) -> str:
        filling = slots[slot[1]]
        if not isinstance(filling, str):
            raise TypeError(
                f"slot {slot[0]} of {text!r} is filled with {filling!r}, which is not text"
            )
        return filling

    return SLOT.sub(value, text)


@cache
def _catalogue(language: Language) -> Mapping[str | tuple[str, ...], tuple[str, ...]]:
    """Message, or (one, several), to its forms in ``language``; untranslated ones left out."""
    path = CATALOGUES / f"{language}.po"
    if language == "fr" or not path.is_file():
        return {}
    with path.open("rb") as file:
        entries = read_po(file, locale=language)
    forms: dict[str | tuple[str, ...], tuple[str, ...]] = {}
    for entry in entries:
        said = (entry.string,) if isinstance(entry.string, str) else tuple(entry.string or ())
        if entry.id and said and all(said) and not entry.fuzzy:
            forms[entry.id if isinstance(entry.id, str) else tuple(entry.id)] = said
    return forms
