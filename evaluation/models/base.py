"""What every model is to the rest of the house, and how its embeddings are named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import ModelError
from evaluation.records import Head, ModelSpec, PromptSet, Support, digest_of

if TYPE_CHECKING:
    import torch
    from PIL import Image

    Tensor = torch.Tensor

FINGERPRINT_VERSION = 1
"""Raised when this program changes what it computes from the same weights."""


class TrainingViews(Protocol):
    """K augmented views of a training photo, embedded together as K x D numbers."""

    fingerprint: str
    """Of the model, the augmentation, K and the seed."""
    dim: int
    """K x D."""
    device: str

    def preprocess(self, image: Image.Image) -> Tensor:
        """RGB photo to (K, 3, H, W) float32; safe to call from several threads."""

    def embed_images(self, batch: Tensor) -> NDArray[np.float32]:
        """(B, K, 3, H, W) float32 to (B, K x D) float32."""


class Classifier(Protocol):
    """A loaded model: it embeds photos, and makes a linear head over the embeddings.

    The embeddings know nothing of classes or prompts: they are what the store keeps.
    """

    spec: ModelSpec
    fingerprint: str
    """SHA-256 over weights, architecture, preprocessing and precision: the embeddings' key."""
    weights_digest: str
    """SHA-256 (hexadecimal) of the checkpoint file."""
    dim: int
    """D: of an embedding."""
    needs_training: bool
    """Whether :meth:`head` fits labelled embeddings; otherwise it reads prompts, or the model
    has learnt already."""
    device: str
    """As PyTorch names it: cpu, cuda:0, mps."""
    precision: str
    """fp32, bf16 or fp16."""

    image_tower: torch.nn.Module
    """The module that :meth:`forward` runs: an open_clip tower, or a timm trunk."""
    preprocessing: Mapping[str, Any]
    """What :meth:`preprocess` does, under the keys of open_clip's ``PreprocessCfg``."""

    @property
    def views(self) -> TrainingViews | None:
        """What :meth:`head` fits instead of the training photos as they are."""

    def preprocess(self, image: Image.Image) -> Tensor:
        """RGB photo to (3, H, W) float32; safe to call from several threads."""

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, D) float32: those of :meth:`embed_images`, differentiable."""

    def embed_images(self, batch: Tensor) -> NDArray[np.float32]:
        """(B, 3, H, W) float32 to (B, D) float32.

        Of unit length for a CLIP model; the trunk's pooled features, as they are, for a
        supervised one.
        """

    def pictures(self, image: Image.Image, count: int) -> tuple[Image.Image, ...]:
        """The photo as the model reads it, then ``count - 1`` of its augmented views.

        Nothing for a model that is trained without augmentation, or not at all.
        """

    def head(
        self,
        classes: tuple[str, ...],
        *,
        prompts: PromptSet | None,
        train: Support | None,
        validation: Support | None,
        seed: int,
    ) -> Head:
        """The classifier of these classes.

        Args:
            classes: C names, in the order of the head's rows.
            prompts: What a CLIP model reads; a supervised one ignores it.
            train: What a supervised model learns from, K rows a photo if it has views; a CLIP
                model, or one that has learnt already, ignores it.
            validation: What its hyper-parameters are chosen on.
            seed: Of whatever is random.

        Raises:
            ModelError: what it needs is missing, or cannot be learnt from.

        """


def fingerprint_of(
    *, weights: str, architecture: Mapping[str, Any], preprocess: Mapping[str, Any], precision: str
) -> str:
    """The key of a model's embeddings: equal exactly when they are interchangeable.

    The device is left out: devices agree within rounding.
    """
    return digest_of(
        {
            "version": FINGERPRINT_VERSION,
            "weights": weights,
            "architecture": dict(architecture),
            "preprocess": dict(preprocess),
            "precision": precision,
        }
    )


def check_options(spec: ModelSpec, known: Mapping[str, type]) -> None:
    """Raises :class:`ModelError` for an option that the model would ignore or misread."""
    for name, value in spec.options.items():
        if name not in known:
            raise ModelError(
                f'unknown option "{name}"',
                where=spec.name,
                remedy=f"known options: {', '.join(sorted(known)) or 'none'}",
            )
        # bool is an int in Python, not in a study file.
        right = isinstance(value, known[name]) and (
            known[name] is bool or not isinstance(value, bool)
        )
        if not right:
            raise ModelError(
                f'the option "{name}" must be a {known[name].__name__}, not {value!r}',
                where=spec.name,
            )
