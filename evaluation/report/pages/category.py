"""The gallery of a class; the menu does not name it, the page of the data set does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluation.records import FOLDS
from evaluation.report.kit import wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.page import Link
from evaluation.report.study.here import Here
from evaluation.report.study.photos import PARTS, WITHHELD, photo
from evaluation.report.study.view import MANY


def build(here: Here, label: str) -> Mapping[str, Any]:
    """What the template prints of a class: its photos, those of the test first."""
    view = here.view
    parts = {fold: view.samples(label, fold) for fold in reversed(FOLDS)}
    return {
        "label": label,
        "gloss": here.view.gloss(label),
        "study": Link(
            text=t("Jeu de données : {title}", title=view.title), href=here.to("donnees")
        ),
        "others": [
            Link(text=other, href=here.gallery(other))
            for other in view.study.classes
            if other != label and len(view.study.classes) <= MANY
        ],
        "n": len(view.samples(label)),
        "withheld": "" if view.photos_shown else t(WITHHELD),
        "parts": [
            {
                "anchor": fold,
                "title": t(
                    "{part} ({photos})",
                    part=wording.sentence_case(t(PARTS[fold])),
                    photos=nt(len(cards), "{n} photo", "{n} photos"),
                ),
                "photos": [photo(here, card) for card in cards] if view.photos_shown else [],
            }
            for fold, cards in parts.items()
            if cards
        ],
    }
