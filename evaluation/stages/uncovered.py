"""Sub-categories of the training photos that no text of their class names, and what they win."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from evaluation.data.prompts import resolve_prompts
from evaluation.records import FloatArray, IntArray, Predictions, PromptSet, UncoveredSubcategory
from evaluation.records.base import unit
from evaluation.stages.bench import Bench
from evaluation.stages.heads import read_by
from evaluation.stages.open import StudyData

ADDED = 8
"""Texts that a class is given at most."""
FAR_QUANTILE = 0.9
Missing = Mapping[str, tuple[UncoveredSubcategory, ...]]
"""Of each class, the sub-categories that none of its texts is near to."""


def missing_names(bench: Bench, base: PromptSet, predictions: Predictions) -> tuple[Missing, float]:
    """The sub-categories of the training photos that no text of their class says.

    With them, the similarity at which a text is no longer near: see :func:`coverage`.
    """
    data, classes = bench.data, predictions.classes
    derived = resolve_prompts(replace(base, derive="subcategories"), data.dataset, data.split).texts
    pairs = [(c, name) for c, label in enumerate(classes) for name in derived[label]]
    texts = [(c, text) for c, label in enumerate(classes) for text in base.texts[label]]
    nearest, similarity, far = coverage(
        _rows(bench, base, [name for _, name in pairs]),
        np.array([c for c, _ in pairs]),
        _rows(bench, base, [text for _, text in texts]),
        np.array([c for c, _ in texts]),
    )
    lost = [
        key for key, fine in zip(predictions.sample_ids, predictions.right, strict=True) if not fine
    ]
    train, validation, errors = (
        _counts(data, ids) for ids in (data.split.train, predictions.sample_ids, lost)
    )
    missing: dict[str, tuple[UncoveredSubcategory, ...]] = {}
    for c, label in enumerate(classes):
        kept = [
            UncoveredSubcategory(
                name=name,
                text=name,
                train_photos=train[label, name],
                validation_photos=validation[label, name],
                validation_errors=errors[label, name],
                nearest_text=texts[nearest[i]][1],
                similarity=round(float(similarity[i]), 4),
                added=False,
            )
            for i, (owner, name) in enumerate(pairs)
            if owner == c and similarity[i] <= far and not _is_said(name, label, base)
        ]
        kept.sort(key=lambda extra: (-extra.validation_errors, -extra.train_photos, extra.name))
        missing[label] = tuple(
            replace(extra, added=extra.validation_errors > 0 and rank < ADDED)
            for rank, extra in enumerate(kept)
        )
    return missing, round(far, 4)


def coverage(
    names: FloatArray, owners: IntArray, texts: FloatArray, text_owners: IntArray
) -> tuple[IntArray, FloatArray, float]:
    """How near sub-categories are to the texts of their own class.

    Cosines of one encoder cannot be read on the scale of another, so what a cosine must exceed to
    be more than that of an unrelated text comes from the encoder itself: it is the ``FAR_QUANTILE``
    of the cosines of a sub-category with the nearest text of each *other* class.  A sub-category
    that is no nearer to its own class's texts is not said by them.

    ``names`` (S, D) and ``texts`` (T, D) are text embeddings of any length, ``owners`` (S,) and
    ``text_owners`` (T,) their classes; each class has a text.  Returns (S,) indices of the nearest
    text of each one's class, (S,) cosines with it, and the cosine to exceed.
    """
    cosines = unit(names) @ unit(texts).T
    classes = np.unique(text_owners)
    best = np.stack(
        [np.where(text_owners == c, cosines, -np.inf).max(axis=1) for c in classes], axis=1
    )
    own = classes[None, :] == owners[:, None]
    others = best[~own]
    nearest = np.where(text_owners[None, :] == owners[:, None], cosines, -np.inf).argmax(axis=1)
    far = float(np.quantile(others, FAR_QUANTILE)) if others.size else -1.0
    return nearest, best[own], far


def _rows(bench: Bench, base: PromptSet, texts: Sequence[str]) -> FloatArray:
    """(T, D) embeddings, in the order of the texts, which may repeat."""
    unique = tuple(dict.fromkeys(texts))
    rows = dict(zip(unique, bench.embed_texts(unique, base), strict=True))
    return np.stack([rows[text] for text in texts])


def _is_said(name: str, label: str, base: PromptSet) -> bool:
    """Whether the class's own name or one of its texts has the sub-category word for word."""
    return any(name.casefold() in text.casefold() for text in (label, *base.texts[label]))


def _counts(data: StudyData, ids: Iterable[str]) -> Counter[tuple[str, str]]:
    """Photos of each (class, sub-category)."""
    samples = data.samples(tuple(ids))
    return Counter((sample.label, sample.subcategory) for sample in samples if sample.subcategory)


def kept_names(
    bench: Bench, base: PromptSet, names: Missing, predictions: Predictions
) -> tuple[Missing, Predictions | None]:
    """The names without the additions that win no validation photo, and what is said with them.

    Class by class, those that lose most photos first: what a class is given stays if more
    photos of all classes are right with it than without.
    """
    lost = np.bincount(
        predictions.labels, weights=~predictions.right, minlength=len(predictions.classes)
    )
    kept = dict.fromkeys(predictions.classes, False)
    best: Predictions | None = None
    for c in np.argsort(-lost, kind="stable"):
        label = predictions.classes[c]
        if any(missing.added for missing in names[label]):
            _, tried = read_by(bench, with_names(base, names, {**kept, label: True}))
            if tried.right.sum() > (best or predictions).right.sum():
                kept[label], best = True, tried
    return {
        label: tuple(replace(missing, added=missing.added and kept[label]) for missing in rows)
        for label, rows in names.items()
    }, best


def with_names(base: PromptSet, names: Missing, given: Mapping[str, bool]) -> PromptSet:
    """A prompt set with the additions of some classes."""
    texts = {
        label: (*known, *(extra.text for extra in names[label] if extra.added and given[label]))
        for label, known in base.texts.items()
    }
    return replace(base, texts=texts, derive=None, like=None)
