"""What passes between a model and the rest: labelled embeddings, heads, availability."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Literal

import numpy as np

from evaluation.records.base import FloatArray, IntArray, Option, Record, unit
from evaluation.records.runs import TrainingRecord
from evaluation.records.study import ModelSpec

_ROWS = 50_000
"""Embeddings that are taken to float64 at a time."""


class Support(Record, eq=False):
    """Labelled embeddings to fit a head on."""

    embeddings: FloatArray
    """(N, D)"""
    labels: IntArray
    """(N,) indices into the classes."""


class Head(Record, eq=False):
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
    layer: FloatArray | None = None
    """(D, D) that embeddings go through first, to unit length again; None for none."""
    title_weight: FloatArray | None = None
    """(C, T) over the embedding of a title, of a head that reads it too; None for none."""

    def through(self, embeddings: FloatArray) -> FloatArray:
        """(N, D) embeddings as the weights see them, in float64."""
        rows = np.asarray(embeddings, dtype=np.float64)
        if self.layer is None:
            return rows
        return unit(rows @ np.asarray(self.layer, dtype=np.float64).T)

    def logits(self, embeddings: FloatArray) -> FloatArray:
        """(N, D) embeddings to (N, C) logits, in float64: what the photo alone says."""
        weight = np.asarray(self.weight, dtype=np.float64)
        logits: FloatArray = np.empty((len(embeddings), len(weight)))
        for start in range(0, len(embeddings), _ROWS):  # a million rows in float64 are gigabytes
            some = slice(start, start + _ROWS)
            logits[some] = self.through(embeddings[some]) @ weight.T + self.bias
        return logits

    def title_logits(self, titles: FloatArray) -> FloatArray:
        """(N, T) embeddings of titles to (N, C): what they add to the logits."""
        if self.title_weight is None:
            return np.zeros((len(titles), len(self.bias)))
        return np.asarray(titles, np.float64) @ np.asarray(self.title_weight, np.float64).T


class Availability(Record):
    """Whether a model could run here, before anything is loaded or downloaded."""

    ready: bool
    """True when nothing has to be downloaded."""
    reason: str = ""
    """Why it is not ready, with the remedy."""
    download_bytes: int | None = None
    """What the first run would fetch; None when unknown."""


class Licence(Record):
    """What the authors of published weights allow."""

    name: str
    """As the authors name it: "MIT", "Apple AMLR"."""
    url: str
    """Where they say so."""
    commercial: bool | None = None
    """Whether it allows commercial use; None where it says nothing clear."""


class Fetched(Record):
    """What became of a model's weights when they were fetched ahead of time."""

    model: ModelSpec
    state: Literal["packages", "random", "local", "cached", "downloaded", "missing"]
    """From installed packages, a draw, a file of the user's, the cache, the network; nowhere."""
    reason: str = ""
    """Why they are missing, with the remedy."""
    size: int | None = None
    """Of the checkpoint, bytes."""
    path: Path | None = None
    licence: Licence | None = None
    """Of the weights, where it is known."""


class ModelCard(Record):
    """What is known of a model before it runs; None, or empty, where it is not."""

    model: ModelSpec
    resolution: tuple[int, int] | None = None
    """Height and width of the photo that it sees, pixels."""
    image_parameters: int | None = None
    """Of the image tower, or of a supervised model's trunk."""
    text_parameters: int | None = None
    """Of the text tower; None for a supervised model."""
    image_gflops: float | None = None
    """Billions of operations for one photo, a multiplication and its addition counted as two."""
    embed_dim: int | None = None
    context_length: int | None = None
    """Tokens that are read of a text."""
    licence: Licence | None = None
    training: Mapping[str, str] = field(default_factory=dict)
    """Language ("fr", "en") to what the weights were trained on."""
    page: str = ""
    """Address of the authors' own page."""
    published: float | None = None
    """Zero-shot accuracy on ImageNet-1k (share) that is published for it."""
    published_source: str = ""
    """Where that accuracy is published."""
