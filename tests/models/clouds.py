"""Labelled features that are easy to learn: Gaussian clouds."""

from __future__ import annotations

import numpy as np

from evaluation.records import Support


def cloud(seed: int, n: int, classes: int, dim: int = 20, noise: float = 1.5) -> Support:
    """Gaussian clouds around fixed centres, on features of very different scales."""
    centres = np.random.default_rng(99).normal(size=(classes, dim))
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    rows = centres[labels] + noise * rng.normal(size=(n, dim))
    return Support(
        embeddings=(rows * np.logspace(-2, 2, dim) + 5).astype(np.float32), labels=labels
    )


def class_names(classes: int) -> tuple[str, ...]:
    return tuple(f"class {c}" for c in range(classes))
