"""``veille report``, ``slides`` and ``pdf``: the report in other forms than the site."""

from pathlib import Path
from typing import Literal

import click

from evaluation.commands.options import ARTEFACTS, FILE, LANGUAGE, PATH, PHOTOS, say


@click.command(short_help="Write the report's pages as Markdown files.")
@click.option("--output", type=PATH, required=True, help="Folder of the pages.")
@click.option(
    "--config",
    type=FILE,
    help="Also write mkdocs.yml, as Zensical and ProperDocs read it, to this file.",
)
@ARTEFACTS
@PHOTOS
@LANGUAGE
def report(
    output: Path, config: Path | None, artefacts: Path, photos: str, language: Literal["fr", "en"]
) -> None:
    """Write the report's pages as Markdown, with assets and nav.yml, for any site generator."""
    from evaluation.report.site.disk import write_report

    pages = write_report(artefacts, output, photos=photos, language=language, config=config)
    say(f"{len(pages)} files written to {output}")


@click.command(short_help="Write a study as a deck of slides.")
@click.argument("study")
@click.option(
    "--output", type=FILE, help="The HTML file; STUDY-slides.html unless only --pdf is given."
)
@click.option("--pdf", type=FILE, help="Also, or only, a PDF of one slide a page (needs Chromium).")
@LANGUAGE
@ARTEFACTS
@PHOTOS
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
    from evaluation.report.paper.printing import write_slides

    html = output or (None if pdf else Path(f"{study}-slides.html"))
    write_slides(artefacts, study, html=html, pdf=pdf, language=language, photos=photos)
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
@LANGUAGE
@ARTEFACTS
@PHOTOS
def print_study(
    study: str,
    output: Path | None,
    *,
    everything: bool,
    language: Literal["fr", "en"],
    artefacts: Path,
    photos: str,
) -> None:
    """Print the pages of STUDY as one PDF: cover, contents, page numbers, links.

    Chromium or Chrome prints it: the one on the PATH, or the one that VEILLE_CHROMIUM names.
    """
    from evaluation.report.paper.printing import write_pdf

    path = output or Path(f"{study}.pdf")
    pages = write_pdf(
        artefacts, study, path, language=language, photos=photos, everything=everything
    )
    say(f"{path} written, {pages} pages")
