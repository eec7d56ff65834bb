"""A study as one document to print."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from pypdf import PdfReader

from evaluation.cli import main
from evaluation.errors import ReportError
from evaluation.report.paper.booklet import EXTENSIONS, Booklet, make_booklet, render_booklet
from evaluation.report.paper.printing import VARIABLE, find_chromium, print_pdf
from evaluation.stores.artefacts import read_study_results
from tests.report import builder, explained
from tests.report.conftest import ROOT, placeholder, write_artefacts


@pytest.fixture(scope="module")
def artefacts_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("booklet")
    return write_artefacts(root, explained.shop(root), builder.second(root))


@pytest.fixture(scope="module")
def booklet(artefacts_folder: Path) -> Booklet:
    return make_booklet(
        read_study_results(artefacts_folder / "boutique"), draw=placeholder, everything=True
    )


@pytest.fixture(scope="module")
def html(booklet: Booklet) -> str:
    return render_booklet(booklet)


def test_chapters_are_the_pages_in_reading_order(booklet: Booklet) -> None:
    """All pages of the study but the explorer, which is nothing without its script."""
    anchors = list(booklet["chapters"])
    assert anchors[0] == "index"
    assert "explorateur" not in anchors
    order = ["index", "donnees", "approche-classique", "clip-zero-shot", "comparaison", "methode"]
    assert [anchors.index(one) for one in order] == sorted(anchors.index(one) for one in order)


def test_every_link_leads_somewhere(html: str) -> None:
    """Each place of the document that is linked to exists, once; other links are absolute."""
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    targets = re.findall(r'\shref="([^"]*)"', html)
    assert {one for one in targets if one.startswith("#") and one[1:] not in ids} == set()
    assert {one for one in targets if not one.startswith(("#", "https://"))} == set()


def test_photos_and_fonts_are_inside(html: str) -> None:
    """Nothing is read from elsewhere when it is printed."""
    assert {one[:5] for one in re.findall(r'\ssrc="([^"]*)"', html)} == {"data:"}
    assert re.findall(r"url\((?!\"?data:|#)[^)]*\)", html) == []
    assert "<script" not in html


def test_the_contents_give_the_pages_that_are_known(booklet: Booklet) -> None:
    """A chapter of page 1 204 is said to be there; the others have no number yet."""
    html = render_booklet(booklet, {"comparaison": 1204})
    entry = re.search(r'<a href="#comparaison">.*?</a>', html)
    assert entry is not None
    assert '<span class="p-page">1\u202f204</span>' in entry[0]
    assert html.count('<span class="p-page"></span>') == len(booklet["contents"]) - 1


def test_folds_are_open_on_paper(html: str) -> None:
    """What a reader would unfold is printed; the data of figures are hidden by the sheet."""
    assert re.findall(r"<details(?![^>]*\sopen)", html) == []
    assert re.search(r"\.v-data[^{}]*\{[^}]*display: none", html)


def test_a_juror_is_spared_what_is_folded(artefacts_folder: Path, booklet: Booklet) -> None:
    """Without --all the first pages stay, in their order, and folds stay closed and unprinted."""
    short = make_booklet(read_study_results(artefacts_folder / "boutique"), draw=placeholder)
    anchors = [*short["chapters"]]
    assert {"index", "comparaison", "methode"} <= set(anchors)
    assert {"prompts", "calibration", "modeles"}.isdisjoint(anchors)
    assert anchors == [anchor for anchor in booklet["chapters"] if anchor in anchors]
    text = render_booklet(short)
    assert "p-folds-left-out" in text
    assert re.search(r"\.p-folds-left-out details:not\(\[open\]\) \{ display: none", text)


def test_the_extensions_are_those_of_the_site() -> None:
    """A page means the same on paper and on the site."""
    text = (ROOT / "mkdocs.yml").read_text()
    block = text.partition("markdown_extensions:\n")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"^  (\w+):", block, re.MULTILINE)) == sorted(EXTENSIONS)


def test_a_title_cannot_leave_the_style_sheet(artefacts_folder: Path) -> None:
    """Quotes, tags and line breaks of a title stay inside its CSS string."""
    results = read_study_results(artefacts_folder / "jouets")
    hostile = replace(results, study=replace(results.study, title='a"}</style><b>\\'))
    made = make_booklet(hostile, draw=placeholder)
    html = render_booklet(made)
    assert "</style><b>" not in html
    assert 'content: "a\\22 }\\3c /style\\3e \\3c b\\3e \\5c "' in html


# ------------------------------------------------------------------------- printing


def test_without_a_browser_there_is_one_clear_line(tmp_path: Path, artefacts_folder: Path) -> None:
    """What is missing, how to get it, and how to say where it is; nothing is written."""
    done = CliRunner(env={"PATH": "", VARIABLE: ""}).invoke(
        main,
        [
            "pdf",
            "jouets",
            "--artefacts",
            str(artefacts_folder),
            "--output",
            str(tmp_path / "a.pdf"),
        ],
    )
    assert done.exit_code == 2
    assert done.stderr.startswith("error: printing needs Chromium or Chrome")
    assert VARIABLE in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_is_no_browser_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ran and printed nothing."""
    monkeypatch.setenv(VARIABLE, shutil.which("true") or "true")
    with pytest.raises(ReportError, match="true: cannot print: it said nothing"):
        print_pdf("<p>a</p>", tmp_path / "a.pdf")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(ReportError, match="nowhere: no such program"):
        find_chromium()


