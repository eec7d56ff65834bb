"""Sentences claim what the numbers allow, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.records import AnswerSpec, Metric, RunRecord, StudyResults
from evaluation.report.kit.sentence import plain
from evaluation.report.study import sentences
from evaluation.report.study.here import Here
from evaluation.report.study.sentences import separated
from evaluation.report.study.view import StudyView
from tests.report import builder
from tests.report.conftest import placeholder

CLASSES = ("Ours", "Trains", "Cubes")
PAGE = "etudes/jouets/conclusion.md"


def view_of(results: StudyResults) -> StudyView:
    return StudyView(results=results, folder="etudes/jouets", draw=placeholder, photos_shown=True)


def view(
    tmp_path: Path,
    *,
    names: Sequence[int] | None = None,
    descriptions: Sequence[int] | None = None,
    supervised: Sequence[int] | None = None,
    n: int = 100,
) -> StudyView:
    """A study whose cases have these numbers of hits, of ``n`` photos a class."""
    base = builder.second(tmp_path)
    wanted = (
        (builder.embedded(), "noms", names),
        (builder.embedded(), "descriptions", descriptions),
        (builder.supervised(), None, supervised),
    )
    runs = tuple(
        builder.run_record(
            "jouets",
            CLASSES,
            model,
            None if prompts is None else builder.prompt_set(prompts, CLASSES),
            confusion=builder.confusion_of(hits, n),
        )
        for model, prompts, hits in wanted
        if hits is not None
    )
    study = replace(base.study, cases=tuple(run.case for run in runs))
    return view_of(replace(base, study=study, runs=runs))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0.1, 0.2), (0.3, 0.4), True),
        ((0.3, 0.4), (0.1, 0.2), True),
        ((0.1, 0.3), (0.3, 0.4), False),
        ((0.1, 0.9), (0.3, 0.4), False),
        ((None, None), (0.3, 0.4), False),
    ],
)
def test_separated(
    one: tuple[float | None, float | None], other: tuple[float, float], expected: bool
) -> None:
    """Intervals that touch are not apart; without an interval nothing is told apart."""
    a, b = (
        Metric(name="accuracy", value=0.5, low=low, high=high, n=10) for low, high in (one, other)
    )
    assert separated(a, b) is expected
    assert separated(a, None) is False


def test_answer_says_a_gap_that_intervals_show(tmp_path: Path) -> None:
    """Intervals apart: the gap is said, with the fact that they do not overlap."""
    said = plain(
        sentences.answer(Here(view(tmp_path, names=(50, 40, 60), supervised=(90, 92, 88)), PAGE))
    )
    assert "50,0\u202f%\u00a0[44,4\u202f;\u00a055,6]" in said
    assert "90,0\u202f%" in said
    assert "40,0\u00a0points d’écart" in said
    assert "ne se recouvrent pas" in said


def test_answer_admits_what_intervals_do_not_show(tmp_path: Path) -> None:
    """Intervals that overlap: these photos do not tell."""
    said = plain(
        sentences.answer(Here(view(tmp_path, names=(8, 8, 8), supervised=(9, 9, 9), n=10), PAGE))
    )
    assert "ne suffisent pas à les départager" in said
    assert "ne se recouvrent pas" not in said


def test_answer_of_equals(tmp_path: Path) -> None:
    """No gap at all is the same accuracy, and no more."""
    said = plain(
        sentences.answer(Here(view(tmp_path, names=(80, 80, 80), supervised=(90, 80, 70)), PAGE))
    )
    assert "la même exactitude" in said


def test_answer_with_one_kind_of_model(tmp_path: Path) -> None:
    """A study without the other kind is answered without comparison."""
    only = plain(sentences.answer(Here(view(tmp_path, names=(80, 80, 80)), PAGE)))
    assert only.startswith("Sans aucune photo d’exemple")
    assert "contre" not in only
    only = plain(sentences.answer(Here(view(tmp_path, supervised=(80, 80, 80)), PAGE)))
    assert only.startswith("Après apprentissage")


def test_answer_without_result(tmp_path: Path) -> None:
    """No result: the sentence says so."""
    assert "Aucun cas" in plain(sentences.answer(Here(view(tmp_path), PAGE)))


def test_numbers_lead_to_their_run(tmp_path: Path) -> None:
    """Every measured number links to its run and names it."""
    parts = [
        part
        for part in sentences.answer(
            Here(view(tmp_path, names=(5, 5, 5), supervised=(9, 9, 9), n=10), PAGE)
        )
        if "\u202f%" in part.text and "[" in part.text
    ]
    assert [part.href for part in parts] == [
        "methode.html#execution-jouets-embedded-noms",
        "methode.html#execution-jouets-embedded-supervised",
    ]
    assert "jouets/embedded/noms" in parts[0].title


@pytest.mark.parametrize(
    ("names", "descriptions", "expected", "never"),
    [
        ((30, 30, 30), (90, 90, 90), "font mieux que", "arrivent"),
        ((80, 80, 80), (82, 82, 82), "arrivent devant", "mieux"),
        ((80, 80, 80), (80, 80, 80), "ne changent pas", "d’écart"),
        ((90, 90, 90), (30, 30, 30), "aucun jeu de textes ne fait mieux", "devant"),
    ],
)
def test_prompt_effect(
    tmp_path: Path,
    names: Sequence[int],
    descriptions: Sequence[int],
    expected: str,
    never: str,
) -> None:
    """What a prompt set changes follows the sign of the change, and the intervals."""
    here = Here(view(tmp_path, names=names, descriptions=descriptions), PAGE)
    (said,) = sentences.prompt_effects(here)
    assert expected in plain(said)
    assert never not in plain(said)


def test_no_prompt_effect_without_a_baseline(tmp_path: Path) -> None:
    """One prompt set alone has nothing to be compared with."""
    assert sentences.prompt_effects(Here(view(tmp_path, names=(5, 5, 5)), PAGE)) == ()


def test_class_effect_names_the_extremes(tmp_path: Path) -> None:
    """The class that gains most and the one that loses most are named with their recalls."""
    (said,) = sentences.class_effects(
        Here(view(tmp_path, names=(10, 50, 90), descriptions=(70, 55, 60)), PAGE)
    )
    text = plain(said)
    assert "«\u00a0Ours\u00a0» qui y gagne le plus (rappel de 10,0\u202f% à 70,0\u202f%)" in text
    assert "«\u00a0Cubes\u00a0» y perd le plus (de 90,0\u202f% à 60,0\u202f%)" in text


def test_class_effect_without_loss(tmp_path: Path) -> None:
    """Nothing is said to lose when nothing loses, nor to gain when nothing gains."""
    (up,) = sentences.class_effects(
        Here(view(tmp_path, names=(10, 50, 90), descriptions=(10, 50, 95)), PAGE)
    )
    assert "aucune n’y perd" in plain(up)
    (down,) = sentences.class_effects(
        Here(view(tmp_path, names=(10, 50, 90), descriptions=(10, 50, 85)), PAGE)
    )
    assert "aucune n’y gagne" in plain(down)


def test_weakest_class_and_largest_confusion(tmp_path: Path) -> None:
    """The class least recognised and the most frequent confusion are those of the matrix."""
    one = view(tmp_path, names=(90, 20, 60))
    said = plain(sentences.weakest(Here(one, PAGE), one.scored[0]))
    assert "«\u00a0Trains\u00a0» (rappel de 20,0\u202f%)" in said
    assert "prend «\u00a0Trains\u00a0» pour «\u00a0Ours\u00a0» (80\u00a0photos)" in said


def test_no_confusion_in_a_perfect_case(tmp_path: Path) -> None:
    """A case without error has no confusion to tell."""
    one = view(tmp_path, names=(100, 100, 100))
    assert sentences.largest_confusion(one.scored[0]) is None
    assert "confusion" not in plain(sentences.weakest(Here(one, PAGE), one.scored[0]))


def test_chance(tmp_path: Path) -> None:
    """A case whose interval holds chance is named."""
    good = view(tmp_path, names=(90, 90, 90))
    assert "Tous les cas font mieux" in plain(sentences.against_chance(good))
    poor = view(tmp_path, names=(35, 33, 32), supervised=(90, 90, 90))
    said = plain(sentences.against_chance(poor))
    assert "Noms des catégories" in said
    assert "ne se distingue pas du hasard (33,3\u202f%)" in said
    assert sentences.against_chance(view(tmp_path)) == ()


def test_published_figures_stand_beside_their_twin(tmp_path: Path) -> None:
    """A published system is compared with a case in its situation only, or that is declared so."""
    one = view_of(builder.shop(tmp_path))
    texts = [plain(said) for said in sentences.against_reference(Here(one, PAGE))]
    assert texts == []  # no CLIP was scored, and the network learned without augmentation
    beside = {"densenet": ("embedded-supervised",), "clip-descriptions": ("embedded/descriptions",)}
    declared = builder.without(one.results, answer=AnswerSpec(beside=beside))
    texts = [plain(said) for said in sentences.against_reference(Here(view_of(declared), PAGE))]
    assert "85,7\u202f%" in texts[0]
    assert "90,0\u202f%" in texts[0]
    assert "(+4,3\u00a0points)" in texts[0]
    assert "(\u22129,3\u00a0points)" in texts[1]


def test_stale_results_are_not_told(tmp_path: Path) -> None:
    """A result on another split takes no part in any sentence."""
    one = view(tmp_path, names=(90, 90, 90), supervised=(95, 95, 95))
    old: RunRecord = replace(one.scored[1], split_digest="another")
    results = replace(one.results, runs=(one.scored[0], old))
    again = view_of(results)
    assert again.supervised == ()
    assert "contre" not in plain(sentences.answer(Here(again, PAGE)))
    assert [absence.status for absence in again.absences("etudes/x/index.md")] == ["à refaire"]
