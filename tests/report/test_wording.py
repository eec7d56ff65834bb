"""Numbers, dates and lists as French writes them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.report.kit import wording
from evaluation.report.kit.typography import typeset

N, T = "\u00a0", "\u202f"


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [
        (0.857, 3, "0,857"),
        (1050, 0, f"1{T}050"),
        (1234567.891, 2, f"1{T}234{T}567,89"),
        (-3.25, 1, "\u22123,2"),
        (-0.04, 1, "0,0"),
        (999.6, 0, f"1{T}000"),
    ],
)
def test_decimal(value: float, digits: int, expected: str) -> None:
    """A comma, narrow spaces between thousands, a true minus sign, no minus zero."""
    assert wording.decimal(value, digits) == expected


@given(st.floats(-1e9, 1e9), st.integers(0, 6))
def test_decimal_can_be_read_back(value: float, digits: int) -> None:
    """A formatted number is the rounded value, whatever its size and sign."""
    text = wording.decimal(value, digits)
    plain = text.replace(T, "").replace(",", ".").replace(wording.MINUS, "-")
    assert float(plain) == float(f"{value:.{digits}f}")


def test_percent_and_interval() -> None:
    """Percentages have a narrow space before their sign, intervals no break inside."""
    assert wording.percent(0.857) == f"85,7{T}%"
    assert wording.percent(1) == f"100,0{T}%"
    assert wording.interval(0.803, 0.898) == f"[80,3{T};{N}89,8]"


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        (0.286, f"+28,6{N}points"),
        (-0.032, f"\u22123,2{N}points"),
        (0.014, f"+1,4{N}point"),
        (0.0199, f"+2,0{N}points"),
        (0.0001, f"0,0{N}point"),
        (0.0, f"0,0{N}point"),
    ],
)
def test_points(difference: float, expected: str) -> None:
    """Differences are signed, in points; the French plural begins at two, as it is printed."""
    assert wording.points(difference) == expected


def test_gap_has_no_sign() -> None:
    """The size of a difference is the same in both directions."""
    assert wording.gap(-0.15) == wording.gap(0.15) == f"15,0{N}points"


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-23", f"23{N}novembre{N}2026"),
        ("2026-02-01T08:00:00+00:00", f"1er{N}février{N}2026"),
    ],
)
def test_date(moment: str, expected: str) -> None:
    """Dates are spelt, the first of a month is an ordinal."""
    assert wording.date(moment) == expected


def test_instant() -> None:
    """An instant has its hour and its zone; a date alone has none."""
    expected = f"23{N}novembre{N}2026 à 14{N}h{N}05{N}UTC"
    assert wording.instant("2026-11-23T14:05:09+00:00") == expected
    assert wording.instant("2026-11-23") == wording.date("2026-11-23")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.45, f"450{N}ms"),
        (0.9999, f"1,0{N}s"),
        (3.21, f"3,2{N}s"),
        (59.96, f"1{N}min{N}00{N}s"),
        (192, f"3{N}min{N}12{N}s"),
        (7500, f"2{N}h{N}05{N}min"),
    ],
)
def test_duration(seconds: float, expected: str) -> None:
    """Each size has its unit, and rounding never gives sixty of one."""
    assert wording.duration(seconds) == expected


def test_listing() -> None:
    """The last item is joined by « et »."""
    assert wording.listing(()) == ""
    assert wording.listing(("a",)) == "a"
    assert wording.listing(("a", "b", "c")) == "a, b et c"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("L'été : chaud ?", f"L’été{N}: chaud{T}?"),
        ("95 % ; « oui »", f"95{T}%{T}; «{N}oui{N}»"),
        ("déjà\u00a0: bien", "déjà\u00a0: bien"),
        ("http://x.y/z?a", "http://x.y/z?a"),
        ("Range-t-il ?", f"Range-\u2060t-\u2060il{T}?"),
    ],
)
def test_typeset(typed: str, expected: str) -> None:
    """Text typed on an ordinary keyboard gets its spaces and apostrophes, once."""
    assert typeset(typed) == expected
    assert typeset(expected) == expected


def test_quote_does_not_break() -> None:
    """The signs stay with the text they surround."""
    assert not re.search(r"[« ] |[ ]»", wording.quote("mot").replace(N, ""))
    assert wording.quote("mot") == f"«{N}mot{N}»"


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        (0.012, f"p{N}={N}0,012"),
        (0.0004, f"p{N}<{N}0,001"),
        (0.0005, f"p{N}={N}0,001"),
        (0.9996, f"p{N}={N}1"),
        (1.0, f"p{N}={N}1"),
    ],
)
def test_p_value(p: float, expected: str) -> None:
    """Three decimals; what would be written 0,000 or 1,000 is not."""
    assert wording.p_value(p) == expected
    assert wording.bare_p(p) == expected.removeprefix(f"p{N}").removeprefix(f"={N}")


def test_numbers() -> None:
    """Intervals of numbers that are no shares; none when there is no interval."""
    assert wording.numbers(0.305, 0.42, 2) == f"[0,30{T};{N}0,42]"
    assert wording.numbers(None, 0.42, 2) == ""
