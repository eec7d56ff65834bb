"""What a model is to the rest of the house: three roles, and what loads one.

``Predictor`` is all that scoring needs, ``Embedder`` what the store of embeddings needs,
``Explainable`` what maps need.  A CLIP has all three; predictions made elsewhere have the first.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from evaluation import records
from evaluation.errors import ModelError
from evaluation.net.announced import Progress
from evaluation.records.base import Record, silent
from evaluation.stores.embeddings import EmbeddingStore

if TYPE_CHECKING:
    import torch
    from PIL import Image

    Tensor = torch.Tensor

Watch = Callable[[int, int, str], None]
"""Called with the epochs that are done, how many there are, and the last one's numbers."""
READY = records.Availability(ready=True, download_bytes=0)
"""Of a model that has what it needs."""
FINGERPRINT_VERSION = 1
"""Raised when this program changes what it computes from the same weights."""


class Predictor(Protocol):
    """All that scoring needs: a table of answers, or a model's head over embeddings.

    A class that names this one as its base has the answers below where it gives none itself.
    """

    weights_digest: str
    """SHA-256 (hexadecimal) of the file that the answers come of."""
    device: str = ""
    """Where it computes; "" for what was answered elsewhere."""
    precision: str = ""

    @abstractmethod
    def predict(self, samples: Sequence[records.Sample]) -> records.Predictions:
        """What it says of N photos, in their order."""

    def covers(self, samples: Sequence[records.Sample]) -> int:
        """Of how many of these photos it can say something."""
        return len(samples)

    def others(self, samples: Sequence[records.Sample]) -> int:  # noqa: ARG002
        """How many answers it has of none of these photos."""
        return 0

    def facts(self, samples: Sequence[records.Sample]) -> Mapping[str, records.Option]:  # noqa: ARG002
        """What is told beside the scores: cost_per_photo in a unit of its own, tokens, refusals."""
        return {}

    def reading(self, prompts: records.PromptSet | None) -> Predictor:  # noqa: ARG002
        """The same, asked with these texts, where it reads any."""
        return self


class Explainable(Protocol):
    """What maps need of a model: a differentiable way from pixels to an embedding."""

    fingerprint: str
    """SHA-256 over weights, architecture, preprocessing and precision."""
    preprocessing: Mapping[str, Any]
    """How a photo becomes pixels, under the keys of open_clip's ``PreprocessCfg``: ``size`` (an
    int, or height and width), ``resize_mode``, ``mean``, ``std``, …"""

    @property
    def image_tower(self) -> torch.nn.Module:
        """The module that :meth:`forward` runs: an open_clip tower, or a timm trunk."""

    def preprocess(self, image: Image.Image) -> Tensor:
        """RGB photo to (3, H, W) float32; safe to call from several threads."""

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, D) embeddings: those of ``embed_images``, differentiable.

        Neither inference mode nor ``no_grad``; the pixels are moved to the model's device and
        precision inside, and the embeddings are float32 (float64 for a float64 model).
        """


class Loading(Record):
    """How a model is loaded here, as opposed to which one."""

    cache: Path
    """The program's own, where the embedded model is assembled and trainings are kept."""
    device: str = "auto"
    """"auto", "cpu", "cuda", "cuda:1", "mps"."""
    precision: str = "fp32"
    """"fp32", "bf16" or "fp16"."""
    offline: bool = False
    """Never to use the network."""
    progress: Progress = silent
    """Told of the megabytes of each download."""
    photos: records.TrainingPhotos | None = None
    """What a model may learn from before it embeds anything."""
    store: EmbeddingStore | None = None
    """Where the embeddings of texts are kept; None: they are not."""
    resume: bool = True
    """Whether an interrupted training is continued, and a finished one taken as it is."""
    watch: Watch = silent
    """Told of a training: the epochs that are done, how many there are, their numbers."""


class Maker(Protocol):
    """A module of :data:`evaluation.records.KINDS`: all that is asked about one kind of model."""

    def availability(self, spec: records.ModelSpec, *, offline: bool) -> records.Availability:
        """Whether a model could run here; nothing is built, assembled or fetched.

        Raises :class:`VeilleError` where it says why it could not.
        """

    def fetch(self, spec: records.ModelSpec, loading: Loading) -> Path | None:
        """The checkpoint, assembled or downloaded when it is not here; None without one.

        Raises :class:`ModelError` when it cannot be had.
        """

    def load(self, spec: records.ModelSpec, loading: Loading) -> Any:
        """A model that is ready to run, in one role at least; see
        :func:`evaluation.models.load_model`.
        """

    def opened(self, spec: records.ModelSpec, classes: Sequence[str]) -> str:
        """What a checkpoint of the user's own holds, of a kind that embeds: its format, what
        saved it, how many tensors fit; nothing is filled with it.

        Raises :class:`ModelError` when it cannot be read, does not fit, or when a head that is
        kept tells others than these ``classes`` apart.
        """

    def sizes(self, spec: records.ModelSpec) -> Mapping[str, Any]:
        """What can be computed of a model that embeds, from its description; may raise anything.

        Fields of :class:`evaluation.records.ModelCard`; none where nothing is known.
        """


def fingerprint_of(
    *, weights: str, architecture: Mapping[str, Any], preprocess: Mapping[str, Any], precision: str
) -> str:
    """The key of a model's embeddings: equal exactly when they are interchangeable.

    The device is left out: devices agree within rounding.
    """
    return records.digest_of(
        {
            "version": FINGERPRINT_VERSION,
            "weights": weights,
            "architecture": dict(architecture),
            "preprocess": dict(preprocess),
            "precision": precision,
        }
    )


def input_size(preprocessing: Mapping[str, Any]) -> tuple[int, int]:
    """Height and width of the pixels that a model reads, from its preprocessing."""
    size = preprocessing["size"]
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)


def check_options(spec: records.ModelSpec, known: Mapping[str, type]) -> None:
    """Raises :class:`ModelError` for an option that the model would ignore or misread."""
    for name, value in spec.options.items():
        if name not in known:
            raise ModelError(
                f'unknown option "{name}"',
                where=spec.name,
                remedy=f"known options: {', '.join(sorted(known)) or 'none'}",
            )
        if type(value) is not known[name]:  # bool is an int in Python, not in a study file
            raise ModelError(
                f'the option "{name}" must be a {known[name].__name__}, not {value!r}',
                where=spec.name,
            )
