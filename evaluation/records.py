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
BoolArray = NDArray[np.bool_]


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
    look: str = ""
    """What the photo looks like from afar (``data.look``), by which near duplicates are known;
    "" if it was not computed."""
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
    """Groups of ids whose photos have the same pixels.  Each lies in one part, but for a copy
    that the data itself puts on another side: that one is then in no part."""
    near_duplicates: tuple[tuple[str, ...], ...] = ()
    """Groups of ids whose photos look the same, exact copies included; kept together likewise."""

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
    derive: Literal["class-names", "subcategories", "random-words"] | None = None
    """Where the texts come from when the file does not spell them."""
    like: str | None = None
    """``random-words``: the prompt set whose numbers of texts and of words are matched."""
    seed: int = 0
    """``random-words``: of the draw."""
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
    near_duplicates: tuple[tuple[str, ...], ...] = ()
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
    predictions: Mapping[str, Predictions] = field(default_factory=dict)
    """Case id to what it says of each test image, for the runs that came out."""
    comparison: StudyComparison | None = None
    """What is concluded from the cases; None when there are not two to compare."""
    folder: Path
    """The study's artefact folder."""

    def is_current(self, run: RunRecord) -> bool:
        """Whether a run was made on the photos and the split that study.json describes."""
        return (
            run.dataset_revision == self.study.dataset_revision
            and run.split_digest == self.study.split_digest
        )


# ----------------------------------------------------------------------- analysis
# What the comparison of a study's cases gives: comparison.json holds a StudyComparison.
# Shares, gaps and effects are fractions (0.05 is 5 points); intervals are at 95 %.

Verdict = Literal["better", "tie", "inconclusive"]
"""better: a test separates the two, and the first is the better one.
tie: none does, and a gap as large as the study's margin is excluded both ways.
inconclusive: none does, and the images are too few, or too split, to say that they are equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTest:
    """Two cases on the same images; ``a`` is the one with the higher accuracy."""

    a: str
    b: str
    n: int
    only_a: int
    """Images that only ``a`` gets right."""
    only_b: int
    gap: float
    """Accuracy of ``a`` minus that of ``b``, ≥ 0."""
    low: float
    """Tango's score interval of the gap (1998)."""
    high: float
    p_exact: float
    """McNemar's exact conditional test."""
    p_mid: float
    """McNemar's mid-p test (Fagerland, Lydersen & Laake 2013)."""
    p_holm: float
    """``p_mid`` corrected for every pair of the comparison (Holm 1979)."""
    smallest_gap: float | None
    """The smallest gap with mid-p < 0.05, uncorrected, had as many images been disputed;
    None when no gap could be: fewer than five disputed images."""
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedCase:
    """A case's place among those it was compared with."""

    case: str
    accuracy: Metric
    rank: int
    """1 + the number of cases that a test finds better."""
    worst_rank: int
    """Number of cases − the number that a test finds worse: [rank, worst_rank] holds the true
    rank with 95 % confidence (Mogstad, Romano, Shaikh & Wilhelm 2024)."""
    groups: tuple[str, ...]
    """Letters "a", "b", …: two cases share a letter exactly when no test separates them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """The chance that one pair's mid-p test sees a true gap."""

    gap: float
    power: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseComparison:
    """All cases on the same images."""

    n: int
    alpha: float
    """Of every test."""
    margin: float
    """Gaps below it are too small to matter: see :data:`Verdict`."""
    cases: tuple[RankedCase, ...]
    """Best accuracy first."""
    cochran_q: float
    """Cochran's Q (1950): are all accuracies equal?"""
    cochran_df: int
    cochran_p: float
    pairs: tuple[PairedTest, ...]
    """Every pair, best first."""
    discordance: float
    """Median share of images on which one case of a pair is right and the other wrong."""
    detectable_gap: float | None
    """The gap that one test sees four times in five at this n and discordance; None when
    there is none."""
    power: tuple[Power, ...]
    """At this n and discordance."""
    clustered: bool = False
    """Whether near-duplicate photos were counted as one."""


