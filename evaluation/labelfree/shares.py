"""Class shares that the user declares, turned into one bias a class.

Saerens, Latinne & Decaestecker (2002) correct a classifier's priors; OTTER (Shin et al.,
NeurIPS 2024) does so for zero-shot models, and its inductive form keeps the bias that unlabelled
photos gave.  Shares are never guessed: wrong ones do more harm than right ones do good.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from evaluation.records import FloatArray

SOFTENING = 5.0
"""Logits are divided by it before they are believed: a scale of contrastive training is sharp."""


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
