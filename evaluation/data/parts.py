"""Names that mean a part of a split, in any usual spelling and case."""

import re
import unicodedata

from evaluation.records import Fold

UNLABELLED = re.compile(r".*(pred|predict|prediction|unlabell?ed|unsup)s?", re.IGNORECASE)
"""Folders of photos without classes that published data sets put beside their parts."""

_PARTS: dict[str, Fold] = {
    **dict.fromkeys(("train", "training", "trn", "learn", "learning"), "train"),
    **dict.fromkeys(("apprentissage", "entrainement"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "eval"), "validation"),
    **dict.fromkeys(("evaluation", "development", "valset"), "validation"),
    **dict.fromkeys(("test", "testing", "tests", "tst", "heldout"), "test"),
}
_FILLERS = (
    *("set", "sets", "split", "part", "data", "dataset", "folder", "seg", "images", "image"),
    *("imgs", "img", "photos", "photo", "pictures", "pics", "samples", "files", "jpg", "the"),
    *("jeu", "de", "d", "ensemble", "du", "des"),
)
_GLUED = re.compile(
    rf"({'|'.join(sorted(_PARTS, key=len, reverse=True))})(?:set|data|images|imgs|split|dir)"
)


def part_of(name: str) -> Fold | None:
    """The part that a name means: "Training_Set", "seg_train", "images-val2017"; else None.

    A name with any other word in it means none: "test tubes" is a class.
    """
    plain = "".join(
        letter for letter in unicodedata.normalize("NFD", name) if not unicodedata.combining(letter)
    )
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain).casefold()
    words = [word for word in re.split(r"[\W_\d]+", spaced) if word and word not in _FILLERS]
    if len(words) != 1:
        return None
    glued = _GLUED.fullmatch(words[0])
    return _PARTS.get(glued.group(1) if glued else words[0])
