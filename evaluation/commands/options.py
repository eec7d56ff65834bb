"""What several commands share: options, each spelt once, and cases by name.

What is heavy (SciPy, PyTorch, the report) is imported where a command runs, so that ``--help`` is
quick and needs no extra.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from evaluation.errors import VeilleError, eval_command, inert, refuse_unknown
from evaluation.records import Case, Study
from evaluation.stages.engine import Engine
from evaluation.stages.open import StudyData, read_data
from evaluation.stages.settings import Settings
from evaluation.stores.artefacts import read_attempt
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
DATA_ROOT = click.option("--data-root", type=PATH, help="Folder of the photos.")
OFFLINE = click.option("--offline", is_flag=True, help="Never touch the network.")
_DEVICE = click.option("--device", default="auto", help="auto, cpu, cuda or mps.")
_PRECISION = click.option(
    "--precision",
    type=click.Choice(["fp32", "bf16", "fp16"]),
    default="fp32",
    help="Of the models: that of the evaluation, or photos are embedded again.",
)


def of_results(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that shows results: ``artefacts``, ``photos`` and ``language``."""
    photos = click.option(
        "--photos",
        metavar="all|redistributable|STUDY,…",
        default="all",
        help="Whose photos may be shown.",
    )
    return ARTEFACTS(photos(LANGUAGE(command)))


def runs_models(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that runs models, which is given them as ``settings``."""

    @ARTEFACTS
    @_DEVICE
    @_PRECISION
    @OFFLINE
    @wraps(command)
    def run(**given: Any) -> None:
        own = {name: given.pop(name) for name in ("artefacts", "device", "precision", "offline")}
        command(settings=Settings(**own), **given)

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


@contextmanager
def opened(study: Study, settings: Settings) -> Iterator[tuple[StudyData, Engine]]:
    """A study's photos and its models, :func:`watched` for the time of a block."""
    with watched(settings) as shown:
        yield read_data(study, shown), Engine(shown)


def short(path: Path) -> Path:
    """A path relative to the working directory when it lies inside."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def named(cases: Sequence[Case], names: Sequence[str]) -> tuple[Case, ...]:
    """The cases of these names ("embedded/noms", or with the study before), in their own order.

    Raises :class:`VeilleError` for a name that none has.
    """
    study = cases[0].study
    wanted = {name.removeprefix(f"{study}/") for name in names}
    refuse_unknown("no case", wanted, [case.name for case in cases], study)
    return tuple(case for case in cases if case.name in wanted)


def scored(cases: Sequence[Case], artefacts: Path) -> tuple[Case, ...]:
    """Those whose last attempt came out; raises :class:`VeilleError` when there is none."""
    ready = tuple(
        case for case in cases if (run := read_attempt(artefacts, case.id)) and run.status == "ok"
    )
    if not ready:
        study = cases[0].study
        raise VeilleError(
            "no case was scored yet", where=study, remedy=f"run {eval_command(study)}"
        )
    return ready
