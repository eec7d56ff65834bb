"""What a case says of each image, the numbers made from it, and how they vary.

Over draws of the split, slices of the photos, people, and time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from evaluation.records.base import Artefact, BoolArray, FloatArray, IntArray, Record, Sided
from evaluation.records.data import Sample


class Predictions(Record, eq=False):
    """What a case says of each test image."""

    classes: tuple[str, ...]
    sample_ids: tuple[str, ...]
    labels: IntArray
    """(N,) indices into ``classes``: the truth."""
    probabilities: FloatArray
    """(N, C) float64, rows sum to 1."""
    logits: FloatArray | None = None
    """(N, C) float64, already multiplied by the model's scale; None when read from a file."""

    @classmethod
    def of(
        cls,
        classes: tuple[str, ...],
        samples: Sequence[Sample],
        probabilities: FloatArray,
        logits: FloatArray | None = None,
    ) -> Predictions:
        """The rows of these samples, with their ids and their true classes."""
        index = {label: row for row, label in enumerate(classes)}
        return cls(
            classes=classes,
            sample_ids=tuple(sample.id for sample in samples),
            labels=np.array([index[sample.label] for sample in samples], dtype=np.int64),
            probabilities=probabilities,
            logits=logits,
        )

    @property
    def certain(self) -> bool:
        """Whether only classes are known: nothing to calibrate, to rank or to abstain by."""
        return bool(np.isin(self.probabilities, (0.0, 1.0)).all())

    @property
    def predicted(self) -> IntArray:
        """(N,) indices into ``classes``: the most probable one, the first of equals."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def right(self) -> BoolArray:
        """(N,) whether the predicted class is the true one."""
        return np.asarray(self.predicted == self.labels)


class Metric(Record):
    """A number with its 95 % interval and the count it rests on."""

    name: str
    value: float | None
    """None when it is undefined: the precision of a class that was never predicted."""
    low: float | None = None
    high: float | None = None
    n: int
    method: str = ""
    """How the interval was made: "wilson", "bootstrap-bca", or "" when there is none."""


class ClassScores(Record):
    """One class's row of the classification report."""

    label: str
    precision: Metric
    recall: Metric
    f1: Metric
    support: int


StrayScore = Literal["softmax", "energy", "mcm", "none"]
"""How sure a case is that a photo belongs to one of its classes: the highest probability
(Hendrycks & Gimpel 2017); the log of the summed exponentials of the logits, which is minus the
energy (Liu et al. 2020); the highest probability at temperature 1, of the cosines with the texts
(MCM, Ming et al. 2022); the probability that is left to the classes beside a "none" text."""


class StrayCard(Record):
    """A stray as the site shows it."""

    id: str
    """Its path below the folder of the strays."""
    photo: str
    """Its small copy, relative to the study's artefact folder."""
    width: int
    """Of the original, pixels."""
    height: int
    chooses: bool
    """Whether it is of the half that thresholds are chosen on; the other half is scored."""


class StrayTest(Record):
    """One score at telling test photos from the strays that are scored."""

    score: StrayScore
    auroc: Metric
    """The chance that a test photo has a higher score than a stray."""
    fpr95: Metric
    """Share of the strays that pass where 95 % of the test photos do."""
    threshold: float
    """Chosen on validation photos and the other strays, where the two shares differ most."""
    kept: Metric
    """Share of the test photos that reach the threshold."""
    passed: Metric
    """Share of the strays that do."""


class StrayAnswer(Record):
    """A stray that passes for a photo of a class."""

    id: str
    predicted: str
    probability: float


class StrayResults(Record):
    """What a case does with the strays."""

    tests: tuple[StrayTest, ...]
    chosen: StrayScore
    """The score that told most on validation photos and the strays that choose."""
    passing: tuple[StrayAnswer, ...]
    """Scored strays that pass by it, the surest first."""
    none_text: str = ""
    """Of the score "none"; "" for a case without texts."""

    @property
    def test(self) -> StrayTest:
        """Of the chosen score."""
        return next(test for test in self.tests if test.score == self.chosen)


