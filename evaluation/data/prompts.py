"""Fitting a prompt set to the classes that the photos really have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from evaluation.data.listing import meant, quoted
from evaluation.errors import DataError
from evaluation.records import Dataset, PromptSet, Sample, Split

MINIMUM_PHOTOS = 2
"""A sub-category seen on fewer train photos is a seller's shelf or a slip, not a part."""


def resolve_prompts(prompts: PromptSet, dataset: Dataset, split: Split) -> PromptSet:
    """The prompt set with the texts of every class of the data set, in its order.

    ``derive = "class-names"`` gives each class its own name.  ``derive = "subcategories"``
    gives it the names of its sub-categories on ``MINIMUM_PHOTOS`` train photos or more (of
    train alone: the test photos must not write their own question), the most frequent first.
    A name that repeats the class's ("JMD Home Furnishing", of Home Furnishing) tells nothing
    new and is left out beside others; a class without any keeps its own name.

    Raises:
        DataError: A class has no text, or a text stands for a class that the data does not
            have; all of them at once.

    """
    if prompts.derive == "class-names":
        return replace(prompts, texts={label: (label,) for label in dataset.classes})
    if prompts.derive == "subcategories":
        return replace(prompts, texts=_subcategories(dataset, split))
    _refuse_mismatch(prompts, dataset)
    return replace(prompts, texts={label: prompts.texts[label] for label in dataset.classes})


def _subcategories(dataset: Dataset, split: Split) -> Mapping[str, tuple[str, ...]]:
    train = set(split.train)
    samples = [sample for sample in dataset.samples if sample.id in train]
    return {label: _names(label, samples) for label in dataset.classes}


def _names(label: str, samples: Iterable[Sample]) -> tuple[str, ...]:
    counts = Counter(
        sample.subcategory for sample in samples if sample.label == label and sample.subcategory
    )
    frequent = [
        name
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if count >= MINIMUM_PHOTOS
    ]
    telling = [name for name in frequent if label.casefold() not in name.casefold()]
    return tuple(telling or frequent or [label])


def _refuse_mismatch(prompts: PromptSet, dataset: Dataset) -> None:
    without = [label for label in dataset.classes if label not in prompts.texts]
    unknown = [label for label in prompts.texts if label not in dataset.classes]
    problems = []
    if without:
        problems.append(f"no text for the class {quoted(without)}")
    if unknown:
        hints = "; ".join(f"{label!r}: {meant(label, dataset.classes)}" for label in unknown[:5])
        problems.append(f"texts for the unknown class {quoted(unknown)} ({hints})")
    if problems:
        raise DataError(
            " and ".join(problems),
            where=f"prompt set {prompts.name!r} of {dataset.name}",
            remedy=f"spell the classes under [texts] in prompts/{prompts.name}.toml as the data "
            "does",
        )
