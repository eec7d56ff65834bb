"""Published figures, quoted with their source."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from evaluation.records.kinds import ModelKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceScores:
    """Published figures of one class; None where the source gives none."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSystem:
    """A system whose results were published, and which measured cases stand beside it."""

    name: str
    title: str
    """In French, as the site shows it."""
    kind: ModelKind
    prompts: str | None
    """Name of the prompt set whose cases stand beside it; None for a supervised system."""
    accuracy: float
    per_class: tuple[ReferenceScores, ...]
    contrastive: bool | None = None
    """Whether it is a CLIP: contrast of images and texts trained it; None where it is not said."""
    augmented: bool | None = None
    """Whether it learned from augmented views; None where it is not said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Published results on the same data, quoted with their source."""

    study: str
    source: str
    """Author, title and date, in French."""
    slide: str
    """Where in the source the figures stand, in French."""
    test_images: int
    classes: tuple[str, ...]
    systems: tuple[ReferenceSystem, ...]
    translations: Mapping[str, str] = field(default_factory=dict)
    """French text of the file (source, titles) to the same in English."""
