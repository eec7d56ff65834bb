"""``veille compare``, ``baseline``, ``explain``, ``suggest`` and ``watch``: what cases are worth,
what speaks for a class, and better texts.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import click

from evaluation import terminal
from evaluation.commands import options
from evaluation.commands.options import DATA_ROOT, LANGUAGE, PATH, on_study, say, short, watched
from evaluation.errors import VeilleError, eval_command, refuse_unknown
from evaluation.records import ExplainSpec, Study
from evaluation.stages.engine import Engine
from evaluation.stages.open import open_study, read_data
from evaluation.stages.settings import Settings
from evaluation.study.config import load_study


@click.command(short_help="Compare a study's cases: ties, gaps, corrected tests.")
@click.argument("study")
@click.argument("cases", nargs=-1)
@click.option(
    "--deep",
    is_flag=True,
    help="Also: learning curves, effect of each text, random words, audit, retrieval.",
)
@click.option(
    "--against", help="What was scored then: a saved state, a folder of artefacts, a git ref."
)
@click.option("--markdown", is_flag=True, help="With --against: for a pull request.")
@DATA_ROOT
@options.runs_models
def compare(
    study: str,
    cases: tuple[str, ...],
    data_root: Path | None,
    *,
    deep: bool,
    against: str | None,
    markdown: bool,
    settings: Settings,
) -> None:
    """Compare the scored cases of STUDY on the same photos, and write comparison.json.

    With two or more CASES (embedded/noms, or demo/embedded/noms), only their pairs are shown.
    --deep needs the photos and the models again; image embeddings come from the store.
    --against says what changed since, photo by photo; `veille baseline` keeps a state.
    """
    from evaluation.stages.compare import compare_cases

    if against is not None:
        _print_changes(study, cases, against, settings.artefacts, markdown=markdown)
        return
    if deep:
        from evaluation.stages.deepen import deepen

        declared = load_study(study, data_root=data_root)
        with watched(settings) as shown:
            compared = deepen(open_study(declared, shown), Engine(shown))
    else:
        compared = compare_cases(settings.artefacts, study)
    ranks = compared.comparison if compared else None
    if ranks is None:
        what, remedy = "no case was scored on the photos as they are now", "run"
        if compared is not None:
            what, remedy = "fewer than two cases were scored", "score another one:"
        raise VeilleError(what, where=study, remedy=f"{remedy} {eval_command(study)}")
    say(terminal.ranking(ranks, study, colour=False))
    known = {name for pair in ranks.pairs for name in (pair.a, pair.b)}
    wanted = {case if case in known else f"{study}/{case}" for case in cases}
    refuse_unknown("no scored case", wanted, sorted(known), study)
    if len(wanted) == 1:
        raise VeilleError("one case is no pair", where=study, remedy="name two or more")
    pairs = [pair for pair in ranks.pairs if not wanted or {pair.a, pair.b} <= wanted]
    say(terminal.pairs_table(pairs, study))


def _print_changes(
    study: str, cases: tuple[str, ...], against: str, artefacts: Path, *, markdown: bool
) -> None:
    from evaluation.stages.baseline import changes, state

    with state(artefacts, study, against) as then:
        every = changes(artefacts, study, then)
    wanted = {name.removeprefix(f"{study}/") for name in cases}
    known = {case.case.removeprefix(f"{study}/"): case for case in every}
    refuse_unknown("not scored both times:", wanted, sorted(known), study)
    chosen = [case for name, case in known.items() if not wanted or name in wanted]
    say(terminal.changes_text(chosen, study, against, markdown=markdown))


@click.command(short_help="Keep the scores of a study, to compare with later ones.")
@click.argument("study")
@click.option("--save", "name", required=True, help="The name of this state.")
@options.ARTEFACTS
def baseline(study: str, name: str, artefacts: Path) -> None:
    """Keep what STUDY's cases scored, under a name.

    `veille compare STUDY --against NAME` then says what changed, photo by photo, and
    `no_worse_than = "NAME"` in the study's [[thresholds]] makes a regression fail.
    """
    from evaluation.stages.baseline import save
    from evaluation.stages.compare import compare_cases

    say(f"written   {short(save(artefacts, study, name))}")
    compare_cases(artefacts, study)  # the page of the study's history shows it


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
    every = data.study.cases()
    wanted = options.named(every, cases) if cases else options.scored(every, settings.artefacts)
    engine = Engine(settings)
    for case in wanted:
        passes, seconds = stage.planned(case, data, engine, spec)
        time = "" if seconds is None else f", some {max(1, round(seconds / 60))} min"
        say(f"{case.id}: {passes} forward passes at most{time}; what is cached costs nothing")
    for case in wanted:
        with watched(engine.settings) as engine.settings:
            explanation = stage.explain(case, data, engine, spec)
        say(terminal.faithfulness_table(explanation))


@click.command(short_help="Suggest more precise texts, judged on validation.")
@click.argument("study")
@click.option("--model", "models", multiple=True, help="Only this zero-shot model.")
@click.option("--prompts", help="Start from this prompt set (default: the best on validation).")
@click.option(
    "--output", type=PATH, help="Folder of the new prompt set (default: the study's prompts/)."
)
@on_study
def suggest(study: Study, *, models: tuple[str, ...], settings: Settings, **start: Any) -> None:
    """Suggest more precise texts for STUDY, from what validation gets wrong.

    For each class: what it is taken for, the photos behind it with their maps, and the
    sub-categories that no text of the class names.  Writes a new prompt set, never over
    another one, and suggestion.json for the site.  The test part is never looked at.
    """
    from evaluation.stages import suggest as stage
    from evaluation.stages.engine import models_of

    with watched(settings) as shown:
        data = read_data(study, shown)
    engine = Engine(settings)
    for spec in models_of(study, models):
        with watched(settings) as engine.settings:
            suggestion, file = stage.suggest(data, spec, engine, **start)
        say(terminal.suggestion_text(suggestion))
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
@options.runs_models
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
        say(terminal.provisional_text(save))
