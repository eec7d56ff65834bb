"""``veille predict``, ``export`` and ``drift``: the case that was chosen, at work; ``embed`` and
``cache``: what is computed ahead of time, and what is kept.
"""

from collections import Counter
from pathlib import Path
from typing import Any, Literal

import click

from evaluation.commands import options
from evaluation.commands.options import FILE, LANGUAGE, PATH, on_study, opened, say, short
from evaluation.data.listing import note_line
from evaluation.errors import ArtefactError
from evaluation.files import write_bytes, writing
from evaluation.records import FOLDS, Study
from evaluation.stages.settings import Settings, default_cache
from evaluation.stores.cache import PARTS, parts, prune
from evaluation.terminal import megabytes, percents

_TARGET = click.option(
    "--target",
    type=click.FloatRange(0.5, 1, max_open=True),
    default=0.95,
    help="Precision that the threshold aims at.",
)


@click.command(short_help="Classify a folder of photos with a case of a study.")
@click.argument("study")
@click.argument("case")
@click.argument("folder", type=PATH)
@click.option(
    "-o",
    "--output",
    type=FILE,
    default=Path("labels.csv"),
    help="The table; the page of what is left to a person lies beside it.",
)
@_TARGET
@LANGUAGE
@on_study
def predict(
    study: Study,
    *,
    case: str,
    folder: Path,
    output: Path,
    target: float,
    language: Literal["fr", "en"],
    settings: Settings,
) -> None:
    """Classify the photos below FOLDER with CASE of STUDY ("embedded/descriptions").

    The table gives each photo its class, the probability, whether it reaches the study's
    threshold ("keep") or a person has to look ("person"), and another photo that looks the
    same.  A page shows what is left to a person.  Stop it when you like: it goes on where it was.
    """
    from evaluation.report.site.standalone import write_left
    from evaluation.stages.predict import answers_to_csv, predict_folder

    with opened(study, settings) as (data, engine):
        chosen = options.named(data.study.cases(), [case])[0]
        answers = predict_folder(chosen, data, engine, folder, target)
    page = output.with_suffix(".html")
    with writing(output, ArtefactError, elsewhere="choose another place with --output"):
        output.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(output, answers_to_csv(answers).encode())
        write_left(answers, folder, page, language)
    for photo in answers.unread:
        say(f"missing   {photo.path}: {photo.reason}", fg="yellow")
    for note in answers.notes:
        say(f"note      {note_line(note)}", fg="yellow")
    left, alike = len(answers.left), sum(bool(answer.like) for answer in answers.answers)
    threshold = "none is enough" if answers.threshold is None else f"{answers.threshold:.3f}"
    say(f"photos    {len(answers.answers)}, {alike} of which look like another")
    say(f"threshold {threshold}, for a precision of {answers.target:.0%}")
    say(f"kept      {len(answers.answers) - left}; {left} left to a person")
    if strays := sum(answer.stray for answer in answers.answers):
        say(f"strays    {strays} of them may belong to no class")
    for label, count in Counter(answer.predicted for answer in answers.answers).most_common():
        say(f"  {count:>6}  {label}")
    say(f"written   {short(output)}, and {short(page)} for what is left")


@click.command(short_help="Write a case to a folder that runs without this program.")
@click.argument("study")
@click.argument("case")
@click.argument("folder", type=PATH)
@click.option("--onnx", is_flag=True, help='Also as one ONNX graph (needs "veille-clip[onnx]").')
@_TARGET
@on_study
def export(
    study: Study, *, case: str, folder: Path, target: float, onnx: bool, settings: Settings
) -> None:
    """Write CASE of STUDY to FOLDER: weights, head, classes, threshold, and a short script.

    The script needs PyTorch and open_clip, and not veille-clip; before the folder is given
    out, it has to say of test photos what this program says.
    """
    from evaluation.stages import predict as stage

    with opened(study, settings) as (data, engine):
        chosen = options.named(data.study.cases(), [case])[0]
        with writing(folder, ArtefactError, elsewhere="choose another place"):
            apart = stage.export(chosen, data, engine, folder, target=target, onnx=onnx)
    say(f"written   {short(folder)}: python {short(folder / stage.SCRIPT)} PHOTO...")
    say(f"checked   on test photos: probabilities differ by {apart:.1e} at most")


