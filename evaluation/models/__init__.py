"""Models: from a declaration to something that embeds photos and makes a classifier.

``base`` says what a model is; ``clip`` (with ``text``) builds the zero-shot ones with
open_clip, ``embedded`` assembles the offline one, ``supervised`` puts a trained head on a
frozen trunk; ``hub``, ``checkpoints`` and ``devices`` are what they share.
"""

from __future__ import annotations

from pathlib import Path

from evaluation.models import clip, supervised
from evaluation.models.base import Classifier
from evaluation.records import Availability, ModelSpec

__all__ = ["Classifier", "availability", "load_model"]


def availability(spec: ModelSpec, *, cache: Path, offline: bool) -> Availability:  # noqa: ARG001
    """Whether a model could run here; nothing is built, assembled or fetched.

    Args:
        spec: The model.
        cache: The program's own cache, where the embedded model would be assembled.
        offline: Whether the network may not be used.

    """
    if spec.kind == "supervised":
        return supervised.availability(spec)
    return clip.availability(spec, offline=offline)


def load_model(
    spec: ModelSpec,
    *,
    cache: Path,
    device: str = "auto",
    precision: str = "fp32",
    offline: bool = False,
) -> Classifier:
    """A model ready to embed; its weights are assembled or fetched when they are not here.

    Args:
        spec: The model.
        cache: The program's own cache, where the embedded model is assembled.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        precision: "fp32", "bf16" or "fp16".
        offline: Never to use the network.

    Raises:
        WeightsUnavailable: the weights cannot be had here and now.
        WeightsMismatch: the checkpoint does not fit the architecture.
        ModelError: the declaration makes no sense, or the checkpoint cannot be read.

    """
    if spec.kind == "supervised":
        return supervised.load_supervised(spec, device=device, precision=precision)
    return clip.load_clip(spec, cache=cache, device=device, precision=precision, offline=offline)
