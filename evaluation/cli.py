"""The ``veille`` command."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import click

from evaluation.commands.beginning import new, try_
from evaluation.commands.evaluating import evaluate
from evaluation.commands.publishing import publish, serve, site
from evaluation.commands.watching import watch
from evaluation.data.notes import line as data_note
from evaluation.errors import VeilleError
from evaluation.records import Case, ExplainSpec, PairedTest, StudyComparison
from evaluation.stores.artefacts import read_attempt
from evaluation.study.config import list_studies, load_study
from evaluation.terminal import (
    faithfulness_table,
    megabytes,
    pairs_table,
    progress_bars,
    ranking,
    suggestion_text,
    weights_table,
)
from evaluation.usage import eval_command, extras_remedy

if TYPE_CHECKING:
    from evaluation.stages.check import ModelCheck, StudyCheck
    from evaluation.stages.engine import Engine
    from evaluation.stages.open import StudyData

_PRECISION = click.option(
    "--precision",
    type=click.Choice(["fp32", "bf16", "fp16"]),
    default="fp32",
    show_default=True,
    help="Of the models: that of the evaluation, or photos are embedded again.",
)

_EPILOG = """\b
The usual way (in a checkout: tox -e eval -- --study NAME, tox -e site):
  veille eval                        score the demo study, offline
  veille eval NAME --data-root DIR   score another one
  veille site                        build the site from the results

\b
Results lie in artefacts/ and are all that the site reads.  Models and
embeddings are cached in $VEILLE_CACHE, or in your user cache folder.
"""


class _OneLine(click.Group):
    """Says what went wrong in its own lines; a traceback is kept for our own faults."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except VeilleError as error:
            _fail(error)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in ("", "evaluation"):
                raise
            _fail(_not_installed(error.name))


def _not_installed(package: str | None) -> VeilleError:
    """Scoring needs the extra ``eval``, the report the extra ``site``; neither is always there."""
    return VeilleError(
        f"this command needs the Python package {package}, which is not installed here",
        remedy=extras_remedy(),
    )


def _fail(error: VeilleError) -> NoReturn:
    for line in str(error).splitlines():
        click.secho(f"error: {line}", fg="red", err=True)
    sys.exit(2)


_ARTEFACTS = click.option(
    "--artefacts",
    type=click.Path(path_type=Path),
    default=Path("artefacts"),
    show_default=True,
    help="Folder of the results.",
)
_LANGUAGE = click.option(
    "--language", type=click.Choice(["fr", "en"]), default="fr", show_default=True
)
_PHOTOS = click.option(
    "--photos",
    default="all",
    metavar="all|redistributable|STUDY,…",
    help="Whose photos may be shown (all).",
)
_DATA_ROOT = click.option(
    "--data-root", type=click.Path(path_type=Path), help="Folder of the photos."
)


@click.group(cls=_OneLine, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="veille-clip", prog_name="veille")
def main() -> None:
    """Is zero-shot CLIP good enough for your own categories?

    A study is a question, some photos in classes, and the models and prompt sets that are
    tried on them.  This command lists, checks, creates and scores studies, and makes the
    site of their results; the scoring itself is a pytest suite.
    """


for command in (new, try_, evaluate, watch, site, serve, publish):
    main.add_command(command)


@main.command(short_help="List the studies that can be run.")
def studies() -> None:
    """List the studies that can be run, shipped ones and your own."""
    found = list_studies()
    width = max((len(summary.name) for summary in found), default=0)
    for summary in found:
        click.echo(f"{summary.name:<{width}}  {summary.title}")
        click.secho(f"{'':<{width}}  {_short(summary.file)}", dim=True)
        if summary.error:
            click.secho(f"error: {summary.error}", fg="red", err=True)


