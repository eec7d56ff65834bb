"""Studies of many classes: pages that open, nothing that grows with the square of the classes."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.records import StudyResults
from evaluation.report.site.render import Pages, render
from tests.report import builder
from tests.report.conftest import TEMPLATES, placeholder

CLASSES = ("=1+1", "007", "50%", "1", *(f"Bird species {k:03}" for k in range(196)))
RIGHT, WRONG = 4, 2


def birds(folder: Path) -> StudyResults:
    """200 classes, five prompt sets: of six photos of each, two are taken for the next class."""
    results = builder.second(folder)
    run = next(one for one in results.runs if one.status == "ok")
    confusion = RIGHT * np.eye(200, dtype=int) + WRONG * np.roll(np.eye(200, dtype=int), 1, axis=1)
    metrics, per_class = builder.scores_of(CLASSES, confusion.tolist())
    scored = replace(
        run,
        classes=CLASSES,
        confusion=tuple(map(tuple, confusion.tolist())),
        metrics=metrics,
        per_class=per_class,
        prompts=run.prompts and replace(run.prompts, texts={label: (label,) for label in CLASSES}),
    )
    assert scored.prompts is not None
    runs = tuple(
        replace(
            scored,
            case=f"{scored.case}{number or ''}",
            prompts=replace(scored.prompts, name=f"noms{number or ''}"),
        )
        for number in range(5)
    )
    cards = [
        replace(results.study.samples[0], id=f"{k}-{i}", label=label, fold="test")
        for k, label in enumerate(CLASSES)
        for i in range(RIGHT + WRONG)
    ]
    study = replace(
        results.study,
        classes=CLASSES,
        samples=tuple(cards),
        cases=tuple(other.case for other in runs),
        reference=None,
    )
    return replace(results, study=study, runs=runs, predictions={}, comparison=None)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    results = birds(tmp_path_factory.mktemp("birds"))
    return render((results,), None, templates=TEMPLATES, draw=placeholder)


def found(pages: Pages, ending: str) -> str | bytes:
    content, *_ = (content for uri, content in sorted(pages.items()) if uri.endswith(ending))
    assert isinstance(content, str | bytes)
    return content


def test_no_page_of_200_classes_is_heavy(pages: Pages) -> None:
    """Each stays under 500 kB, and all together under 2 MB."""
    sizes = {uri: len(text) for uri, text in pages.items() if uri.endswith(".md")}
    assert max(sizes.values()) < 500_000
    assert sum(sizes.values()) < 2_000_000


def test_the_largest_confusions_stand_for_the_matrix(pages: Pages) -> None:
    """Twenty rows, and the whole as a picture and as a table."""
    page = str(found(pages, "clip-zero-shot.md"))
    assert page.count("<td>Bird species") + page.count("<td>007") < 25
    assert 'class="v-matrix"' in page
    with Image.open(io.BytesIO(bytes(found(pages, ".png")))) as picture:
        assert picture.size == (1000, 1000)
        assert (
            picture.getpixel((2, 2)) < picture.getpixel((7, 2)) < picture.getpixel((12, 2)) == 255
        )


def test_the_matrix_reads_back_and_runs_nothing(pages: Pages) -> None:
    """Semicolons for a French spreadsheet, class names as they are, none of them a formula."""
    text = str(found(pages, ".csv"))
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";"))
    assert rows[0][1:5] == ["'=1+1", "007", "50%", "1"]
    assert [sum(map(int, row[1:])) for row in rows[1:]] == [RIGHT + WRONG] * 200


def test_the_page_of_the_data_opens_on_thirty_classes(pages: Pages) -> None:
    """The other 170, the figure and the table of all are folded."""
    content = str(found(pages, "donnees.md"))
    opening, *folds = content.split('<details class="v-fold">')
    others, counts = (fold.split("</details>")[0] for fold in folds[:2])
    assert opening.count("<h3>") == 30
    assert others.count("<h3>") == 170
    assert "<table" in counts
    assert "<table" not in opening
