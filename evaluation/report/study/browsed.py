"""What the pages share whose photos are sifted in the browser: photos, data files, versions.

A data file is JavaScript, one call with one object, because a page opened from a disk may run a
script that stands beside it but may not read a file.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence

from evaluation.records import SampleCard
from evaluation.report.study.view import StudyView


def test_cards(view: StudyView) -> tuple[SampleCard, ...]:
    """The photos of the test, in the order of the study's card: that of every data file."""
    return tuple(card for card in view.study.samples if card.fold == "test")


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
