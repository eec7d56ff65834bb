"""From unlabelled photos, titles and declared shares to a head: no label comes in here.

Shares are turned into one bias a class.  Saerens, Latinne & Decaestecker (2002) correct a
classifier's priors; OTTER (Shin et al., NeurIPS 2024) does so for zero-shot models, and its
inductive form keeps the bias that unlabelled photos gave.  Shares are never guessed: wrong ones
do more harm than right ones do good.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from evaluation import records
from evaluation.labelfree.layers import Chosen, Float32, Pairs, Trials, choose, through
from evaluation.records import BoolArray, FloatArray, Head, IntArray, Record, Source, unit

DRAWS = 3
"""Of titles that say nothing, for the controls."""
SOFTENING = 5.0
"""Logits are divided by it before they are believed: a scale of contrastive training is sharp."""
SOFTENINGS = (1.0, 3.0)
"""The same, of texts that guide clusters."""
NEIGHBOURS = 3
ROUNDS, STEPS = 20, 3
"""Rounds of new Gaussians, and steps of new assignments within each."""
CLUSTERED = 4_000
"""Photos that are clustered, at most: neighbours are sought among all pairs."""
_FLOOR = 1e-6
"""Of a variance of coordinates of unit vectors, and of a class's mass."""


class Unlabelled(Pairs, eq=False):
    """What a label-free head may read: neither labels nor anything of the test part.

    ``names`` are -1 for photos without a title, whose rows of ``titles`` are not read.
    """

    folds: IntArray
    """(N,) 0 or 1: what is judged on a fold was learnt from the other."""

    @property
    def titled(self) -> BoolArray:
        """(N,) photos with a title."""
        return self.names >= 0

    def trials(self, seed: int, titles: Float32 | None = None) -> Trials:
        """The layers that the pairs give; ``titles`` (N, D) replaces the real ones."""
        rows = np.flatnonzero(self.titled)
        seen = self if titles is None else replace(self, titles=titles)
        return Trials(seen.of(rows), self.folds[rows], seed=seed)


class Adapted(Record, eq=False):
    """A head and what it was chosen by."""

    head: Head
    crossed: tuple[Head, Head]
    """For the photos of fold 0 and 1, each made from the other fold."""
    chosen: Chosen | None
    """None when no title was read."""
    clusters: bool
    """Whether photos have a say of their own."""
    seen_shares: FloatArray | None
    """(C,) what the model gave each class before shares were imposed; None without."""


def adapt(
    seen: Unlabelled,
    zero_shot: Head,
    sources: Sequence[Source],
    *,
    shares: FloatArray | None = None,
    trials: Trials | None = None,
) -> Adapted:
    """The head that titles, unlabelled photos and declared shares make of a zero-shot head.

    It has ``seen`` the training and validation parts.  Rows of the zero-shot head are the class
    texts' embeddings times the logit scale; ``shares`` are (C,), as declared; ``trials`` the layers
    of these very pairs, made before for other texts.
    """
    texts = zero_shot.weight / np.linalg.norm(zero_shot.weight, axis=1, keepdims=True)
    photos, folds, titled = seen.photos, seen.folds, seen.titled
    chosen = None
    if "titles" in sources:
        chosen = choose(trials or seen.trials(0), texts.astype(np.float32))
    adopted = chosen if chosen and chosen.adopted else None
    layers = adopted.layers if adopted else (None, None)

    def crossed(*, clusters: bool) -> tuple[Head, Head]:
        """For the photos of each fold, the head that the other fold makes."""
        first, second = (
            _head(zero_shot, photos[folds != fold], layer, shares, clusters=clusters)[0]
            for fold, layer in enumerate(layers)
        )
        return first, second

    def agreeing(heads: tuple[Head, Head]) -> int:
        """How many photos these put in the class that the texts see in their titles."""
        by_title = zero_shot.logits(seen.titles[titled]).argmax(axis=1)
        said = np.empty(len(folds), dtype=np.int64)
        for fold, head in enumerate(heads):
            said[folds == fold] = head.logits(photos[folds == fold]).argmax(axis=1)
        return int(np.sum(said[titled] == by_title))

    # Without titles nothing can judge; equal agreements leave the simpler head, as do titles that
    # were refused.
    clusters = "photos" in sources and (
        chosen is None
        or (
            adopted is not None
            and agreeing(crossed(clusters=True)) > agreeing(crossed(clusters=False))
        )
    )
    whole = adopted.layer if adopted else None
    head, before = _head(zero_shot, photos, whole, shares, clusters=clusters)
    return Adapted(
        head=head,
        crossed=crossed(clusters=clusters),
        chosen=chosen,
        clusters=clusters,
        seen_shares=before,
    )


