"""``veille predict``, ``export`` and ``drift``: the case that was chosen, at work."""

from collections import Counter
from pathlib import Path
from typing import Literal

import click

from evaluation.commands.options import (
    FILE,
    LANGUAGE,
    PATH,
    named,
    on_study,
    opened,
    say,
    scored,
    short,
)
from evaluation.data.listing import note_line
from evaluation.errors import ArtefactError
from evaluation.files import write_bytes, writing
from evaluation.records import FolderAnswers, Metric, Study
from evaluation.stages.settings import Settings

_TARGET = click.option(
    "--target",
    type=click.FloatRange(0.5, 1, max_open=True),
    default=0.95,
    help="Precision that the threshold aims at.",
)
_ELSEWHERE = "choose another place with --output"


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
        chosen = named(data.cases(), [case])[0]
        answers = predict_folder(chosen, data, engine, folder, target)
    page = output.with_suffix(".html")
    with writing(output, ArtefactError, elsewhere=_ELSEWHERE):
        output.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(output, answers_to_csv(answers).encode())
        write_left(answers, folder, page, language)
    _print(answers)
    say(f"written   {short(output)}, and {short(page)} for what is left")


def _print(folder: FolderAnswers) -> None:
    for photo in folder.unread:
        say(f"missing   {photo.path}: {photo.reason}", fg="yellow")
    for note in folder.notes:
        say(f"note      {note_line(note)}", fg="yellow")
    left, alike = len(folder.left), sum(bool(answer.like) for answer in folder.answers)
    threshold = "none is enough" if folder.threshold is None else f"{folder.threshold:.3f}"
    say(f"photos    {len(folder.answers)}, {alike} of which look like another")
    say(f"threshold {threshold}, for a precision of {folder.target:.0%}")
    say(f"kept      {len(folder.answers) - left}; {left} left to a person")
    if strays := sum(answer.stray for answer in folder.answers):
        say(f"strays    {strays} of them may belong to no class")
    for label, count in Counter(answer.predicted for answer in folder.answers).most_common():
        say(f"  {count:>6}  {label}")


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
    from evaluation.stages import export as stage

    with opened(study, settings) as (data, engine):
        chosen = named(data.cases(), [case])[0]
        with writing(folder, ArtefactError, elsewhere="choose another place"):
            apart = stage.export(chosen, data, engine, folder, target, onnx=onnx)
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
    name = case or scored(embedding, settings.artefacts)[0].name
    with opened(study, settings) as (data, engine):
        chosen = named(data.cases(), [name])[0]
        measured = measure_drift(chosen, data, engine, folder, target)
    verdict = (
        "these are other photos than those that were studied: score some of them"
        if measured.differs
        else "nothing shows that they are others"
    )
    say(f"case        {measured.case}")
    say(f"told apart  {_share(measured.told_apart)} of held-out photos; 50 % when alike")
    say(f"to people   {_share(measured.left_now)}; {_share(measured.left_then)} in the study")
    if measured.same:
        say(f"same        {measured.same} are photos of the study itself")
    say(verdict)


def _share(metric: Metric) -> str:
    value, low, high = (100 * (share or 0.0) for share in (metric.value, metric.low, metric.high))
    return f"{value:.1f} % [{low:.1f}, {high:.1f}]"
