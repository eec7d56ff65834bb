"""Which sub-categories the texts of their class leave out, as the text encoder sees it."""

from dataclasses import dataclass

import numpy as np

from evaluation.records import FloatArray, IntArray
from evaluation.records.base import unit

FAR_QUANTILE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coverage:
    """How near each of S sub-categories is to the texts of its own class."""

    nearest: IntArray
    """(S,) indices of the nearest text of its class."""
    similarity: FloatArray
    """(S,) cosine with it."""
    far: float
    """What a cosine must exceed to be more than that of an unrelated text."""


def coverage(
    names: FloatArray, owners: IntArray, texts: FloatArray, text_owners: IntArray
) -> Coverage:
    """Compares sub-categories with the texts of their class, and of the others.

    Cosines of one encoder cannot be read on the scale of another, so ``far`` comes from the
    encoder itself: it is the ``FAR_QUANTILE`` of the cosines of a sub-category with the nearest
    text of each *other* class.  A sub-category that is no nearer to its own class's texts is
    not said by them.

    ``names`` (S, D) and ``texts`` (T, D) are text embeddings of any length, ``owners`` (S,) and
    ``text_owners`` (T,) their classes; each class has a text.
    """
    cosines = unit(names) @ unit(texts).T
    classes = np.unique(text_owners)
    best = np.stack(
        [np.where(text_owners == c, cosines, -np.inf).max(axis=1) for c in classes], axis=1
    )
    own = classes[None, :] == owners[:, None]
    others = best[~own]
    return Coverage(
        nearest=np.where(text_owners[None, :] == owners[:, None], cosines, -np.inf).argmax(axis=1),
        similarity=best[own],
        far=float(np.quantile(others, FAR_QUANTILE)) if others.size else -1.0,
    )