def _head(
    texts: Head, seen: Float32, layer: Float32 | None, shares: FloatArray | None, *, clusters: bool
) -> tuple[Head, FloatArray | None]:
    """What some photos make of a zero-shot head through a layer, and the shares that it saw."""
    moved = seen if layer is None else through(layer, seen)
    head, before = cluster(moved, texts) if clusters else texts, None
    if shares is not None:
        logits = head.logits(moved)
        before = softmax(logits / SOFTENING, axis=1).mean(axis=0)
        head = replace(head, bias=head.bias + share_bias(logits, shares))
    return replace(head, layer=layer), before


def learn(seen: Unlabelled, rows: IntArray, how: records.LayerSetting, seed: int) -> Float32:
    """The (D, D) layer that the pairs of some rows give with a setting."""
    return Trials(seen.of(rows), np.zeros(len(rows), dtype=np.int64), seed=seed).mean([how])


def nonsense(seen: Unlabelled, seed: int) -> dict[str, tuple[Trials, ...]]:
    """Layers of a few draws of titles that say nothing: "shuffled" ones, or "random" directions."""
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(seen.titled)

    def trials(titles: FloatArray) -> Trials:
        replaced = seen.titles.copy()
        replaced[rows] = titles
        return seen.trials(seed, replaced)

    shape = len(rows), seen.titles.shape[1]
    return {
        "shuffled": tuple(trials(seen.titles[rng.permutation(rows)]) for _ in range(DRAWS)),
        "random": tuple(trials(unit(rng.standard_normal(shape))) for _ in range(DRAWS)),
    }


def controls(
    zero_shot: Head, adapted: Adapted, without: Mapping[str, Sequence[Trials]]
) -> dict[str, list[Head]]:
    """Heads of :func:`nonsense` at the settings that real titles chose, without the guard."""
    if adapted.chosen is None:
        return {}
    settings = adapted.chosen.settings
    return {
        name: [replace(zero_shot, layer=trials.mean(settings)) for trials in drawn]
        for name, drawn in without.items()
    }


def share_bias(logits: FloatArray, shares: FloatArray) -> FloatArray:
    """The (C,) bias with which (N, C) logits give the classes their declared shares.

    It is the mean softmax of the softened logits that equals them.  That is the optimum of a
    concave function, the dual of the optimal transport problem; found by L-BFGS.
    """
    soft = logits / SOFTENING

    def loss(bias: FloatArray) -> tuple[float, FloatArray]:
        moved = soft + bias
        value = float(np.mean(logsumexp(moved, axis=1)) - shares @ bias)
        return value, softmax(moved, axis=1).mean(axis=0) - shares

    optimum = minimize(loss, np.zeros(len(shares)), jac=True, method="L-BFGS-B")
    return np.asarray(SOFTENING * (optimum.x - optimum.x.mean()))


def cluster(photos: FloatArray, texts: Head) -> Head:
    """Clusters of (N, D) unlabelled photos of unit length, guided by what the class texts say.

    TransCLIP (Zanella et al., NeurIPS 2024) as an inductive head: one Gaussian a class with a
    diagonal covariance that all share, neighbours that agree, and a divergence from the texts'
    answer.  With a shared covariance the log-density is linear in the photo, but for what is common
    to all classes: other photos are then read one by one.  The texts' logits, which a contrastive
    scale makes too sure, are divided by each of the softenings; the heads of all are averaged.
    """
    # Taken at equal distances: the order of a listing may be that of the classes.
    photos = photos[:: -(-len(photos) // CLUSTERED)].astype(np.float64)
    # The nearest others of each photo, by cosine.
    cosines, count = photos @ photos.T, min(NEIGHBOURS, len(photos) - 1)
    np.fill_diagonal(cosines, -np.inf)
    near = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    heads = []
    for factor in (1 / softening for softening in SOFTENINGS):
        softened = replace(texts, weight=texts.weight * factor, bias=texts.bias * factor)
        said = softened.logits(photos)
        believed = softmax(said, axis=1)
        means = _gaussians(photos, believed)
        for _ in range(ROUNDS):
            density = means.logits(photos)
            for _ in range(STEPS):
                believed = softmax(density + said + believed[near].sum(axis=1), axis=1)
            means = _gaussians(photos, believed)
        heads.append((means.weight + softened.weight, means.bias + softened.bias))
    weights, biases = zip(*heads, strict=True)
    return replace(texts, weight=np.mean(weights, axis=0), bias=np.mean(biases, axis=0))


def _gaussians(photos: FloatArray, believed: FloatArray) -> Head:
    """Log-densities divided by the square root of D: undivided, the texts have no say."""
    mass = believed.sum(axis=0)
    means = (believed.T @ photos) / np.maximum(mass, _FLOOR)[:, None]
    variance = ((photos**2).sum(axis=0) - mass @ means**2) / len(photos)
    precision = 1 / np.maximum(variance, _FLOOR) / photos.shape[1] ** 0.5
    return Head(weight=means * precision, bias=-((means**2) @ precision) / 2)
