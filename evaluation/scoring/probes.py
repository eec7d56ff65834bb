"""Ways to make a classifier from a few labelled embeddings, with or without the texts."""

import warnings
from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
import scipy.optimize
import scipy.special
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from evaluation.records import FloatArray, Head, Support
from evaluation.scoring.calibration import fit_temperature

_ITERATIONS = 1_000
_TINY = 1e-300

Scorer = Callable[[FloatArray], FloatArray]
"""(N, D) embeddings to (N, C) scores: the highest is the predicted class."""
Choice = tuple[float, ...]
"""A value of each hyperparameter."""
Fit = Callable[[Choice], Scorer]
Prepare = Callable[[Support, Head | None], Fit]
"""Takes a support that holds every class, then a choice: what does not depend on the choice is
computed once."""


class Method(NamedTuple):
    """A way to make a classifier from a few labelled embeddings."""

    name: str
    prepare: Prepare
    grid: tuple[Choice, ...]
    """What it chooses among; the first when nothing can be compared, or all tie."""
    needs_texts: bool = False


def _span(embeddings: FloatArray) -> Scorer:
    """Embeddings centred, scaled to a mean squared norm of 1, and turned into their own span.

    A penalised linear head never leaves the span of its support, so nothing is lost and a few
    images cost a few dimensions.
    """
    x = embeddings.astype(np.float64)
    centre = x.mean(axis=0)
    _, values, axes = np.linalg.svd(x - centre, full_matrices=False)
    kept = values > 1e-10 * max(float(values[0]), _TINY)
    norm = max(float(np.sqrt(np.mean(np.sum((x - centre) ** 2, axis=1)))), _TINY)
    scaled = axes[kept].T / norm
    return lambda rows: (rows.astype(np.float64) - centre) @ scaled


def logistic(support: Support, _zero_shot: Head | None) -> Fit:
    """Multinomial logistic regression; its strength is scikit-learn's C."""
    span = _span(support.embeddings)
    x = span(support.embeddings)

    def fit(choice: Choice) -> Scorer:
        (strength,) = choice
        head = LogisticRegression(C=strength, max_iter=_ITERATIONS)
        with warnings.catch_warnings():
            # Separable supports with hardly any penalty: any point near the optimum will do.
            warnings.simplefilter("ignore", ConvergenceWarning)
            head.fit(x, support.labels)

        def scores(embeddings: FloatArray) -> FloatArray:
            """Of two classes, scikit-learn gives the second one's margin alone."""
            decision = head.decision_function(span(embeddings))
            return np.column_stack([-decision, decision]) if decision.ndim == 1 else decision

        return scores

    return fit


def text_probe(support: Support, zero_shot: Head | None) -> Fit:
    """A linear probe that starts from the texts and is pulled back to them.

    Adds to the weighted zero-shot logits a linear head fitted by cross-entropy, with a squared
    penalty (text-initialised linear probes: Huang et al., LP++, CVPR 2024; Silva-Rodriguez et
    al., CLAP, CVPR 2024).  Chooses the inverse penalty and the weight of the texts.  Zero-shot
    logits that are too sharp for the support are softened first by one temperature: their scale
    is that of contrastive training.
    """
    if zero_shot is None:
        raise ValueError("a text probe needs a zero-shot head")
    span, raw = _span(support.embeddings), zero_shot.logits(support.embeddings)
    softening = max(1.0, fit_temperature(raw, support.labels))
    truth = np.eye(raw.shape[1])[support.labels]
    x = np.column_stack([span(support.embeddings), np.ones(len(raw))])

    def fit(choice: Choice) -> Scorer:
        strength, trust = choice[0], choice[1] / softening

        def loss(flat: FloatArray) -> tuple[float, FloatArray]:
            """Penalised cross-entropy of a weight and a bias for each class, and its slope."""
            added = flat.reshape(raw.shape[1], -1)
            logits = trust * raw + x @ added.T
            log_norm = scipy.special.logsumexp(logits, axis=1, keepdims=True)
            value = np.sum(log_norm) - np.sum(logits * truth) + np.sum(flat**2) / (2 * strength)
            excess = np.exp(logits - log_norm) - truth
            return float(value), (excess.T @ x + added / strength).ravel()

        start = np.zeros(raw.shape[1] * x.shape[1])
        optimum = scipy.optimize.minimize(
            loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS}
        )
        added = optimum.x.reshape(raw.shape[1], -1)
        return lambda embeddings: (
            trust * zero_shot.logits(embeddings) + span(embeddings) @ added[:, :-1].T + added[:, -1]
        )

    return fit


def gda(support: Support, zero_shot: Head | None) -> Fit:
    """Gaussian discriminant analysis, added to zero-shot (Wang et al., ICLR 2024).

    One covariance for all classes, its inverse estimated by D ((n - 1) S + tr(S) I)⁻¹ (Kubokawa
    & Srivastava 2008); equal priors.  With one image a class there is no covariance: it is then
    the identity, which makes nearest class means.  Both sources are brought to the same spread
    on the support, so that a weight of 1 trusts them equally; without a zero-shot head, GDA
    stands alone.
    """
    x, labels = support.embeddings.astype(np.float64), support.labels
    means = np.stack([x[labels == c].mean(axis=0) for c in np.unique(labels)])
    centred = x - means[np.unique(labels, return_inverse=True)[1]]
    n, d = x.shape
    ridge = float(np.sum(centred**2)) / max(n - 1, 1)
    if ridge == 0:
        directions = means
    elif n >= d:
        directions = d * np.linalg.solve(centred.T @ centred + ridge * np.eye(d), means.T).T
    else:
        # Woodbury: an n × n system instead of a d × d one.
        inner = np.linalg.solve(centred @ centred.T + ridge * np.eye(n), centred @ means.T)
        directions = d * ((means - (centred.T @ inner).T) / ridge)
    bias = -np.sum(directions * means, axis=1) / 2

    def alone(embeddings: FloatArray) -> FloatArray:
        return np.asarray(embeddings.astype(np.float64) @ directions.T + bias)

    if zero_shot is None:
        return lambda _choice: alone
    balance = _spread(zero_shot.logits(x)) / max(_spread(alone(x)), _TINY)

    def fit(choice: Choice) -> Scorer:
        weight = choice[0] * balance
        return lambda embeddings: zero_shot.logits(embeddings) + weight * alone(embeddings)

    return fit


def _spread(logits: FloatArray) -> float:
    """Standard deviation of logits between the classes of an image."""
    return float((logits - logits.mean(axis=1, keepdims=True)).std())


def knn(support: Support, _zero_shot: Head | None) -> Fit:
    """K nearest neighbours by cosine, nearer ones counting more."""

    def fit(choice: Choice) -> Scorer:
        head = KNeighborsClassifier(
            n_neighbors=min(int(choice[0]), support.labels.size),
            metric="cosine",
            weights="distance",
        )
        head.fit(support.embeddings, support.labels)
        return lambda embeddings: np.asarray(head.predict_proba(embeddings))

    return fit


MATCHED = "logistic"
"""The method whose labels a label-free case is counted in: the plainest."""
METHODS: tuple[Method, ...] = (
    Method("logistic", logistic, tuple(product((10.0, 1.0, 100.0, 0.1, 1000.0)))),
    Method("gda", gda, tuple(product((1.0, 0.3, 3.0, 0.1, 10.0)))),
    Method("text-probe", text_probe, tuple(product((1.0, 10.0, 100.0), (1.0, 0.3, 0.1))), True),
    Method("knn", knn, tuple(product((1, 3, 5, 9, 15)))),
)
