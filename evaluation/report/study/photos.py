"""The photos of a study: their small copies, what is said where they may not be shown, and what
the pages share whose photos are sifted in the browser.

A data file is JavaScript, one call with one object, because a page opened from a disk may run a
script that stands beside it but may not read a file.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence

from evaluation.records import SampleCard, StrayAnswer, StrayCard
from evaluation.report.kit import wording
from evaluation.report.kit.language import t, word
from evaluation.report.kit.wording import count
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView

THUMBNAIL = 320
"""Longest side of the small copies, pixels."""


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
        "part": word("parts", card.fold),
    }


def alike(here: Here, groups: Iterable[Sequence[str]]) -> list[list[Mapping[str, str]]]:
    """Groups of photos that are alike, by their ids; none where photos may not be shown."""
    cards = here.view.cards if here.view.photos_shown else {}
    photos = [[photo(here, cards[id_]) for id_ in ids if id_ in cards] for ids in groups]
    return [group for group in photos if group]


def stray(here: Here, card: StrayCard, answer: StrayAnswer) -> Mapping[str, str]:
    """A photo of no class, with what a case takes it for."""
    alt = t("Photo d’aucune catégorie : {title}", title=card.id)
    share = wording.percent(answer.probability)
    said = t("{label} ({p})", label=answer.predicted, p=share)
    return _copy(here, card) | {"alt": alt, "title": card.id, "subcategory": said, "part": ""}


def _copy(here: Here, card: SampleCard | StrayCard) -> dict[str, str]:
    width, height = small(card)
    src = here.file(f"{here.view.folder}/{card.photo}")
    return {"src": src, "width": str(width), "height": str(height)}


def small(card: SampleCard | StrayCard) -> tuple[int, int]:
    """Width and height of a photo's small copy, pixels."""
    scale = min(1.0, THUMBNAIL / max(card.width, card.height, 1))
    return max(1, round(card.width * scale)), max(1, round(card.height * scale))


MOST = 10_000
"""Photos that a page lets one sift: of more, a sample is shown, and said to be one."""


def test_cards(view: StudyView) -> tuple[SampleCard, ...]:
    """The photos of the test, in the order of the study's card: that of every data file.

    Of more than :data:`MOST`, those whose identifiers have the lowest SHA-256.
    """
    cards = [card for card in view.study.samples if card.fold == "test"]
    if len(cards) <= MOST:
        return tuple(cards)
    # The same ones for every model, on every day.
    cards = sorted(cards, key=lambda card: hashlib.sha256(card.id.encode()).digest())
    drawn = {card.id for card in cards[:MOST]}
    return tuple(card for card in view.study.samples if card.id in drawn)


def sampled(view: StudyView) -> str:
    """What is said where :func:`test_cards` is a sample of the photos; else nothing."""
    if view.test_images <= MOST:
        return ""
    return t(
        "Le test compte {total} photos ; {shown} sont montrées ici, celles dont l’identifiant a la"
        " plus petite empreinte (SHA-256), les mêmes pour chaque cas.",
        total=count(view.test_images),
        shown=count(MOST),
    )


def places(cards: Sequence[SampleCard], sample_ids: Sequence[str]) -> list[int]:
    """Where each photo stands among ``sample_ids``; raises KeyError for one that does not."""
    rows = {sample_id: row for row, sample_id in enumerate(sample_ids)}
    return [rows[card.id] for card in cards]


def numbered(names: Iterable[str]) -> dict[str, str]:
    """The choices of a list: place in the data file, as text, to a name.

    A name could be changed on its way through HTML.
    """
    return {str(place): name for place, name in enumerate(names)}


def script(call: str, content: object) -> str:
    """A data file: ``call({…});``, whose JSON has no ``<``, ``>``, ``&``, U+2028 or U+2029."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # Inside JSON these stand in strings only, where an escape means the character itself.
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f"{call}({text});\n"


def version(parts: Sequence[str]) -> str:
    """Changes with what it is made from, so that no browser mixes old files with new ones."""
    return f"{zlib.crc32(chr(10).join(parts).encode()):08x}"
