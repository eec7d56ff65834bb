"""``veille watch``: texts scored on validation while they are written."""

from pathlib import Path
from typing import Literal

import click

from evaluation.commands.options import DATA_ROOT, LANGUAGE, runs_models, say, watched
from evaluation.stages.settings import Settings
from evaluation.study.config import load_study
from evaluation.terminal import provisional_text


@click.command(short_help="Score a study's texts on validation each time they are saved.")
@click.argument("study")
@click.option("--model", help="That reads them (default: the first of the study that does).")
@DATA_ROOT
@LANGUAGE
@runs_models
def watch(
    study: str,
    model: str | None,
    data_root: Path | None,
    *,
    language: Literal["fr", "en"],
    settings: Settings,
) -> None:
    """Keep a model of STUDY loaded, and score its prompt sets each time a file is saved.

    For each set: accuracy on validation, its change since the last save with its interval, and
    the photos that flipped.  The test part is put away: `veille eval` scores it, at the end.  A
    page of the same figures, marked provisional, follows; Ctrl+C ends.
    """
    from evaluation.report.site.standalone import PLACE, write_page
    from evaluation.stages import watch as stage
    from evaluation.stages.engine import Engine

    declared = load_study(study, data_root=data_root)
    with watched(settings) as shown:
        edited = stage.start(declared, Engine(shown), model, data_root)
    announced = False
    for save in stage.saves(edited):
        page = write_page(save, settings.artefacts, language, declared.translations)
        if not announced:
            say(f"page      {page.as_uri()}")
            say(f"          or /{PLACE}/{save.study} of `veille serve` beside this")
            announced = True
        say(provisional_text(save))
