"""Models: from a declaration to something that embeds photos and makes a classifier.

``base`` says what a model is; ``clip`` (with ``text``) builds the zero-shot ones with
open_clip, ``embedded`` assembles the offline one, ``supervised`` puts a trained head on a
frozen trunk; ``hub``, ``downloads``, ``checkpoints`` and ``devices`` are what they share.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from evaluation.errors import VeilleError
from evaluation.models import clip, supervised
from evaluation.models.base import Classifier
from evaluation.models.downloads import Progress, quiet
from evaluation.records import Availability, Fetched, ModelSpec

__all__ = ["Classifier", "availability", "fetch", "load_model"]


def availability(spec: ModelSpec, *, cache: Path, offline: bool) -> Availability:  # noqa: ARG001
    """Whether a model could run here; nothing is built, assembled or fetched.

    Without ``offline`` the server is asked how large weights that are not here would be.

    Args:
        spec: The model.
        cache: The program's own cache, where the embedded model would be assembled.
        offline: Whether the network may not be used.

    """
    if spec.kind == "supervised":
        return supervised.availability(spec)
    return clip.availability(spec, offline=offline)


def fetch(spec: ModelSpec, *, cache: Path, offline: bool, progress: Progress = quiet) -> Fetched:
    """The weights of a model, assembled or downloaded when they are not here; nothing is loaded.

    A model whose weights cannot be had is an answer too: ``state`` "missing", with the reason.

    Args:
        spec: The model.
        cache: The program's own cache, where the embedded model is assembled.
        offline: Never to use the network.
        progress: Told of the megabytes of each download.

    """
    before = availability(spec, cache=cache, offline=True)
    try:
        path = _fetch(spec, cache=cache, offline=offline, progress=progress)
    except VeilleError as error:
        return Fetched(model=spec, state="missing", reason=str(error))
    if spec.weights == "embedded":
        state: Literal["packages", "local", "cached", "downloaded"] = "packages"
    elif clip.is_path(spec.weights):
        state = "local"
    else:
        state = "cached" if before.ready else "downloaded"
    return Fetched(model=spec, state=state, size=path.stat().st_size, path=path)


def _fetch(spec: ModelSpec, *, cache: Path, offline: bool, progress: Progress) -> Path:
    if spec.kind == "supervised":
        return supervised.fetch(spec)
    return clip.fetch(spec, cache=cache, offline=offline, progress=progress)


def load_model(
    spec: ModelSpec,
    *,
    cache: Path,
    device: str = "auto",
    precision: str = "fp32",
    offline: bool = False,
    progress: Progress = quiet,
) -> Classifier:
    """A model ready to embed; its weights are assembled or fetched when they are not here.

    Args:
        spec: The model.
        cache: The program's own cache, where the embedded model is assembled.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        precision: "fp32", "bf16" or "fp16".
        offline: Never to use the network.
        progress: Told of the megabytes of each download.

    Raises:
        WeightsUnavailable: the weights cannot be had here and now.
        WeightsMismatch: the checkpoint does not fit the architecture.
        ModelError: the declaration makes no sense, or the checkpoint cannot be read.

    """
    if spec.kind == "supervised":
        return supervised.load_supervised(spec, device=device, precision=precision)
    return clip.load_clip(
        spec,
        cache=cache,
        device=device,
        precision=precision,
        offline=offline,
        progress=progress,
    )
