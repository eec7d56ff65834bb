"""Decks and printed studies as files: what ``veille slides`` and ``veille pdf`` call."""

import io
from collections.abc import Mapping
from pathlib import Path

from pypdf import PdfReader

from evaluation.errors import ReportError
from evaluation.files import scratch
from evaluation.records import StudyResults
from evaluation.report.kit.language import Language
from evaluation.report.paper.booklet import make_booklet, render_booklet
from evaluation.report.paper.deck import render_deck
from evaluation.report.paper.printing import print_pdf, save
from evaluation.report.site.shipped import default_assets, default_templates
from evaluation.report.study.view import Photos
from evaluation.stores.artefacts import read_study_results
from evaluation.usage import eval_command


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
    deck = render_deck(
        _results(artefacts, study),
        templates=default_templates(),
        assets=default_assets(),
        language=language,
        photos=photos,
    )
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
    templates = default_templates()
    booklet = make_booklet(
        _results(artefacts, study),
        templates=templates,
        assets=default_assets(),
        language=language,
        photos=photos,
        everything=everything,
    )
    with scratch() as folder:
        draft = folder / "draft.pdf"
        print_pdf(render_booklet(booklet, templates), draft)
        numbers = page_numbers(draft.read_bytes())
    print_pdf(render_booklet(booklet, templates, numbers), output)
    return len(PdfReader(output).pages)


def page_numbers(pdf: bytes) -> Mapping[str, int]:
    """The page, counted from 1, of each place that a link of a PDF leads to."""
    reader = PdfReader(io.BytesIO(pdf))
    found = {}
    for name, place in reader.named_destinations.items():
        page = reader.get_destination_page_number(place)
        if page is not None:
            found[name.removeprefix("/")] = page + 1
    return found


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
