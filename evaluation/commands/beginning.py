"""``veille eval``, ``new`` and ``try``: from photos to a study, and to its scores."""

import re
import sys
import unicodedata
import webbrowser
from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import Path

import click

from evaluation.commands.options import PATH, say
from evaluation.commands.publishing import site
from evaluation.data.listing import note_line
from evaluation.errors import VeilleError, eval_command
from evaluation.stages.begin import Begun, begin
from evaluation.study.scaffold import likely_language, says_nothing

SUITES = Path(__file__).resolve().parents[1] / "suites"


@click.command(
    "eval",
    short_help="Score studies: pytest on the suites, with any of its options.",
    options_metavar="",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[STUDY]... [OPTIONS]")
def evaluate(arguments: tuple[str, ...]) -> None:
    """Score every case of each STUDY (a name or a path; the demo without one).

    What follows the studies is pytest's: -k "siglip2 and not noms", -x, -n 2, --junitxml FILE;
    and the suites': --data-root DIR, --models A,B, --prompts A,B, --device, --precision,
    --batch-size, --artefacts DIR, --offline, --no-maps, --no-resume, --force, --retry.
    Exit codes are pytest's.
    """
    import pytest

    sys.exit(pytest.main(pytest_arguments(arguments)))


def pytest_arguments(arguments: tuple[str, ...]) -> list[str]:
    """The command line of pytest: names that come before the first option are studies."""
    names = [*takewhile(lambda argument: not argument.startswith("-"), arguments)]
    # The suites' own settings: those of the folder that one works in are for its own tests.
    own = ["-c", str(SUITES / "pytest.ini"), "--rootdir", str(SUITES.parents[1])]
    plugins = ["-p", "veille_clip", "-p", "no:cacheprovider"]
    studies = [f"--study={name}" for name in names]
    return [*plugins, *own, str(SUITES), *studies, *arguments[len(names) :]]


def _understood(command: Callable[..., None]) -> Callable[..., None]:
    """The options of what is understood of the photos, the same for both commands."""
    for option in (
        click.option(
            "--into",
            type=PATH,
            default=Path("studies"),
            help="Folder in which the study's own folder is made.",
        ),
        click.option("--label", "label_column", help="Of a table: the column of the classes."),
        click.option("--path", "path_column", help="Of a table: the column of the paths."),
        click.option("--language", help="Of the class names: en, fr, … (asked for)."),
    ):
        command = option(command)
    return command


@click.command(short_help="Write a new study from photos in class folders, or from a table.")
@click.argument("study")
@click.option(
    "--images",
    type=PATH,
    required=True,
    help="Class folders, perhaps below train, val, test; a CSV, TSV or Parquet table; or a "
    "folder that Hugging Face's datasets saved.",
)
@_understood
def new(study: str, images: Path, language: str | None, into: Path, **columns: str | None) -> None:
    """Write the study named STUDY from photos, ready to run and to edit.

    Ends with what was understood of the photos, and with the next command.
    """
    begun = begin(study, images, into, language=language or _asked, **columns)
    _print(begun)
    say(
        f"next      veille check {study}\n"
        f"          {eval_command(study)}\n"
        f"          to try descriptions: edit {begun.file.parent}/prompts/descriptions.toml"
    )


def _asked(classes: Sequence[str]) -> str:
    if says_nothing(classes):
        return "en"
    names = ", ".join(classes[:4])
    if not sys.stdin.isatty():
        raise VeilleError(
            f"in which language are the class names ({names})?",
            remedy="say it: --language en, --language fr, …",
        )
    return click.prompt(f"Language of the class names ({names})", default=likely_language(classes))


def _print(begun: Begun) -> None:
    counts, plan = begun.counts, begun.plan
    low, high = min(counts.values()), max(counts.values())
    spread = str(low) if low == high else f"{low} to {high}"
    say(f"study     {begun.file}")
    say(f"photos    {sum(counts.values())} in {len(counts)} classes, {spread} a class")
    say(f"parts     {_parts(begun)}")
    shown = [f"{label} → {text}" for label, text in plan.texts.items() if label != text][:3]
    more = f": {'; '.join(shown)}" if shown else ", as they stand"
    say(f"texts     the class names in {plan.language!r}{more}")
    models = "the offline stand-in" + (", and a model trained on the photos" * plan.trains)
    say(f"models    {models}; a CLIP is ready to be uncommented")
    if begun.small:
        names = ", ".join(f"{label} ({counts[label]})" for label in begun.small)
        say(f"left out  too few photos: {names}", fg="yellow")
    if says_nothing(counts):
        say(
            "note      the classes are numbers: say in prompts/noms.toml what they are", fg="yellow"
        )
    elif not plan.language.startswith("en"):
        text = (
            f"the stand-in reads English alone, not {plan.language!r}: translate prompts/noms.toml"
        )
        say(f"note      {text}, or use a multilingual CLIP", fg="yellow")
    for note in begun.listing.notes:
        say(f"note      {note_line(note)}", fg="yellow")


def _parts(begun: Begun) -> str:
    given = [photo.fold for photo in begun.listing.photos if photo.fold]
    parts = "drawn: 60 % train, 20 % validation, 20 % test of each class"
    if given:
        counts = ", ".join(f"{given.count(fold)} {fold}" for fold in dict.fromkeys(given))
        missing = [fold for fold in ("validation", "test") if fold not in given]
        parts = f"as given: {counts}"
        if not begun.plan.trains:
            parts += "; nothing is trained"
        elif missing:
            parts += f"; {' and '.join(missing)} drawn from train"
    group = begun.plan.dataset.get("group_column")
    return parts + (f"; photos of one {group!r} stay together" if group else "")


@click.command("try", short_help="From photos to an answer: new, eval and site in one.")
@click.argument("photos", type=PATH)
@click.option("--name", help="Of the study (from the folder's).")
@_understood
@click.option("--no-browser", is_flag=True, help="Only print the site's address.")
@click.pass_context
def try_(  # noqa: PLR0917 - click passes them by name
    context: click.Context,
    /,
    photos: Path,
    name: str | None,
    language: str | None,
    into: Path,
    no_browser: bool,
    **columns: str | None,
) -> None:
    """Score PHOTOS, a folder of class folders or a table, and show the site of the answer.

    The shortest way: what would be asked is assumed, and said in a line each.  The study that
    is written can be edited and scored again.
    """

    def assumed(classes: Sequence[str]) -> str:
        likely = likely_language(classes)
        say(f"assumed   class names in {likely!r} (or say --language)", fg="yellow")
        return likely

    plain = unicodedata.normalize("NFKD", photos.resolve().stem).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain.casefold()).strip("-") or "my-photos"
    begun = begin(name or slug, photos, into, language=language or assumed, **columns)
    _print(begun)
    import pytest

    code = pytest.main(pytest_arguments((str(begun.file), "--no-maps", "-q")))
    if code not in (0, 1):
        sys.exit(code)
    context.invoke(site, artefacts=None, photos=None, output=Path("site"))
    address = (Path("site") / "index.html").resolve().as_uri()
    say(f"answer    {address}")
    if not no_browser and not webbrowser.open(address):
        say("          (no browser could be opened here)")
