"""The slides' figures: quoted as they stand, and consistent with each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.errors import ConfigError
from evaluation.records import Reference
from evaluation.study.config import SHIPPED
from evaluation.study.reference import load_reference

SLIDES = SHIPPED / "flipkart" / "slides.toml"
IMAGES_PER_CLASS = 30


@pytest.fixture(scope="module")
def slides() -> Reference:
    return load_reference(SLIDES)


def test_slides_name_three_systems(slides: Reference) -> None:
    """Each system says which measured cases stand beside it."""
    assert [(s.name, s.kind, s.prompts) for s in slides.systems] == [
        ("densenet201", "supervised", None),
        ("clip-noms", "clip", "noms"),
        ("clip-descriptions", "clip", "descriptions"),
    ]
    assert slides.study == "flipkart"
    assert "Projet 8" in slides.source


def test_every_system_has_every_class_in_order(slides: Reference) -> None:
    """Seven rows a system, in the order of the slides' header."""
    assert len(slides.classes) == 7
    for system in slides.systems:
        assert tuple(row.label for row in system.per_class) == slides.classes


def test_recalls_are_counts_of_thirty(slides: Reference) -> None:
    """A recall on 30 photos is a whole number of them, once its rounding is undone."""
    for system in slides.systems:
        for row in system.per_class:
            assert row.recall is not None
            correct = round(row.recall * IMAGES_PER_CLASS)
            assert round(correct / IMAGES_PER_CLASS, 2) == row.recall


@pytest.mark.parametrize(
    ("name", "correct"), [("densenet201", 180), ("clip-noms", 117), ("clip-descriptions", 177)]
)
def test_recalls_add_up_to_the_accuracy(slides: Reference, name: str, correct: int) -> None:
    """The photos that the recalls count are those that the accuracy counts."""
    system = next(one for one in slides.systems if one.name == name)
    counts = [round((row.recall or 0) * IMAGES_PER_CLASS) for row in system.per_class]
    assert sum(counts) == correct
    assert slides.test_images == IMAGES_PER_CLASS * len(slides.classes)
    assert round(correct / slides.test_images, 3) == system.accuracy


def test_f1_follows_from_precision_and_recall(slides: Reference) -> None:
    """Within what two decimals allow: F1 is monotone in both, so their bounds bound it."""

    def f1(precision: float, recall: float) -> float:
        return 2 * precision * recall / (precision + recall)

    for system in slides.systems:
        for row in system.per_class:
            assert row.precision is not None
            assert row.recall is not None
            assert row.f1 is not None
            recall = round(row.recall * IMAGES_PER_CLASS) / IMAGES_PER_CLASS
            low = f1(row.precision - 0.005, recall) - 0.005
            high = f1(min(1, row.precision + 0.005), recall) + 0.005
            assert low <= row.f1 <= high, (system.name, row.label)


def test_file_tells_of_the_missing_header() -> None:
    """The slides' F1 table does not name its last column: the file says so."""
    comments = [line for line in SLIDES.read_text(encoding="utf-8").splitlines() if line[:1] == "#"]
    assert "lacks the last" in " ".join(comments)


def test_figure_that_the_source_lacks_is_none(tmp_path: Path) -> None:
    """A figure left out of the file is unknown, not zero."""
    file = tmp_path / "slides.toml"
    text = SLIDES.read_text(encoding="utf-8")
    file.write_text(text.replace("precision = 0.75, recall = 0.80, f1 = 0.77", "recall = 0.80"))
    row = load_reference(file).systems[0].per_class[0]
    assert (row.precision, row.recall, row.f1) == (None, 0.8, None)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("schema = 1", "schema = 2", "version 2 is unknown"),
        ("schema = 1", "", "[schema]: is missing"),
        ("accuracy = 0.857", "accuracy = 85.7", "85.7 is out of range"),
        ("precision = 0.75", "precision = -0.75", "-0.75 is out of range"),
        ("accuracy = 0.857", 'accuracy = "high"', "accuracy"),
        ("accuracy = 0.857", "acuracy = 0.857", "acuracy"),
        ("precision = 0.75", "precison = 0.75", "precison"),
        ('kind = "supervised"', 'kind = "trained"', "trained"),
        ('"Baby Care" = {', '"Baby care" = {', "has figures of"),
        ("test_images = 210", 'test_images = "many"', "test_images"),
        ("[systems.per_class]", "[systems.scores]", "scores"),
        ('study = "flipkart"', "study = ", "not TOML"),
    ],
)
def test_mistake_in_the_file_is_named(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """A broken file of figures is a mistake of configuration, in one line each."""
    text = SLIDES.read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "slides.toml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_reference(file)
    assert problem in str(caught.value)
    assert all("\n" not in str(mistake) for mistake in caught.value.mistakes)


@pytest.mark.parametrize("systems", ["systems = 3", "systems = [1]", "systems = []"])
def test_systems_of_a_wrong_type_are_refused(tmp_path: Path, systems: str) -> None:
    """Whatever stands for the systems, the answer is a mistake and not a traceback."""
    head = SLIDES.read_text(encoding="utf-8").partition('# "DenseNet')[0]
    file = tmp_path / "slides.toml"
    file.write_text(head + systems, encoding="utf-8")
    with pytest.raises(ConfigError):
        load_reference(file)


def test_absent_file_is_named(tmp_path: Path) -> None:
    """An unreadable file is reported with its path."""
    with pytest.raises(ConfigError, match=r"none\.toml: no such file"):
        load_reference(tmp_path / "none.toml")
