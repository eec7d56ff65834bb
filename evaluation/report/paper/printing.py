"""Decks and printed studies as files: what ``veille slides`` and ``veille pdf`` call.

HTML becomes PDF by a Chromium that is already there.
"""

import io
import os
import shutil
import subprocess
from pathlib import Path

from pypdf import PdfReader

from evaluation.errors import ReportError, eval_command
from evaluation.files import scratch, write_bytes, writing
from evaluation.records import StudyResults
from evaluation.report.kit.language import Language
from evaluation.report.paper.booklet import make_booklet, render_booklet
from evaluation.report.paper.deck import render_deck
from evaluation.report.study.view import Photos
from evaluation.stores.artefacts import read_study_results

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
"""Commands that are tried, in this order."""

VARIABLE = "VEILLE_CHROMIUM"
"""Names the command or the program to use instead."""

_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--no-pdf-header-footer",
    "--generate-pdf-document-outline",
)

_SECONDS = 300


def find_chromium() -> str:
    """The program that prints: ``$VEILLE_CHROMIUM``, or the first of :data:`BROWSERS` found.

    Raises :class:`ReportError` when there is none.
    """
    chosen = os.environ.get(VARIABLE)
    for name in (chosen,) if chosen else BROWSERS:
        program = shutil.which(name)
        if program:
            return program
    raise ReportError(
        "no such program" if chosen else "printing needs Chromium or Chrome, and none is here",
        where=chosen,
        remedy=f"install one (Debian: apt install chromium), or give its path in {VARIABLE}",
    )


def print_pdf(html: str, output: Path) -> None:
    """Prints one page that stands alone; ``output`` is written whole or not at all.

    Raises :class:`ReportError` without a browser, when it fails, or when ``output`` cannot be
    written.
    """
    browser, remedy = find_chromium(), f"try another browser in {VARIABLE}"
    with scratch() as folder:
        source, printed = folder / "source.html", folder / "printed.pdf"
        source.write_text(html, encoding="utf-8")
        # Chromium refuses its sandbox to root; what it opens is our own page alone.
        unconfined = ("--no-sandbox",) if getattr(os, "geteuid", lambda: 1)() == 0 else ()
        places = (f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={printed}")
        try:
            done = subprocess.run(  # noqa: S603 - the browser that was found, on our own page
                [browser, *_FLAGS, *unconfined, *places, source.as_uri()],
                capture_output=True,
                text=True,
                check=False,
                timeout=_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ReportError(f"cannot print: {error}", where=browser, remedy=remedy) from error
        if done.returncode or not printed.is_file():
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise ReportError(f"cannot print: {said}", where=browser, remedy=remedy)
        save(printed.read_bytes(), output)


def save(content: bytes, output: Path) -> None:
    """Writes a file beside its place, then renames it.

    Raises :class:`ReportError` when it cannot.
    """
    with writing(output, ReportError, elsewhere="choose a writable folder with room in it"):
        write_bytes(output, content)


def write_slides(
    artefacts: Path,
    study: str,
    *,
    html: Path | None,
    pdf: Path | None,
    language: Language = "fr",
    photos: Photos = "all",
) -> None:
    """Writes a study's deck as one HTML file, as a PDF of one slide a page, or as both.

    Raises :class:`ReportError` when the study has no results here, when a PDF is wanted and
    there is no browser, or when a file cannot be written.
    """
    deck = render_deck(_results(artefacts, study), language=language, photos=photos)
    if html is not None:
        save(deck.encode("utf-8"), html)
    if pdf is not None:
        print_pdf(deck, pdf)


def write_pdf(
    artefacts: Path,
    study: str,
    output: Path,
    *,
    language: Language = "fr",
    photos: Photos = "all",
    everything: bool = False,
) -> int:
    """Prints a study and returns its number of pages; raises as :func:`write_slides`.

    ``everything`` prints all pages with what they fold, instead of what a juror reads.

    It is printed twice: only a first print tells the page of each line of the contents.
    """
    booklet = make_booklet(
        _results(artefacts, study), language=language, photos=photos, everything=everything
    )
    with scratch() as folder:
        draft = folder / "draft.pdf"
        print_pdf(render_booklet(booklet), draft)
        reader = PdfReader(io.BytesIO(draft.read_bytes()))
        places = reader.named_destinations.items()
        pages = {name: reader.get_destination_page_number(place) for name, place in places}
        # Counted from 1, of each place that a link of the document leads to.
        numbers = {name.removeprefix("/"): i + 1 for name, i in pages.items() if i is not None}
    print_pdf(render_booklet(booklet, numbers), output)
    return len(PdfReader(output).pages)


def _results(artefacts: Path, study: str) -> StudyResults:
    folder = artefacts / study
    if not (folder / "study.json").is_file():
        known = sorted(path.parent.name for path in artefacts.glob("*/study.json"))
        here = f"those of {', '.join(known)} are there" if known else "none is there"
        raise ReportError(
            f"no results of study {study!r}",
            where=artefacts,
            remedy=f"{here}; run {eval_command(study)}, or give --artefacts",
        )
    return read_study_results(folder)
