"""The values that cross from one room of the house to another: frozen, and nothing else.

Arrays are NumPy arrays and are never written to after construction.  N is a number of
images, C of classes, D the dimension of an embedding.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

SCHEMA_VERSION = 1
"""Version of the artefact files that this program writes."""

Fold = Literal["train", "validation", "test"]
FOLDS: tuple[Fold, ...] = ("train", "validation", "test")

Status = Literal["ok", "unavailable", "failed"]
ModelKind = Literal["clip", "supervised"]
DatasetKind = Literal["flipkart", "folder", "table"]
Option = str | int | float | bool
FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.integer[Any]]


def digest_of(value: object) -> str:
    """The SHA-256 (hexadecimal) of a JSON-serialisable value, whatever its key order."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


# --------------------------------------------------------------------------- data


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One readable photo with its class."""

    id: str
    """Stable across machines: it never contains a path of this one."""
    image: Path
    """Absolute path of the photo."""
    label: str
    """Its class, as spelt in the data."""
    digest: str
    """SHA-256 (hexadecimal) of the file's bytes: the key of its embeddings."""
    pixels: str
    """SHA-256 (hexadecimal) of its decoded RGB pixels: equal for exact duplicates."""
    width: int
    """Pixels, after the EXIF orientation was applied."""
    height: int
    """Pixels, after the EXIF orientation was applied."""
    subcategory: str | None = None
    title: str | None = None
    fold: Fold | None = None
    """Set when the data itself assigns the photo to a part of the split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingPhoto:
    """A photo that the data lists and that cannot be used."""

    id: str
    label: str
    path: str
    """Relative to the data root."""
    reason: str
    """One line, in English: "file not found", "truncated JPEG", …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """The photos of a study, with what is missing from them."""

    name: str
    kind: DatasetKind
    classes: tuple[str, ...]
    """In the order of every matrix and probability column."""
    samples: tuple[Sample, ...]
    missing: tuple[MissingPhoto, ...] = ()
    revision: str
    """SHA-256 over ids, labels and image bytes: changes when a photo changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Sample ids of the three parts, each in the data set's order."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    seed: int
    duplicates: tuple[tuple[str, ...], ...] = ()
    """Groups of ids whose photos have the same pixels; each group lies in one part."""

    @property
    def digest(self) -> str:
        """Identifies the split: two runs are comparable when it is the same."""
        return digest_of([self.train, self.validation, self.test])


# -------------------------------------------------------------------------- study


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec:
    """Where the photos are and how to read them, as the study declares it."""

    kind: DatasetKind
    root: Path | None = None
    """Absolute; None when only ``--data-root`` can tell."""
    csv: str | None = None
    """``table`` and ``flipkart``: the CSV file, relative to the root."""
    images: str = ""
    """Folder of the photos, relative to the root."""
    path_column: str = "path"
    label_column: str = "label"
    subcategory_column: str | None = None
    title_column: str | None = None
    licence: str = ""
    origin: str = ""
    redistributable: bool = False
    """Whether the photos may be shown on a published site."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSpec:
    """Sizes of the test and validation parts: a count per class, or a share of each class."""

    seed: int = 0
    test_per_class: int | None = None
    validation_per_class: int | None = None
    test_share: float = 0.2
    """Used when ``test_per_class`` is None."""
    validation_share: float = 0.2
    """Used when ``validation_per_class`` is None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSet:
    """The texts that describe each class to a zero-shot model."""

    name: str
    title: str
    """In French, as the site shows it."""
    language: str
    """Of the texts: "en", "fr", …"""
    texts: Mapping[str, tuple[str, ...]]
    """Class to its texts; empty until resolved when ``derive`` is set."""
    templates: tuple[str, ...] = ("{}",)
    """Each holds one ``{}`` that a text of the class replaces."""
    derive: Literal["class-names", "subcategories"] | None = None
    """Where the texts come from when the file does not spell them."""
    source: str = ""
    """Who wrote the texts, in French, as the site shows it."""

    def sentences(self, label: str) -> tuple[str, ...]:
        """What the text encoder reads for a class: every text in every template."""
        return tuple(
            template.replace("{}", text)
            for text in self.texts[label]
            for template in self.templates
        )

    @property
    def digest(self) -> str:
        """Identifies the texts: the order of the classes does not matter, of the texts does."""
        return digest_of([{k: list(v) for k, v in self.texts.items()}, list(self.templates)])


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model as a study declares it."""

    name: str
    kind: ModelKind
    architecture: str = ""
    """open_clip's, torchvision's or timm's name; "" when the weights say it."""
    weights: str
    """"embedded", an open_clip tag, "hf-hub:owner/name", or an absolute path."""
    title: str
    """In French, as the site shows it."""
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A floor that the study declares: below it the suite fails."""

    case: str
    """Case id without the study: "embedded/descriptions"."""
    metric: str
    """Name of a metric of the run record."""
    minimum: float
    """Of the metric, or of its gain over the case ``over``."""
    over: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One (model, prompt set) pair of a study; a supervised model has no prompt set."""

    study: str
    model: ModelSpec
    prompts: PromptSet | None

    @property
    def name(self) -> str:
        """Within the study: "embedded/descriptions", or "embedded-supervised"."""
        return self.model.name if self.prompts is None else f"{self.model.name}/{self.prompts.name}"

    @property
    def id(self) -> str:
        """Across studies, and the folder of its artefacts: "flipkart/embedded/noms"."""
        return f"{self.study}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A question, the photos, and what is tried on them."""

    name: str
    title: str
    question: str
    file: Path
    """The study.toml it was read from."""
    dataset: DatasetSpec
    split: SplitSpec
    models: tuple[ModelSpec, ...]
    prompts: tuple[PromptSet, ...]
    thresholds: tuple[Threshold, ...] = ()
    reference: Path | None = None
    """A file of published figures to stand beside the measured ones."""

    def cases(self) -> tuple[Case, ...]:
        """Every case, in the order of the file: models first, then prompt sets."""
        return tuple(
            Case(study=self.name, model=model, prompts=prompts)
            for model in self.models
            for prompts in (self.prompts if model.kind == "clip" else (None,))
        )


