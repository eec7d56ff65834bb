"""Tables sort, copy and download; what they count leads to as many photos."""

from __future__ import annotations

import csv
import io
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import OpenPage, until
from tests.report import tree

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.browser

STUDY = "etudes/boutique"


def column(table: Locator, place: int) -> list[str]:
    """The printed cells of a column, small lines left out."""
    found: list[str] = table.locator("tbody tr:not(.v-group)").evaluate_all(
        """(rows, place) => rows.map((row) => {
          const cell = row.cells[place]?.cloneNode(true);
          cell?.querySelectorAll("small, .v-tag").forEach((one) => one.remove());
          return cell ? cell.textContent.trim() : "";
        })""",
        place,
    )
    return found


def order(text: str) -> float:
    return float(re.sub(r"[^\d.,−]", "", text).replace("−", "-").replace(",", "."))


def heading(table: Locator, name: str) -> Locator:
    return table.locator("thead button", has_text=name).first


def test_a_heading_sorts_french_decimals_and_missing_values_stay_last(open_page: OpenPage) -> None:
    """By a metric: greatest first, then least first, then as the page had it."""
    table = open_page(f"{STUDY}/comparaison.html").locator("#cas")
    before = column(table, 0)
    place = 2
    button = heading(table, "Exactitude")
    for _, direction, descending in ((1, "descending", True), (2, "ascending", False)):
        button.click()
        assert button.locator("xpath=..").get_attribute("aria-sort") == direction
        numbers = [order(text) for text in column(table, place) if "%" in text]
        assert numbers == sorted(numbers, reverse=descending)
        assert len(set(numbers)) > 1
        # Cases without a result have no number to be sorted by.
        assert column(table, place)[len(numbers) :] == [""] * (len(before) - len(numbers))
    button.click()
    assert column(table, 0) == before
    assert button.locator("xpath=..").get_attribute("aria-sort") is None


def test_negative_numbers_and_p_values_sort_by_their_value(open_page: OpenPage) -> None:
    """ "−20,0" comes before "+5,0", and "< 0,001" before "0,012"."""
    page = open_page(f"{STUDY}/prompts.html")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    table = page.locator("table[id$='-tests']").first
    heading(table, "Gain de rappel").click()
    gains = [order(text) for text in column(table, 1)]
    assert gains == sorted(gains, reverse=True)
    assert min(gains) < 0 < max(gains)
    heading(table, "p corrigé").click()
    values = [
        float(one)
        for one in table.locator("tbody td:nth-child(7)").evaluate_all(
            "all => all.map((one) => one.dataset.value)"
        )
    ]
    assert values == sorted(values, reverse=True)


def test_dates_and_durations_sort(open_page: OpenPage) -> None:
    """The appendices' runs sort inside their study, by date and by length."""
    page = open_page("annexes.html#executions")
    table = page.locator("#executions")
    groups = table.locator("tbody").count()
    assert groups == 2
    for name in ("Date", "Durée", "Identifiant", "État"):
        heading(table, name).click()
        assert table.locator("tbody > tr:first-child.v-group").count() == groups
    sizes = table.locator("tbody").evaluate_all("all => all.map((one) => one.rows.length)")
    assert sizes == [6, 3]


def test_tables_sort_from_the_keyboard(open_page: OpenPage) -> None:
    """Headings are buttons: Enter and the space bar sort."""
    page = open_page(f"{STUDY}/donnees.html")
    table = page.locator("#nombres")
    button = heading(table, "Catégorie")
    button.focus()
    page.keyboard.press("Enter")
    assert button.locator("xpath=..").get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Space")
    assert button.locator("xpath=..").get_attribute("aria-sort") == "descending"
    assert page.evaluate("document.activeElement.closest('th') !== null")


def test_confusions_keep_their_order(open_page: OpenPage) -> None:
    """Rows and columns of a confusion matrix face each other: nothing sorts them."""
    page = open_page(f"{STUDY}/approche-classique.html")
    assert page.locator(".v-table__table--confusion").count() == 1
    assert page.locator(".v-table__table--confusion .v-sort").count() == 0


def downloaded(page: Page, id_: str) -> tuple[str, list[list[str]]]:
    with page.expect_download() as event:
        page.locator(f".v-tools[data-table='{id_}'] [data-csv]").click()
    text = Path(event.value.path()).read_text(encoding="utf-8-sig")
    return event.value.suggested_filename, list(csv.reader(io.StringIO(text), delimiter=";"))


