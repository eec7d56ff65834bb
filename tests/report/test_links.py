"""Addresses inside the site."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.report.kit import links


@pytest.mark.parametrize(
    ("source", "target", "anchor", "expected"),
    [
        ("index.md", "annexes.md", "", "annexes.html"),
        ("etudes/a/index.md", "annexes.md", "x", "../../annexes.html#x"),
        ("etudes/a/categories/b.md", "etudes/a/donnees.md", "", "../donnees.html"),
        ("etudes/a/methode.md", "etudes/a/methode.md", "run", "#run"),
        ("index.md", "etudes/a/photos/é.webp", "", "etudes/a/photos/%C3%A9.webp"),
    ],
)
def test_href_is_relative(source: str, target: str, anchor: str, expected: str) -> None:
    """Addresses start at the page that holds them: no base URL is assumed."""
    assert links.href(source, target, anchor) == expected


def test_slug() -> None:
    """Accents go, words stay."""
    assert links.slug("Home Decor & Festive Needs") == "home-decor-festive-needs"
    assert links.slug("L’été indien") == "lete-indien"


@given(st.lists(st.text(max_size=12), unique=True, max_size=12))
def test_slugs_differ_and_are_plain(names: list[str]) -> None:
    """Different names have different slugs, whatever the names."""
    found = links.slugs(names)
    assert set(found) == set(names)
    assert len(set(found.values())) == len(names)
    assert all(set(one) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for one in found.values())


def test_explorer_addresses_hold_their_state_in_the_fragment() -> None:
    """Values are written as encodeURIComponent does, from any page of the site."""
    state = {"vrai": "", "a": "s/m/a b", "b": "s/é&#", "accord": "a"}
    pair = links.explorer("etudes/s/audit.md", "etudes/s", state)
    assert pair == "explorateur.html#a=s%2Fm%2Fa%20b&b=s%2F%C3%A9%26%23&accord=a"
    state = {"cas": "c", "vrai": "<b>", "predit": "x=1", "id": "(1)!"}
    cell = links.explorer("index.md", "etudes/s", state)
    assert cell == "etudes/s/explorateur.html#cas=c&vrai=%3Cb%3E&predit=x%3D1&id=(1)!"


def test_long_names_are_cut_and_stay_apart() -> None:
    """A label of 300 characters is a file's name all the same, and its own."""
    names = [f"{'level of a taxonomy ' * 15}{letter}" for letter in "abc"]
    found = links.slugs(names)
    assert len(set(found.values())) == 3
    assert all(len(one) <= 84 for one in found.values())
