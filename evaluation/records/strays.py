"""Photos that belong to no class, and whether a case lets them pass for one."""

from dataclasses import dataclass
from typing import Literal

from evaluation.records.scores import Metric

StrayScore = Literal["softmax", "energy", "mcm", "none"]
"""How sure a case is that a photo belongs to one of its classes: the highest probability
(Hendrycks & Gimpel 2017); the log of the summed exponentials of the logits, which is minus the
energy (Liu et al. 2020); the highest probability at temperature 1, of the cosines with the texts
(MCM, Ming et al. 2022); the probability that is left to the classes beside a "none" text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrayCard:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class StrayTest:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class StrayAnswer:
    """A stray that passes for a photo of a class."""

    id: str
    predicted: str
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StrayResults:
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
        return next(one for one in self.tests if one.score == self.chosen)