def _short(path: Path) -> Path:
    """Relative to the working directory when it lies inside."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


@main.command(short_help="Validate a study: its files, photos, texts and weights.")
@click.argument("study")
@_DATA_ROOT
@click.option("--offline", is_flag=True, help="Ask as if there were no network.")
def check(study: str, data_root: Path | None, offline: bool) -> None:
    """Validate STUDY (a name or a path): configuration, photos, prompt sets, weights.

    Says what would run, what is unavailable and why, and how much would be downloaded.
    Nothing is downloaded, embedded or written besides the cache of decoded photos; without
    --offline, servers are asked how large weights that are not here are.  Exits with 2 when
    the study could not run.
    """
    from evaluation.stages.check import check_study  # noqa: PLC0415 - imports the data stage
    from evaluation.stages.settings import Settings  # noqa: PLC0415

    found = load_study(study, data_root=data_root)
    click.echo(f"study     {found.name}: {found.title}\nfile      {_short(found.file)}")
    with progress_bars() as advance:
        result = check_study(found, Settings(offline=offline, progress=advance))
    if result.data is not None:
        _print_data(result.data)
    _print_models(result)
    if result.error is not None:
        raise result.error


def _print_data(data: StudyData) -> None:
    dataset, split = data.dataset, data.split
    click.echo(
        f"photos    {len(dataset.samples)} in {len(dataset.classes)} classes: "
        f"{len(split.train)} train, {len(split.validation)} validation, {len(split.test)} test"
    )
    for photo in dataset.missing:
        click.secho(f"missing   {photo.path} ({photo.label}): {photo.reason}", fg="yellow")
    for note in dataset.notes:
        click.secho(f"note      {data_note(note)}", fg="yellow")
    for group in split.duplicates:
        click.echo(f"same      {', '.join(group)}: equal pixels, kept in one part")
    for prompts in data.study.prompts:
        texts = [len(prompts.sentences(label)) for label in dataset.classes]
        spread = str(min(texts)) if min(texts) == max(texts) else f"{min(texts)} to {max(texts)}"
        click.echo(f"prompts   {prompts.name}: {spread} text(s) a class")


def _print_models(result: StudyCheck) -> None:
    for one in result.models:
        ready = one.availability
        if ready.ready:
            state = click.style("would run", fg="green")
        elif ready.download_bytes is not None:
            state = click.style(f"would download {megabytes(ready.download_bytes)}", fg="yellow")
        else:
            state = click.style("unavailable", fg="red")
        reason = f" ({ready.reason})" if ready.reason else ""
        click.echo(f"model     {one.model.name}: {state}{reason}")
        for case in one.cases:
            click.echo(f"  case    {case}")


@main.command(short_help="Fetch a study's photos into a folder.")
@click.argument("study")
@click.option(
    "--root", type=click.Path(path_type=Path), required=True, help="Folder to put them in."
)
@click.option("--archive", help="Address or ZIP file, instead of the one that the study declares.")
def data(study: str, root: Path, archive: str | None) -> None:
    """Fetch the photos of STUDY from the archive that it declares, and check them.

    A download that was cut goes on from where it was; what is in the folder already is neither
    fetched again nor overwritten.  Needs room for the archive and for the photos.
    """
    from evaluation.data import fetch_dataset  # noqa: PLC0415 - keeps the other commands short

    spec = load_study(study, data_root=root).dataset

    def announce(total: int | None, here: int) -> None:
        size = "of unknown size" if total is None else f"of {total / 1e6:.0f} MB"
        known = f", {here / 1e6:.0f} MB of it are here" if here else ""
        click.echo(f"archive   {archive or spec.archive}\n          {size}{known}")

    with progress_bars() as advance:
        found = fetch_dataset(
            spec, name=study, root=root, source=archive, announce=announce, watch=advance
        )
    done = f"{found.written} files written" if found.written else "already there"
    kept = f", {found.kept} left as they were" if found.kept else ""
    click.echo(f"photos    {found.photos} listed in {root}: {done}{kept}")
    for path in found.missing:
        click.secho(f"missing   {path}: not in the archive", fg="yellow")
    click.echo(f"then      veille check {study} --data-root {root}")


@main.command(short_help="Fetch all the weights that a study needs, ahead of time.")
@click.argument("study")
@click.option("--offline", is_flag=True, help="Only say what is here and what is missing.")
def weights(study: str, offline: bool) -> None:
    """Fetch the weights of STUDY (a name or a path), so that its cases then run offline.

    What is to be downloaded is said first.  A download that was cut goes on where it stopped,
    and is checked; it lies in the caches that other tools share (HF_HOME, TORCH_HOME,
    ~/.cache/clip).  HF_ENDPOINT names another server.  Exits with 1 when a model's weights
    cannot be had.
    """
    from evaluation.stages.check import announce_weights, fetch_weights  # noqa: PLC0415
    from evaluation.stages.settings import Settings  # noqa: PLC0415

    found = load_study(study)
    with progress_bars() as advance:
        settings = Settings(offline=offline, progress=advance)
        if not offline:
            _announce(announce_weights(found, settings))
        fetched = tuple(fetch_weights(spec, settings) for spec in found.models)
    click.echo(weights_table(fetched, colour=False))
    if any(one.state == "missing" for one in fetched):
        sys.exit(1)


def _announce(checks: tuple[ModelCheck, ...]) -> None:
    sizes = [one.availability.download_bytes for one in checks if not one.availability.ready]
    known = [size for size in sizes if size is not None]
    for one in checks:
        if not one.availability.ready and one.availability.download_bytes is not None:
            size = megabytes(one.availability.download_bytes)
            click.echo(f"to download  {one.model.name}: {size} ({one.model.weights})")
    if len(known) > 1:
        click.echo(f"to download  {megabytes(sum(known))} in all")


@main.command(short_help="Compare a study's cases: ties, gaps, corrected tests.")
@click.argument("study")
@click.argument("cases", nargs=-1)
@_ARTEFACTS
@_DATA_ROOT
@click.option(
    "--deep",
    is_flag=True,
    help="Also: learning curves, effect of each text, random words, audit, retrieval.",
)
@click.option("--device", default="auto", show_default=True, help="For --deep.")
@_PRECISION
def compare(  # noqa: PLR0917 - click passes them by name
    study: str,
    cases: tuple[str, ...],
    artefacts: Path,
    data_root: Path | None,
    deep: bool,
    device: str,
    precision: str,
) -> None:
    """Compare the scored cases of STUDY on the same photos, and write comparison.json.

    With two or more CASES (embedded/noms, or demo/embedded/noms), only their pairs are shown.
    --deep needs the photos and the models again; image embeddings come from the store.
    """
    found = (
        _compared_deeply(study, artefacts, data_root, device=device, precision=precision)
        if deep
        else _compared(study, artefacts)
    )
    if found.comparison is None:
        raise VeilleError(
            "fewer than two cases were scored",
            where=study,
            remedy=f"score another one: {eval_command(study)}",
        )
    click.echo(ranking(found.comparison, study, colour=False))
    click.echo(pairs_table(_wanted_pairs(found, cases), study, colour=False))


def _compared(study: str, artefacts: Path) -> StudyComparison:
    from evaluation.stages.compare import compare_cases  # noqa: PLC0415 - imports SciPy

    return _found(compare_cases(artefacts, study), study)


def _compared_deeply(
    study: str, artefacts: Path, data_root: Path | None, *, device: str, precision: str
) -> StudyComparison:
    from evaluation.stages.deepen import deepen  # noqa: PLC0415 - imports SciPy
    from evaluation.stages.engine import Engine  # noqa: PLC0415
    from evaluation.stages.open import open_study  # noqa: PLC0415
    from evaluation.stages.settings import Settings  # noqa: PLC0415

    declared = load_study(study, data_root=data_root)
    with progress_bars() as advance:
        settings = Settings(
            artefacts=artefacts, device=device, precision=precision, progress=advance
        )
        return _found(deepen(open_study(declared, settings), Engine(settings)), study)


def _found(comparison: StudyComparison | None, study: str) -> StudyComparison:
    if comparison is None:
        raise VeilleError(
            "no case was scored on the photos as they are now",
            where=study,
            remedy=f"run {eval_command(study)}",
        )
    return comparison


def _wanted_pairs(found: StudyComparison, cases: tuple[str, ...]) -> tuple[PairedTest, ...]:
    pairs = found.comparison.pairs if found.comparison else ()
    known = {name for pair in pairs for name in (pair.a, pair.b)}
    wanted = {case if case in known else f"{found.study}/{case}" for case in cases}
    unknown = sorted(wanted - known)
    if unknown or len(wanted) == 1:
        raise VeilleError(
            f"no scored case {', '.join(unknown)}" if unknown else "one case is no pair",
            where=found.study,
            remedy=f"choose two or more among {', '.join(sorted(known))}",
        )
    return tuple(pair for pair in pairs if not wanted or {pair.a, pair.b} <= wanted)


@main.command(short_help="Make the attention maps of a study's cases, in depth.")
@click.argument("study")
@click.argument("cases", nargs=-1)
@click.option("--masks", type=click.IntRange(min=2), help="Of RISE: forward passes a photo.")
@click.option("--photos", type=click.IntRange(min=1), help="Photos of a case, at most.")
@click.option("--rise-photos", type=click.IntRange(min=0), help="Photos explained by RISE.")
@click.option(
    "--faithfulness-photos", type=click.IntRange(min=0), help="Photos whose curves are measured."
)
@click.option("--steps", type=click.IntRange(min=2), help="Steps of a curve.")
@_ARTEFACTS
@_DATA_ROOT
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@_PRECISION
@click.option("--offline", is_flag=True, help="Never touch the network.")
def explain(  # noqa: PLR0917 - click passes them by name
    study: str,
    cases: tuple[str, ...],
    masks: int | None,
    photos: int | None,
    rise_photos: int | None,
    faithfulness_photos: int | None,
    steps: int | None,
    artefacts: Path,
    data_root: Path | None,
    device: str,
    precision: str,
    offline: bool,
) -> None:
    """Make the attention maps of the scored cases of STUDY, deeper than an evaluation does.

    Says first what it costs.  What is made is kept map by map: stop it when you like, and
    start it again to go on.  Without options, the study's own numbers are raised to 1000
    masks on 32 photos, and curves of 20 steps on 24.
    """
    from evaluation.stages.engine import Engine  # noqa: PLC0415
    from evaluation.stages.explain import deeper  # noqa: PLC0415 - imports the stages
    from evaluation.stages.open import open_study  # noqa: PLC0415
    from evaluation.stages.settings import Settings  # noqa: PLC0415

    found = load_study(study, data_root=data_root)
    told = {
        "masks": masks,
        "cap": photos,
        "rise_photos": rise_photos,
        "faithfulness_photos": faithfulness_photos,
        "curve_steps": steps,
    }
    changes: dict[str, Any] = {key: value for key, value in told.items() if value is not None}
    spec = replace(deeper(found.explain or ExplainSpec()), **changes)
    with progress_bars() as advance:
        settings = Settings(
            artefacts=artefacts,
            device=device,
            precision=precision,
            offline=offline,
            progress=advance,
        )
        opened = open_study(found, settings)
        wanted = _scored_cases(opened, artefacts, cases)
    _explain_all(opened, Engine(settings), wanted, spec)


def _scored_cases(data: StudyData, artefacts: Path, names: tuple[str, ...]) -> tuple[Case, ...]:
    """The cases of these names ("embedded/noms", or with the study before), or all that ran."""
    study = data.study.name
    wanted = {name.removeprefix(f"{study}/") for name in names}
    unknown = sorted(wanted - {case.name for case in data.cases()})
    if unknown:
        raise VeilleError(
            f"no case {', '.join(unknown)}",
            where=study,
            remedy=f"choose among {', '.join(case.name for case in data.cases())}",
        )
    return tuple(
        case
        for case in data.cases()
        if case.name in wanted or (not wanted and _is_scored(artefacts, case))
    )


def _is_scored(root: Path, case: Case) -> bool:
    run = read_attempt(root, case.id)
    return run is not None and run.status == "ok"


def _explain_all(
    data: StudyData, engine: Engine, cases: tuple[Case, ...], spec: ExplainSpec
) -> None:
    """Announces what each case costs, then explains them one after the other."""
    from evaluation.stages import explain as stage  # noqa: PLC0415 - imports the stages

    if not cases:
        raise VeilleError(
            "no case was scored yet",
            where=data.study.name,
            remedy=f"run {eval_command(data.study.name)}",
        )
    for case in cases:
        passes, seconds = stage.planned(case, data, engine, spec)
        time = "" if seconds is None else f", some {max(1, round(seconds / 60))} min"
        click.echo(
            f"{case.id}: {passes} forward passes at most{time}; what is cached costs nothing"
        )
    for case in cases:
        with progress_bars() as advance:
            engine.settings = replace(engine.settings, progress=advance)
            found = stage.explain(case, data, engine, spec)
        click.echo(faithfulness_table(found, colour=False))


@main.command(short_help="Suggest more precise texts, judged on validation.")
@click.argument("study")
@click.option("--model", "models", multiple=True, help="Only this zero-shot model.")
@click.option("--prompts", help="Start from this prompt set (default: the best on validation).")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder of the new prompt set (default: the study's prompts/).",
)
@_ARTEFACTS
@_DATA_ROOT
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--offline", is_flag=True, help="Never touch the network.")
def suggest(  # noqa: PLR0917 - click passes them by name
    study: str,
    models: tuple[str, ...],
    prompts: str | None,
    output: Path | None,
    artefacts: Path,
    data_root: Path | None,
    device: str,
    offline: bool,
) -> None:
    """Suggest more precise texts for STUDY, from what validation gets wrong.

    For each class: what it is taken for, the photos behind it with their maps, and the
    sub-categories that no text of the class names.  Writes a new prompt set, never over
    another one, and suggestion.json for the site.  The test part is never looked at.
    """
    from evaluation.stages import suggest as stage  # noqa: PLC0415 - imports the stages
    from evaluation.stages.engine import Engine  # noqa: PLC0415
    from evaluation.stages.open import read_data  # noqa: PLC0415
    from evaluation.stages.settings import Settings  # noqa: PLC0415

    found = load_study(study, data_root=data_root)
    with progress_bars() as advance:
        settings = Settings(artefacts=artefacts, device=device, offline=offline, progress=advance)
        blind = stage.without_test(read_data(found, settings))
    engine = Engine(settings)
    for spec in stage.models_of(blind.data.study, models):
        with progress_bars() as advance:
            engine.settings = replace(settings, progress=advance)
            suggestion, file = stage.suggest(blind, spec, engine, prompts=prompts, output=output)
        click.echo(suggestion_text(suggestion, colour=False))
        if file is not None:
            click.echo(
                f"written: {_short(file)}\n"
                f'to know what it is worth on test, add "{file.stem}" to the prompts of '
                f"{_short(found.file)}, then run {eval_command(found.name)}"
            )


@main.command(short_help="Write the report's pages as Markdown files.")
@click.option(
    "--output", type=click.Path(path_type=Path), required=True, help="Folder of the pages."
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write mkdocs.yml, as Zensical and ProperDocs read it, to this file.",
)
@_ARTEFACTS
@_PHOTOS
@_LANGUAGE
def report(
    output: Path,
    config: Path | None,
    artefacts: Path,
    photos: str,
    language: Literal["fr", "en"],
) -> None:
    """Write the report's pages as Markdown, with assets and nav.yml, for any site generator."""
    from evaluation.report import write_report  # noqa: PLC0415 - needs the `site` extra

    pages = write_report(artefacts, output, photos=photos, language=language, config=config)
    click.echo(f"{len(pages)} files written to {output}")


