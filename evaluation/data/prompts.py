"""Fitting a prompt set to the classes that the photos really have."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evaluation.data.dealing import generator_of
from evaluation.errors import DataError, meant, quoted
from evaluation.records import Dataset, PromptSet, Split

WORDS = (Path(__file__).parent / "words.txt").read_text(encoding="utf-8").split()
"""Common English words that name no product and are in no class, sub-category or description of
the shipped studies: controls are made of them."""
MINIMUM_PHOTOS = 2
"""A sub-category seen on fewer train photos is a seller's shelf or a slip, not a part."""


def resolve_prompts(
    prompts: PromptSet, dataset: Dataset, split: Split, others: Sequence[PromptSet] = ()
) -> PromptSet:
    """The prompt set with the texts of every class of the data set, in its order.

    ``derive = "class-names"`` gives each class its own name.  ``derive = "subcategories"``
    gives it the names of its sub-categories on ``MINIMUM_PHOTOS`` train photos or more (of
    train alone: the test photos must not write their own question), the most frequent first.
    A name that repeats the class's ("JMD Home Furnishing", of Home Furnishing) tells nothing
    new and is left out beside others; a class without any keeps its own name.
    ``derive = "random-words"`` is the control of WaffleCLIP: see :func:`random_words`; the set
    that it is like is looked for among ``others``.

    Raises :class:`DataError`: a class has no text, or a text stands for a class that the data does
    not have; all of them at once.
    """
    if prompts.derive == "class-names":
        return replace(prompts, texts={label: (label,) for label in dataset.classes})
    if prompts.derive == "subcategories":
        return replace(prompts, texts=_subcategories(dataset, split))
    if prompts.derive == "random-words":
        like = next(other for other in others if other.name == prompts.like)
        measured = resolve_prompts(like, dataset, split)
        drawn = random_words(measured, dataset.classes, prompts.seed)
        return replace(prompts, texts=drawn.texts, templates=measured.templates)
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
    return replace(prompts, texts={label: prompts.texts[label] for label in dataset.classes})


def random_words(like: PromptSet, classes: Sequence[str], seed: int) -> PromptSet:
    """``like`` with each text replaced by the class name and random words, as many in all.

    The control of WaffleCLIP (Roth et al., ICCV 2023): if a description helps because of what
    it says, it beats words that say nothing.  Theirs read "Watches, which has ..."; ours leave
    out "which has", two words that a short description has no room for.  As theirs, the words are
    drawn with replacement.  A text shorter than the name is the name alone.
    The words depend on the seed and the class alone, whatever the machine.
    """
    texts: dict[str, tuple[str, ...]] = {}
    for label in classes:
        rng = generator_of(label, seed)
        lacking = [len(text.split()) - len(label.split()) for text in like.texts[label]]
        texts[label] = tuple(
            f"{label}, {' '.join(rng.choice(WORDS, size=words))}" if words > 0 else label
            for words in lacking
        )
    return replace(like, texts=texts, derive="random-words", like=like.name, seed=seed)


def _subcategories(dataset: Dataset, split: Split) -> Mapping[str, tuple[str, ...]]:
    train = set(split.train)
    counts: dict[str, Counter[str]] = {label: Counter() for label in dataset.classes}
    for sample in dataset.samples:
        if sample.id in train and sample.subcategory:
            counts[sample.label][sample.subcategory] += 1
    texts = {}
    for label, own in counts.items():
        ordered = sorted(own, key=lambda name: (-own[name], name))
        frequent = [name for name in ordered if own[name] >= MINIMUM_PHOTOS]
        telling = [name for name in frequent if label.casefold() not in name.casefold()]
        texts[label] = tuple(telling or frequent or [label])
    return texts
