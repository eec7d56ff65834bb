"""Sentences claim what the numbers allow, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evaluation.records import AnswerSpec, RunRecord, StudyResults
from evaluation.report.study import sentences
from evaluation.report.study.absences import absences
from evaluation.report.study.answer import answer
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView
from tests.report import builder
from tests.report.conftest import links, placeholder, plain

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


def test_numbers_lead_to_their_run(tmp_path: Path) -> None:
    """Every measured number links to its run and names it."""
    place = Here(view(tmp_path, names=(5, 5, 5), supervised=(9, 9, 9), n=10), PAGE)
    parts = [side["number"] for side in answer(place)["sides"]]
    assert (
        [part.href for part in parts]
        == links(answer(place))
        == [
            "methode.html#execution-jouets-embedded-noms",
            "methode.html#execution-jouets-embedded-supervised",
        ]
    )
    assert "jouets/embedded/noms" in parts[0].title


def test_a_case_without_a_rival_has_its_number(tmp_path: Path) -> None:
    """The other side is said to lack, and nothing is held against it."""
    for hits in ({"names": (80, 80, 80)}, {"supervised": (80, 80, 80)}):
        said = plain(answer(Here(view(tmp_path, **hits), PAGE)))  # type: ignore[arg-type]
        assert said.startswith("Aucun modèle")
        assert "80,0\u202f%" in said
        assert "contre" not in said


def test_weakest_class_and_largest_confusion(tmp_path: Path) -> None:
    """The class least recognised and the most frequent confusion are those of the matrix."""
    one = view(tmp_path, names=(90, 20, 60))
    said = plain(sentences.weakest(Here(one, PAGE), one.scored[0]))
    assert "le plus bas est celui de «\u00a0Trains\u00a0» (20,0\u202f%)" in said
    assert "prend «\u00a0Trains\u00a0» pour «\u00a0Ours\u00a0» (80\u00a0photos)" in said


def test_no_confusion_in_a_perfect_case(tmp_path: Path) -> None:
    """A case without error has no confusion to tell."""
    one = view(tmp_path, names=(100, 100, 100))
    assert sentences.largest_confusion(one.scored[0]) is None
    assert sentences.weakest(Here(one, PAGE), one.scored[0]) is None


def test_no_superlative_on_equals(tmp_path: Path) -> None:
    """Two classes as weak as each other, two confusions as frequent: neither is named."""
    one = view(tmp_path, names=(80, 80, 100))
    assert sentences.weakest(Here(one, PAGE), one.scored[0]) is None
    rare = view(tmp_path, names=(100, 99, 100))
    assert sentences.largest_confusion(rare.scored[0]) is None


def test_chance(tmp_path: Path) -> None:
    """A case whose interval holds chance is named."""
    good = view(tmp_path, names=(90, 90, 90))
    assert "Tous les cas font mieux" in plain(sentences.against_chance(Here(good, PAGE)))
    poor = view(tmp_path, names=(35, 33, 32), supervised=(90, 90, 90))
    said = plain(sentences.against_chance(Here(poor, PAGE)))
    assert "Noms des catégories" in said
    assert "ne se distingue pas du hasard (33,3\u202f%)" in said
    assert sentences.against_chance(Here(view(tmp_path), PAGE)) is None


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
    assert "contre" not in plain(answer(Here(again, PAGE)))
    assert [absence["status"] for absence in absences(Here(again, PAGE))] == ["à refaire"]
