"""Text is text: whatever a record says, no page, deck or booklet runs it or links to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluation.errors import ArtefactError, VeilleError
from evaluation.records import StudyResults
from evaluation.report.kit.links import outward
from evaluation.report.paper.booklet import make_booklet, render_booklet
from evaluation.report.paper.deck import render_deck
from evaluation.report.site.policy import site_policy
from evaluation.report.site.render import navigation, render
from evaluation.report.site.sites import fill_nav
from evaluation.stores import artefacts
from evaluation.stores.trust import own_picture
from tests.report import builder, explained
from tests.report import hostile as hostile_fields
from tests.report.conftest import TEMPLATES, placeholder, write_artefacts
from tests.report.hostile import PAYLOAD, poison, runs


def write_poisoned(root: Path, shop: StudyResults, bad: StudyResults) -> None:
    """The files of a study, attacked, over those that it had."""
    artefacts.write(root, bad.study)
    for run in bad.runs:
        artefacts.write_run(
            root, run, bad.predictions.get(run.case), projection=bad.projections.get(run.case)
        )
    assert bad.comparison is not None
    artefacts.write(root, bad.comparison)
    for case, found in bad.explanations.items():
        current = replace(found, predictions_digest=artefacts.predictions_digest(root, case))
        artefacts.write(root, current, explained.overlays(shop, case))
    for case, suggestion in bad.suggestions.items():
        overlays = explained.suggestion_overlays(shop, case)
        artefacts.write(root, suggestion, overlays)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    """The shop with an attack in every text, through its files."""
    root = tmp_path_factory.mktemp("hostile")
    shop = explained.shop(root)
    write_artefacts(root, shop)
    write_poisoned(root, shop, poison(shop))
    (results,) = artefacts.read_results(root)
    assert "onerror" in results.study.title
    assert all("onerror" in label for label in results.study.classes)
    return results


@pytest.mark.parametrize("language", ["fr", "en"])
def test_no_page_holds_what_would_run(hostile: StudyResults, language: str) -> None:
    """Pages and the data of their scripts."""
    pages = render(
        (hostile,), None, templates=TEMPLATES, draw=placeholder, language=language  # type: ignore[arg-type]
    )  # fmt: skip
    texts = {uri: runs(content) for uri, content in pages.items() if isinstance(content, str)}
    assert {uri: found for uri, found in texts.items() if found} == {}


def test_the_menu_holds_text(hostile: StudyResults) -> None:
    """The theme prints titles as they are: they come escaped."""
    nav = fill_nav(["{studies}"], navigation((hostile,)))
    assert not runs(str([[str(key) for key in entry] for entry in nav]))
    assert "&lt;img src=x" in str(next(iter(nav[0])))


def test_no_deck_or_booklet_holds_what_would_run(hostile: StudyResults) -> None:
    """Both stand alone, and say what they may run: the deck its own script, the booklet none."""
    deck = render_deck(hostile, draw=placeholder)
    booklet = render_booklet(make_booklet(hostile, draw=placeholder))
    assert runs(deck.split("<body")[1]) == runs(booklet.split("<body")[1]) == ""
    assert "script-src &#39;sha256-" in deck
    assert "script-src &#39;none&#39;" in booklet
    assert all("unsafe-inline" not in text.split("style-src")[0] for text in (deck, booklet))


def test_only_the_theme_s_scripts_have_a_hash(tmp_path: Path) -> None:
    """An inline script that the theme does not spell gets none, filled in or not."""
    (tmp_path / "base.html").write_text('<script>scope("{{ base_url }}")</script>')
    page = "<html><head></head><script>{}</script>"
    blessed = site_policy(page.format('scope("../..")'), [str(tmp_path)])
    assert blessed.count("sha256-") == 1
    for code in ("hit()", 'scope("");hit("")', 'scope("../..");hit()'):
        assert "sha256-" not in site_policy(page.format(code), [str(tmp_path)])
    assert "unsafe-inline" not in blessed.split("style-src")[0]
    assert "unsafe-eval" not in blessed


@pytest.mark.parametrize(
    "address",
    ["javascript:hit()", "JAVASCRIPT:hit()", "java\nscript:hit()", " javascript:hit()",
     "data:text/html,x", "file:///etc/passwd", "//host/x", "http://a b", "vbscript:x", "",
     'http://a"onclick="hit()'],
)  # fmt: skip
def test_links_lead_to_other_sites_alone(address: str) -> None:
    """http, https and mailto; everything else is no link."""
    assert outward(address) == ""
    assert outward("https://a.example/é?x=1#y") == "https://a.example/é?x=1#y"
    assert outward("mailto:a@b.example")


@pytest.mark.parametrize(
    "name",
    ["index.md", "photos/evil.html", "../x.webp", "photos/../../x.webp", "/etc/passwd",
     "photos/a.webp\n", "photos\\a.webp", "photos/a.svg", "run.json", "photos/a b.webp"],
)  # fmt: skip
def test_a_picture_has_a_name_of_this_program(tmp_path: Path, name: str) -> None:
    """And nothing else is copied into the site, whatever the record says."""
    with pytest.raises(ArtefactError, match="does not write"):
        own_picture(tmp_path, name, tmp_path)


def test_a_picture_is_one_and_lies_in_its_folder(tmp_path: Path) -> None:
    """A page under a picture's name, and a link to a picture of elsewhere, are refused."""
    root = tmp_path / "artefacts"
    (root / "photos").mkdir(parents=True)
    good = b"RIFF\0\0\0\0WEBP"
    (root / "photos" / "good.webp").write_bytes(good)
    (root / "photos" / "page.webp").write_bytes(b"<script>hit()</script>")
    (tmp_path / "secret.webp").write_bytes(good)
    (root / "photos" / "link.webp").symlink_to(tmp_path / "secret.webp")
    (root / "photos" / "round.webp").symlink_to(root / "photos" / "round.webp")
    assert own_picture(root, "photos/good.webp", root).is_file()
    with pytest.raises(ArtefactError, match="is no WEBP"):
        own_picture(root, "photos/page.webp", root)
    with pytest.raises(ArtefactError, match="leads out"):
        own_picture(root, "photos/link.webp", root)
    assert not (root / "photos" / "round.webp").exists()


