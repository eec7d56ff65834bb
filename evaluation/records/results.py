"""What people are shown: published figures, embeddings in the plane, results, new photos."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from evaluation.records.analysis import StudyComparison
from evaluation.records.base import SCHEMA_VERSION, DatasetKind, FloatArray, Fold, Record, Within
from evaluation.records.data import DataNote, Grouping, MissingPhoto
from evaluation.records.explanations import CaseExplanation, ExplainFailure, Suggestion
from evaluation.records.lists import ModelKind
from evaluation.records.models import ModelCard
from evaluation.records.runs import RunRecord
from evaluation.records.scores import Drift, Metric, Predictions, StrayCard
from evaluation.records.study import AnswerSpec, Threshold

Point = tuple[float, float]


class Projection(Record):
    """Embeddings of the test photos, and of the texts of a zero-shot case, on two axes."""

    schema_version: int = SCHEMA_VERSION
    case: str
    method: Literal["pca"] = "pca"
    """The two directions along which the photos differ most (Pearson 1901)."""
    explained: tuple[float, float]
    """Share of the photos' variance that each axis shows."""
    classes: tuple[str, ...]
    sample_ids: tuple[str, ...]
    photos: tuple[Point, ...]
    """One a photo, in the order of ``sample_ids``; their mean is the origin."""
    texts: tuple[Point, ...] = ()
    """One a class; their mean is the origin too.  Empty for a model that reads no text."""
    texts_shown: float | None = None
    """Share of the variance of the texts that the two axes show."""
    gap: float | None = None
    """Distance between the mean photo and the mean text, both of unit-length embeddings: what
    centring each apart takes away (the modality gap of Liang et al. 2022)."""


class ReferenceScores(Record):
    """Published figures of one class; None where the source gives none."""

    label: str
    precision: Annotated[float | None, Within(0, 1)]
    recall: Annotated[float | None, Within(0, 1)]
    f1: Annotated[float | None, Within(0, 1)]


class ReferenceSystem(Record):
    """A system whose results were published, and which measured cases stand beside it."""

    name: str
    title: str
    """In French, as the site shows it."""
    kind: ModelKind
    prompts: str | None
    """Name of the prompt set whose cases stand beside it; None for a supervised system."""
    accuracy: Annotated[float, Within(0, 1)]
    per_class: tuple[ReferenceScores, ...]
    contrastive: bool | None = None
    """Whether it is a CLIP: contrast of images and texts trained it; None where it is not said."""
    augmented: bool | None = None
    """Whether it learned from augmented views; None where it is not said."""


class Reference(Record):
    """Published results on the same data, quoted with their source."""

    study: str
    source: str
    """Author, title and date, in French."""
    slide: str
    """Where in the source the figures stand, in French."""
    test_images: Annotated[int, Within(1)]
    classes: tuple[str, ...]
    systems: tuple[ReferenceSystem, ...]
    translations: Mapping[str, str] = field(default_factory=dict)
    """French text of the file (source, titles) to the same in English."""


class SampleCard(Record):
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
    slices: Mapping[str, str] = field(default_factory=dict)
    """Column of the table to its value."""


