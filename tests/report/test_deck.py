"""A study as slides: one file, nothing cut, the pages' own numbers."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluation.cli import main
from evaluation.errors import ReportError, eval_command
from evaluation.records import StudyResults
from evaluation.report.kit.tables import Cell, Col, Group, Row, Table, head, table
from evaluation.report.paper.deck import render_deck
from evaluation.report.paper.paging import paged
from evaluation.report.site.standalone import embed
from evaluation.stores.artefacts import read_study_results
from tests.report import builder, explained
from tests.report.conftest import placeholder, write_artefacts


@pytest.fixture(scope="module")
def shop_on_disk(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    """The shop with its photos and maps, as the report reads it."""
    root = tmp_path_factory.mktemp("deck")
    write_artefacts(root, explained.shop(root))
    return read_study_results(root / "boutique")


def deck(results: StudyResults, **options: object) -> str:
    return render_deck(
        results,
        draw=placeholder,
        **options,  # type: ignore[arg-type]
    )


def titles(html: str) -> list[str]:
    return [
        unescape(re.sub(r"<[^>]+>", "", one))
        for one in re.findall(r"<h[12]>(.*?)</h[12]>", html, re.DOTALL)
    ]


def words(html: str) -> str:
    body = html[html.index("<body") :]
    return unescape(re.sub(r"[ \n]+", " ", re.sub(r"<[^>]+>", " ", body)))


def test_the_story_in_the_order_of_the_slides(shop_on_disk: StudyResults) -> None:
    """Context, data, approaches, texts, results, maps, conclusion; then the back-up."""
    found = titles(deck(shop_on_disk))
    assert found[:2] == ["Boutique d’essai", "Contexte"]
    story = [
        "Jeu de données\u00a0: les catégories",
        "Deux approches",
        "D’une photo à une réponse",
        "Enrichir les textes",
        "Résultats",
        "Précision et rappel par catégorie",
        "Exactitude et F1 par catégorie",
        "Supervisé ou zero-shot\u00a0: qui l’emporte",
        "Cartes d’attention\u00a0: prédictions correctes",
        "Cartes d’attention\u00a0: prédictions incorrectes",
        "Conclusion",
        "Perspectives et limites",
        "Des articles très différents au sein d’une même catégorie",
        "Matrices de confusion",
        "Méthode",
    ]
    assert [found.index(one) for one in story] == sorted(found.index(one) for one in story)


def test_the_file_asks_nothing_of_anyone(shop_on_disk: StudyResults) -> None:
    """No address but those inside it: fonts, styles, photos and maps are in the file."""
    html = deck(shop_on_disk)
    assert re.findall(r'(?:href|src|action)="(?!data:|#)[^"]*"', html) == []
    assert re.findall(r"url\((?!\"?data:|#)[^)]*\)", html) == []
    assert "@import" not in html
    assert html.count('src="data:image/webp;base64,') > 20


def test_its_fonts_are_waited_for(shop_on_disk: StudyResults) -> None:
    """A face kept for the next page would never be seen: the file has one page."""
    html = deck(shop_on_disk)
    assert html.count("@font-face") == html.count("font-display: block") > 0


def test_numbers_are_those_of_the_records(shop_on_disk: StudyResults) -> None:
    """Each accuracy stands there, and so do the quoted ones, called so."""
    said = words(deck(shop_on_disk))
    assert "90,0\u202f% IC\u00a095\u202f%" in said
    assert "75,0\u202f% IC\u00a095\u202f%" in said
    assert "0,857" in said
    assert "chiffres cités" in said


def test_a_tie_is_called_a_tie(shop_on_disk: StudyResults) -> None:
    """The verdict on the two best cases is the record's, in its words."""
    compared = shop_on_disk.comparison
    assert compared is not None
    assert compared.comparison is not None
    pair = next(
        one
        for one in compared.comparison.pairs
        if {one.a, one.b} == {"boutique/embedded-supervised", "boutique/embedded/descriptions"}
    )
    tied = replace(pair, verdict="tie")
    pairs = tuple(tied if one is pair else one for one in compared.comparison.pairs)
    results = replace(
        shop_on_disk,
        comparison=replace(compared, comparison=replace(compared.comparison, pairs=pairs)),
    )
    assert "Verdict du test apparié\u00a0: équivalents" in words(deck(results))


def test_without_maps_the_deck_says_so(shop_on_disk: StudyResults) -> None:
    """No slide of maps, and a line that tells why."""
    html = deck(replace(shop_on_disk, explanations={}))
    assert not [one for one in titles(html) if one.startswith("Cartes")]
    assert "Aucune carte d’attention dans ce diaporama" in words(html)


