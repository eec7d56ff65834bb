"""One linear layer on the photo side, learnt from photos and their titles.

CLIP's own loss (Radford et al. 2021, section 2.3: symmetric InfoNCE) over a layer that starts
as the identity and is pulled back to it; texts are left as they are.  The temperature is fixed
and soft: a hard one learns which photo it is and forgets what it is (Wang & Liu, CVPR 2021).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from evaluation.records import FloatArray, IntArray

Float32 = NDArray[np.float32]

BATCH = 128
"""Pairs a step: each is told from the others of its batch."""
PULL = 3e-3
"""Weight of the squared distance to the identity."""
LARGEST = 1_024
"""Pairs of an epoch, drawn anew each time: what a layer costs is bounded."""
_BETAS = (0.9, 0.999)
_EPSILON = 1e-8
"""Of Adam (Kingma & Ba 2015), its authors' own values."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Photos and their titles, embedded by the two towers of one model."""

    photos: Float32
    """(N, D), of unit length."""
    titles: Float32
    """(N, D), of unit length."""
    names: IntArray
    """(N,) equal numbers for equal titles, which are one positive set."""

    def __len__(self) -> int:
        return len(self.names)

    def of(self, rows: IntArray) -> Pairs:
        """The pairs of these rows."""
        return Pairs(photos=self.photos[rows], titles=self.titles[rows], names=self.names[rows])


def descend(
    pairs: Pairs, sharpness: float, rate: float, epochs: Sequence[int], *, seed: int
) -> Mapping[int, Float32]:
    """The (D, D) layers after each of these numbers of epochs, of one run.

    Photos are brought to unit length again after the layer, inside the loss too.  Of pairs with
    equal titles each photo answers to all, with equal shares.  ``sharpness`` is the inverse
    temperature of the cosines, ``rate`` the learning rate of Adam, constant: the layer after 10
    epochs lies on the way to 60; ``seed`` draws the order of the pairs.
    """
    dim = pairs.photos.shape[1]
    identity = np.eye(dim, dtype=np.float32)
    layer, mean, square = identity.copy(), np.zeros_like(identity), np.zeros_like(identity)
    rng, steps = np.random.default_rng(seed), 0
    first, second = _BETAS
    layers = {}
    for epoch in range(1, max(epochs) + 1):
        order = rng.permutation(len(pairs))[:LARGEST]
        for rows in np.array_split(order, -(-len(order) // BATCH)):
            slope = _slope(layer, pairs.of(rows), np.float32(sharpness))
            slope += np.float32(2 * PULL) * (layer - identity)
            steps += 1
            mean += (1 - first) * (slope - mean)
            square += (1 - second) * (slope * slope - square)
            unbiased = rate * (1 - second**steps) ** 0.5 / (1 - first**steps)
            layer -= unbiased * mean / (np.sqrt(square) + _EPSILON)
        if epoch in epochs:
            layers[epoch] = layer.copy()
    return layers


def through(layer: FloatArray, photos: FloatArray) -> FloatArray:
    """(N, D) photos through a (D, D) layer, of unit length again."""
    moved = photos @ layer.T
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True))


def _slope(layer: Float32, pairs: Pairs, sharpness: np.float32) -> Float32:
    """(D, D) gradient of the symmetric InfoNCE loss of a batch."""
    moved = pairs.photos @ layer.T
    norms = np.linalg.norm(moved, axis=1, keepdims=True)
    unit = moved / norms
    scores = sharpness * (unit @ pairs.titles.T)
    same = (pairs.names[:, None] == pairs.names).astype(np.float32)
    # Both directions have the same targets, since being of one title is symmetric.
    target = same / same.sum(axis=1, keepdims=True)
    excess = softmax(scores, axis=1) + softmax(scores, axis=0) - target - target.T
    along = (sharpness / (2 * len(pairs))) * (excess @ pairs.titles)
    along -= (along * unit).sum(axis=1, keepdims=True) * unit
    slope: Float32 = (along / norms).T @ pairs.photos
    return slope
