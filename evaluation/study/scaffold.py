"""Writes a new study, ready to run as it stands: class names as texts, and its files."""

import errno
import importlib.util
import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from itertools import count
from pathlib import Path
from string import Template

import tomlkit

from evaluation.errors import VeilleError
from evaluation.files import replacing, write_bytes, writing
from evaluation.records import Option, PromptSet
from evaluation.records.base import Record
from evaluation.study.toml_table import SLUG

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
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else ()
    pairs = (line.split("\t", 1) for line in lines if "\t" in line)
    return {synset: lemmas.split(",")[0].strip() for synset, lemmas in pairs}


_TEMPLATES = Path(__file__).with_name("new")
_SHARES = "test_share = 0.2 # or test_per_class = 30\nvalidation_share = 0.2\n"
_REPEATS = "repeats = {} # other draws, since few test photos separate little; or folds = 5\n"


class Plan(Record):
    """What a new study is to say."""

    name: str
    """A slug: of the study and of its folder."""
    language: str
    """Of the class names: "en", "fr", …"""
    texts: Mapping[str, str]
    """Class to its name as a text encoder should read it."""
    dataset: Mapping[str, Option]
    """Keys of ``[dataset]`` beside the licence and the origin."""
    split: Mapping[str, Option]
    """Keys of ``[split]`` beside the seed and the shares."""
    trains: bool
    """Whether there are photos to train on."""
    repeats: int
    """Other splits that are drawn of the photos."""


def refuse_name(name: str, folder: Path) -> None:
    """Raises :class:`VeilleError` when a name is no slug, or the study exists."""
    if not SLUG.fullmatch(name):
        raise VeilleError(
            f"{name!r} cannot be a study's name",
            remedy="use lower-case letters, digits and hyphens, such as my-products",
        )
    if folder.exists():
        raise VeilleError(
            "this study exists already", where=folder, remedy="choose another name, or remove it"
        )


def write_new_study(plan: Plan, parent: Path, photos: Callable[[Path], None] | None = None) -> Path:
    """Writes ``<parent>/<name>/study.toml`` and its prompt sets; returns the study file.

    ``photos`` may write files below it before it gets its name.  Raises
    :class:`VeilleError` when the study exists, or nothing can be written.
    """
    folder, language = parent / plan.name, _toml(plan.language)
    derived = all(label == text for label, text in plan.texts.items())
    names = 'derive = "class-names"' if derived else f"\n[texts]\n{_lines(plan.texts)}".rstrip("\n")
    # An empty description is refused: what was not written is never scored.
    drafts = "\n".join(f'# {tomlkit.key(label).as_string()} = [""]' for label in plan.texts)
    repeats = _REPEATS.format(plan.repeats) if plan.repeats else ""
    study = _filled(
        "study",
        name=plan.name,
        title=_toml(plan.name.replace("-", " ").capitalize()),
        dataset=_lines(plan.dataset),
        split=(_SHARES if plan.trains else "") + repeats + _lines(plan.split),
        trained=_filled("trained") if plan.trains else "",
    )
    files = {
        "study.toml": study,
        "prompts/noms.toml": _filled("noms", language=language, texts=names),
        "prompts/descriptions.toml": _filled("descriptions", language=language, texts=drafts),
    }
    # Whole or not at all: a study that lacks a file would be refused later.
    with (
        writing(folder, VeilleError, elsewhere="choose a writable folder with --into"),
        replacing(folder, folder=True) as draft,
    ):
        for path, text in files.items():
            (draft / path).parent.mkdir(exist_ok=True)
            (draft / path).write_text(text, encoding="utf-8")
        if photos is not None:
            photos(draft / "photos")
    return folder / "study.toml"


def _filled(template: str, /, **values: str) -> str:
    text = (_TEMPLATES / f"{template}.toml").read_text(encoding="utf-8")
    return Template(text).substitute(values)


def _lines(values: Mapping[str, Option]) -> str:
    lines = (f"{tomlkit.key(key).as_string()} = {_toml(value)}\n" for key, value in values.items())
    return "".join(lines)


def _toml(value: Option) -> str:
    return tomlkit.item(value).as_string()


def free_name(wanted: str, folder: Path) -> str:
    """The name, or the first of "name-2", "name-3", … that no prompt set in a folder has."""
    names = (wanted if number == 1 else f"{wanted}-{number}" for number in count(1))
    return next(name for name in names if not (folder / f"{name}.toml").exists())


def write_prompt_set(prompts: PromptSet, folder: Path) -> Path:
    """Writes a prompt set's file; never over another one.

    Raises :class:`VeilleError` when it is there, or when the folder cannot be written to.
    """
    path = folder / f"{prompts.name}.toml"
    document = tomlkit.document()
    document.update({"title": prompts.title, "language": prompts.language})
    if prompts.source:
        document["source"] = prompts.source
    if prompts.templates != ("{}",):
        document["templates"] = list(prompts.templates)
    texts = {label: tomlkit.item(list(own)).multiline(True) for label, own in prompts.texts.items()}
    document["texts"] = tomlkit.item(texts)
    with writing(path, VeilleError, elsewhere="choose another folder with --output"):
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        write_bytes(path, tomlkit.dumps(document).encode())
    return path