# ------------------------------------------------------------------------- models


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


# ------------------------------------------------------------------------ results


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictions:
    """What a case says of each test image."""

    classes: tuple[str, ...]
    sample_ids: tuple[str, ...]
    labels: IntArray
    """(N,) indices into ``classes``: the truth."""
    probabilities: FloatArray
    """(N, C) float64, rows sum to 1."""
    logits: FloatArray | None = None
    """(N, C) float64, already multiplied by the model's scale; None when read from a file."""

    @property
    def predicted(self) -> IntArray:
        """(N,) indices into ``classes``: the most probable one, the first of equals."""
        result: IntArray = self.probabilities.argmax(axis=1)
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number with its 95 % interval and the count it rests on."""

    name: str
    value: float | None
    """None when it is undefined: the precision of a class that was never predicted."""
    low: float | None = None
    high: float | None = None
    n: int
    method: str = ""
    """How the interval was made: "wilson", "bootstrap-bca", or "" when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScores:
    """One class's row of the classification report."""

    label: str
    precision: Metric
    recall: Metric
    f1: Metric
    support: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
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
    """Peak resident memory of the process, MiB."""
    command: str = ""
    """How to repeat the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """The outcome of one case: what run.json holds."""

    schema_version: int = SCHEMA_VERSION
    study: str
    case: str
    """The case's id: "flipkart/embedded/noms"."""
    model: ModelSpec
    prompts: PromptSet | None
    """Resolved: its texts are those that were read."""
    dataset_revision: str
    split_digest: str
    seed: int
    status: Status
    error: str | None = None
    """One line, for ``unavailable`` and ``failed``."""
    warnings: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] = ()
    per_class: tuple[ClassScores, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    """(C, C): rows are the true classes, columns the predicted ones."""
    chosen: Mapping[str, Option] = field(default_factory=dict)
    """What the model chose on validation."""
    timings: Timings = field(default_factory=Timings)
    provenance: Provenance

    def metric(self, name: str) -> Metric | None:
        """The metric of that name, if the case has it."""
        return next((metric for metric in self.metrics if metric.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleCard:
    """A photo as the site shows it."""

    id: str
    label: str
    fold: Fold
    photo: str
    """Its small copy, relative to the study's artefact folder."""
    width: int
    """Of the original, pixels."""
    height: int
    subcategory: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord:
    """What the cases of a study share: what study.json holds."""

    schema_version: int = SCHEMA_VERSION
    name: str
    title: str
    question: str
    dataset_kind: DatasetKind
    dataset_revision: str
    licence: str
    origin: str
    redistributable: bool
    classes: tuple[str, ...]
    samples: tuple[SampleCard, ...]
    missing: tuple[MissingPhoto, ...]
    duplicates: tuple[tuple[str, ...], ...]
    split_digest: str
    seed: int
    cases: tuple[str, ...]
    """Ids of the cases that the study declares, whether they ran or not."""
    thresholds: tuple[Threshold, ...]
    reference: Reference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceScores:
    """Published figures of one class; None where the source gives none."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSystem:
    """A system whose results were published, and which measured cases stand beside it."""

    name: str
    title: str
    """In French, as the site shows it."""
    kind: ModelKind
    prompts: str | None
    """Name of the prompt set whose cases stand beside it; None for a supervised system."""
    accuracy: float
    per_class: tuple[ReferenceScores, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Published results on the same data, quoted with their source."""

    study: str
    source: str
    """Author, title and date, in French."""
    slide: str
    """Where in the source the figures stand, in French."""
    test_images: int
    classes: tuple[str, ...]
    systems: tuple[ReferenceSystem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResults:
    """One study as the report reads it: its card, and the record of each case that ran."""

    study: StudyRecord
    runs: tuple[RunRecord, ...]
    """In the order of ``study.cases``."""
    failures: tuple[RunRecord, ...] = ()
    """Later attempts that failed, of cases whose earlier result still stands in ``runs``."""
    folder: Path
    """The study's artefact folder."""

    def is_current(self, run: RunRecord) -> bool:
        """Whether a run was made on the photos and the split that study.json describes."""
        return (
            run.dataset_revision == self.study.dataset_revision
            and run.split_digest == self.study.split_digest
        )