def test_photos_that_may_not_be_shown_are_not_in_the_file(shop_on_disk: StudyResults) -> None:
    """Neither photos nor maps, and the licence is told."""
    closed = builder.without(shop_on_disk, redistributable=False)
    html = deck(closed, photos="redistributable")
    assert "data:image/webp" not in html
    assert "ne permet pas de les republier" in words(html)


def test_a_study_without_any_result_has_a_deck(shop_on_disk: StudyResults) -> None:
    """What is known of the data, and that nothing was scored."""
    blank = replace(shop_on_disk, runs=(), predictions={}, comparison=None, explanations={})
    said = words(deck(blank))
    assert "Aucun cas n’a encore de résultat comparable" in said
    assert "Jeu de données" in said


def test_in_english(shop_on_disk: StudyResults) -> None:
    """The same slides, titles and language included."""
    html = deck(shop_on_disk, language="en")
    assert '<html lang="en">' in html
    assert {"Context", "Two approaches", "Results", "Method"} <= set(titles(html))


def test_hostile_texts_stay_texts(shop_on_disk: StudyResults) -> None:
    """A class named like a tag makes none."""
    html = deck(shop_on_disk)
    assert "<b>Montres</b>" not in html
    assert html.count("<script>") == 1


# -------------------------------------------------------------------------- paging


def tall(rows: int) -> Table:
    return table("t", "T", range(rows), Col("a", str), Col("b", lambda _: "x"))


def test_a_table_that_fits_is_left_alone() -> None:
    """It is the same table, under the same name."""
    made = tall(5)
    assert paged(made, rows=5) == (made,)


def test_long_tables_are_cut_without_losing_a_row() -> None:
    """Rows keep their order over the pages, and no page is longer than asked."""
    pages = paged(tall(23), rows=5)
    rows = [row for page in pages for group in page.groups for row in group.rows]
    assert [row.cells[0].text for row in rows] == [str(i) for i in range(23)]
    assert all(sum(len(group.rows) for group in page.groups) <= 5 for page in pages)
    assert len({page.id for page in pages}) == len(pages)


def test_a_group_that_fits_on_a_page_is_not_cut() -> None:
    """It begins the next page instead, with its title."""
    groups = tuple(
        Group(title=name, rows=tuple(Row(cells=(head(f"{name}{i}"),)) for i in range(3)))
        for name in "ab"
    )
    table = Table(id="t", caption="T", columns=(Col("c", str),), groups=groups)
    assert [[one.title for one in page.groups] for page in paged(table, rows=6)] == [["a"], ["b"]]


def test_a_long_name_counts_as_the_lines_that_it_takes() -> None:
    """Three rows of two lines fill a slide of six, and one too tall for any has its own."""
    for names, rows in ((["x" * 15] * 4, [3, 1]), (["a", "x" * 90, "b"], [1, 1, 1])):
        pages = paged(table("t", "T", names, Col("a", str)), rows=6, line=10)
        assert [len(page.groups[0].rows) for page in pages] == rows


def test_wide_tables_repeat_their_first_column() -> None:
    """Each page has the heads of the rows."""
    columns = tuple(Col(str(i), str) for i in range(7))
    row = Row(cells=tuple(Cell(text=str(i)) for i in range(7)))
    table = Table(id="t", caption="T", columns=columns, groups=(Group(rows=(row,)),))
    pages = paged(table, columns=4)
    assert [[one.text for one in page.columns] for page in pages] == [
        ["0", "1", "2", "3"],
        ["0", "4", "5", "6"],
    ]
    rows = [[cell.text for cell in page.groups[0].rows[0].cells] for page in pages]
    assert rows == [["0", "1", "2", "3"], ["0", "4", "5", "6"]]


# --------------------------------------------------------------------- command line


def test_veille_slides_writes_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`veille slides jouets`, and its default name."""
    root = write_artefacts(tmp_path / "artefacts", builder.second(tmp_path))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    done = CliRunner().invoke(main, ["slides", "jouets", "--artefacts", str(root)])
    assert done.exit_code == 0, done.output
    assert done.output.strip() == "jouets-slides.html written"
    assert [one.name for one in here.iterdir()] == ["jouets-slides.html"]


def test_a_study_without_results_is_one_clear_line(tmp_path: Path) -> None:
    """What is there is named, with the command that scores it."""
    root = write_artefacts(tmp_path, builder.second(tmp_path))
    done = CliRunner().invoke(main, ["slides", "flipkart", "--artefacts", str(root)])
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
    assert "'flipkart'" in done.stderr
    assert "jouets" in done.stderr
    assert eval_command("flipkart") in done.stderr


def test_a_lost_photo_is_one_clear_line(tmp_path: Path) -> None:
    """The file is named."""
    with pytest.raises(ReportError, match=r"absent\.webp: cannot be read"):
        embed(tmp_path / "absent.webp")
