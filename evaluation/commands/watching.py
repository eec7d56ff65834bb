"""``veille watch``: texts scored on validation while they are written."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from evaluation.study.config import load_study
from evaluation.terminal import progress_bars, provisional_text


@click.command(short_help="Score a study's texts on validation each time they are saved.")
@click.argument("study")
@click.option("--model", help="That reads them (default: the first of the study that does).")
@click.option("--artefacts", type=click.Path(path_type=Path), default=Path("artefacts"))
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the photos.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--offline", is_flag=True, help="Never touch the network.")
@click.option("--language", type=click.Choice(["fr", "en"]), default="fr", show_default=True)
def watch(  # noqa: PLR0917 - click passes them by name
    study: str,
    model: str | None,
    artefacts: Path,
    data_root: Path | None,
    device: str,
    offline: bool,
    language: Literal["fr", "en"],
) -> None:
    """Keep a model of STUDY loaded, and score its prompt sets each time a file is saved.

    For each set: accuracy on validation, its change since the last save with its interval, and
    the photos that flipped.  The test part is put away: `veille eval` scores it, at the end.  A
    page of the same figures, marked provisional, follows; Ctrl+C ends.
    """
    from evaluation.report.site.provisional import PLACE, write_page  # noqa: PLC0415
    from evaluation.stages import watch as stage  # noqa: PLC0415 - imports torch
    from evaluation.stages.engine import Engine  # noqa: PLC0415
    from evaluation.stages.settings import Settings  # noqa: PLC0415

    declared = load_study(study, data_root=data_root)
    with progress_bars() as advance:
        settings = Settings(artefacts=artefacts, device=device, offline=offline, progress=advance)
        watched = stage.start(declared, Engine(settings), model, data_root)
    announced = False
    for found in stage.saves(watched):
        page = write_page(found, artefacts, language, declared.translations)
        if not announced:
            click.echo(f"page      {page.as_uri()}")
            click.echo(f"          or /{PLACE}/{found.study} of `veille serve` beside this")
            announced = True
        click.echo(provisional_text(found))
