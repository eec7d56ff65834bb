"""Writes a new study, ready to run as it stands and to be edited."""

import errno
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import tomlkit

from evaluation.errors import VeilleError
from evaluation.files import replacing, write_bytes, writing
from evaluation.records import Option, PromptSet

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_STUDY = """\
# A study: the question, the photos, and what is tried on them.
# Check it with `veille check {name}`.
schema = 1
title = {title}
question = "CLIP, sans aucun entraînement, suffit-il face à un modèle supervisé sur ces photos ?"
prompts = ["noms", "descriptions"]

[dataset]
{dataset}licence = "à préciser"
origin = "à préciser"
redistributable = false # true: the photos may be shown on a published site

[split]
seed = 42
{split}
[[models]]
name = "embedded"
kind = "clip"
weights = "embedded"
title = "Substitut hors ligne (pas un CLIP)"
{trained}
# A real CLIP beside the offline stand-in, for when there is a network (about 600 MB):
#
# [[models]]
# name = "vit-b-32"
# kind = "clip"
# architecture = "ViT-B-32"
# weights = "laion2b_s34b_b79k"
# title = "CLIP ViT-B/32 (LAION-2B)"
"""
_SHARES = "test_share = 0.2 # or test_per_class = 30\nvalidation_share = 0.2\n"
_REPEATS = "repeats = {} # other draws, since few test photos separate little; or folds = 5\n"
_TRAINED = """
[[models]]
name = "embedded-supervised"
kind = "supervised"
architecture = "tf_efficientnet_lite2"
weights = "embedded"
title = "EfficientNet-Lite2 et régression logistique"
"""
_NAMES = """\
# What a zero-shot model reads of each class: its name.
title = "Noms des catégories"
language = {language}
templates = "tower" # those that fit each model; or your own: ["a photo of a {{}}."]
{texts}"""
_DRAFT = """\
# To try descriptions beside the names, take away the "#" of the lines below and describe each
# class as a photo would show it.  Several texts a class are averaged.  As long as every line
# begins with "#", this file is left out of the study.
#
# title = "Descriptions détaillées"
# language = "{language}"
# source = "vous"
# templates = "tower"
#
# [texts]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a new study is to say."""

    name: str
    """A slug: of the study and of its folder."""
    language: str
    """Of the class names: "en", "fr", …"""
    texts: Mapping[str, str]
    """Class to its name as a text encoder should read it."""
    dataset: Mapping[str, Option]
    """Keys of ``[dataset]`` beside the licence and the origin."""
    split: Mapping[str, Option] = field(default_factory=dict)
    """Keys of ``[split]`` beside the seed and the shares."""
    trains: bool = True
    """Whether there are photos to train on."""
    repeats: int = 0
    """Other splits that are drawn of the photos."""


def refuse_name(name: str, folder: Path) -> None:
    """Raises :class:`VeilleError` when a name is no slug, or the study exists."""
    if not _SLUG.fullmatch(name):
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
    :class:`VeilleError` when the name is not a slug, the study exists, or nothing can be written.
    """
    folder = parent / plan.name
    refuse_name(plan.name, folder)
    files = {
        "study.toml": _study_text(plan),
        "prompts/noms.toml": _names_text(plan),
        "prompts/descriptions.toml": _descriptions_text(plan),
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


def _study_text(plan: Plan) -> str:
    shares = _SHARES if plan.trains else ""
    repeats = _REPEATS.format(plan.repeats) if plan.repeats else ""
    return _STUDY.format(
        name=plan.name,
        title=_toml(plan.name.replace("-", " ").capitalize()),
        dataset=_lines(plan.dataset),
        split=shares + repeats + _lines(plan.split),
        trained=_TRAINED if plan.trains else "",
    )


def _names_text(plan: Plan) -> str:
    derived = all(label == text for label, text in plan.texts.items())
    texts = 'derive = "class-names"\n' if derived else f"\n[texts]\n{_lines(plan.texts)}"
    return _NAMES.format(language=_toml(plan.language), texts=texts)


def _lines(values: Mapping[str, Option]) -> str:
    return "".join(f"{_key(name)} = {_toml(value)}\n" for name, value in values.items())


def _key(name: str) -> str:
    return tomlkit.key(name).as_string()


def _toml(value: Option) -> str:
    return tomlkit.item(value).as_string()


def _descriptions_text(plan: Plan) -> str:
    """A file of comments alone: nothing of it is read until a person has written in it."""
    # An empty text is refused: what was not written is never scored.
    lines = [f'# {_key(label)} = [""]' for label in plan.texts]
    return _DRAFT.format(language=plan.language) + "\n".join(lines) + "\n"


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
    document["title"] = prompts.title
    document["language"] = prompts.language
    if prompts.source:
        document["source"] = prompts.source
    if prompts.templates != ("{}",):
        document["templates"] = list(prompts.templates)
    texts = tomlkit.table()
    for label, sentences in prompts.texts.items():
        rows = tomlkit.array()
        rows.extend(sentences)
        texts[label] = rows.multiline(True)
    document["texts"] = texts
    with writing(path, VeilleError, elsewhere="choose another folder with --output"):
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        write_bytes(path, tomlkit.dumps(document).encode())
    return path
