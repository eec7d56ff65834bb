"""Splits that are drawn again: what a case gets on each, and what that says of two cases."""

from collections.abc import Mapping
from dataclasses import dataclass

from evaluation.records.base import Sided


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedScores:
    """A case on other draws of the same photos, made anew on each."""

    draws: tuple[str, ...]
    """Digests of the splits: cases compare on equal ones."""
    accuracies: tuple[float, ...]
    """Test accuracy on each draw (share)."""
    tested: float
    """Mean share of the photos that a draw tests."""
    folds: int | None = None
    """Of the cross-validation that the draws make up; None where each is a split of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedPair(Sided):
    """Two cases on the same draws; ``a`` has the higher mean."""

    a: str
    b: str
    gap: float
    """Mean over the draws of the accuracy of ``a`` minus that of ``b``, ≥ 0."""
    low: float
    high: float
    p: float
    """Corrected resampled t-test (Nadeau & Bengio 2003)."""
    p_holm: float
    """``p`` corrected for every pair (Holm 1979)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
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

    def pair(self, one: str, other: str) -> RepeatedPair | None:
        """The test of two cases, in either order."""
        return next((pair for pair in self.pairs if {pair.a, pair.b} == {one, other}), None)
