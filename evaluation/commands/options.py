"""Options that several commands share, each spelt once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from evaluation.errors import inert
from evaluation.stages.settings import Settings
from evaluation.study.config import load_study
from evaluation.terminal import progress_bars


def say(text: object, *, err: bool = False, **style: Any) -> None:
    """Prints a text, in which nothing that a file holds commands the terminal."""
    click.secho(inert(str(text)), err=err, **style)


PATH = click.Path(path_type=Path)
FILE = click.Path(path_type=Path, dir_okay=False)
ARTEFACTS = click.option(
    "--artefacts", type=PATH, default=Path("artefacts"), help="Folder of the results."
)
LANGUAGE = click.option("--language", type=click.Choice(["fr", "en"]), default="fr")
PHOTOS = click.option(
    "--photos",
    metavar="all|redistributable|STUDY,…",
    default="all",
    help="Whose photos may be shown.",
)
DATA_ROOT = click.option("--data-root", type=PATH, help="Folder of the photos.")
OFFLINE = click.option("--offline", is_flag=True, help="Never touch the network.")
_DEVICE = click.option("--device", default="auto", help="auto, cpu, cuda or mps.")
_PRECISION = click.option(
    "--precision",
    type=click.Choice(["fp32", "bf16", "fp16"]),
    default="fp32",
    help="Of the models: that of the evaluation, or photos are embedded again.",
)


def runs_models(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that runs models, which is given them as ``settings``."""

    @ARTEFACTS
    @_DEVICE
    @_PRECISION
    @OFFLINE
    @wraps(command)
    def run(*, artefacts: Path, device: str, precision: str, offline: bool, **others: Any) -> None:
        settings = Settings(
            artefacts=artefacts, device=device, precision=precision, offline=offline
        )
        command(settings=settings, **others)

    return run


def on_study(command: Callable[..., None]) -> Callable[..., None]:
    """:func:`runs_models`, and the option of the photos: the command is given its study, read."""

    @DATA_ROOT
    @runs_models
    @wraps(command)
    def run(*, study: str, data_root: Path | None, **others: Any) -> None:
        command(load_study(study, data_root=data_root), **others)

    return run


@contextmanager
def watched(settings: Settings) -> Iterator[Settings]:
    """The settings with bars of progress, which are there for the time of a block."""
    with progress_bars() as advance:
        yield replace(settings, progress=advance)


def short(path: Path) -> Path:
    """A path relative to the working directory when it lies inside."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
