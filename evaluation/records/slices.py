"""How a case fares on parts of the test photos that a column of the table tells apart."""

from dataclasses import dataclass

from evaluation.records.scores import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceScore:
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
