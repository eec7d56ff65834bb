"""How a score varies: over draws of the split, slices of the photos, people, and time."""

from collections.abc import Mapping

from evaluation.records.base import SCHEMA_VERSION, Record, Sided
from evaluation.records.scores import Metric


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


class Drift(Record):
    """New photos beside the study's test part, as one case sees them: what drift.json holds."""

    schema_version: int = SCHEMA_VERSION
    study: str
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
