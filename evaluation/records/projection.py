"""A case's photos and class texts in the plane: what projection.json holds."""

from dataclasses import dataclass
from typing import Literal

from evaluation.records.base import SCHEMA_VERSION

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """Embeddings of the test photos, and of the texts of a zero-shot case, on two axes."""

    schema_version: int = SCHEMA_VERSION
    case: str
    method: Literal["pca"] = "pca"
    """The two directions along which the photos differ most (Pearson 1901)."""
    explained: tuple[float, float]
    """Share of the photos' variance that each axis shows."""
    classes: tuple[str, ...]
    sample_ids: tuple[str, ...]
    photos: tuple[Point, ...]
    """One a photo, in the order of ``sample_ids``; their mean is the origin."""
    texts: tuple[Point, ...] = ()
    """One a class, in the order of ``classes``; their mean is the origin too.  Empty for a
    model that reads no text."""
    texts_shown: float | None = None
    """Share of the variance of the texts that the two axes show."""
    gap: float | None = None
    """Distance between the mean photo and the mean text, both of unit-length embeddings: what
    centring each apart takes away (the modality gap of Liang et al. 2022)."""
