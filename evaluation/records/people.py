"""People who labelled the test photos: how far they agree, and how often they are right."""

from dataclasses import dataclass

from evaluation.records.scores import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class PairKappa:
    """Two people on the same photos."""

    a: str
    b: str
    same: Metric
    """Share of the photos that both put in one class."""
    kappa: Metric
    """Cohen's (1960): 1 where they always agree, 0 where chance alone would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanAgreement:
    """The cases that are people, on the test photos."""

    people: tuple[str, ...]
    """Ids of the cases."""
    ceiling: Metric
    """Their mean accuracy: where the labels of the data are the truth, no more can be asked."""
    pairs: tuple[PairKappa, ...]
    fleiss: Metric | None
    """Fleiss' kappa (1971) of all of them; None for one person."""
