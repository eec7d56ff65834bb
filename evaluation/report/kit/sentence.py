"""Sentences: a message whose numbers lead to the run that they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evaluation.report.kit import wording
from evaluation.report.kit.language import SLOT, counted, translated


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a sentence; a measured number links to its run."""

    text: str
    href: str = ""
    title: str = ""


Sentence = tuple[Part, ...]


Slot = str | Part | Sentence


def say(message: str, /, **slots: Slot) -> Sentence:
    """A message in the current language, its slots filled with text, numbers or sentences.

    The message is whole, so that another language may order its slots as it must::

        say("{case} classe bien {accuracy} des photos.", case=…, accuracy=here.number(run))

    A text in a slot is already said: :func:`~evaluation.report.kit.language.t` made it, or a
    function of ``wording``, or it is a name.  Raises :class:`TypeError` when ``slots`` are not
    those of the message.
    """
    return _filled(translated(message, slots), slots)


def nsay(n: int, one: str, several: str, /, **slots: Slot) -> Sentence:
    """:func:`say`, with a form for one and a form for several; slot ``{n}`` is the number."""
    text = counted(n, one, several)
    return _filled(text, {"n": wording.count(n), **slots})


def _filled(text: str, slots: Mapping[str, Slot]) -> Sentence:
    pieces: list[Slot] = []
    for place, piece in enumerate(SLOT.split(text)):
        if place % 2 == 0:
            pieces.append(piece)
        elif piece in slots:
            pieces.append(slots[piece])
        else:
            raise TypeError(f"slot {piece!r} of {text!r} has no value")
    return joined(*pieces)


def joined(*pieces: Slot) -> Sentence:
    """Pieces put end to end: sentences that follow each other, never parts of one."""
    parts: list[Part] = []
    for piece in pieces:
        if isinstance(piece, str):
            parts += [Part(text=piece)] if piece else []
        elif isinstance(piece, Part):
            parts.append(piece)
        else:
            parts.extend(piece)
    return tuple(parts)


def plain(sentence: Sentence) -> str:
    """The sentence as text."""
    return "".join(part.text for part in sentence)
