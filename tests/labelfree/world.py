"""A small world of embeddings: class texts, photos beside them, and titles that tell of both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.labelfree import Unlabelled, two_folds
from evaluation.records import Head

Rows = NDArray[np.float32]
DIM, CLASSES, SCALE = 32, 4, 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Photos whose classes the texts know, seen through a tower that turns them a little."""

    head: Head
    labels: NDArray[np.int64]
    seen: Unlabelled

    def accuracy(self, head: Head) -> float:
        """Of a head, on all photos."""
        return float(np.mean(head.logits(self.seen.photos).argmax(axis=1) == self.labels))


def unit(rows: NDArray[np.floating]) -> Rows:
    """Rows of unit length, float32."""
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def world(seed: int = 0, photos: int = 240) -> World:
    """Titles name the class well; a photo does so through a turn that pairs can undo."""
    rng = np.random.default_rng(seed)
    texts = unit(rng.standard_normal((CLASSES, DIM)))
    labels = np.arange(photos) % CLASSES
    own = 0.5 * rng.standard_normal((photos, DIM)) / 2
    turn = np.eye(DIM) + 2.5 * rng.standard_normal((DIM, DIM)) / DIM**0.5
    meaning = texts[labels] + own
    titles = unit(meaning + 0.05 * rng.standard_normal((photos, DIM)))
    return World(
        head=Head(weight=SCALE * texts.astype(np.float64), bias=np.zeros(CLASSES)),
        labels=labels,
        seen=Unlabelled(
            photos=unit(meaning @ turn.T),
            titles=titles,
            names=np.arange(photos),
            folds=two_folds(np.arange(photos), seed),
        ),
    )


def demo() -> World:
    """The demo's 110 photos of train and validation, their English titles and descriptions.

    Real embeddings of the embedded model, on the 64 directions that hold most of them.
    """
    with np.load(Path(__file__).with_name("demo.npz")) as stored:
        photos, titles, texts = (unit(stored[name]) for name in ("photos", "titles", "texts"))
        labels = stored["labels"].astype(np.int64)
    names = np.unique(titles, axis=0, return_inverse=True)[1].ravel()
    return World(
        head=Head(weight=SCALE * texts.astype(np.float64), bias=np.zeros(len(texts))),
        labels=labels,
        seen=Unlabelled(
            photos=photos, titles=titles, names=names, folds=two_folds(np.arange(len(labels)), 42)
        ),
    )
