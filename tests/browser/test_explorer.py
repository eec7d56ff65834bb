"""The explorer in a browser: filters, address, panel, ten thousand photos."""

from __future__ import annotations

import csv
import io
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pytest

from evaluation.records import Predictions, StudyResults
from evaluation.report.pages import explorer
from evaluation.report.study.view import StudyView
from evaluation.stores.prediction_tables import to_csv
from tests.browser.conftest import OpenPage, until
from tests.report import builder
from tests.report.conftest import placeholder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

URI = "etudes/boutique/explorateur.html"
TOYS = "etudes/jouets/explorateur.html"
NAMES, TEXTS = "boutique/embedded/noms", "boutique/embedded/descriptions"
TRAINED = "boutique/embedded-supervised"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, list[dict[str, str]]]:
    """The rows of each case's predictions.csv."""
    said = builder.shop(tmp_path).predictions
    return {case: list(csv.DictReader(io.StringIO(to_csv(one)))) for case, one in said.items()}


def hits(rows: list[dict[str, str]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.array([row["label"] == row["predicted"] for row in rows])


def ids(page: Page) -> list[str]:
    """Of the photos in the list, in their order."""
    found: list[str] = page.locator(".v-explorer__card").evaluate_all(
        "all => all.map(one => new URLSearchParams(one.hash.slice(1)).get('id'))"
    )
    return found


def count(page: Page) -> str:
    return page.locator(".v-explorer__count").inner_text()


def choose(page: Page, name: str, label: str) -> None:
    page.locator(f"select[name={name}]").select_option(label=label)


def given(**keys: str) -> str:
    return "#" + "&".join(f"{key}={quote(value, safe='')}" for key, value in keys.items())


Remade = Callable[..., str]


@pytest.fixture
def remade(site: Path, tmp_path: Path) -> Remade:
    """The toys' page with the data of other results; returns the base of its address."""

    def make(results: StudyResults, *, photos: bool = True) -> str:
        copy = tmp_path / "copie"
        shutil.copytree(site, copy)
        files = explorer.data_files(
            StudyView(
                results=results, folder="etudes/jouets", draw=placeholder, photos_shown=photos
            )
        )
        for uri, text in files.items():
            (copy / uri).write_text(text, encoding="utf-8")
        html = (copy / TOYS).read_text(encoding="utf-8")
        sources = " ".join(f"donnees/{uri.rsplit('/', 1)[1]}" for uri in files)
        html = re.sub(r'data-sources="[^"]*"', f'data-sources="{sources}"', html)
        (copy / TOYS).write_text(html, encoding="utf-8")
        return copy.as_uri() + "/"

    return make


# -------------------------------------------------------------------------- filters


@pytest.mark.parametrize("where", ["disk", "server"])
def test_filters_change_the_count(open_page: OpenPage, served: str, where: str) -> None:
    """Each choice narrows the list and says how many are left, from a disk and a server."""
    page = open_page(URI, base=served if where == "server" else "")
    assert count(page) == "40\u00a0photos"
    choose(page, "verdict", "✗ Faux")
    assert count(page) == "4\u00a0photos sur 40"
    assert len(ids(page)) == 4
    choose(page, "vrai", builder.AWKWARD[2])
    assert count(page) == "2\u00a0photos sur 40"
    page.get_by_role("button", name="Tout réinitialiser").click()
    assert count(page) == "40\u00a0photos"
    assert "#" not in page.url


@pytest.mark.parametrize(
    ("accord", "rule"),
    [
        ("a", lambda a, b: a & ~b),
        ("b", lambda a, b: b & ~a),
        ("aucun", lambda a, b: ~a & ~b),
        ("deux", lambda a, b: a & b),
    ],
)
def test_disagreement_is_that_of_the_tables(
    open_page: OpenPage,
    tables: dict[str, list[dict[str, str]]],
    accord: str,
    rule: Callable[[Any, Any], Any],
) -> None:
    """The photos of a disagreement are those that predictions.csv gives."""
    rows = tables[NAMES]
    expected = rule(hits(rows), hits(tables[TEXTS]))
    page = open_page(URI + given(a=NAMES, b=TEXTS, accord=accord))
    assert ids(page) == [row["sample_id"] for row, kept in zip(rows, expected, strict=True) if kept]
    assert count(page).startswith(f"{expected.sum()}\u00a0photo")
    assert 0 < expected.sum() < len(rows)


def test_a_cell_of_the_confusion_is_that_of_the_tables(
    open_page: OpenPage, tables: dict[str, list[dict[str, str]]]
) -> None:
    """A link with a case, a true and a predicted class opens the photos of that cell."""
    true, predicted = builder.AWKWARD[1], builder.AWKWARD[0]
    page = open_page(URI + given(cas=TEXTS, vrai=true, predit=predicted))
    expected = [
        row["sample_id"]
        for row in tables[TEXTS]
        if (row["label"], row["predicted"]) == (true, predicted)
    ]
    assert ids(page) == expected
    assert len(expected) == 3


def test_confidence_is_that_of_the_tables(
    open_page: OpenPage, tables: dict[str, list[dict[str, str]]]
) -> None:
    """The range holds the photos whose predicted class has such a probability."""
    page = open_page(URI + given(cas=NAMES))
    page.locator("input[name=min]").fill("50")
    page.locator("input[name=max]").fill("80")
    page.locator("input[name=max]").press("Enter")
    expected = [
        row["sample_id"]
        for row in tables[NAMES]
        if 0.5 <= round(float(row[row["predicted"]]), 4) <= 0.8
    ]
    assert ids(page) == expected
    assert 0 < len(expected) < 40
    assert "conf=50-80" in page.url


def test_search_ignores_accents_and_case(open_page: OpenPage, remade: Remade, site: Path) -> None:
    """Every word must be in the title, however it is accented; typing makes no history."""
    toys = builder.second(site)
    cards = tuple(
        replace(card, title="Éléphant d’Été en peluche") if card.id == "1-test-3" else card
        for card in toys.study.samples
    )
    page = open_page(TOYS, base=remade(builder.without(toys, samples=cards)))
    entries = page.evaluate("history.length")
    page.locator("input[name=q]").press_sequentially("peluche elephant d'ete")
    page.locator(".v-explorer__card").nth(1).wait_for(state="detached")
    assert ids(page) == ["1-test-3"]
    assert page.evaluate("history.length") == entries
    assert "q=peluche%20elephant" in page.url


def test_nothing_found_says_so_and_leads_out(open_page: OpenPage) -> None:
    """An empty list is explained, and one button brings the photos back."""
    page = open_page(URI + "#q=introuvable")
    empty = page.locator(".v-explorer__empty")
    assert "Rien ne correspond" in empty.inner_text()
    assert count(page) == "0\u00a0photo sur 40"
    empty.get_by_role("button").click()
    assert not empty.is_visible()
    assert len(ids(page)) == 40
    assert page.locator("input[name=q]").input_value() == ""


def test_subcategory_filters(open_page: OpenPage) -> None:
    """A sub-category keeps its own photos."""
    page = open_page(URI)
    choose(page, "sous", "Rayon 3")
    assert ids(page) == [f"{c}-test-{i}" for c in range(4) for i in (3, 7)]


# -------------------------------------------------------------------------- address


def test_the_address_restores_a_state(open_page: OpenPage) -> None:
    """What was chosen by hand comes back from the address alone, awkward names included."""
    page = open_page(URI)
    choose(page, "vrai", builder.AWKWARD[3])
    choose(page, "sous", "Rayon 2")
    choose(page, "cas", "Substitut hors ligne (pas un CLIP) · Noms des catégories")
    choose(page, "verdict", "✓ Juste")
    choose(page, "accord", "A seul a raison")
    url, found, said = page.url, ids(page), count(page)
    other = open_page(URI + url[url.index("#") :])
    assert (ids(other), count(other)) == (found, said)
    for name in ("vrai", "sous", "cas", "verdict", "a", "b", "accord"):
        field = f"select[name={name}]"
        assert other.locator(field).input_value() == page.locator(field).input_value()


def test_back_and_forward_work(open_page: OpenPage) -> None:
    """Each choice is a step of the history."""
    page = open_page(URI)
    choose(page, "verdict", "✗ Faux")
    choose(page, "vrai", builder.AWKWARD[2])
    page.go_back()
    until(page, "document.querySelector('[name=vrai]').value === ''")
    assert count(page) == "4\u00a0photos sur 40"
    page.go_back()
    until(page, "document.querySelector('[name=verdict]').value === ''")
    assert count(page) == "40\u00a0photos"
    page.go_forward()
    until(page, "document.querySelector('[name=verdict]').value === 'faux'")
    assert count(page) == "4\u00a0photos sur 40"


def test_a_link_to_what_is_gone_is_told(open_page: OpenPage) -> None:
    """An unknown case, class or photo is named, and the rest of the link holds."""
    page = open_page(URI + given(cas="boutique/parti", id="9-test-9", verdict="faux"))
    notice = page.get_by_role("alert").inner_text()
    assert "«\u00a0boutique/parti\u00a0»" in notice
    assert "«\u00a09-test-9\u00a0»" in notice
    assert count(page) == "4\u00a0photos sur 40"


# ---------------------------------------------------------------------------- panel


def focused(page: Page) -> str | None:
    found: str | None = page.evaluate(
        "new URLSearchParams((document.activeElement.hash || '').slice(1)).get('id')"
    )
    return found


def test_the_panel_is_used_from_the_keyboard(open_page: OpenPage) -> None:
    """Tab reaches a photo, Enter opens it, arrows go on, Escape gives the focus back."""
    page = open_page(URI)
    dialog = page.locator("dialog.v-panel")
    page.get_by_role("button", name="Tout réinitialiser").focus()
    page.keyboard.press("Tab")
    assert focused(page) == "0-test-0"
    page.keyboard.press("Enter")
    assert dialog.get_by_role("heading").inner_text().startswith('<script>alert("x")</script>')
    assert "1 sur 40" in dialog.inner_text()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert "3 sur 40" in dialog.inner_text()
    assert page.url.endswith("#id=0-test-2")
    page.keyboard.press("ArrowLeft")
    assert "Article 0-test-1" in dialog.inner_text()
    assert dialog.locator("img").evaluate("one => one.decode().then(() => one.naturalWidth)") > 0
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert focused(page) == "0-test-1"
    until(page, "location.hash === ''")


def test_the_panel_gives_the_probabilities(
    open_page: OpenPage, tables: dict[str, list[dict[str, str]]]
) -> None:
    """One column a case; the predicted class is in bold with its verdict in words."""
    page = open_page(URI + "#id=1-test-9")
    dialog = page.locator("dialog.v-panel")
    assert dialog.is_visible()
    assert "1-test-9" in dialog.locator("dl").inner_text()
    assert builder.AWKWARD[1] in dialog.locator("dl").inner_text()
    for column, case in enumerate((NAMES, TEXTS, TRAINED)):
        row = next(row for row in tables[case] if row["sample_id"] == "1-test-9")
        cells = dialog.locator(f"tbody tr td:nth-child({column + 2})")
        for place, label in enumerate(builder.AWKWARD):
            shown = cells.nth(place).inner_text()
            value = float(shown.split("\u202f")[0].replace(",", "."))
            assert value == pytest.approx(100 * float(row[label]), abs=0.0051)
            right = "✓" if row["label"] == label else "✗"
            assert (right in shown) == (row["predicted"] == label)
        assert cells.locator("strong").count() == 1
    assert "vraie catégorie" in dialog.locator("tbody th").nth(1).inner_text()


def test_back_closes_the_panel(open_page: OpenPage) -> None:
    """Opening a photo is a step of the history; closing it takes the step back."""
    page = open_page(URI + "#verdict=faux")
    entries = page.evaluate("history.length")
    page.locator(".v-explorer__card").first.click()
    assert "id=" in page.url
    page.go_back()
    page.locator("dialog.v-panel").wait_for(state="hidden")
    assert page.url.endswith("#verdict=faux")
    page.locator(".v-explorer__card").nth(1).click()
    page.get_by_role("button", name="Fermer").click()
    # At once, while the browser is still going back.
    choose(page, "vrai", builder.AWKWARD[2])
    until(page, "location.hash.includes('vrai=') && !location.hash.includes('id=')")
    assert not page.locator("dialog.v-panel").is_visible()
    assert count(page) == "2\u00a0photos sur 40"
    assert page.evaluate("history.length") == entries + 1


def test_a_photo_outside_the_choice_still_opens(open_page: OpenPage) -> None:
    """A link to a photo opens it whatever the filters say, and says that it is outside."""
    page = open_page(URI + "#q=introuvable&id=2-test-4")
    dialog = page.locator("dialog.v-panel")
    assert "Article 2-test-4" in dialog.inner_text()
    assert "hors de la sélection" in dialog.inner_text()
    assert dialog.get_by_role("button", name="Suivante").is_disabled()


# ------------------------------------------------------------------- limits, comforts


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("fragment", ["", "#id=0-test-0", given(a=NAMES, b=TEXTS, accord="a")])
def test_it_fits_a_phone_and_can_be_read(open_page: OpenPage, fragment: str, scheme: str) -> None:
    """No horizontal scroll at 390 px, and every text stands out from what is behind it."""
    page = open_page(URI + fragment, width=390, scheme=scheme)
    assert page.evaluate(OVERFLOW) == 0
    page.locator(".v-explorer__fold").evaluate("one => { one.open = true; }")
    assert page.evaluate(OVERFLOW) == 0
    low = page.evaluate(
        """() => {
          const parts = (colour) => {
            const numbers = colour.match(/[\\d.]+/g).map(Number);
            // Chromium gives mixed colours as color(srgb 0.1 0.2 0.3).
            const scale = colour.startsWith("color(") ? 255 : 1;
            return numbers.map((one, i) => (i < 3 ? one * scale : one));
          };
          const light = (colour) => {
            const [r, g, b] = parts(colour).map((one) => {
              const share = one / 255;
              return share <= .03928 ? share / 12.92 : ((share + .055) / 1.055) ** 2.4;
            });
            return .2126 * r + .7152 * g + .0722 * b;
          };
          const ground = (one) => {
            for (let at = one; at; at = at.parentElement) {
              const colour = getComputedStyle(at).backgroundColor;
              if ((parts(colour)[3] ?? 1) === 1) return colour;
            }
            return getComputedStyle(document.body).backgroundColor;
          };
          const root = document.querySelector(".v-explorer");
          const top = root.querySelector("dialog[open]") || root;
          const faults = [];
          for (const one of top.querySelectorAll("*")) {
            const own = [...one.childNodes].some((it) => it.nodeType === 3 && it.data.trim());
            if (!own || !one.checkVisibility() || one.disabled) continue;
            const both = [light(getComputedStyle(one).color), light(ground(one))];
            const contrast = (Math.max(...both) + .05) / (Math.min(...both) + .05);
            if (contrast < 4.5) faults.push([one.outerHTML.slice(0, 80), contrast]);
          }
          return faults;
        }"""
    )
    assert low == []


def test_every_control_has_a_name(open_page: OpenPage) -> None:
    """Controls are labelled, the count is announced, photos have words in French."""
    page = open_page(URI)
    bare = page.locator(".v-explorer :is(input, select)").evaluate_all(
        "all => all.filter(one => !one.labels.length).map(one => one.name)"
    )
    assert bare == []
    assert page.locator(".v-explorer__count[role=status][aria-live=polite]").count() == 1
    images = page.locator(".v-explorer__card img")
    assert images.count() == 40
    for one in images.all()[:5]:
        assert one.get_attribute("loading") == "lazy"
        assert (one.get_attribute("alt") or "").startswith("Photo de la catégorie «\u00a0")
    verdicts = page.locator(".v-verdict").all_text_contents()
    assert len(verdicts) == 40
    assert all(re.search(r"✓\s*Juste|✗\s*Faux\u00a0: ", one) for one in verdicts)
    page.locator(".v-explorer__card").first.click()
    assert page.locator("dialog.v-panel").get_attribute("aria-labelledby") == "v-panel-titre"


def test_withheld_photos_have_a_placeholder(
    open_page: OpenPage, remade: Remade, site: Path
) -> None:
    """Where photos may not be shown, cards hold the title instead of a broken image."""
    page = open_page(TOYS, base=remade(builder.second(site), photos=False))
    assert len(ids(page)) == 60
    assert page.locator(".v-explorer img").count() == 0
    assert (
        "Article 0-test-1 (photo non publiée)"
        in page.locator(".v-explorer__card").nth(1).inner_text()
    )
    page.locator(".v-explorer__card").nth(1).click()
    assert "Article 0-test-1" in page.get_by_role("heading", level=2).all_inner_texts()


@pytest.fixture
def without_script(chromium: Browser, site: Path) -> Iterator[Page]:
    """The explorer where JavaScript is switched off."""
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.as_uri()}/{URI}")
    yield page
    context.close()


def test_without_script_the_page_leads_to_the_galleries(without_script: Page) -> None:
    """Where nothing can be sifted, nothing pretends to be: a line leads to the galleries."""
    link = without_script.locator("noscript a")
    assert link.is_visible()
    assert link.get_attribute("href") == "donnees.html#categories"
    assert not without_script.locator(".v-explorer form").is_visible()


def test_data_that_are_gone_are_told(chromium: Browser, site: Path, tmp_path: Path) -> None:
    """A site without its data says so instead of waiting."""
    shutil.copytree(site, tmp_path / "site")
    shutil.rmtree(tmp_path / "site/etudes/boutique/donnees")
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{(tmp_path / 'site').as_uri()}/{URI}")
    notice = page.locator(".v-explorer__notice")
    notice.wait_for(state="visible")
    assert "n’ont pas pu être lues" in notice.inner_text()
    context.close()


def test_it_survives_a_page_put_in_place_by_a_script(open_page: OpenPage, site: Path) -> None:
    """Instant navigation replaces the article and runs its scripts again: once is enough."""
    page = open_page(URI + "#verdict=faux")
    html = (site / URI).read_text(encoding="utf-8")
    article = re.search(r"<article[^>]*>(.*?)</article>", html, re.DOTALL)
    assert article is not None
    page.evaluate(
        """(html) => {
          const article = document.querySelector("article");
          article.innerHTML = html;
          for (const old of article.querySelectorAll("script")) {
            const script = document.createElement("script");
            script.src = old.src;
            old.replaceWith(script);
          }
        }""",
        article[1],
    )
    page.locator(".v-explorer__card").first.wait_for()
    assert count(page) == "4\u00a0photos sur 40"
    choose(page, "vrai", builder.AWKWARD[2])
    assert len(ids(page)) == 2
    page.go_back()
    until(page, "document.querySelector('[name=vrai]').value === ''")
    assert len(ids(page)) == 4
    assert page.locator("dialog.v-panel").count() == 1


# ------------------------------------------------------------------------------ size


def crowd(folder: Path) -> StudyResults:
    """Ten thousand test photos of three classes, and two cases."""
    toys = builder.second(folder)
    files = [card.photo for card in toys.study.samples if card.fold == "test"]
    cards = builder.cards(toys.study.classes, train=0, validation=0, test=3334)[:10_000]
    samples = tuple(
        replace(card, photo=files[i % len(files)], title=f"Article n° {i}, avec un titre ordinaire")
        for i, card in enumerate(cards)
    )
    labels = np.array([toys.study.classes.index(card.label) for card in samples])
    random = np.random.default_rng(11)
    said = {
        run.case: Predictions(
            classes=toys.study.classes,
            sample_ids=tuple(card.id for card in samples),
            labels=labels,
            probabilities=random.dirichlet(np.ones(3), len(samples)),
        )
        for run in toys.runs
    }
    return replace(builder.without(toys, samples=samples), predictions=said)


def test_ten_thousand_photos(
    open_page: OpenPage,
    remade: Remade,
    site: Path,
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All are found, sixty are drawn at first, the rest follow; the time is told, not judged."""
    results = crowd(site)
    base = remade(results)
    page = open_page(TOYS, base=base)
    began = time.perf_counter()
    page.goto(f"{base}{TOYS}?encore")
    page.locator(".v-explorer__card").nth(59).wait_for()
    first = time.perf_counter() - began
    until(
        page,
        "document.querySelector('.v-explorer__count').textContent === '10\\u202f000\\u00a0photos'",
    )
    whole = time.perf_counter() - began
    assert len(ids(page)) == 60
    began = time.perf_counter()
    choose(page, "accord", "A seul a raison")
    sifted = time.perf_counter() - began
    a, b = (results.predictions[run.case] for run in results.runs)
    ranked = [a, b] if page.locator("select[name=a]").input_value() == "0" else [b, a]
    right = [one.predicted == one.labels for one in ranked]
    expected = int((right[0] & ~right[1]).sum())
    assert count(page).startswith(f"{expected // 1000}\u202f{expected % 1000:03d}\u00a0photos sur")
    more = page.locator(".v-explorer__more button")
    more.scroll_into_view_if_needed()
    page.locator(".v-explorer__card").nth(119).wait_for(state="attached")
    page.goto(f"{base}{TOYS}?enfin#id=2-test-3331")
    page.locator("dialog.v-panel").wait_for()
    assert "2-test-3331" in page.locator("dialog.v-panel").inner_text()
    for name, seconds in (("first_view", first), ("all_read", whole), ("sifted", sifted)):
        record_property(f"{name}_seconds", round(seconds, 3))
    with capsys.disabled():
        sys.stdout.write(
            f"\n10 000 photos: first view {first:.2f} s, all read {whole:.2f} s, "
            f"sifted {sifted:.2f} s\n"
        )


def test_cases_of_a_model_stand_together(open_page: OpenPage) -> None:
    """The list of cases is by model, and each of its entries says the whole case."""
    page = open_page(URI)
    page.locator(".v-explorer__card").first.wait_for()
    for name in ("cas", "a", "b"):
        groups = page.locator(f"select[name={name}] optgroup")
        assert [one.get_attribute("label") for one in groups.all()] == [
            "Substitut hors ligne (pas un CLIP)"
        ]
        assert groups.locator("option").all_inner_texts() == [
            "Substitut hors ligne (pas un CLIP) · Noms des catégories",
            "Substitut hors ligne (pas un CLIP) · Descriptions",
        ]
        assert page.locator(f"select[name={name}] > option").count() == 1
