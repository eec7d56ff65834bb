"""What a case says of each image, of a class or of none, and the numbers made from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from evaluation.records.base import BoolArray, FloatArray, IntArray, Record
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
        """Whether only classes are known: every answer is given as if it were sure.

        Then there is nothing to calibrate, to rank or to abstain by.
        """
        return bool(np.isin(self.probabilities, (0.0, 1.0)).all())

    @property
    def predicted(self) -> IntArray:
        """(N,) indices into ``classes``: the most probable one, the first of equals."""
        result: IntArray = self.probabilities.argmax(axis=1)
        return result

    @property
    def right(self) -> BoolArray:
        """(N,) whether the predicted class is the true one."""
        result: BoolArray = self.predicted == self.labels
        return result


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
