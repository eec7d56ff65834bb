"""The kinds of model and the families that a reader sees: the only list of either.

It lies below every other room, since a study file, the scores and the report ask the same
questions of a kind: whether it reads texts, whether it learns from labels, how it is drawn.
What loads a kind is named here and imported by ``evaluation.models`` alone, so that building
the site needs no torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from evaluation.records.base import message

ModelKind = Literal["clip", "supervised", "predictions", "chat"]
Family = Literal["zero-shot", "label-free", "supervised", "given"]
"""What a case read of the user's own before it answered: nothing, titles or photos or shares
without a label, or labels; "given" answers were made elsewhere, from what nobody says here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """How a family is named and drawn."""

    title: str
    """In French: a message of the report."""
    colour: str
    """A CSS value; the key of a legend has the class ``v-key--FAMILY``."""
    shape: str
    """A Vega symbol: told apart without its colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a ``kind`` of ``[[models]]`` means to the rest of the house."""

    module: str
    """Within ``evaluation.models``: it has the functions of :class:`evaluation.models.Maker`."""
    family: Family
    reads_texts: bool
    """Whether prompt sets apply: a model that reads none is one case."""
    learns: bool
    """Whether it is trained on the labels of the training part."""
    embeds: bool = True
    """Whether it has embeddings; without them it is compared, but not looked into."""


FAMILIES: Mapping[Family, Sign] = {
    "zero-shot": Sign(title=message("Zero-shot"), colour="var(--v-zero-shot)", shape="circle"),
    "label-free": Sign(
        title=message("Sans étiquette"), colour="var(--v-label-free)", shape="triangle-up"
    ),
    "supervised": Sign(title=message("Supervisé"), colour="var(--v-supervised)", shape="square"),
    "given": Sign(title=message("Fait ailleurs"), colour="var(--v-given)", shape="triangle-down"),
}

KINDS: Mapping[ModelKind, Kind] = {
    "clip": Kind(module="clip", family="zero-shot", reads_texts=True, learns=False),
    "supervised": Kind(module="supervised", family="supervised", reads_texts=False, learns=True),
    "predictions": Kind(
        module="predictions", family="given", reads_texts=False, learns=False, embeds=False
    ),
    "chat": Kind(module="chat", family="zero-shot", reads_texts=True, learns=False, embeds=False),
}