FindingTopic = Literal["leaders", "models", "prompts", "control", "training", "quoted"]
"""What a finding is about: the best case and those no test separates from it, two models with
their best prompts, a prompt set over the class names, a prompt set over random words of the
same length, a supervised model over the best zero-shot one, or two published results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A conclusion as data: the report writes the sentence."""

    topic: FindingTopic
    verdict: Verdict
    a: str
    """The one with the higher accuracy (case id, or name of a quoted system), unless
    ``subject`` says otherwise."""
    b: str
    subject: str
    """The one that the question is about: the descriptions, the supervised model, …; equal to
    ``a`` or ``b``."""
    gap: float
    """Accuracy of ``a`` minus that of ``b``."""
    low: float
    high: float
    p: float
    """Holm-corrected mid-p; of a quoted tie, the uncorrected one of the most favourable overlap."""
    n: int
    members: tuple[str, ...] = ()
    """``leaders``: the cases that no test separates from the best one, which comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Images whose confidence lies in ]low, high]."""

    low: float
    high: float
    confidence: float | None
    """Their mean confidence; None when there are none."""
    accuracy: Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationScores:
    """How far probabilities can be believed."""

    brier: Metric
    """Mean of Σ_c (p_c − y_c)², between 0 and 2 (Brier 1950)."""
    nll: Metric
    """Mean −log p of the true class, in nats."""
    ece: float
    """Expected calibration error of the most probable class, equal-width bins."""
    ece_null_mean: float
    """Its mean, and its 95th percentile, had these very confidences been perfectly calibrated."""
    ece_null_high: float
    bins: tuple[ReliabilityBin, ...]
    confidence: float
    """Mean probability of the predicted class; above the accuracy: overconfident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A case's probabilities as they are, and after one temperature."""

    case: str
    before: CalibrationScores
    after: CalibrationScores
    temperature: float
    """Above 1: the probabilities were too sharp.  With cross-fitting, the mean of the folds'."""
    fitted_on: Literal["validation", "cross-fitting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskPoint:
    """A point of the risk-coverage curve."""

    coverage: float
    """Share of the images classified: those with a confidence of at least ``threshold``."""
    risk: float
    """Share of errors among them."""
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Automation:
    """How much of the catalogue can be classified without a look, at a target precision."""

    target: float
    """The precision wanted: 0.95."""
    threshold: float | None
    """Classify what is at least this confident; None when no threshold reached the target."""
    chosen_on: Literal["validation", "cross-fitting"]
    coverage: Metric
    """Share of the test images that are classified; ``threshold`` never saw them."""
    precision: Metric
    """Share of right ones among them."""
    certified_coverage: float
    """The largest coverage at which the precision exceeds the target with 95 % confidence, by
    fixed-sequence testing on the test images; 0 when none does."""
    certified_threshold: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstention:
    """What a case gains by leaving doubtful images to a person."""

    case: str
    curve: tuple[RiskPoint, ...]
    aurc: Metric
    """Area under the risk-coverage curve (Geifman & El-Yaniv 2017): lower is better."""
    automation: Automation


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassGain:
    """What a prompt set changes in one class's recall."""

    label: str
    n: int
    only_a: int
    only_b: int
    gain: float
    """Recall with ``a`` minus recall with ``b``."""
    low: float
    high: float
    p_mid: float
    p_holm: float
    """Corrected for the classes of this prompt set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptGain:
    """A prompt set against another, same model, class by class."""

    a: str
    b: str
    classes: tuple[ClassGain, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextEffect:
    """What one text of a class brings: accuracy with it minus accuracy without it."""

    label: str
    text: str
    n: int
    only_with: int
    only_without: int
    effect: float
    low: float
    high: float
    p_mid: float
    p_holm: float
    """Corrected for the texts of the prompt set."""
    own_recall: float
    """The same for the recall of its own class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPair:
    """Two classes whose texts say nearly the same to the model."""

    a: str
    b: str
    cosine: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceSource:
    """A share of the differences between the accuracies of all models × prompt sets."""

    source: Literal["model", "prompts", "interaction"]
    share: float
    """Of the sum of squares between the cells."""
    low: float
    high: float
    effect: float
    """Root mean square effect in accuracy, once the noise of the images is taken away."""
    df: int
    wald: float
    """Wald's chi-square that there is none (Grizzle, Starmer & Koch 1969)."""
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptChoice:
    """Prompt sets chosen on validation and scored on test, beside the choice made on test."""

    model: str
    candidates: tuple[str, ...]
    chosen: str
    """The best on validation; the first of equals."""
    validation: Metric
    test: Metric
    """Of ``chosen``: the number to report."""
    best_on_test: str
    best_test: Metric
    """Of ``best_on_test``: what a choice on test would have reported."""
    optimism: float
    """By how much the accuracy of the best on test overstates it (bootstrap, Efron 1983)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptDiagnosis:
    """Everything that is known of one model's prompt sets."""

    model: str
    gains: tuple[PromptGain, ...] = ()
    effects: Mapping[str, tuple[TextEffect, ...]] = field(default_factory=dict)
    """Case id to the effects of its texts."""
    near_identical: Mapping[str, tuple[TextPair, ...]] = field(default_factory=dict)
    """Case id to the classes that its texts hardly tell apart."""
    choice: PromptChoice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanGain:
    """Several repetitions (seeds) of a method against one case, on the same images."""

    gain: float
    """Mean accuracy over the repetitions, minus the case's."""
    low: float
    high: float
    p: float
    n: int
    repetitions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FewShotPoint:
    """A method at a number of labelled images a class."""

    shots: int | None
    """None: all there are."""
    images: int
    """Labelled images in all."""
    accuracies: tuple[float, ...]
    """On the test images, one a seed."""
    mean: float
    low: float
    """Band of the mean over supports and images: twice crossed t interval."""
    high: float
    over_zero_shot: MeanGain | None
    """None without a zero-shot classifier."""
    p_holm: float | None
    """Of ``over_zero_shot``, corrected for the points of the curve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """A method over growing supports."""

    method: str
    """"logistic", "gda", "text-probe" or "knn"."""
    points: tuple[FewShotPoint, ...]
    break_even: int | None
    """Fewest shots from which the method beats zero-shot, there and at every larger number
    tried, each by a corrected test; None when it never does.  When only all the images do,
    it is the size of the largest class's support."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FewShot:
    """Learning curves on one model's embeddings."""

    model: str
    zero_shot_case: str | None
    zero_shot: Metric | None
    curves: tuple[LearningCurve, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A photo that every model puts, with confidence, in another class than its label."""

    sample_id: str
    label: str
    predicted: Mapping[str, str]
    """Case id to the class it names."""
    consensus: str | None
    """The class that all name: the label is likely wrong; None when they name several: the
    photo is ambiguous."""
    label_probability: float
    """Mean probability that the cases give to the label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanedAccuracy:
    """A case's accuracy with and without the suspects."""

    case: str
    everything: Metric
    without: Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassVariety:
    """How scattered the photos of a class are, beside how well it is recognised."""

    label: str
    variety: Metric
    """Mean pairwise cosine distance of its embeddings."""
    purity: float
    """Mean share of its photos' nearest neighbours that are of the same class."""
    recall: Metric | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingAudit:
    """What one model's embeddings say of the classes."""

    model: str
    neighbours: int
    """How many nearest neighbours were looked at."""
    overlap: tuple[tuple[float, ...], ...]
    """(C, C): row class's mean share of neighbours in the column class; rows sum to 1."""
    classes: tuple[ClassVariety, ...]
    variety_recall: float | None
    """Spearman's correlation between variety and recall over the classes; None when undefined."""
    variety_recall_p: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataAudit:
    """The labels and photos, as the models see them."""

    cases: tuple[str, ...]
    """That were asked; one a model."""
    suspects: tuple[Suspect, ...]
    accuracies: tuple[CleanedAccuracy, ...]
    embeddings: tuple[EmbeddingAudit, ...] = ()
    near_duplicates: tuple[tuple[str, ...], ...] = ()
    """Groups of ids of photos that are nearly the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """Finding the title of a photo among all titles, or the photo of a title."""

    model: str
    direction: Literal["image-to-title", "title-to-image"]
    recall_at_1: Metric
    recall_at_5: Metric
    median_rank: Metric
    """1 is best."""
    candidates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyComparison:
    """All that is concluded from a study's cases: what comparison.json holds."""

    schema_version: int = SCHEMA_VERSION
    study: str
    dataset_revision: str
    split_digest: str
    inputs: Mapping[str, str]
    """Case id to the digest of its predictions: the comparison is current while they are."""
    comparison: CaseComparison | None
    """None with fewer than two cases."""
    findings: tuple[Finding, ...] = ()
    calibration: tuple[Calibration, ...] = ()
    abstention: tuple[Abstention, ...] = ()
    prompts: tuple[PromptDiagnosis, ...] = ()
    variance: tuple[VarianceSource, ...] = ()
    control: Mapping[str, MeanGain] = field(default_factory=dict)
    """Case id to its gain over random words of the same length, over several seeds."""
    few_shot: tuple[FewShot, ...] = ()
    audit: DataAudit | None = None
    retrieval: tuple[Retrieval, ...] = ()


# ------------------------------------------------------------------- explanations

ExplainMethod = Literal["attention-gradient", "chefer", "hirescam", "gradcam", "rise"]
EXPLAIN_METHODS: tuple[ExplainMethod, ...] = (
    "attention-gradient",
    "chefer",
    "hirescam",
    "gradcam",
    "rise",
)
SelectionRule = Literal["shared", "confusion", "surest-wrong", "surest-right", "least-sure-right"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainSpec:
    """Which photos of a case are explained, how, and how the maps are checked."""

    methods: tuple[ExplainMethod, ...] = ()
    """Empty for the tower's own method, then RISE, which alone compares models."""
    photos_per_rule: int = 1
    """Of each class, for each rule of the selection."""
    confusions: int = 3
    """Pairs (true class, predicted class) that are shown: the most frequent ones."""
    shared_per_class: int = 1
    """Photos of each class that are explained whatever the case, so that cases compare."""
    cap: int = 32
    """Photos of a case, at most."""
    masks: int = 300
    """Of RISE: forward passes a photo and model; a further prompt set costs none."""
    faithfulness_photos: int = 12
    """Photos whose deletion and insertion curves are drawn; 0 for none."""
    curve_steps: int = 10
    """Steps of a curve, from the whole photo to none of it."""
    randomisation_photos: int = 2
    """Photos explained again with random weights; 0 for none."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionReason:
    """Why a photo was chosen: a rule, never a taste."""

    rule: SelectionRule
    label: str
    """The true class it was chosen for."""
    predicted: str | None = None
    """The class it is confused with; None but for ``confusion``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedPhoto:
    """A photo that the rules chose."""

    sample_id: str
    reasons: tuple[SelectionReason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSummary:
    """What a map shows, in numbers: the text for those who cannot see it.

    The mass of a map is its part above zero; a uniform map has a ``centre_share`` of 0.25, a
    ``top_share`` of 0.11 and a ``half_area`` of 0.5.
    """

    empty: bool
    """Whether nothing speaks for the class; every share is then 0."""
    centre_share: float
    """Share of the mass in the middle quarter of what was seen (half its width and height)."""
    top_row: int
    """Of the ninth of what was seen that holds most mass: 0 top, 1 middle, 2 bottom."""
    top_column: int
    """0 left, 1 middle, 2 right."""
    top_share: float
    """Share of the mass in that ninth."""
    half_area: float
    """The smallest share of what was seen that holds half of the mass."""
    against_share: float
    """Of all that counts, the share that speaks against the class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassMap:
    """One map of a photo: what speaks for one class, by one method."""

    method: ExplainMethod
    label: str
    """The class that is explained: the predicted one, or the true one."""
    overlay: str
    """WebP with transparency, relative to the case's folder: "attention/….webp"."""
    width: int
    """Of the overlay, pixels: the whole photo, on the scale of its small copy."""
    height: int
    peak: float
    """The map's own maximum, in units of the score for ``rise``."""
    scale: float
    """The value of the brightest colour: the maps of a photo and method share it."""
    summary: MapSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedPhoto:
    """A photo with its maps: of the predicted class, and of the true one if it differs."""

    sample_id: str
    label: str
    predicted: str
    probabilities: tuple[float, ...]
    """In the order of the classes."""
    reasons: tuple[SelectionReason, ...]
    seen: tuple[float, float, float, float]
    """Left, top, right and bottom of what the model read, as shares of the photo's sides."""
    maps: tuple[ClassMap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodCard:
    """A method, as this model allows it."""

    method: ExplainMethod
    applies: bool
    reason: str = ""
    """Why it does not apply, naming one that does; one line, in English."""
    layer: str = ""
    """The layer that a CAM reads."""
    grid: tuple[int, int] | None = None
    """Rows and columns of its maps, before they are laid on the photo."""
    forward_passes: int = 0
    """What all class maps of one photo took, measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faithfulness:
    """Deletion or insertion: does the model change its mind where the map says?"""

    method: str
    """An :data:`ExplainMethod`, or a control: "random" or "centre"."""
    measure: Literal["deletion", "insertion"]
    """Deletion is better low, insertion better high."""
    baseline: Literal["blur", "mean"]
    """What stands in place of a deleted pixel."""
    area: Metric
    """Mean area under the curve of the class's probability."""
    beats: tuple[str, ...] = ()
    """Controls that it beats on the same photos: the 95 % interval of the difference is on
    the right side of zero."""
    curve: tuple[float, ...] = ()
    """Mean probability at each step, from 0 to the whole of the photo."""

    @property
    def faithful(self) -> bool:
        """Whether it beats both controls."""
        return set(self.beats) >= {"random", "centre"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Randomisation:
    """How much of a map is left when the weights are drawn at random, from the output down.

    A map that stays shows the photo, not the model (Adebayo et al. 2018).
    """

    method: ExplainMethod
    share: float
    """Of the tower's weights that were shuffled, the last ones first; 1 for all."""
    similarity: Metric
    """Spearman's correlation with the map of the trained model, mean over the maps shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseExplanation:
    """The maps of a case and what they are worth: what attention.json holds."""

    schema_version: int = SCHEMA_VERSION
    study: str
    case: str
    dataset_revision: str
    split_digest: str
    fingerprint: str
    """Of the model."""
    classes: tuple[str, ...]
    spec: ExplainSpec
    methods: tuple[MethodCard, ...]
    photos: tuple[ExplainedPhoto, ...]
    faithfulness: tuple[Faithfulness, ...] = ()
    randomisation: tuple[Randomisation, ...] = ()
