"""What passes between a model and the rest: labelled embeddings, heads, availability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from evaluation.records.base import FloatArray, IntArray, Option
from evaluation.records.study import ModelSpec
from evaluation.records.training import TrainingRecord


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Support:
    """Labelled embeddings to fit a head on."""

    embeddings: FloatArray
    """(N, D)"""
    labels: IntArray
    """(N,) indices into the classes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Head:
    """A linear classifier over embeddings: made from texts, or fitted on labels."""

    weight: FloatArray
    """(C, D); for a zero-shot model already multiplied by its logit scale."""
    bias: FloatArray
    """(C,)"""
    chosen: Mapping[str, Option] = field(default_factory=dict)
    """What was chosen on the way, for the record: {"C": 0.3, "validation_accuracy": 0.9}."""
    warnings: tuple[str, ...] = ()
    """One line each, in English: a text beyond the context length, no convergence, …"""
    training: TrainingRecord | None = None
    """How it was trained, when it was epoch by epoch."""

    def logits(self, embeddings: FloatArray) -> FloatArray:
        """(N, D) embeddings to (N, C) logits, in float64."""
        return (
            np.asarray(embeddings, dtype=np.float64) @ np.asarray(self.weight, dtype=np.float64).T
            + self.bias
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """Whether a model could run here, before anything is loaded or downloaded."""

    ready: bool
    """True when nothing has to be downloaded."""
    reason: str = ""
    """Why it is not ready, with the remedy."""
    download_bytes: int | None = None
    """What the first run would fetch; None when unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What became of a model's weights when they were fetched ahead of time."""

    model: ModelSpec
    state: Literal["packages", "random", "local", "cached", "downloaded", "missing"]
    """Installed packages, a draw, a file of the user's, the cache of before, the network,
    nowhere."""
    reason: str = ""
    """Why they are missing, with the remedy."""
    size: int | None = None
    """Of the checkpoint, bytes."""
    path: Path | None = None
    """The checkpoint."""
