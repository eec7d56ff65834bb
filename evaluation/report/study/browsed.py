"""What the pages share whose photos are sifted in the browser: photos, data files, versions.

A data file is JavaScript, one call with one object, because a page opened from a disk may run a
script that stands beside it but may not read a file.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence

from evaluation.records import SampleCard
from evaluation.report.kit.language import t
from evaluation.report.kit.wording import count
from evaluation.report.study.view import StudyView

MOST = 10_000
"""Photos that a page lets one sift: of more, a sample is shown, and said to be one."""


def test_cards(view: StudyView) -> tuple[SampleCard, ...]:
    """The photos of the test, in the order of the study's card: that of every data file.

    Of more than :data:`MOST`, those whose identifiers have the lowest SHA-256: the same ones
    for every model, on every day.
    """
    cards = tuple(card for card in view.study.samples if card.fold == "test")
    if len(cards) <= MOST:
        return cards
    drawn = {card.id for card in sorted(cards, key=lambda card: _draw(card.id))[:MOST]}
    return tuple(card for card in cards if card.id in drawn)


def _draw(sample_id: str) -> bytes:
    return hashlib.sha256(sample_id.encode()).digest()


def sampled(view: StudyView) -> str:
    """What is said where :func:`test_cards` is a sample of the photos; else nothing."""
    total = sum(card.fold == "test" for card in view.study.samples)
    if total <= MOST:
        return ""
    return t(
        "Le test compte {total} photos ; {shown} sont montrées ici, celles dont l’identifiant a la"
        " plus petite empreinte (SHA-256), les mêmes pour chaque cas.",
        total=count(total),
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
