"""The gallery of a class; the menu does not name it, the page of the data set does."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.records import FOLDS, Fold, SampleCard
from evaluation.report.kit import wording
from evaluation.report.kit.language import nt, t
from evaluation.report.study.here import Here
from evaluation.report.study.photos import PARTS, WITHHELD, photo
from evaluation.report.study.view import MANY

_SHOWN = 30
"""Photos of the test that are shown at once; the rest, and the other parts, are folded."""
_KINDS = 12
"""Sub-categories that are shown at once."""
_OF_A_KIND = 6
"""Photos of a sub-category."""


def build(here: Here, label: str) -> Mapping[str, Any]:
    """What the template prints of a class: its sub-categories, then its photos, the test first."""
    view = here.view
    kinds = _kinds(here, label) if view.photos_shown else []
    return {
        "label": label,
        "gloss": here.view.gloss(label),
        "title": view.title,
        "data": here.to("donnees"),
        "others": {
            other: here.gallery(other)
            for other in view.study.classes
            if other != label and len(view.study.classes) <= MANY
        },
        "n": len(view.samples(label)),
        "withheld": "" if view.photos_shown else t(WITHHELD),
        "kinds": kinds[:_KINDS],
        "rarer": kinds[_KINDS:],
        "parts": [
            _part(here, fold, cards)
            for fold in reversed(FOLDS)
            if (cards := view.samples(label, fold))
        ],
    }


def _kinds(here: Here, label: str) -> list[Mapping[str, Any]]:
    """The sub-categories of a class, the largest first, each with some of its photos."""
    cards = here.view.samples(label)
    sizes = Counter(card.subcategory for card in cards if card.subcategory)
    return [
        {
            "name": name,
            "n": size,
            "photos": [photo(here, card) for card in cards if card.subcategory == name][
                :_OF_A_KIND
            ],
        }
        for name, size in sizes.most_common()
    ]


def _part(here: Here, fold: Fold, cards: Sequence[SampleCard]) -> Mapping[str, Any]:
    photos = [photo(here, card) for card in cards] if here.view.photos_shown else []
    shown = _SHOWN if fold == "test" else 0
    return {
        "anchor": fold,
        "title": t(
            "{part} ({photos})",
            part=wording.sentence_case(t(PARTS[fold])),
            photos=nt(len(cards), "{n} photo", "{n} photos"),
        ),
        "photos": photos[:shown],
        "folded": photos[shown:],
    }
