"""How cases are named, and which of them count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from evaluation.records import StudyResults
from evaluation.report.study.view import StudyView, best
from tests.report import builder
from tests.report.conftest import placeholder


def view_of(results: StudyResults) -> StudyView:
    return StudyView(results=results, folder="etudes/x", draw=placeholder, photos_shown=True)


def test_titles_lose_a_parenthesis_only_when_they_stay_different(shop: StudyResults) -> None:
    """Two models that differ in a parenthesis keep it."""
    assert (
        view_of(shop).case_title(shop.runs[0])
        == "Substitut hors ligne (pas un CLIP) · Noms des catégories"
    )
    twins = tuple(
        replace(
            run, model=replace(run.model, name=f"m{i}", title=f"CLIP B/32 ({origin})"), case=f"m{i}"
        )
        for i, (run, origin) in enumerate(zip(shop.runs[:2], ("OpenAI", "LAION"), strict=True))
    )
    view = view_of(replace(shop, runs=twins))
    assert {view.model_name(run.model.name) for run in twins} == {
        "CLIP B/32 (OpenAI)",
        "CLIP B/32 (LAION)",
    }


def test_best_is_the_first_of_equals(toys: StudyResults) -> None:
    """Equal accuracies keep the order of the study."""
    twin = replace(toys.runs[0], case="jouets/autre")
    assert best((toys.runs[0], twin)) is toys.runs[0]
    assert best(()) is None


def test_baseline_is_the_names(shop: StudyResults) -> None:
    """The set called noms is the one to compare with; else derived names; else the first."""
    assert view_of(shop).baseline == "noms"
    renamed = [
        replace(run, prompts=replace(run.prompts, name=f"x-{run.prompts.name}"))
        for run in shop.runs[:2]
        if run.prompts is not None
    ]
    assert view_of(replace(shop, runs=tuple(renamed))).baseline == "x-noms"
    derived = replace(
        renamed[1],
        prompts=replace(builder.prompt_set("descriptions", ("a",)), derive="class-names"),
    )
    assert view_of(replace(shop, runs=(renamed[0], derived))).baseline == "descriptions"


def test_twin_is_of_the_same_model(shop: StudyResults) -> None:
    """A case is compared with the names read by the same model."""
    view = view_of(shop)
    assert view.twin(shop.runs[1]) is shop.runs[0]
    other = replace(shop.runs[1], model=replace(shop.runs[1].model, name="autre"))
    assert view.twin(other) is None


def test_anchors_of_cases_differ(tmp_path: Path) -> None:
    """Cases whose ids differ in punctuation alone have different anchors."""
    results = builder.second(tmp_path)
    runs = tuple(replace(results.runs[0], case=case) for case in ("j/a/b", "j/a-b", "j/a_b"))
    view = view_of(replace(results, runs=runs))
    assert len({view.run_anchor(run) for run in runs}) == 3