class RepeatedScores(Record):
    """A case on other draws of the same photos, made anew on each."""

    draws: tuple[str, ...]
    """Digests of the splits: cases compare on equal ones."""
    accuracies: tuple[float, ...]
    """Test accuracy on each draw (share)."""
    tested: float
    """Mean share of the photos that a draw tests."""
    folds: int | None = None
    """Of the cross-validation that the draws make up; None where each is a split of its own."""


class RepeatedPair(Sided):
    """Two cases on the same draws; ``a`` has the higher mean accuracy, by ``gap``."""

    p: float
    """Corrected resampled t-test (Nadeau & Bengio 2003)."""
    p_holm: float
    """``p`` corrected for every pair (Holm 1979)."""


class Repeats(Record):
    """All cases of a study that were repeated."""

    draws: int
    folds: int | None
    """Of cross-validation; None where each draw is a split of its own."""
    tested: float
    """Mean share of the photos that a draw tests."""
    accuracies: Mapping[str, tuple[float, ...]]
    """Case to its accuracy on each draw; best mean first."""
    pairs: tuple[RepeatedPair, ...]
    """Every pair, best first."""
    left_out: tuple[str, ...]
    """Scored cases that were not repeated."""

    def pair(self, case: str, other: str) -> RepeatedPair | None:
        """The test of two cases, in either order."""
        return next((pair for pair in self.pairs if {pair.a, pair.b} == {case, other}), None)


class SliceScore(Record):
    """A case on the test photos that have one value in a column."""

    case: str
    column: str
    value: str
    """"" for all photos whose value has too few of them to be told, or that have none."""
    accuracy: Metric
    expected: float
    """What the case reaches on photos of the same classes, whatever their value."""
    p: float | None
    """That the slice is as easy as the other photos of its classes (Mantel & Haenszel 1959);
    None for the rest, and where no class has photos both in the slice and out of it."""
    p_holm: float | None
    """Corrected for all slices of the case."""


class PairKappa(Record):
    """Two people on the same photos."""

    a: str
    b: str
    same: Metric
    """Share of the photos that both put in one class."""
    kappa: Metric
    """Cohen's (1960): 1 where they always agree, 0 where chance alone would."""


class HumanAgreement(Record):
    """The cases that are people, on the test photos."""

    people: tuple[str, ...]
    """Ids of the cases."""
    ceiling: Metric
    """Their mean accuracy: where the labels of the data are the truth, no more can be asked."""
    pairs: tuple[PairKappa, ...]
    fleiss: Metric | None
    """Fleiss' kappa (1971) of all of them; None for one person."""


class CaseChange(Record):
    """A case then and now, on the photos of both."""

    case: str
    accuracy: Metric
    """As it was recorded then, on the photos of then."""
    then: float
    """On the photos of both."""
    now: float
    gap: Metric
    """Now minus then, with Tango's interval."""
    p: float
    """McNemar's mid-p, groups counted as one; uncorrected."""
    won: tuple[str, ...]
    """Ids of the photos that are right now and were not."""
    lost: tuple[str, ...]


class KeptState(Record):
    """A study as `veille baseline` kept it, beside what it is now."""

    name: str
    scored: str
    """When the last of its cases was scored, ISO 8601."""
    changes: tuple[CaseChange, ...]


class Drift(Artefact):
    """New photos beside the study's test part, as one case sees them: what drift.json holds."""

    case: str
    folder: str
    """Name of the folder, without its path."""
    measured: str
    """When, ISO 8601, UTC."""
    photos: int
    """How many there are in the folder."""
    same: int
    """Those whose bytes are the study's own: they are left out of the first figure."""
    told_apart: Metric
    """Share of held-out photos whose side a classifier tells; one half when they are alike."""
    left_then: Metric
    """Share of the study's test photos below its threshold: those left to people."""
    left_now: Metric

    @property
    def differs(self) -> bool:
        """Whether the new photos are demonstrably others."""
        return self.told_apart.low is not None and self.told_apart.low > 0.5  # noqa: PLR2004
