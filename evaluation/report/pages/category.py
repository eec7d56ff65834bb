"""The gallery of a class; the menu does not name it, the page of the data set does."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from evaluation.records import FOLDS
from evaluation.report.kit import wording
from evaluation.report.kit.language import word
from evaluation.report.study.here import Here
from evaluation.report.study.photos import photo
from evaluation.report.study.view import MANY

_OF_A_KIND = 6
"""Photos of a sub-category."""


def build(here: Here, label: str) -> Mapping[str, Any]:
    """What the template prints of a class: its sub-categories, then its photos, the test first."""
    view, cards = here.view, here.view.samples(label)
    sizes = Counter(card.subcategory for card in cards if card.subcategory)
    # The largest first.
    kinds = [
        {
            "name": name,
            "n": size,
            "photos": [photo(here, card) for card in cards if card.subcategory == name][
                :_OF_A_KIND
            ],
        }
        for name, size in sizes.most_common()
        if view.photos_shown
    ]
    parts = {fold: view.samples(label, fold) for fold in reversed(FOLDS)}
    return {
        "label": label,
        "n": len(cards),
        "others": view.study.classes if len(view.study.classes) <= MANY else (),
        "kinds": kinds,
        "parts": [
            {
                "anchor": fold,
                "title": wording.sentence_case(word("parts", fold)),
                "n": len(photos),
                "photos": [photo(here, card) for card in photos] if view.photos_shown else [],
            }
            for fold, photos in parts.items()
            if photos
        ],
    }
