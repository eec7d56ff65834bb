"""How a case without labels came about: what was read, what was chosen, what chance would give."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from evaluation.records.analysis import MeanGain
from evaluation.records.base import Source
from evaluation.records.scores import Metric

METHOD = 3
"""Raised when the same photos, titles and texts would give another head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How often the class texts say the same of a photo and of its title."""

    share: float
    z: float
    """Standard deviations above what titles dealt at random would give."""
    kappa: float
    """Cohen's: 0 at chance, 1 when they always agree."""
    pairs: int


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class LayerSetting:
    """How a layer is learnt, and where one stops; the softest sort first."""

    sharpness: float
    """Inverse temperature of the cosines."""
    rate: float
    """Learning rate of Adam."""
    epochs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptation:
    """What a label-free case read, and what was made of it."""

    adapt: tuple[Source, ...]
    photos: int
    """Unlabelled photos of the training and validation parts."""
    pairs: int = 0
    """Of them, those with a title that was read."""
    titles: int = 0
    """Different ones among these."""
    before: Agreement | None = None
    """On pairs, of the photos as they are; None when no title was read."""
    after: Agreement | None = None
    """Through layers that had not learnt from the pair."""
    adopted: bool = False
    """Whether the layer is used: chance does not explain the agreement, which rose."""
    settings: tuple[LayerSetting, ...] = ()
    """Whose layers are averaged, the highest agreement first."""
    clusters: bool = False
    """Whether the photos' own clusters are used: titles, where there are any, agree with them."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """Class to its declared share; empty when none are declared."""
    seen_shares: Mapping[str, float] = field(default_factory=dict)
    """Class to the share that the model gave it before."""
    texts_from_labels: bool = False
    """Whether the class texts were made from labels of the training part."""
    controls: tuple[Metric, ...] = ()
    """Accuracy on test with "shuffled" titles and "random" directions, at the same settings and
    without the guard: the mean of several draws."""
    control_gains: Mapping[str, MeanGain] = field(default_factory=dict)
    """Name of a control to what it gains over the model as it is, on the same photos; empty in
    records of one draw."""
    seconds: float = 0.0
    """Of the choice and the fits, embedding apart."""