@click.command(short_help="Are these photos still those that were studied?")
@click.argument("study")
@click.argument("folder", type=PATH)
@click.option("--case", help="Whose embeddings and threshold (default: the first that was scored).")
@_TARGET
@on_study
def drift(
    study: Study, *, folder: Path, case: str | None, target: float, settings: Settings
) -> None:
    """Compare the photos below FOLDER with the test part of STUDY.

    Says how often a classifier tells the two apart (half of the time when they are alike), and
    how many photos would be left to people, then and now.
    """
    from evaluation.stages.predict import measure_drift

    embedding = [candidate for candidate in study.cases() if candidate.model.embeds]
    name = case or options.scored(embedding, settings.artefacts)[0].name
    with opened(study, settings) as (data, engine):
        chosen = options.named(data.study.cases(), [name])[0]
        measured = measure_drift(chosen, data, engine, folder, target)
    verdict = (
        "these are other photos than those that were studied: score some of them"
        if measured.differs
        else "nothing shows that they are others"
    )
    say(f"case        {measured.case}")
    say(f"told apart  {percents(measured.told_apart)} of held-out photos; 50 % when alike")
    say(f"to people   {percents(measured.left_now)}; {percents(measured.left_then)} in the study")
    if measured.same:
        say(f"same        {measured.same} are photos of the study itself")
    say(verdict)


@click.command(short_help="Embed a study's photos ahead of time, here or on a cluster.")
@click.argument("study")
@click.option("--model", "names", multiple=True, help="Only this model of the study.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    help="One process of this machine, or Ray Data (the extra `scale`).",
)
@click.option("--address", help="Of a Ray cluster (default: one of this machine's cores).")
@click.option("--workers", type=click.IntRange(min=1), help="Of Ray: models at work, at most.")
@on_study
def embed(
    study: Study, *, names: tuple[str, ...], engine: str, settings: Settings, **cluster: Any
) -> None:
    """Embed every photo of STUDY with every model that embeds; `veille eval` then finds them.

    What the store has is not embedded again.  With --engine ray, machines share the photos and
    $VEILLE_CACHE: docs/scale.md says how.
    """
    from evaluation.stages.distribute import embed_on_cluster
    from evaluation.stages.engine import bench_of

    with opened(study, settings) as (data, runner):
        for spec in study.models:
            if not spec.embeds or (names and spec.name not in names):
                continue
            if engine == "ray":
                photos, missing = embed_on_cluster(spec, data, runner, **cluster)
            else:
                _, run = bench_of(data, spec, runner, FOLDS)
                photos, missing = run.embedded + run.reused, run.embedded
            say(f"{spec.name}: {photos} photos, {missing} embedded now")


@click.command(short_help="Say what the cache holds, and prune it.")
@click.option(
    "--prune", "pruned", type=click.Choice([*PARTS, "all"]), multiple=True, help="Remove a part."
)
def cache(pruned: tuple[str, ...]) -> None:
    """Say what the cache holds: $VEILLE_CACHE, or a folder of the user's own.

    Photos are embedded once for each model, texts and maps are made once: all of it can be made
    again, and --prune removes what it names (--prune maps --prune photos, or --prune all).
    Results are no part of it.
    """
    folder = default_cache()
    for name in PARTS if "all" in pruned else pruned:
        prune(folder, name)
    say(f"cache       {folder}")
    kept = parts(folder)
    for part in kept:
        files = "1 file" if part.files == 1 else f"{part.files} files"
        say(f"{part.name:<11} {megabytes(part.size):>8}  {files:<12} without: {part.remade}")
    say(f"{'in all':<11} {megabytes(sum(part.size for part in kept)):>8}")
