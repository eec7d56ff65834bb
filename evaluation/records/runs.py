"""The outcome of one case: what run.json holds."""

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from evaluation.errors import Reason
from evaluation.records.analysis import MeanGain
from evaluation.records.base import OnSplit, Option, Record, Status
from evaluation.records.scores import ClassScores, Metric, RepeatedScores, StrayResults
from evaluation.records.study import ModelSpec, PromptSet, Regime, Source

ADAPTING = 3
"""Raised when the same photos, titles and texts would give another head."""


class Agreement(Record):
    """How often the class texts say the same of a photo and of its title."""

    share: float
    z: float
    """Standard deviations above what titles dealt at random would give."""
    kappa: float
    """Cohen's: 0 at chance, 1 when they always agree."""
    pairs: int


class LayerSetting(Record, order=True):
    """How a layer is learnt, and where one stops; the softest sort first."""

    sharpness: float
    """Inverse temperature of the cosines."""
    rate: float
    """Learning rate of Adam."""
    epochs: int


class Adaptation(Record):
    """What a label-free case read, and what was made of it."""

    adapt: tuple[Source, ...]
    photos: int
    """Unlabelled photos of the training and validation parts."""
    pairs: int = 0
    """Of them, those with a title that was read."""
    titles: int = 0
    """Different ones among these."""
    before: Agreement | None = None
    """On pairs, of the photos as they are; None when no title was read."""
    after: Agreement | None = None
    """Through layers that had not learnt from the pair."""
    adopted: bool = False
    """Whether the layer is used: chance does not explain the agreement, which rose."""
    settings: tuple[LayerSetting, ...] = ()
    """Whose layers are averaged, the highest agreement first."""
    clusters: bool = False
    """Whether the photos' own clusters are used: titles, where there are any, agree with them."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """Class to its declared share; empty when none are declared."""
    seen_shares: Mapping[str, float] = field(default_factory=dict)
    """Class to the share that the model gave it before."""
    texts_from_labels: bool = False
    """Whether the class texts were made from labels of the training part."""
    controls: tuple[Metric, ...] = ()
    """Mean test accuracy of "shuffled" titles and "random" ones: same settings, without guard."""
    control_gains: Mapping[str, MeanGain] = field(default_factory=dict)
    """Control to its gain over the model as it is, same photos; empty in records of one draw."""
    seconds: float = 0.0
    """Of the choice and the fits, embedding apart."""


class TrainingEpoch(Record):
    """One pass over the training photos."""

    epoch: int
    """From 1."""
    learning_rate: float
    """At its end, of the head."""
    train_loss: float
    """Mean cross-entropy (nats) over the epoch's batches, each before its own step."""
    train_accuracy: float
    """Over the same batches: on augmented views, where there is augmentation."""
    validation_loss: float | None = None
    """None without a validation part."""
    validation_accuracy: float | None = None


class TrainingRecord(Record):
    """How a training went, for the record of its case."""

    regime: Regime
    epochs: tuple[TrainingEpoch, ...]
    best_epoch: int
    """The one whose weights are kept and scored."""
    stopped_early: bool = False
    trained_parameters: int = 0
    """Weights that learnt, the head's included."""
    frozen_parameters: int = 0
    seconds: float = 0.0
    """Wall time of the training, perhaps in an earlier run; embedding the views is not in it."""
    device: str = ""
    photo: str = ""
    """Id of the training photo whose views are shown; "" without augmentation."""
    views: tuple[str, ...] = ()
    """Files of the case's folder: the photo as the model sees it, then augmented views of it."""


Scope = Literal["case", "process"]
"""Whose peak of memory: the case's own, or that of the process so far."""


class Lap(Record):
    """Peak of memory over a stretch of work."""

    resident_mb: float | None
    """Resident memory of the process, MiB."""
    device_mb: float | None
    """What PyTorch had allocated on CUDA, MiB; None without."""
    scope: Scope


class EmbeddingCost(Record):
    """What it takes to embed a photo with a model on a device, measured when it did."""

    images: int
    """Photos that were embedded."""
    seconds: float
    """Decoding and embedding them."""
    batch_size: int
    """Photos per forward pass: the largest that fitted."""
    ms_per_image: float | None = None
    """Of the model alone, on such a batch: no decoding, nothing else under way; milliseconds."""
    memory: Lap | None = None
    """While they were embedded: the loaded model is counted."""

    @property
    def images_per_second(self) -> float | None:
        """Decoding included; decoding and embedding overlap."""
        return self.images / self.seconds if self.seconds > 0 else None


class Timings(Record):
    """Where the time of a case went (seconds), and how fast the images were embedded."""

    images_embedded: int = 0
    """Images embedded in this run; 0 when the store had them all."""
    images_reused: int = 0
    """Images whose embedding came from the store."""
    embed_seconds: float = 0.0
    """Decoding and embedding, in this run."""
    head_seconds: float = 0.0
    """Text encoding, or fitting."""
    score_seconds: float = 0.0
    images_per_second: float | None = None
    """Measured when the store was filled, perhaps in an earlier run; None if unknown."""
    embedding: EmbeddingCost | None = None
    """Measured on this device, perhaps in an earlier run; None if it was not."""


class Provenance(Record):
    """What it takes to explain or repeat a number."""

    commit: str | None
    """Git commit of the program; None outside a checkout."""
    dirty: bool | None
    versions: Mapping[str, str]
    """Package to version."""
    device: str
    """"cpu", "cuda:0", …"""
    precision: str
    """"fp32", "bf16" or "fp16"."""
    hardware: str
    """Processor or card, and how many cores."""
    weights_digest: str | None
    """SHA-256 (hexadecimal) of the checkpoint; None when it could not be had."""
    started: str
    """ISO 8601, UTC."""
    seconds: float
    """Wall time of the case."""
    peak_memory_mb: float | None = None
    """Peak resident memory, MiB."""
    peak_memory_scope: Scope = "process"
    """Whose peak that is."""
    device_memory_mb: float | None = None
    """Peak of what PyTorch had allocated on CUDA, MiB; None without."""
    command: str = ""
    """How to repeat the run."""


class RunRecord(OnSplit):
    """The outcome of one case: what run.json holds."""

    case: str
    """The case's id: "flipkart/embedded/noms"."""
    model: ModelSpec
    prompts: PromptSet | None
    """Resolved: its texts are those that were read."""
    seed: int
    fingerprint: str = ""
    """SHA-256 of all inputs: where they are equal, the record stands; "" in older artefacts."""
    status: Status
    error: str | None = None
    """One line, for ``unavailable`` and ``failed``."""
    reason: Reason | None = None
    """Of ``unavailable``; None in older artefacts."""
    warnings: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] = ()
    per_class: tuple[ClassScores, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    """(C, C): rows are the true classes, columns the predicted ones."""
    chosen: Mapping[str, Option] = field(default_factory=dict)
    """What the model chose on validation."""
    training: TrainingRecord | None = None
    """Of a model that was trained epoch by epoch."""
    adaptation: Adaptation | None = None
    """Of a label-free case."""
    repeats: RepeatedScores | None = None
    """On other draws of the photos, where the study asks for them and a draw takes seconds."""
    strays: StrayResults | None = None
    """Where the study has photos that belong to no class, and the case embeds photos alone."""
    timings: Timings = field(default_factory=Timings)
    provenance: Provenance

    def metric(self, name: str) -> Metric | None:
        """The metric of that name, if the case has it."""
        return next((metric for metric in self.metrics if metric.name == name), None)
