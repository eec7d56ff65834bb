"""Models: from a declaration to something that embeds photos and makes a classifier.

``base`` says what a model is; ``clip`` (with ``text``) builds the zero-shot ones with
open_clip, ``embedded`` assembles the offline one, ``supervised`` trains a head on a trunk, and
perhaps the trunk; ``hub``, ``downloads``, ``checkpoints`` and ``devices`` are what they share;
``cards`` says what is known of a model before it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from evaluation.errors import VeilleError
from evaluation.models import clip, supervised
from evaluation.models.base import Classifier, TrainingViews
from evaluation.models.cards import licence_of, model_card
from evaluation.net.downloads import Progress
from evaluation.records import Availability, Fetched, ModelSpec, TrainingPhotos
from evaluation.records.base import silent

__all__ = [
    "Classifier",
    "TrainingViews",
    "availability",
    "fetch",
    "load_model",
    "model_card",
]


def availability(spec: ModelSpec, *, cache: Path, offline: bool) -> Availability:  # noqa: ARG001
    """Whether a model could run here; nothing is built, assembled or fetched.

    Without ``offline`` the server is asked how large weights that are not here would be.

    Args:
        spec: The model.
        cache: The program's own cache, where the embedded model would be assembled.
        offline: Whether the network may not be used.

    """
    if spec.kind == "supervised":
        return supervised.availability(spec, offline=offline)
    return clip.availability(spec, offline=offline)


def fetch(spec: ModelSpec, *, cache: Path, offline: bool, progress: Progress = silent) -> Fetched:
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
        return Fetched(model=spec, state="missing", reason=str(error), licence=licence_of(spec))
    state: Literal["packages", "random", "local", "cached", "downloaded"]
    if spec.weights == "embedded":
        state = "packages"
    elif path is None:
        state = "random"
    elif clip.is_path(spec.weights):
        state = "local"
    else:
        state = "cached" if before.ready else "downloaded"
    size = None if path is None else path.stat().st_size
    return Fetched(model=spec, state=state, size=size, path=path, licence=licence_of(spec))


def _fetch(spec: ModelSpec, *, cache: Path, offline: bool, progress: Progress) -> Path | None:
    if spec.kind == "supervised":
        return supervised.fetch(spec, offline=offline)
    return clip.fetch(spec, cache=cache, offline=offline, progress=progress)


def _unwatched(_done: int, _total: int, _note: str) -> None:
    """The progress of those who do not watch."""


def load_model(
    spec: ModelSpec,
    *,
    cache: Path,
    device: str = "auto",
    precision: str = "fp32",
    offline: bool = False,
    progress: Progress = silent,
    photos: TrainingPhotos | None = None,
    resume: bool = True,
    watch: Callable[[int, int, str], None] = _unwatched,
) -> Classifier:
    """A model ready to embed; its weights are assembled or fetched when they are not here.

    A model whose trunk learns is trained here, or found trained in the cache.

    Args:
        spec: The model.
        cache: The program's own cache, where the embedded model is assembled.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        precision: "fp32", "bf16" or "fp16".
        offline: Never to use the network.
        progress: Told of the megabytes of each download.
        photos: What a model may learn from before it embeds anything.
        resume: Whether an interrupted training is continued, and a finished one taken as it is.
        watch: Told of a training: the epochs that are done, how many there are, their numbers.

    Raises:
        WeightsUnavailable: the weights cannot be had here and now.
        WeightsMismatch: the checkpoint does not fit the architecture.
        ModelError: the declaration makes no sense, or the checkpoint cannot be read.

    """
    if spec.kind == "supervised":
        return supervised.load_supervised(
            spec,
            cache=cache,
            device=device,
            precision=precision,
            offline=offline,
            photos=photos,
            resume=resume,
            watch=watch,
        )
    return clip.load_clip(
        spec,
        cache=cache,
        device=device,
        precision=precision,
        offline=offline,
        progress=progress,
    )
