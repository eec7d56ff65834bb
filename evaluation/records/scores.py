"""What a case says of each image, and the numbers made from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.records.base import BoolArray, FloatArray, IntArray
from evaluation.records.data import Sample


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
