"""A study over time: states that were kept, and photos that came since."""

from dataclasses import dataclass

from evaluation.records.base import SCHEMA_VERSION
from evaluation.records.scores import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChange:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptState:
    """A study as `veille baseline` kept it, beside what it is now."""

    name: str
    scored: str
    """When the last of its cases was scored, ISO 8601."""
    changes: tuple[CaseChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
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
