"""Other draws as they are read: on the answer, and on the page of comparison."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.records import RepeatedScores, StudyResults
from evaluation.report.study.answer import first_screen
from evaluation.report.study.here import Here
from evaluation.report.study.repeated import repeats
from evaluation.report.study.view import StudyView
from evaluation.scoring.variation import compare_repeats
from tests.report import analysed
from tests.report.conftest import placeholder, plain


def view_of(results: StudyResults) -> StudyView:
    return StudyView(results=results, folder="etudes/boutique", draw=placeholder, photos_shown=True)


def with_draws(shop: StudyResults, *, step: float, folds: int | None = None) -> Here:
    """The shop, whose case number k is right on 0.5 + k × step of ten draws, more or less."""
    assert shop.comparison is not None
    cases = [run.case for run in shop.runs if run.status == "ok"]
    scored = {
        case: RepeatedScores(
            draws=tuple("abcdefghij"),
            accuracies=tuple(0.5 + k * step + 0.01 * ((draw * (k + 1)) % 5) for draw in range(10)),
            tested=0.2,
            folds=folds,
        )
        for k, case in enumerate(cases)
    }
    found = compare_repeats({**scored, "boutique/other": None})
    view = view_of(replace(shop, comparison=replace(shop.comparison, repeats=found)))
    return Here(view, view.page("comparaison"))


@pytest.mark.parametrize(
    ("step", "words"), [(0.0001, "n’y sépare pas les deux"), (0.08, "sépare les deux|ne tient pas")]
)
def test_the_answer_says_what_other_draws_say(tmp_path: Path, step: float, words: str) -> None:
    """The mean gap with its interval, and whether the corrected test separates the two."""
    here = with_draws(analysed.shop(tmp_path), step=step)
    said = plain(first_screen(here)["spread"]).replace("\u00a0", " ")  # type: ignore[arg-type]
    assert said.startswith("Sur 10 autres tirages de ces photos, l’écart moyen est de")
    assert re.search(words, said)


def test_the_page_tells_every_case_and_names_those_left_out(tmp_path: Path) -> None:
    """One row a case and one a pair; folds are called folds."""
    here = with_draws(analysed.shop(tmp_path), step=0.05, folds=5)
    page = repeats(here)
    assert page is not None
    rows = page["cases"].groups[0].rows
    assert len(page["pairs"].groups[0].rows) == len(rows) * (len(rows) - 1) // 2
    assert page["draws"].replace("\u00a0", " ") == "10 plis de validation croisée"
    assert len(page["left_out"]) == 1


def test_a_study_without_draws_says_nothing(tmp_path: Path) -> None:
    """No section, no sentence."""
    view = view_of(analysed.shop(tmp_path))
    here = Here(view, view.page("comparaison"))
    assert repeats(here) is None
    assert first_screen(here)["spread"] is None
