"""Linear layers on the photo side, learnt from photos and their titles and chosen without a label.

CLIP's own loss (Radford et al. 2021, section 2.3: symmetric InfoNCE) over a layer that starts
as the identity and is pulled back to it; texts are left as they are.  The temperature is fixed
and soft: a hard one learns which photo it is and forgets what it is (Wang & Liu, CVPR 2021).

A layer is chosen by how often the class texts say the same of a photo and of its title: titles are
no labels, so this may be looked at.  It is cross-fitted: a pair is judged by layers that were
learnt from the other fold.  Agreement alone is not safe (the best of many noises beats the
identity), so chance has to be excluded before a layer replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # publishes none

from evaluation.records import Agreement, FloatArray, IntArray, LayerSetting, Record

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
EPOCHS = (5, 10, 20, 35, 60)
"""Where each run is looked at: they are settings too, and cost nothing."""
SETTINGS = tuple(
    LayerSetting(sharpness=sharpness, rate=rate, epochs=epochs)
    for sharpness, rate, epochs in product((2.0, 3.0, 5.0, 7.0, 10.0), (3e-4, 1e-3), EPOCHS)
)
"""The softest first: of equal agreements it wins."""
KEPT = 10
"""Settings whose layers are averaged: those of the highest agreement."""
MINIMUM_Z = 4.0
MINIMUM_KAPPA = 0.2
"""Null titles stay below either (z 2.9, kappa 0.14), real ones above both (5.3, 0.33)."""

Float16 = NDArray[np.float16]
Layers = tuple[Float32, Float32]
"""Two layers: the first is for the photos of fold 0, hence learnt from fold 1."""


class Pairs(Record, eq=False):
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


def agreement(photos: IntArray, titles: IntArray, classes: int) -> Agreement:
    """The agreement of (N,) classes that photos are given with those of their titles.

    Against permuted titles: mean and variance over all permutations are exact (Hoeffding 1951,
    "A combinatorial central limit theorem").  Kappa is Cohen's (1960).
    """
    n = len(photos)
    a, b = (np.bincount(given, minlength=classes) / n for given in (photos, titles))
    share, chance = float(np.mean(photos == titles)), float(a @ b)
    # Variance of a sum over a random permutation: centred by row and by column, squared.
    centred = np.eye(classes) - b[:, None] - a + chance
    variance = float(a @ (centred**2) @ b) * n**2 / max(n - 1, 1)
    return Agreement(
        share=share,
        z=n * (share - chance) / variance**0.5 if variance > 0 else 0.0,
        kappa=(share - chance) / (1 - chance) if chance < 1 else 0.0,
        pairs=n,
    )


def two_folds(groups: IntArray, seed: int) -> IntArray:
    """(N,) 0 or 1: halves, with what is of one group on one side."""
    _, group = np.unique(groups, return_inverse=True)
    order = np.random.default_rng(seed).permutation(int(group.max()) + 1)
    sizes = np.bincount(group)[order]
    side = np.empty(len(order), dtype=np.int64)
    side[order] = np.cumsum(sizes) - sizes / 2 > sizes.sum() / 2
    return side[group]


class Trials:
    """The layers that one model's pairs give; each run is made once, whatever the texts.

    Half precision keeps what is tried: layers are compared, and averaged, close to the identity.
    """

    def __init__(self, pairs: Pairs, folds: IntArray, *, seed: int) -> None:
        self.pairs = pairs
        self.folds = folds
        self._seed = seed
        self._learnt: dict[tuple[float, float, int | None], dict[int, Float16]] = {}

    def halves(self, setting: LayerSetting) -> Layers:
        """For the photos of each fold, what the other fold gives."""
        return (self._layer(setting, 1), self._layer(setting, 0))

    def mean(self, settings: Sequence[LayerSetting]) -> Float32:
        """The mean of what all pairs give with these settings."""
        latest = {(how.sharpness, how.rate): how for how in sorted(settings)}
        for setting in latest.values():  # the longest of each run passes by the others
            self._layer(setting, None)
        return _mean([self._layer(how, None) for how in settings])

    def _layer(self, setting: LayerSetting, fold: int | None) -> Float32:
        sharpness, rate = setting.sharpness, setting.rate
        known = self._learnt.setdefault((sharpness, rate, fold), {})
        if setting.epochs not in known:
            learnt = self.pairs
            if fold is not None:
                learnt = learnt.of(np.flatnonzero(self.folds == fold))
            # All are looked at to choose; of the whole, only as far as what was chosen.
            last = setting.epochs if fold is None else EPOCHS[-1]
            epochs = [epoch for epoch in EPOCHS if epoch <= last]
            layers = descend(learnt, sharpness, rate, epochs, seed=self._seed)
            known.update((epoch, layer.astype(np.float16)) for epoch, layer in layers.items())
        return known[setting.epochs].astype(np.float32)


class Chosen(Record, eq=False):
    """The layer that the class texts chose, and what they saw."""

    settings: tuple[LayerSetting, ...]
    """Those that were averaged, the best first."""
    layer: Float32
    """(D, D) refitted on all pairs; the identity when chance would explain the agreement."""
    layers: Layers
    """Cross-fitted: for the photos of fold 0, then 1."""
    before: Agreement
    """Of photos as they are."""
    after: Agreement
    """Of photos through the cross-fitted layers."""
    adopted: bool
    """Whether the layer replaces the identity."""


def choose(trials: Trials, texts: FloatArray) -> Chosen:
    """The mean of the layers of highest agreement, for the (C, D) texts of the classes."""
    photos, folds, classes = trials.pairs.photos, trials.folds, len(texts)
    by_title = (trials.pairs.titles @ texts.T).argmax(axis=1)

    def seen(layers: Layers) -> Agreement:
        """Of photos, each through the layer that did not learn from its fold."""
        moved = np.empty_like(photos)
        for fold, layer in enumerate(layers):
            moved[folds == fold] = through(layer, photos[folds == fold])
        return agreement((moved @ texts.T).argmax(axis=1), by_title, classes)

    with threadpool_limits(limits=1, user_api="blas"):
        shares = {how: seen(trials.halves(how)).share for how in SETTINGS}
        # Ties are frequent: the sort is stable, and the softest setting comes first.
        best = tuple(sorted(SETTINGS, key=lambda how: -shares[how])[:KEPT])
        first, second = zip(*(trials.halves(how) for how in best), strict=True)
        layers = _mean(first), _mean(second)
        before = agreement((photos @ texts.T).argmax(axis=1), by_title, classes)
        after = seen(layers)
        adopted = (
            before.z >= MINIMUM_Z
            and (after.z >= MINIMUM_Z and after.kappa >= MINIMUM_KAPPA)
            and after.share > before.share
        )
        identity = np.eye(photos.shape[1], dtype=np.float32)
        return Chosen(
            settings=best,
            layer=trials.mean(best) if adopted else identity,
            layers=layers if adopted else (identity, identity),
            before=before,
            after=after,
            adopted=adopted,
        )


def _mean(layers: Sequence[Float32]) -> Float32:
    mean: Float32 = np.mean(layers, axis=0, dtype=np.float32)
    return mean