@main.command(short_help="Write a study as a deck of slides.")
@click.argument("study")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The HTML file; STUDY-slides.html unless only --pdf is given.",
)
@click.option(
    "--pdf",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also, or only, a PDF of one slide a page (needs Chromium).",
)
@_LANGUAGE
@_ARTEFACTS
@_PHOTOS
def slides(  # noqa: PLR0917 - click passes them by name
    study: str,
    output: Path | None,
    pdf: Path | None,
    language: Literal["fr", "en"],
    artefacts: Path,
    photos: str,
) -> None:
    """Write STUDY as a deck of slides: one HTML file, to present or to print.

    The file stands alone: it may be mailed, opened from a disk, and asks nothing of the
    network.  Arrow keys go through the slides, P presents them.
    """
    from evaluation.report.paper.paper import write_slides  # noqa: PLC0415 - needs the `site` extra

    html = output or (None if pdf else Path(f"{study}-slides.html"))
    write_slides(artefacts, study, html=html, pdf=pdf, language=language, photos=photos)
    for path in (html, pdf):
        if path is not None:
            click.echo(f"{path} written")


@main.command("pdf", short_help="Print a study's pages as one PDF.")
@click.argument("study")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The PDF; STUDY.pdf unless given.",
)
@_LANGUAGE
@_ARTEFACTS
@_PHOTOS
def print_study(
    study: str,
    output: Path | None,
    language: Literal["fr", "en"],
    artefacts: Path,
    photos: str,
) -> None:
    """Print the pages of STUDY as one PDF: cover, contents, page numbers, links.

    Chromium or Chrome prints it: the one on the PATH, or the one that VEILLE_CHROMIUM names.
    """
    from evaluation.report.paper.paper import write_pdf  # noqa: PLC0415 - needs the `site` extra

    path = output or Path(f"{study}.pdf")
    pages = write_pdf(artefacts, study, path, language=language, photos=photos)
    click.echo(f"{path} written, {pages} pages")
