"""Clusters of unlabelled photos, guided by what the class texts say of each.

TransCLIP (Zanella et al., NeurIPS 2024) as an inductive head: one Gaussian a class with a
diagonal covariance that all share, neighbours that agree, and a divergence from the texts'
answer.  It is fitted on unlabelled photos and then reads other photos one by one: with a shared
covariance, the log-density is linear in the photo but for what is common to all classes.
"""

from dataclasses import replace

import numpy as np
from scipy.special import softmax

from evaluation.records import FloatArray, Head

SOFTENINGS = (1.0, 3.0)
NEIGHBOURS = 3
ROUNDS, STEPS = 20, 3
"""Rounds of new Gaussians, and steps of new assignments within each."""
LARGEST = 4_000
"""Photos that are clustered, at most: neighbours are sought among all pairs."""
_FLOOR = 1e-6
"""Of a variance of coordinates of unit vectors, and of a class's mass."""


def cluster(photos: FloatArray, texts: Head) -> Head:
    """Fits the Gaussians on (N, D) unlabelled photos of unit length.

    What the class texts say is a term of the result.  Their logits, which a contrastive scale makes
    too sure, are divided by each of the softenings; the heads of all are averaged.
    """
    # Taken at equal distances: the order of a listing may be that of the classes.
    photos = photos[:: -(-len(photos) // LARGEST)].astype(np.float64)
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