@pytest.fixture(scope="module")
def printed(artefacts_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> PdfReader:
    """The shop on paper, by `veille pdf`."""
    _need_chromium()
    output = tmp_path_factory.mktemp("printed") / "boutique.pdf"
    done = CliRunner().invoke(
        main, ["pdf", "boutique", "--artefacts", str(artefacts_folder), "--output", str(output)]
    )
    assert done.exit_code == 0, done.output
    assert done.output.strip() == f"{output} written, {len(PdfReader(output).pages)} pages"
    return PdfReader(output)


def _need_chromium() -> None:
    try:
        find_chromium()
    except ReportError as error:
        pytest.skip(str(error))


@pytest.mark.browser
def test_cover_contents_and_page_numbers(printed: PdfReader) -> None:
    """A4; the cover has no number, the contents give the page where each chapter begins."""
    pages = [page.extract_text() for page in printed.pages]
    assert [round(float(side)) for side in printed.pages[0].mediabox[2:]] == [595, 842]
    assert "Boutique d’essai" in pages[0]
    assert "CLIP suffit-il" in pages[0]
    assert "Sommaire" in pages[1]
    found = re.search(r"Comparaison\s+(\d+)", pages[1])
    assert found is not None
    number = int(found[1])
    # The margins come first in the text of a page: its number and the running title.
    assert pages[number - 1].startswith(f"{number}Boutique d’essai\nComparaison\n")


@pytest.mark.browser
def test_a_study_is_at_most_thirty_pages(printed: PdfReader) -> None:
    """What a juror reads; --all prints the rest."""
    assert len(printed.pages) <= 30


@pytest.mark.browser
def test_links_and_bookmarks_are_kept(printed: PdfReader) -> None:
    """The contents lead to the chapters, and the reader's panel lists them."""
    links = [
        one.get_object()
        for one in printed.pages[1].get("/Annots", [])
        if one.get_object().get("/Subtype") == "/Link"
    ]
    assert len(links) > 10
    assert "Méthode et limites" in str(printed.outline)


@pytest.mark.browser
def test_no_navigation_is_printed(printed: PdfReader) -> None:
    """Neither the cards of links nor the data folded under the figures."""
    text = "\n".join(page.extract_text() for page in printed.pages)
    assert "Données de la figure" not in text
    assert "Voir les photos" not in text


@pytest.mark.browser
def test_a_deck_is_printed_one_slide_a_page(tmp_path: Path, artefacts_folder: Path) -> None:
    """As many pages of 16:9 as slides, each with its number; --pdf alone writes no HTML."""
    _need_chromium()
    output, html = tmp_path / "d.pdf", tmp_path / "d.html"
    arguments = ["slides", "boutique", "--artefacts", str(artefacts_folder)]
    done = CliRunner().invoke(main, [*arguments, "--pdf", str(output), "--output", str(html)])
    assert done.exit_code == 0, done.output
    reader = PdfReader(output)
    slides = html.read_text().count('<section class="d-slide')
    assert len(reader.pages) == slides
    assert [float(one) for one in reader.pages[0].mediabox[2:]] == pytest.approx([960, 540], abs=1)
    # By position: where the face changes, as at digits, the plain reading adds a space.
    last = reader.pages[-1].extract_text(extraction_mode="layout")
    assert f"{slides} / {slides}" in last
