"""The small copies of a study's photos, and what is said where they may not be shown."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.records import SampleCard
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, t
from evaluation.report.study.here import Here

PARTS = {
    "train": message("apprentissage"),
    "validation": message("validation"),
    "test": message("test"),
}
"""Names of the parts of the split."""

THUMBNAIL = 320
"""Longest side of the small copies, pixels."""

WITHHELD = message(
    "La licence de ces photos ne permet pas de les republier : ce site "
    "n’en montre aucune. Les chiffres, eux, portent bien sur toutes "
    "les photos."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A small photo with its caption."""

    src: str
    width: str
    """Of the small copy, pixels."""
    height: str
    alt: str
    title: str
    """Its title in the data, or its id."""
    subcategory: str
    part: str
    """In French."""
    id: str


def photo(here: Here, card: SampleCard) -> Photo:
    """A card's photo as this page shows it."""
    width, height = small(card)
    title = wording.title(card.title) if card.title else card.id
    return Photo(
        src=here.file(f"{here.view.folder}/{card.photo}"),
        width=str(width),
        height=str(height),
        alt=t(
            "Photo de la catégorie {label} : {title}",
            label=wording.quote(card.label),
            title=title,
        ),
        title=title,
        subcategory=card.subcategory or "",
        part=t(PARTS[card.fold]),
        id=card.id,
    )


def small(card: SampleCard) -> tuple[int, int]:
    """Width and height of a photo's small copy, pixels."""
    scale = min(1.0, THUMBNAIL / max(card.width, card.height, 1))
    return max(1, round(card.width * scale)), max(1, round(card.height * scale))