def test_a_table_downloads_with_exact_values(open_page: OpenPage) -> None:
    """Unrounded values with the decimal comma of the page, the bounds in columns of their own."""
    page = open_page(f"{STUDY}/comparaison.html")
    name, rows = downloaded(page, "cas")
    assert name == "boutique-comparaison-cas.csv"
    head, *body = rows
    place = head.index("Exactitude")
    assert head[place : place + 3] == [
        "Exactitude",
        "Exactitude – borne basse",
        "Exactitude – borne haute",
    ]
    best = [cell.replace(",", ".") for cell in body[0]]
    assert body[0][place] == "0,9"
    assert float(best[place]) == 36 / 40
    low, high = float(best[place + 1]), float(best[place + 2])
    assert 0 < low < 0.9 < high < 1
    assert len(best[place + 1]) > 10
    assert all(len(row) == len(head) for row in body)


def test_a_grouped_table_downloads_with_its_groups(open_page: OpenPage) -> None:
    """The group of each row is a column; awkward names stay whole."""
    page = open_page("annexes.html#executions")
    _, rows = downloaded(page, "executions")
    assert rows[0][0] == "groupe"
    assert {row[0] for row in rows[1:]} == {"Boutique d’essai", "Jouets"}
    assert rows[1][4] == "2026-11-23T14:05:00+00:00" or "2026-11-23T14:05:00+00:00" in rows[1]
    page = open_page(f"{STUDY}/donnees.html")
    _, rows = downloaded(page, "nombres")
    assert rows[2][0] == "<b>Montres</b> | à quartz"


def test_a_long_table_is_searched_and_its_names_are_never_parsed(
    open_page: OpenPage, site: Path, tmp_path: Path
) -> None:
    """Above 30 rows a field keeps those whose name holds a word; names stay what they are."""
    shutil.copytree(site, tmp_path / "site")
    path = tmp_path / "site" / STUDY / "donnees.html"
    page, names = path.read_text(encoding="utf-8"), ["=1+1", "007", "1.50", "1e3", "nan", "50%"]
    table = re.search(r'<table id="nombres".*?</table>', page, re.DOTALL)
    assert table is not None
    row = re.search(r"<tr>\s*<th.*?</tr>", table[0][table[0].index("<tbody") :], re.DOTALL)
    assert row is not None
    more = "".join(
        re.sub(r"<th(.*?)>.*</th>", rf"<th\1>{name}</th>", row[0], flags=re.DOTALL)
        for name in [*names, *(f"Espèce {number:02}" for number in range(40))]
    )
    path.write_text(page.replace(row[0], more + row[0], 1), encoding="utf-8")
    opened = open_page(f"{STUDY}/donnees.html", base=f"{(tmp_path / 'site').as_uri()}/")
    _, rows = downloaded(opened, "nombres")
    assert [line[0] for line in rows[1:7]] == ["'=1+1", *names[1:]]
    field = opened.locator("input.v-find")
    assert field.count() == 1
    field.fill("ESPÈCE 3")
    assert opened.locator("#nombres tbody tr:visible").count() == 10
    field.fill("")
    assert opened.locator("#nombres tbody tr:visible").count() == len(rows) - 1


def test_a_table_is_copied(open_page: OpenPage) -> None:
    """What is copied pastes into cells: a line a row, a tab between columns."""
    page = open_page(f"{STUDY}/donnees.html")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tools = page.locator(".v-tools[data-table='nombres']")
    tools.locator("[data-copy]").click()
    tools.locator("[role=status]", has_text="Tableau copié.").wait_for()
    lines = page.evaluate("navigator.clipboard.readText()").split("\n")
    assert lines[0].split("\t")[0] == "Catégorie"
    assert lines[-1].split("\t") == ["Total", "24", "12", "40", "76", "2"]


def test_without_javascript_no_button_is_shown(site: Path) -> None:
    """Buttons that could do nothing are hidden in the page as it is written."""
    html = (site / STUDY / "comparaison.html").read_text(encoding="utf-8")
    tools = [one for one in tree.read(html).find("div") if one.attributes.get("class") == "v-tools"]
    assert tools
    assert all("hidden" in one.attributes for one in tools)


