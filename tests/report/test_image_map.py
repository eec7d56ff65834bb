"""The map of the photos: words, numbers and data of the page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from evaluation.records import StudyResults
from evaluation.report.kit.scatter import (
    COLOURS,
    HEIGHTS,
    SHAPES,
    Axes,
    name_places,
)
from evaluation.report.pages import image_map
from evaluation.report.site.render import Pages, render
from evaluation.report.study.view import StudyView
from tests.report import builder
from tests.report.conftest import TEMPLATES, built, placeholder

URI = "etudes/boutique/carte-des-images.md"
DATA = "etudes/boutique/donnees/carte-des-images.js"


def only(results: StudyResults, **options: object) -> Pages:
    return render((results,), None, templates=TEMPLATES, draw=placeholder, **options)  # type: ignore[arg-type]


def data_of(pages: Pages) -> dict[str, Any]:
    text = pages[DATA]
    assert isinstance(text, str)
    found = re.fullmatch(r"veilleCarte\((.*)\);\n", text, re.DOTALL)
    assert found is not None
    assert not re.search("[<>&\u2028\u2029]", text)
    content: dict[str, Any] = json.loads(found[1])
    return content


def test_points_names_and_answers_are_those_of_the_artefacts(
    shop: StudyResults, pages: Pages
) -> None:
    """Of each case: its coordinates, its answers and its probabilities, photo by photo."""
    data = data_of(pages)
    classes = data["classes"]
    for case in data["cases"]:
        plane, said = shop.projections[case["id"]], shop.predictions[case["id"]]
        known = dict(zip(plane.sample_ids, plane.photos, strict=True))
        for at in (0, 7, len(data["ids"]) - 1):
            row = said.sample_ids.index(data["ids"][at])
            assert case["points"][at] == pytest.approx(known[data["ids"][at]], abs=1e-4)
            assert classes[case["predicted"][at]] == said.classes[said.predicted[row]]
            assert case["sure"][at] == pytest.approx(said.probabilities[row].max(), abs=1e-4)
            assert classes[data["labels"][at]] == said.classes[said.labels[row]]


def test_a_supervised_case_has_photos_and_no_text(pages: Pages) -> None:
    """Zero-shot cases have one text a class; the limits hold every point and text."""
    for case in data_of(pages)["cases"]:
        texts = 0 if case["id"].endswith("supervised") else len(builder.AWKWARD)
        assert len(case["texts"]) == texts
        xs = [x for x, _ in case["points"]] + [x for _, x, *_ in case["texts"]]
        assert case["x"][0] < min(xs) <= max(xs) < case["x"][1]


def test_texts_keep_their_directions(shop: StudyResults, pages: Pages) -> None:
    """They are drawn further from the middle by one factor for the case, never nearer."""
    for case in data_of(pages)["cases"]:
        plane = shop.projections[case["id"]]
        if not plane.texts:
            continue
        drawn = np.array([[x, y] for _, x, y, *_ in case["texts"]])
        factors = np.linalg.norm(drawn, axis=1) / np.linalg.norm(plane.texts, axis=1)
        assert factors == pytest.approx(np.full(len(factors), factors[0]), rel=1e-2)
        assert factors[0] >= 0.999


def test_the_words_give_the_numbers_of_the_projection(shop: StudyResults, pages: Pages) -> None:
    """Variance shown, the gap between photos and texts, and how many texts point home."""
    plane = shop.projections["boutique/embedded/descriptions"]
    page = pages[URI]
    assert isinstance(page, str)
    text = unescape(page)
    assert f"{sum(plane.explained):.0%}".replace("%", "\u202f%") in text
    assert plane.gap is not None
    assert f"{plane.gap:.2f}".replace(".", ",") in text
    assert "Le texte de 4 sur 4 pointe vers le centre" in text


def test_a_lost_alignment_is_told(shop: StudyResults) -> None:
    """When two texts change places, two of four point to another class."""
    case = "boutique/embedded/descriptions"
    plane = shop.projections[case]
    first, second, *others = plane.texts
    swapped = replace(plane, texts=(second, first, *others))
    results = replace(shop, projections={**shop.projections, case: swapped})
    assert "Le texte de 2 sur 4 pointe" in unescape(str(only(results)[URI]))


def test_without_a_projection_there_is_no_page(shop: StudyResults) -> None:
    """Artefacts of an earlier version make the same site as before."""
    found = only(replace(shop, projections={}))
    assert URI not in found
    assert DATA not in found


def test_a_projection_of_other_photos_is_left_out(shop: StudyResults) -> None:
    """It would put photos where they are not."""
    case = "boutique/embedded/noms"
    plane = shop.projections[case]
    other = replace(plane, sample_ids=("x", *plane.sample_ids[1:]))
    data = data_of(only(replace(shop, projections={**shop.projections, case: other})))
    assert case not in {one["id"] for one in data["cases"]}


def test_photos_that_may_not_be_shown_are_not_named(shop: StudyResults) -> None:
    """Neither their files nor their titles are in the data."""
    closed = builder.without(shop, redistributable=False)
    data = data_of(only(closed, photos="redistributable"))
    assert data["photos"] == []
    assert data["titles"] == data["ids"]


def test_the_still_figure_of_many_photos_is_thinned(shop: StudyResults) -> None:
    """At most 800 photos are drawn, and the title says of how many."""
    drawn: list[int] = []

    def count(spec: Any) -> str:
        if "datasets" in spec:
            drawn.append(len(spec["datasets"]["photos"]))
        return placeholder(spec)

    view = StudyView(results=shop, folder="etudes/boutique", draw=count, photos_shown=True)
    limit = image_map.DRAWN
    try:
        image_map.DRAWN = 15
        page = built(view, "image_map")
    finally:
        image_map.DRAWN = limit
    assert page is not None
    assert drawn == [14, 14]
    assert (page["drawn"], page["total"]) == (14, 40)


def test_classes_differ_by_colour_or_by_shape() -> None:
    """No two of the first 56 have both in common, and neighbours differ by both."""
    signs = [(COLOURS[i % len(COLOURS)], SHAPES[i % len(SHAPES)]) for i in range(56)]
    assert len(set(signs)) == 56
    assert all(a != b and c != d for (a, c), (b, d) in pairwise(signs))


def test_names_without_room_are_left_out() -> None:
    """300 texts at one place: some are named, none over another, and the others are not."""
    crowd = {f"classe {place}": (0.0, 0.0) for place in range(300)}
    axes = Axes(classes=tuple(crowd), x=(-1, 1), y=(-1, 1), x_title="un", y_title="deux")
    for size, height in HEIGHTS.items():
        written = sorted(level for level in name_places(crowd, axes, size).values() if level)
        assert 10 < len(written) < 300
        apart = [(high - low) / 2 * height for low, high in pairwise(written)]
        assert min(apart) >= 15.9
