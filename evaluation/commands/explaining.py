"""``veille explain``, ``suggest`` and ``watch``: what speaks for a class, and better texts."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import click

from evaluation.commands.options import (
    DATA_ROOT,
    LANGUAGE,
    PATH,
    named,
    on_study,
    runs_models,
    say,
    scored,
    short,
    watched,
)
from evaluation.records import ExplainSpec, Study
from evaluation.stages.engine import Engine
from evaluation.stages.open import open_study, read_data
from evaluation.stages.settings import Settings
from evaluation.study.config import load_study
from evaluation.terminal import faithfulness_table, provisional_text, suggestion_text
from evaluation.usage import eval_command


@click.command(short_help="Make the attention maps of a study's cases, in depth.")
@click.argument("study")
@click.argument("cases", nargs=-1)
@click.option("--masks", type=click.IntRange(min=2), help="Of RISE: forward passes a photo.")
@click.option("--photos", "cap", type=click.IntRange(min=1), help="Photos of a case, at most.")
@click.option("--rise-photos", type=click.IntRange(min=0), help="Photos explained by RISE.")
@click.option(
    "--faithfulness-photos", type=click.IntRange(min=0), help="Photos whose curves are measured."
)
@click.option("--steps", "curve_steps", type=click.IntRange(min=2), help="Steps of a curve.")
@on_study
def explain(
    study: Study, *, cases: tuple[str, ...], settings: Settings, **numbers: int | None
) -> None:
    """Make the attention maps of the scored cases of STUDY, deeper than an evaluation does.

    Says first what it costs.  What is made is kept map by map: stop it when you like, and
    start it again to go on.  Without options, the study's own numbers are raised to 1000
    masks on 32 photos, and curves of 20 steps on 24.
    """
    from evaluation.stages import explain as stage

    changes: dict[str, Any] = {key: number for key, number in numbers.items() if number is not None}
    spec = replace(stage.deeper(study.explain or ExplainSpec()), **changes)
    with watched(settings) as shown:
        data = open_study(study, shown)
    every = data.cases()
    wanted = named(every, cases) if cases else scored(every, settings.artefacts)
    engine = Engine(settings)
    for case in wanted:
        passes, seconds = stage.planned(case, data, engine, spec)
        time = "" if seconds is None else f", some {max(1, round(seconds / 60))} min"
        say(f"{case.id}: {passes} forward passes at most{time}; what is cached costs nothing")
    for case in wanted:
        with watched(engine.settings) as engine.settings:
            explanation = stage.explain(case, data, engine, spec)
        say(faithfulness_table(explanation))


@click.command(short_help="Suggest more precise texts, judged on validation.")
@click.argument("study")
@click.option("--model", "models", multiple=True, help="Only this zero-shot model.")
@click.option("--prompts", help="Start from this prompt set (default: the best on validation).")
@click.option(
    "--output", type=PATH, help="Folder of the new prompt set (default: the study's prompts/)."
)
@on_study
def suggest(
    study: Study,
    *,
    models: tuple[str, ...],
    prompts: str | None,
    output: Path | None,
    settings: Settings,
) -> None:
    """Suggest more precise texts for STUDY, from what validation gets wrong.

    For each class: what it is taken for, the photos behind it with their maps, and the
    sub-categories that no text of the class names.  Writes a new prompt set, never over
    another one, and suggestion.json for the site.  The test part is never looked at.
    """
    from evaluation.stages import suggest as stage
    from evaluation.stages.bench import models_of

    with watched(settings) as shown:
        data = read_data(study, shown)
    engine = Engine(settings)
    for spec in models_of(study, models):
        with watched(settings) as engine.settings:
            suggestion, file = stage.suggest(data, spec, engine, prompts=prompts, output=output)
        say(suggestion_text(suggestion))
        if file is not None:
            say(
                f"written: {short(file)}\n"
                f'to know what it is worth on test, add "{file.stem}" to the prompts of '
                f"{short(study.file)}, then run {eval_command(study.name)}"
            )


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
