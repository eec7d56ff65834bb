"""Numbers, dates and lists as the current language writes them.

French uses two spaces that do not break: U+00A0 before a colon and inside « », and the narrow
U+202F before ; ! ? % and between thousands (Imprimerie nationale; CLDR's ``fr`` locale).
English is British: 1,050 photos, 85.7%, 23 November 2026.  Examples below are French where
they do not say otherwise.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import format_decimal

from evaluation.report.kit.language import authored, current, locale, t
from evaluation.report.kit.typography import NBSP, THIN, typeset

MINUS = "\u2212"
DASH = "\u2014"
"""Stands where a number is undefined."""

_ENDINGS = {1: "st", 2: "nd", 3: "rd"}
_MINUTE, _HOUR = 60, 3600


def decimal(value: float, digits: int = 3) -> str:
    """0.857 as "0,857", in English "0.857"; a value that rounds to zero has no sign."""
    rounded = Decimal(f"{value:.{digits}f}") or Decimal(0)
    text = format_decimal(rounded, format=f"#,##0.{digits * '0'}".rstrip("."), locale=locale())
    return text.replace("-", MINUS)


def count(value: int) -> str:
    """1050 as "1 050", in English "1,050"."""
    return decimal(value, 0)


def significant(value: float, digits: int = 4) -> str:
    """A number with so many significant digits: 0.0123456 as "0,01235", 1e-06 as "1e−06"."""
    text = f"{value:.{digits}g}".replace("-", MINUS)
    return text.replace(".", ",") if current() == "fr" else text


def span(low: int, high: int) -> str:
    """(2, 5) as "2 à 5", in English "2 to 5"; (2, 2) as "2"."""
    if low == high:
        return count(low)
    return f"{count(low)} {'à' if current() == 'fr' else 'to'} {count(high)}"


def ordinal(rank: int) -> str:
    """1 as "1er", 2 as "2e"; in English "1st", "2nd"."""
    if current() == "fr":
        return "1er" if rank == 1 else f"{count(rank)}e"
    teens = 11 <= rank % 100 <= 13  # noqa: PLR2004 - eleventh, twelfth, thirteenth
    return f"{count(rank)}{'th' if teens else _ENDINGS.get(rank % 10, 'th')}"


def percent(share: float, digits: int = 1) -> str:
    """0.857 as "85,7 %", in English "85.7%"."""
    return f"{decimal(100 * share, digits)}{THIN if current() == 'fr' else ''}%"


def interval(low: float, high: float, digits: int = 1) -> str:
    """Shares (0.803, 0.898) as "[80,3 ; 89,8]", in percent; in English "[80.3, 89.8]"."""
    return numbers(100 * low, 100 * high, digits)


def signed(value: float, digits: int = 1) -> str:
    """28.6 as "+28,6", −3.2 as "−3,2", 0 as "0,0"."""
    text = decimal(value, digits)
    return text if text.startswith(MINUS) or not re.search("[1-9]", text) else f"+{text}"


def points(difference: float, digits: int = 1) -> str:
    """The signed difference of two shares, in percentage points: "+28,6 points"."""
    return f"{signed(100 * difference, digits)}{NBSP}{_points(difference, digits)}"


def gap(difference: float, digits: int = 1) -> str:
    """The size of the difference of two shares: "28,6 points"."""
    size = abs(difference)
    return f"{decimal(100 * size, digits)}{NBSP}{_points(difference, digits)}"


def p_value(p: float, name: str = "p") -> str:
    """A p-value as "p = 0,012", "p < 0,001" below a thousandth, "p = 1" when it rounds to it.

    ``name`` stands for "p": "p corrigé".
    """
    if p < 0.0005:  # noqa: PLR2004 - would be written "0,000"
        return f"{name}{NBSP}<{NBSP}{decimal(0.001)}"
    return f"{name}{NBSP}={NBSP}{'1' if p >= 0.9995 else decimal(p)}"  # noqa: PLR2004 - likewise


def bare_p(p: float) -> str:
    """A p-value where a heading says so: "0,012", "< 0,001"."""
    return p_value(p).removeprefix(f"p{NBSP}").removeprefix(f"={NBSP}")


def numbers(low: float | None, high: float | None, digits: int) -> str:
    """An interval of numbers that are no shares, "[0,31 ; 0,42]"; "" when there is none."""
    if low is None or high is None:
        return ""
    between = f"{THIN};{NBSP}" if current() == "fr" else f",{NBSP}"
    return f"[{decimal(low, digits)}{between}{decimal(high, digits)}]"


def _points(difference: float, digits: int) -> str:
    size = Decimal(f"{abs(100 * difference):.{digits}f}")
    return "point" if locale().plural_form(size) == "one" else "points"


def date(moment: str) -> str:
    """An ISO 8601 date or instant as "23 novembre 2026", in English "23 November 2026"."""
    when = datetime.fromisoformat(moment)
    text = format_date(when, "d MMMM y", locale=locale()).replace(" ", NBSP)
    return re.sub("^1(?=\\D)", "1er", text) if current() == "fr" else text


def instant(moment: str) -> str:
    """An ISO 8601 instant as "23 novembre 2026 à 14 h 05 UTC"; a date alone has no hour.

    In English "23 November 2026 at 14:05 UTC".
    """
    when = datetime.fromisoformat(moment)
    if len(moment) <= len("2026-11-23"):
        return date(moment)
    zone = "" if when.tzinfo is None else f"{NBSP}{when.tzname() or ''}"
    if current() == "en":
        return f"{date(moment)} at {when.hour:02d}:{when.minute:02d}{zone}"
    return f"{date(moment)} à {when.hour}{NBSP}h{NBSP}{when.minute:02d}{zone}"


def duration(seconds: float) -> str:
    """Seconds as "450 ms", "3,2 s", "3 min 12 s" or "2 h 05 min"."""
    if seconds < 0.9995:  # noqa: PLR2004 - would be written "1 000 ms"
        return f"{decimal(1000 * seconds, 0)}{NBSP}ms"
    if seconds < _MINUTE - 0.05:
        return f"{decimal(seconds, 1)}{NBSP}s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE}{NBSP}min{NBSP}{whole % _MINUTE:02d}{NBSP}s"
    return f"{whole // _HOUR}{NBSP}h{NBSP}{whole % _HOUR // _MINUTE:02d}{NBSP}min"


def size(octets: int) -> str:
    """A number of bytes as "640 ko" or "1,3 Mo", in English "640 kB" and "1.3 MB"."""
    if octets < 1_000_000:  # noqa: PLR2004 - where the next unit begins
        return t("{n} ko", n=count(max(1, round(octets / 1_000))))
    return t("{n} Mo", n=decimal(octets / 1_000_000, 1))


def listing(items: Sequence[str], last: Literal["et", "ou"] = "et") -> str:
    """("a", "b", "c") as "a, b et c", in English "a, b and c"."""
    return format_list(items, "standard" if last == "et" else "or", locale=locale())


def clauses(items: Iterable[str]) -> str:
    """("a", "b") as "a ; b", in English "a; b"."""
    return (f"{THIN}; " if current() == "fr" else "; ").join(items)


def quote(text: str) -> str:
    """The text between « and », in English between “ and ”."""
    if current() == "en":
        return f"“{text}”"
    return f"«{NBSP}{text}{NBSP}»"


def sentence_case(text: str) -> str:
    """The text with a capital first letter; the rest is left alone."""
    return text[:1].upper() + text[1:]


def told(text: str) -> str:
    """What a study's author wrote (a title, a question, a source) as a page says it.

    In English its translation if the study has one, else the French text itself.
    """
    translation = authored(text)
    return typeset(text) if translation is None or current() == "fr" else translation


def title(text: str) -> str:
    """The title of a photo as a page says it: as it is, where nobody translated it."""
    return authored(text) or text
