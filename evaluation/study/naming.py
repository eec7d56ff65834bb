"""Class names as people write them: "05_home_furnishing" is read as "home furnishing"."""

import importlib.util
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

_WORDNET = re.compile(r"n\d{8}")
_ORDER = re.compile(r"\d+(?:[._-]|\s+-)[\s._-]*(?=[^\W\d])")
"""Numbers that put folders in order: 05_, 001., 3 -."""
_CAMEL = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ][a-zà-ÿ])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_FRENCH = re.compile(
    r"[éèêàçôîûœ]|\b(?:de|du|des|la|le|les|et|à|pour|avec|sans|en|au|aux|d'|l')\b", re.IGNORECASE
)


def texts_of(labels: Iterable[str]) -> dict[str, str]:
    """Class to its name as a text encoder should read it.

    Numbers in front put folders in order when all classes have one, or when they begin with 0;
    otherwise they belong to the name: "2 roues".
    """
    known = list(labels)
    ordered = all(_ORDER.match(label) for label in known)
    return {
        label: humanised(_ORDER.sub("", label, count=1) if ordered or label[0] == "0" else label)
        for label in known
    }


def humanised(label: str) -> str:
    """A class name as a text: no underscores, words apart.

    Names of WordNet ("n02062674") get their first lemma, where timm's list is installed.  What
    is only a number stays one.
    """
    if _WORDNET.match(label) and (name := _wordnet().get(label[:9])):
        return name
    text = label.strip()
    words = _CAMEL.sub(" ", text)
    if words != text:
        words = " ".join(word if word.isupper() else word.lower() for word in words.split())
    words = re.sub(r"[_\s]+", " ", words)
    # A hyphen holds single letters to their word: t-shirt, x-ray.
    words = re.sub(r"(?<=\w\w)-(?=\w\w)", " ", words) if " " not in words else words
    return words.strip(" -.") or label


def likely_language(labels: Iterable[str]) -> str:
    """French when accents or small words of French are in the names ("fr"), else English."""
    return "fr" if any(_FRENCH.search(humanised(label)) for label in labels) else "en"


def says_nothing(labels: Iterable[str]) -> bool:
    """Whether every name is a number, which no model can read."""
    return all(re.fullmatch(r"[\W\d_]+", humanised(label)) for label in labels)


@cache
def _wordnet() -> Mapping[str, str]:
    """WordNet's ids to their first lemma; empty where timm is not installed."""
    package = importlib.util.find_spec("timm")
    if package is None or package.origin is None:
        return {}
    file = Path(package.origin).parent / "data" / "_info" / "imagenet_synset_to_lemma.txt"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split("\t", 1) for line in lines if "\t" in line)
    return {synset: lemmas.split(",")[0].strip() for synset, lemmas in pairs}
