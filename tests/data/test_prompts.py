"""Prompt sets: fitted to the classes that the photos have, or refused in one line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from evaluation.data.loading import load_dataset
from evaluation.data.prompts import WORDS, random_words, resolve_prompts
from evaluation.data.split import split_dataset
from evaluation.errors import DataError
from evaluation.records import Dataset, PromptSet, Sample, Split
from evaluation.study.config import load_study

Shelves = Mapping[str, list[str | None]]


def data_of(train: Shelves, test: Shelves | None = None) -> tuple[Dataset, Split]:
    """Class to the sub-categories of its photos, in train and in test."""
    samples = []
    ids: dict[str, list[str]] = {"train": [], "test": []}
    for part, shelves in (("train", train), ("test", test or {})):
        for label, names in shelves.items():
            for i, name in enumerate(names):
                one = f"{part}/{label}/{i}"
                ids[part].append(one)
                samples.append(
                    Sample(
                        id=one,
                        image=Path("/x"),
                        label=label,
                        digest=one,
                        pixels=one,
                        width=1,
                        height=1,
                        subcategory=name,
                    )
                )
    dataset = Dataset(
        name="essai",
        kind="folder",
        classes=tuple(sorted(train)),
        samples=tuple(samples),
        revision="r",
    )
    return dataset, Split(train=tuple(ids["train"]), validation=(), test=tuple(ids["test"]), seed=0)


def prompts(**more: object) -> PromptSet:
    fields = {"name": "essai", "title": "Essai", "language": "en", "texts": {}} | more
    return PromptSet(**fields)  # type: ignore[arg-type]


def test_texts_take_the_order_of_the_classes() -> None:
    """Spelt texts are kept, in the order of the data's classes."""
    dataset, split = data_of({"Rugs": [None], "Mugs": [None]})
    spelt = prompts(texts={"Rugs": ("a rug", "a mat"), "Mugs": ("a mug",)})
    resolved = resolve_prompts(spelt, dataset, split)
    assert list(resolved.texts.items()) == [("Mugs", ("a mug",)), ("Rugs", ("a rug", "a mat"))]
    assert resolved.digest == spelt.digest


def test_class_names_are_their_own_texts() -> None:
    """Templates stay to be filled."""
    dataset, split = data_of({"Rugs": [None], "Mugs": [None]})
    resolved = resolve_prompts(
        prompts(derive="class-names", templates=("a photo of {}",)), dataset, split
    )
    assert resolved.texts == {"Mugs": ("Mugs",), "Rugs": ("Rugs",)}
    assert resolved.sentences("Mugs") == ("a photo of Mugs",)


def test_every_mismatch_is_told_at_once() -> None:
    """Classes without text and texts without class, with the nearest names."""
    dataset, split = data_of({"Rugs": [None], "Mugs": [None], "Home Decor": [None]})
    with pytest.raises(DataError) as caught:
        resolve_prompts(
            prompts(texts={"Rugs": ("x",), "Home decor": ("x",), "Cars": ("x",)}), dataset, split
        )
    text = str(caught.value)
    assert "no text for the class 'Home Decor', 'Mugs'" in text
    assert "unknown class 'Home decor', 'Cars'" in text
    assert "'Home decor': did you mean 'Home Decor'?" in text
    assert "'Cars': known: 'Home Decor', 'Mugs', 'Rugs'" in text
    assert text.startswith("prompt set 'essai' of essai: ")
    assert "\n" not in text


def test_subcategories_of_train_are_texts() -> None:
    """The most frequent first; one photo is not enough; test photos have no say."""
    dataset, split = data_of(
        {"Mugs": ["Tea", "Tea", "Tea", "Beer", "Beer", "Rare", None], "Rugs": ["Wool", "Wool"]},
        {"Mugs": ["Test", "Test", "Test", "Test"], "Rugs": ["Silk", "Silk"]},
    )
    resolved = resolve_prompts(prompts(derive="subcategories"), dataset, split)
    assert resolved.texts == {"Mugs": ("Tea", "Beer"), "Rugs": ("Wool",)}


def test_subcategories_of_another_class_are_not_mixed_in() -> None:
    """The same name may be a sub-category of two classes, each with its own count."""
    dataset, split = data_of({"Mugs": ["Gifts", "Gifts"], "Rugs": ["Gifts", "Wool", "Wool"]})
    resolved = resolve_prompts(prompts(derive="subcategories"), dataset, split)
    assert resolved.texts == {"Mugs": ("Gifts",), "Rugs": ("Wool",)}


@pytest.mark.parametrize(
    ("shelves", "expected"),
    [
        (["Bed", "Bed", "JMD Rugs", "JMD Rugs"], ("Bed",)),
        (["Bed", "Bed", "jmd rugs", "jmd rugs"], ("Bed",)),
        (["Wool Rugs", "Wool Rugs"], ("Wool Rugs",)),
        (["Bed", "Wool"], ("Rugs",)),
        ([None, None], ("Rugs",)),
    ],
)
def test_names_that_repeat_the_class_come_last(
    shelves: list[str | None], expected: tuple[str, ...]
) -> None:
    """They are used when there is nothing else, and the class's own name as the last resort."""
    dataset, split = data_of({"Rugs": shelves, "Mugs": [None]})
    resolved = resolve_prompts(prompts(derive="subcategories"), dataset, split)
    assert resolved.texts["Rugs"] == expected


