"""Spaces that do not break, set where each language wants them; nobody types them by hand.

French: U+00A0 before a colon and inside « », the narrow U+202F before ; ! ? and %
(Imprimerie nationale; CLDR's ``fr`` locale).
"""

import re

NBSP = "\u00a0"
THIN = "\u202f"
JOINER = "\u2060"
"""No line breaks beside it, and it has no width."""

_BOUND = re.compile(
    r"(?<=\{n\}) (?=[^\W\d])"  # "{n} photos"
    r"| (?=[=<×] \{)|(?<= [=<×]) (?=\{)"  # "Q = {q}"
    r"|(?<=\bIC) (?=95\b)|(?<=\b95%) (?=CI\b)"
    r"|(?<=\bp) (?=corrigé)|(?<=\bcorrected) (?=p\b)"
)


def bound(text: str) -> str:
    """A message of any language: a count stays with its noun, a number with its sign."""
    return _BOUND.sub(NBSP, text)


def typeset(text: str) -> str:
    """French text typed on an ordinary keyboard, with the spaces and apostrophes it should have.

    For messages, and for what a study's author writes; never for code or for English.
    """
    text = re.sub(r"(?<=\w)'(?=\w)", "’", text)
    text = re.sub(r"(?<=\S) ([;!?%])", rf"{THIN}\1", text)
    text = re.sub(r"(?<=\S) ([:»])", rf"{NBSP}\1", text)
    # "range-t-il" is not broken: a word joiner after each hyphen.
    text = re.sub(r"-t-(?=(?:il|elle|on)s?\b)", f"-{JOINER}t-{JOINER}", text)
    return re.sub(r"« (?=\S)", f"«{NBSP}", text)