RECORDS = [
    "comparison.json",
    *(
        f"embedded/descriptions/{name}"
        for name in ("run.json", "predictions.csv", "projection.json", "attention.json",
                     "suggestion.json")
    ),
]  # fmt: skip


@pytest.mark.parametrize("name", RECORDS)
def test_no_record_is_read_through_a_link_out(hostile: StudyResults, name: str) -> None:
    """Whatever lies behind it, and however good a record it is."""
    place = hostile.folder / name
    elsewhere = place.rename(hostile.folder.parents[1] / f"elsewhere-{place.name}")
    place.symlink_to(elsewhere)
    try:
        with pytest.raises(ArtefactError, match="leads out"):
            artefacts.read_results(hostile.folder.parent)
    finally:
        elsewhere.replace(place)


def named(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Every key of a JSON value with a text, or texts, that :func:`poison` leaves as they are."""
    excluded = {name for _, name in hostile_fields.NAMES | hostile_fields.OTHERS}
    excluded |= {name for _, name in hostile_fields.FILES}
    excluded |= hostile_fields.DIGESTS | hostile_fields.CASES
    for key, inner in value.items() if isinstance(value, dict) else ():
        texts = inner if isinstance(inner, list) else [inner]
        if key in excluded and texts and all(isinstance(one, str) for one in texts):
            yield value, key
    for inner in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from named(inner)


@pytest.mark.parametrize("name", ["study.json", *(one for one in RECORDS if ".json" in one)])
def test_a_name_that_is_an_attack_is_refused_or_inert(hostile: StudyResults, name: str) -> None:
    """The fields that are spared elsewhere, since records are found by them: each by itself."""
    place = hostile.folder / name
    whole = place.read_bytes()
    for key in sorted({key for _, key in named(json.loads(whole))}):
        content = json.loads(whole)
        for owner, same in named(content):
            if same == key:
                old = owner[key]
                owner[key] = [PAYLOAD] * len(old) if isinstance(old, list) else PAYLOAD
        place.write_text(json.dumps(content), encoding="utf-8")
        try:
            (results,) = artefacts.read_results(hostile.folder.parent)
            pages = render((results,), None, templates=TEMPLATES, draw=placeholder)
        except VeilleError:
            continue
        finally:
            place.write_bytes(whole)
        texts = [content for content in pages.values() if isinstance(content, str)]
        assert not [text for text in map(runs, texts) if text], key


@pytest.mark.parametrize("case", ["../../../etc", "/etc", "boutique/../../x", "autre/m/p"])
def test_a_case_lies_in_its_study(tmp_path: Path, case: str) -> None:
    """A study that names other folders than its own is refused before anything is read there."""
    shop = builder.shop(tmp_path)
    artefacts.write(tmp_path, replace(shop.study, cases=(case,)))
    with pytest.raises(ArtefactError, match="none of this study"):
        artefacts.read_results(tmp_path)
