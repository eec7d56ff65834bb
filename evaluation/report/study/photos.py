"""The small copies of a study's photos, and what is said where they may not be shown."""

from collections.abc import Mapping

from evaluation.records import SampleCard, StrayCard
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


def titled(card: SampleCard) -> str:
    """A photo's title, or its id where the data gives none."""
    return wording.title(card.title) if card.title else card.id


def photo(here: Here, card: SampleCard) -> Mapping[str, str]:
    """A card's photo as this page shows it."""
    title = titled(card)
    label = wording.quote(card.label)
    return _copy(here, card) | {
        "alt": t("Photo de la catégorie {label} : {title}", label=label, title=title),
        "title": title,
        "subcategory": card.subcategory or "",
        "part": t(PARTS[card.fold]),
    }


def stray(here: Here, card: StrayCard, said: str) -> Mapping[str, str]:
    """A photo of no class, with what is said of it."""
    alt = t("Photo d’aucune catégorie : {title}", title=card.id)
    return _copy(here, card) | {"alt": alt, "title": card.id, "subcategory": said, "part": ""}


def _copy(here: Here, card: SampleCard | StrayCard) -> dict[str, str]:
    width, height = small(card)
    src = here.file(f"{here.view.folder}/{card.photo}")
    return {"src": src, "width": str(width), "height": str(height)}


def small(card: SampleCard | StrayCard) -> tuple[int, int]:
    """Width and height of a photo's small copy, pixels."""
    scale = min(1.0, THUMBNAIL / max(card.width, card.height, 1))
    return max(1, round(card.width * scale)), max(1, round(card.height * scale))