@pytest.mark.parametrize(
    "uri", ["comparaison", "approche-classique", "clip-zero-shot", "prompts", "calibration"]
)
def test_a_number_of_photos_leads_to_as_many_photos(
    open_page: OpenPage, site: Path, uri: str
) -> None:
    """Each count that links to the explorer: it shows exactly so many photos."""
    page = tree.read((site / STUDY / f"{uri}.html").read_text(encoding="utf-8"))
    links = {}
    for cell in page.find("td"):
        for link in cell.find("a"):
            text, fragment = link.text(), link.attributes["href"].partition("#")[2]
            if "explorateur.html" in link.attributes["href"] and text.isdigit():
                links[fragment] = int(text)
    assert links
    explorer = open_page(f"{STUDY}/explorateur.html")
    explorer.locator(".v-explorer__card").first.wait_for()
    for fragment, number in links.items():
        explorer.evaluate("(one) => { location.hash = one; }", fragment)
        until(
            explorer,
            """(number) => parseInt(
              document.querySelector('.v-explorer__count').textContent, 10) === number""",
            arg=number,
        )


def test_a_coverage_leads_to_the_photos_that_are_sure_enough(
    open_page: OpenPage, site: Path
) -> None:
    """A point of the risk-coverage curve: its share of the photos, to the last one."""
    page = tree.read((site / STUDY / "calibration.html").read_text(encoding="utf-8"))
    tables = [
        one for one in page.find("table") if one.attributes.get("id", "").startswith("couverture-")
    ]
    assert tables
    explorer = open_page(f"{STUDY}/explorateur.html")
    explorer.locator(".v-explorer__card").first.wait_for()
    for table in tables:
        for row in list(table.find("tr"))[1:]:
            head = next(row.find("th"))
            number = round(float(head.attributes["data-value"]) * 40)
            fragment = next(head.find("a")).attributes["href"].partition("#")[2]
            explorer.evaluate("(one) => { location.hash = one; }", fragment)
            until(
                explorer,
                """(number) => parseInt(
                  document.querySelector('.v-explorer__count').textContent, 10) === number""",
                arg=number,
            )


CROWD = """() => {
  const table = document.querySelector(".v-table__table--matrix");
  const [head, row] = [table.tHead.rows[0], table.tBodies[0].rows[1]];
  row.cells[0].textContent = "12. Substitut adapté aux titres, qui lit aussi le titre · Textes";
  const cell = row.querySelector(".v-tag").closest("td");
  cell.querySelector("a, td")?.replaceChildren("−47,1");
  cell.querySelector(".v-tag").textContent = "on ne sait pas";
  cell.querySelector("small").textContent = "[−53\u202f;\u00a0−41]";
  while (head.cells.length < 13) head.append(head.cells[1].cloneNode(true));
  row.replaceChildren(row.cells[0], ...Array.from({ length: 12 }, () => cell.cloneNode(true)));
  table.tBodies[0].replaceChildren(...Array.from({ length: 12 }, () => row.cloneNode(true)));
  const frame = table.closest(".v-table");
  return [table.tBodies[0].rows.length, frame.scrollWidth - frame.clientWidth];
}"""


def test_who_beats_whom_is_whole_with_twelve_cases(open_page: OpenPage) -> None:
    """At 1440 pixels nothing of the matrix is scrolled out of sight."""
    assert open_page(f"{STUDY}/comparaison.html").evaluate(CROWD) == [12, 0]


def test_words_stand_under_their_headings(open_page: OpenPage) -> None:
    """In a table of scores too: columns of words are read from the left, numbers to the right."""
    table = open_page(f"{STUDY}/comparaison.html").locator("#cas")
    aligned = "(cell) => getComputedStyle(cell).textAlign"
    for name, side in (("Rang", "left"), ("Exactitude", "right")):
        place = (
            table.locator("thead th")
            .all_inner_texts()
            .index(
                next(
                    one
                    for one in table.locator("thead th").all_inner_texts()
                    if one.startswith(name)
                )
            )
        )
        assert table.locator("thead th").nth(place).evaluate(aligned) == side
        cell = table.locator("tbody tr").first.locator("th, td").nth(place)
        assert cell.evaluate(aligned) == side