class StudyRecord(Record):
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
    notes: tuple[DataNote, ...] = ()
    """What was skipped, and doubts about what was not; empty in older artefacts."""
    duplicates: tuple[tuple[str, ...], ...]
    near_duplicates: tuple[tuple[str, ...], ...] = ()
    groups: tuple[tuple[str, ...], ...] | None = None
    """What was kept together by the split; None in older artefacts: the near duplicates."""
    grouping: tuple[Grouping, ...] = ("look",)
    """What makes a group."""
    carved: tuple[Fold, ...] = ()
    """Parts that the data's own split lacks, drawn from its training photos."""
    split_digest: str
    seed: int
    cases: tuple[str, ...]
    """Ids of the cases that the study declares, whether they ran or not."""
    thresholds: tuple[Threshold, ...]
    reference: Reference | None = None
    models: tuple[ModelCard, ...] = ()
    """What is known of each model, whether it ran or not; empty in older artefacts."""
    answer: AnswerSpec = field(default_factory=AnswerSpec)
    translations: Mapping[str, str] = field(default_factory=dict)
    """French text of the study (titles, question, sources) to the same in English."""
    glosses: Mapping[str, str] = field(default_factory=dict)
    """Class to what its name means in French, where it is in another language."""
    strays: tuple[StrayCard, ...] = ()
    """Photos that belong to no class."""

    def is_of(self, made: RunRecord | CaseExplanation | Suggestion) -> bool:
        """Whether a record was made on these photos and this split."""
        own = self.dataset_revision, self.split_digest
        return (made.dataset_revision, made.split_digest) == own

    @property
    def clusters(self) -> tuple[tuple[str, ...], ...]:
        """Groups of photos that every test and interval counts as one."""
        return self.near_duplicates if self.groups is None else self.groups


class StudyResults(Record):
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
    explanations: Mapping[str, CaseExplanation] = field(default_factory=dict)
    """Case id to its maps, of the runs that came out, made from these very predictions."""
    explain_failures: Mapping[str, ExplainFailure] = field(default_factory=dict)
    """Case id to why its last maps could not be made; earlier ones may still stand."""
    suggestions: Mapping[str, Suggestion] = field(default_factory=dict)
    """Case id to what was suggested to write instead of its texts."""
    projections: Mapping[str, Projection] = field(default_factory=dict)
    """Case id to its photos and texts in the plane, of the runs that came out and have one."""
    drift: Drift | None = None
    """Photos that came since, as `veille drift` last saw some."""
    folder: Path
    """The study's artefact folder."""


class Answer(Record):
    """A photo as a case of a study classifies it."""

    path: str
    """Below the folder, with forward slashes."""
    predicted: str
    probability: float
    """Of the predicted class, as the case gives it: calibrated or not."""
    kept: bool
    """Whether it reaches the study's threshold and is no stray; a person looks at the others."""
    like: str
    """Another photo that looks the same from afar: its path, or ``STUDY: id``; "" for none."""
    stray: bool = False
    """Whether it belongs to no class, by the study's strays; False where it has none."""


class FolderAnswers(Record, eq=False):
    """N photos of a folder, classified."""

    case: str
    classes: tuple[str, ...]
    target: float
    """The precision that the threshold aims at."""
    threshold: float | None
    """Of the probability, as the study's calibration page has it; None where none is enough."""
    answers: tuple[Answer, ...]
    probabilities: FloatArray
    """(N, C)"""
    unread: tuple[MissingPhoto, ...]
    notes: tuple[DataNote, ...]
    """Files that were not taken for photos."""

    @property
    def left(self) -> tuple[Answer, ...]:
        """What is left to a person, the least sure first."""
        left = (answer for answer in self.answers if not answer.kept)
        return tuple(sorted(left, key=lambda answer: answer.probability))


class Flip(Record):
    """A validation photo that is classified otherwise since the last save."""

    sample_id: str
    label: str
    before: str
    now: str


class ProvisionalCase(Record):
    """A prompt set on the validation photos, as it was last saved."""

    prompts: str
    title: str
    """Of the prompt set, in French."""
    accuracy: Metric
    change: Metric | None
    """Accuracy minus that of the last save, by the paired test; None at the first."""
    p_mid: float | None
    flips: tuple[Flip, ...]


class Provisional(Record):
    """One save, scored on validation; it is shown, and no artefact."""

    study: str
    title: str
    """Of the study, in French."""
    model: str
    at: str
    """When the files were read: ISO 8601, UTC."""
    seconds: float
    """From the save to these figures."""
    error: str = ""
    """Why the files as they are cannot be scored; the cases are then those of the last save."""
    cases: tuple[ProvisionalCase, ...]
