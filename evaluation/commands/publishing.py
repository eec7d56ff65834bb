"""``veille report``, ``slides``, ``pdf``, ``site``, ``serve`` and ``publish``: the pages."""

import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from evaluation.commands.options import FILE, LANGUAGE, PATH, of_results, say
from evaluation.errors import ReportError
from evaluation.files import write_bytes, writing
from evaluation.stores.artefacts import read_results


@click.command(short_help="Write the report's pages as Markdown files.")
@click.option("--output", type=PATH, required=True, help="Folder of the pages.")
@click.option(
    "--config",
    type=FILE,
    help="Also write mkdocs.yml, as Zensical and ProperDocs read it, to this file.",
)
@of_results
def report(output: Path, config: Path | None, **results: Any) -> None:
    """Write the report's pages as Markdown, with assets and nav.yml, for any site generator."""
    from evaluation.report.site.disk import write_report

    pages = write_report(output=output, config=config, **results)
    say(f"{len(pages)} files written to {output}")


@click.command(short_help="Write a study as a deck of slides.")
@click.argument("study")
@click.option(
    "--output", type=FILE, help="The HTML file; STUDY-slides.html unless only --pdf is given."
)
@click.option("--pdf", type=FILE, help="Also, or only, a PDF of one slide a page (needs Chromium).")
@of_results
def slides(study: str, output: Path | None, pdf: Path | None, **results: Any) -> None:
    """Write STUDY as a deck of slides: one HTML file, to present or to print.

    The file stands alone: it may be mailed, opened from a disk, and asks nothing of the
    network.  Arrow keys go through the slides, P presents them.
    """
    from evaluation.report.paper.printing import write_slides

    html = output or (None if pdf else Path(f"{study}-slides.html"))
    write_slides(study=study, html=html, pdf=pdf, **results)
    for path in (html, pdf):
        if path is not None:
            say(f"{path} written")


@click.command("pdf", short_help="Print a study's pages as one PDF.")
@click.argument("study")
@click.option("--output", type=FILE, help="The PDF; STUDY.pdf unless given.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="All pages, with what they fold, instead of what a juror reads.",
)
@of_results
def print_study(study: str, output: Path | None, *, everything: bool, **results: Any) -> None:
    """Print the pages of STUDY as one PDF: cover, contents, page numbers, links.

    Chromium or Chrome prints it: the one on the PATH, or the one that VEILLE_CHROMIUM names.
    """
    from evaluation.report.paper.printing import write_pdf

    path = output or Path(f"{study}.pdf")
    pages = write_pdf(study=study, output=path, everything=everything, **results)
    say(f"{path} written, {pages} pages")


@click.command(short_help="Build the site of the results, in French and in English.")
@click.option("--artefacts", type=PATH, help="Folder of the results.")
@click.option(
    "--photos",
    metavar="all|redistributable|STUDY,…",
    help="Whose photos may be shown (VEILLE_PHOTOS; all).",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("site"),
    help="Folder of the site.",
)
def site(artefacts: Path | None, photos: str | None, output: Path) -> None:
    """Build the site of the results in this folder, strictly: a broken link ends it.

    The folder's own mkdocs.yml is used, and mkdocs.en.yml for English in en/; where there is
    none, both are written, to be edited or left.
    """
    for configuration in _configurations(artefacts, photos):
        folder = output if configuration.name == "mkdocs.yml" else output / "en"
        _mkdocs("build", "--strict", "-f", str(configuration), "-d", str(folder.resolve()))
    say(f"{output}{os.sep}index.html written")


@click.command(
    short_help="Serve the site, which follows the results.",
    context_settings={"ignore_unknown_options": True},
)
@click.option("--artefacts", type=PATH, help="Folder of the results.")
@LANGUAGE
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[MKDOCS OPTIONS]...")
def serve(artefacts: Path | None, language: str, options: tuple[str, ...]) -> None:
    """Serve the site in one language at http://127.0.0.1:8000; it follows what is saved.

    Other options are those of `mkdocs serve`: --dev-addr HOST:PORT, --open.
    """
    french, *others = _configurations(artefacts)
    if language == "en" and not others:
        raise ReportError(
            "there is no mkdocs.en.yml", where=french.parent, remedy="serve it in French"
        )
    _mkdocs("serve", "-f", str(others[0] if language == "en" else french), *options)


def _configurations(artefacts: Path | None, photos: str | None = None) -> tuple[Path, ...]:
    """Those of this folder, which are told what their variables hold."""
    from evaluation.report.site.folder import configurations

    if artefacts is not None:
        os.environ["VEILLE_ARTEFACTS"] = str(artefacts.resolve())
    if photos is not None:
        os.environ["VEILLE_PHOTOS"] = photos
    return configurations(Path.cwd())


def _mkdocs(*arguments: str) -> None:
    """MkDocs' own command, in this process; its exit code ends this one when it is not 0."""
    os.environ["NO_MKDOCS_2_WARNING"] = "1"
    from mkdocs.__main__ import cli

    cli.main(list(arguments), prog_name="mkdocs", standalone_mode=False)


@click.command(short_help="Prepare this repository to publish its site on GitHub Pages.")
@click.option("--init", is_flag=True, help="Write the workflow (the one thing it does yet).")
@click.option(
    "--photos", multiple=True, metavar="STUDY", help="Publish the photos of this study too."
)
def publish(*, init: bool, photos: tuple[str, ...]) -> None:
    """Write the GitHub Pages workflow of this repository, and what it keeps out of git.

    Photos of studies that are not declared redistributable are neither committed nor shown,
    unless their study is named by --photos: that is for whoever may publish them.
    """
    from evaluation.report.study.view import check_photos, shows_photos

    if not init:
        raise click.UsageError("say --init: it writes the workflow, and pushes nothing")
    folder = Path.cwd()
    cards = [results.study for results in read_results(folder / "artefacts")]
    check_photos(",".join(photos or ("all",)), {card.name for card in cards})
    workflow, ignored = folder / ".github" / "workflows" / "pages.yml", folder / ".gitignore"
    if workflow.exists():
        raise ReportError("is there already", where=workflow, remedy="remove it to have it anew")
    shown = [card.name for card in cards if shows_photos(",".join(photos), card)]
    here = version("veille-clip")
    text = (
        Path(__file__)
        .with_name("pages.yml")
        .read_text(encoding="utf-8")
        .replace("{photos}", ",".join(("redistributable", *photos)))
        .replace("{pin}", "" if "dev" in here or "+" in here else f"=={here}")
    )
    rules = ["artefacts/**/*.webp", *(f"!artefacts/{name}/**/*.webp" for name in shown)]
    with writing(workflow, ReportError, elsewhere="start in a folder that is writable"):
        write_bytes(workflow, text.encode())
        before = ignored.read_text(encoding="utf-8") if ignored.exists() else ""
        kept = [line for line in before.splitlines() if line not in rules]
        rules += [line for line in ("/site/", "/.veille/") if line not in kept]
        write_bytes(ignored, "\n".join((*kept, *rules, "")).encode())
    say(f"{workflow.relative_to(folder)} written: it publishes what artefacts/ holds on main")
    say(f".gitignore    photos stay out of git, but those of {', '.join(shown) or 'no study'}")
    for name in sorted({card.name for card in cards} - set(shown)):
        say(f"withheld      {name}: not declared redistributable")
    say(
        "then          commit artefacts/ with them, push, and choose in the repository's settings\n"
        "              Pages -> Source -> GitHub Actions"
    )
