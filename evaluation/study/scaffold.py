"""Writes a new study from a folder of class folders, ready to edit."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import tomlkit
from tomlkit.items import Table

from evaluation.errors import VeilleError
from evaluation.files import replacing, write_bytes, writing
from evaluation.records import PromptSet

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PARTS = {"train", "val", "validation", "test"}


def write_new_study(name: str, images: Path, parent: Path) -> Path:
    """Writes ``<parent>/<name>/study.toml`` and two prompt sets; returns the study file.

    ``images`` holds one folder a class, or train/val/test folders that do.  Raises
    :class:`VeilleError` when the name is not a slug, the study exists, the folder has no
    class, or nothing can be written.
    """
    if not _SLUG.fullmatch(name):
        raise VeilleError(
            f"{name!r} cannot be a study's name",
            remedy="use lower-case letters, digits and hyphens, such as my-products",
        )
    folder = parent / name
    if folder.exists():
        raise VeilleError(
            "this study exists already", where=folder, remedy="choose another name, or remove it"
        )
    classes = class_folders(images)
    files = {
        "study.toml": _study_text(name, images.resolve()),
        "prompts/noms.toml": _names_text(),
        "prompts/descriptions.toml": _descriptions_text(classes),
    }
    # Whole or not at all: a study that lacks a file would be refused later.
    with (
        writing(folder, VeilleError, elsewhere="choose a writable folder with --into"),
        replacing(folder, folder=True) as draft,
    ):
        for path, text in files.items():
            (draft / path).parent.mkdir(exist_ok=True)
            (draft / path).write_text(text, encoding="utf-8")
    return folder / "study.toml"


def class_folders(images: Path) -> tuple[str, ...]:
    """Names of the class folders, in alphabetical order, found as the loader finds them."""
    if not images.is_dir():
        raise VeilleError("no such folder", where=images, remedy="give --images a folder")
    folders = _visible_folders(images)
    if folders and {folder.name.lower() for folder in folders} <= _PARTS:
        folders = [child for folder in folders for child in _visible_folders(folder)]
    names = sorted({folder.name for folder in folders})
    if len(names) < 2:  # noqa: PLR2004 - a choice needs two
        raise VeilleError(
            f"holds {len(names)} class folder(s), and a choice needs two",
            where=images,
            remedy="make one folder a class, with its photos inside",
        )
    return tuple(names)


def _visible_folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]


def _study_text(name: str, images: Path) -> str:
    document = tomlkit.document()
    document.add(tomlkit.comment("A study: the question, the photos, and what is tried on them."))
    document.add(tomlkit.comment(f"Check it with `veille check {name}`."))
    document["schema"] = 1
    document["title"] = name.replace("-", " ").capitalize()
    document["question"] = (
        "CLIP, sans aucun entraînement, suffit-il face à un modèle supervisé sur ces photos ?"
    )
    document["prompts"] = ["noms", "descriptions"]

    dataset = tomlkit.table()
    dataset["kind"] = "folder"
    dataset["root"] = str(images)
    dataset["licence"] = "à préciser"
    dataset["origin"] = "à préciser"
    dataset["redistributable"] = tomlkit.item(False).comment(
        "true: the photos may be shown on a published site"
    )
    document["dataset"] = dataset

    split = tomlkit.table()
    split["seed"] = 42
    split["test_share"] = tomlkit.item(0.2).comment("or test_per_class = 30")
    split["validation_share"] = 0.2
    document["split"] = split

    models = tomlkit.aot()
    models.append(_model("embedded", "clip", "", "Modèle embarqué (hors ligne)"))
    models.append(
        _model(
            "embedded-supervised",
            "supervised",
            "tf_efficientnet_lite2",
            "EfficientNet-Lite2 et régression logistique",
        )
    )
    document["models"] = models
    return tomlkit.dumps(document)


def _model(name: str, kind: str, architecture: str, title: str) -> Table:
    table = tomlkit.table()
    table["name"] = name
    table["kind"] = kind
    if architecture:
        table["architecture"] = architecture
    table["weights"] = "embedded"
    table["title"] = title
    return table


def _names_text() -> str:
    document = tomlkit.document()
    document.add(tomlkit.comment("What a zero-shot model reads: the class names as they stand."))
    document["title"] = "Noms des catégories"
    document["language"] = "en"
    document["derive"] = "class-names"
    return tomlkit.dumps(document)


def _descriptions_text(classes: Sequence[str]) -> str:
    document = tomlkit.document()
    document.add(tomlkit.comment("Describe each class as a photo would show it; several texts"))
    document.add(tomlkit.comment("a class are averaged. In English: most text encoders read it."))
    document["title"] = "Descriptions détaillées"
    document["language"] = "en"
    document["source"] = "à préciser"
    texts = tomlkit.table()
    for label in classes:
        texts[label] = [f"{label}: to be described"]
    document["texts"] = texts
    return tomlkit.dumps(document)


# ------------------------------------------------------------------- a prompt set


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