def test_equally_frequent_names_are_sorted() -> None:
    """The order does not depend on the order of the files."""
    first, split = data_of({"Rugs": ["b", "a", "b", "a"], "Mugs": [None]})
    resolved = resolve_prompts(prompts(derive="subcategories"), first, split)
    assert resolved.texts["Rugs"] == ("a", "b")


@pytest.mark.data
def test_prompt_sets_of_flipkart_fit(flipkart_root: Path, tmp_path: Path) -> None:
    """All resolve; no seller's shelf becomes a sub-category; the slides' words are kept."""
    study = load_study("flipkart", data_root=flipkart_root)
    dataset = load_dataset(study.dataset, name="flipkart", root=flipkart_root, cache=tmp_path)
    split = split_dataset(dataset, study.split)
    resolved = {
        one.name: resolve_prompts(one, dataset, split, study.prompts) for one in study.prompts
    }
    assert list(resolved) == [
        "noms",
        "descriptions",
        "gabarits",
        "sous-categories",
        "mots-au-hasard",
    ]
    assert all(tuple(one.texts) == dataset.classes for one in resolved.values())
    assert resolved["descriptions"].texts["Watches"] == ("Wrist Watches",)
    assert len(resolved["gabarits"].sentences("Watches")) > 1
    shelves = resolved["sous-categories"].texts
    assert shelves["Watches"] == ("Wrist Watches",)
    assert "Bed Linen" in shelves["Home Furnishing"]
    assert not any(
        label in name for label, names in shelves.items() if label != "Watches" for name in names
    )


def test_prompt_sets_of_the_demo_fit(tmp_path: Path) -> None:
    """The demo runs anywhere: its prompt sets must always resolve."""
    study = load_study("demo")
    assert study.dataset.root is not None
    dataset = load_dataset(study.dataset, name="demo", root=study.dataset.root, cache=tmp_path)
    split = split_dataset(dataset, study.split)
    assert len(split.test) == 56
    for one in study.prompts:
        assert tuple(resolve_prompts(one, dataset, split, study.prompts).texts) == dataset.classes


def test_random_words_take_the_measure_of_the_descriptions() -> None:
    """Each text begins with the class name and has as many words as the one it stands for."""
    dataset, split = data_of({"Rugs": [None], "Tea Mugs": [None]})
    like = prompts(
        name="descriptions",
        templates=("a photo of {}",),
        texts={"Rugs": ("a soft warm rug", "mat"), "Tea Mugs": ("coffee mugs and cups",)},
    )
    control = prompts(derive="random-words", like="descriptions")
    resolved = resolve_prompts(control, dataset, split, (like, control))
    assert resolved.templates == like.templates
    for label, texts in resolved.texts.items():
        assert [text.startswith(label) for text in texts] == [True] * len(like.texts[label])
        assert [len(text.split()) for text in texts] == [
            max(len(text.split()), len(label.split())) for text in like.texts[label]
        ]


def test_random_words_depend_on_the_seed_alone() -> None:
    """The same seed gives the same words, another seed others, whatever the other classes."""
    like = prompts(texts={"Rugs": ("a b c d e f",), "Mugs": ("a b c d e f",)})
    first, again, other = (random_words(like, ("Rugs", "Mugs"), seed) for seed in (0, 0, 1))
    assert first.texts == again.texts
    assert first.texts["Rugs"] != other.texts["Rugs"]
    assert random_words(like, ("Rugs",), 0).texts["Rugs"] == first.texts["Rugs"]


def test_random_words_are_the_same_on_every_machine() -> None:
    """Pinned: a control that changes is another case, and its cached scores would be wrong."""
    like = prompts(texts={"Tea Mugs": ("one two three four five six",)})
    assert random_words(like, ("Tea Mugs",), 0).texts == {
        "Tea Mugs": ("Tea Mugs, height issue firm away",)
    }


def test_random_words_say_nothing_of_the_shipped_studies() -> None:
    """None is, in singular or plural, a word of a class, a sub-category or a written text."""
    written = set()
    for name in ("demo", "flipkart"):
        for one in load_study(name).prompts:
            for label, texts in one.texts.items():
                written |= set(re.findall("[a-z]+", " ".join((label, *texts)).casefold()))
    assert {"watches", "accessories", "birds"} <= written
    assert len(set(WORDS)) == len(WORDS) >= 250
    assert not [word for word in WORDS if {word, f"{word}s", word.rstrip("s")} & written]


@pytest.mark.data
def test_random_words_say_nothing_of_the_shelves(flipkart_root: Path, tmp_path: Path) -> None:
    """Nor is one a word of a sub-category of Flipkart."""
    study = load_study("flipkart", data_root=flipkart_root)
    dataset = load_dataset(study.dataset, name="x", root=flipkart_root, cache=tmp_path)
    shelves = " ".join(one.subcategory or "" for one in dataset.samples).casefold()
    assert "curtains" in shelves
    assert not set(WORDS) & set(re.findall("[a-z]+", shelves))
