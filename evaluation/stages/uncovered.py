"""Sub-categories of the training photos that no text of their class names, and what they win."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation.data import resolve_prompts
from evaluation.records import FloatArray, Predictions, PromptSet, UncoveredSubcategory
from evaluation.scoring.coverage import coverage
from evaluation.stages.bench import Bench
from evaluation.stages.open import StudyData

ADDED = 8
"""Texts that a class is given at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Sub-categories that no text of their class is near to."""

    of: Mapping[str, tuple[UncoveredSubcategory, ...]]
    """Of each class."""
    far: float
    """The similarity at which a text is no longer near: see :class:`Coverage`."""


def missing_names(bench: Bench, base: PromptSet, found: Predictions) -> Missing:
    """The sub-categories of the training photos that no text of their class says."""
    data, classes = bench.data, found.classes
    derived = resolve_prompts(replace(base, derive="subcategories"), data.dataset, data.split).texts
    pairs = [(c, name) for c, label in enumerate(classes) for name in derived[label]]
    texts = [(c, text) for c, label in enumerate(classes) for text in base.texts[label]]
    near = coverage(
        _rows(bench, base, [name for _, name in pairs]),
        np.array([c for c, _ in pairs]),
        _rows(bench, base, [text for _, text in texts]),
        np.array([c for c, _ in texts]),
    )
    counts = _counts(data, found)
    result: dict[str, tuple[UncoveredSubcategory, ...]] = {}
    for c, label in enumerate(classes):
        kept = [
            UncoveredSubcategory(
                name=name,
                text=name,
                train_photos=counts["train"][label, name],
                validation_photos=counts["validation"][label, name],
                validation_errors=counts["errors"][label, name],
                nearest_text=texts[near.nearest[i]][1],
                similarity=round(float(near.similarity[i]), 4),
                added=False,
            )
            for i, (owner, name) in enumerate(pairs)
            if owner == c and near.similarity[i] <= near.far and not _is_said(name, label, base)
        ]
        kept.sort(key=lambda extra: (-extra.validation_errors, -extra.train_photos, extra.name))
        result[label] = tuple(
            replace(extra, added=extra.validation_errors > 0 and rank < ADDED)
            for rank, extra in enumerate(kept)
        )
    return Missing(of=result, far=round(near.far, 4))


def _rows(bench: Bench, base: PromptSet, texts: Sequence[str]) -> FloatArray:
    """(T, D) embeddings, in the order of the texts, which may repeat."""
    unique = tuple(dict.fromkeys(texts))
    rows = dict(zip(unique, bench.embed_texts(unique, base), strict=True))
    return np.stack([rows[text] for text in texts])


def _is_said(name: str, label: str, base: PromptSet) -> bool:
    """Whether the class's own name or one of its texts has the sub-category word for word."""
    return any(name.casefold() in text.casefold() for text in (label, *base.texts[label]))


def _counts(data: StudyData, found: Predictions) -> dict[str, Counter[tuple[str, str]]]:
    """Photos of each (class, sub-category): to learn from, to validate on, and lost."""

    def count(ids: Iterable[str]) -> Counter[tuple[str, str]]:
        return Counter(
            (one.label, one.subcategory) for one in data.samples(tuple(ids)) if one.subcategory
        )

    correct = found.right
    return {
        "train": count(data.split.train),
        "validation": count(found.sample_ids),
        "errors": count(
            sample_id for sample_id, fine in zip(found.sample_ids, correct, strict=True) if not fine
        ),
    }


def kept_names(
    bench: Bench, base: PromptSet, names: Missing, found: Predictions
) -> tuple[Missing, Predictions | None]:
    """The names without the additions that win no validation photo, and what is said with them.

    Class by class, those that lose most photos first: what a class is given stays if more
    photos of all classes are right with it than without.
    """
    lost = {
        label: int((~found.right & (found.labels == c)).sum())
        for c, label in enumerate(found.classes)
    }
    kept = dict.fromkeys(found.classes, False)
    best: Predictions | None = None
    for label in sorted(found.classes, key=lambda label: -lost[label]):
        if not any(missing.added for missing in names.of[label]):
            continue
        tried = bench.read(with_names(base, names, {**kept, label: True}))
        if tried.right.sum() > (best or found).right.sum():
            kept[label], best = True, tried
    of = {
        label: tuple(replace(missing, added=missing.added and kept[label]) for missing in rows)
        for label, rows in names.of.items()
    }
    return replace(names, of=of), best


def with_names(base: PromptSet, names: Missing, given: Mapping[str, bool]) -> PromptSet:
    """A prompt set with the additions of some classes."""
    texts = {
        label: (*known, *(extra.text for extra in names.of[label] if extra.added and given[label]))
        for label, known in base.texts.items()
    }
    return replace(base, texts=texts, derive=None, like=None)
