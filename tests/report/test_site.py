"""The built site: strict, whole, and alone in the world."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest

from tests.report import builder, tree
from tests.report.conftest import ROOT, BuildSite, build_site, write_artefacts
from tests.report.crawl import Html, problems, read_site


def test_no_dead_link_image_or_anchor_and_no_other_host(site: Path) -> None:
    """Every address of every page leads somewhere, inside the site."""
    assert list(problems(site)) == []


def test_the_crawler_finds_what_is_broken(tmp_path: Path) -> None:
    """The check above can fail: each kind of problem is found."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets/a.css").write_text("a{background:url(x.png)}", encoding="utf-8")
    (tmp_path / "b.html").write_text("<p id=ici></p>", encoding="utf-8")
    (tmp_path / "index.html").write_text(
        '<i id=a></i><i id=a></i><a href="c.html">x</a><a href="b.html#la">x</a>'
        '<img src="https://h/x.png"><script src="//h/x.js"></script><a href="/b.html">x</a>'
        '<p style="background:url(y.png)"></p><a href="https://h/">ok</a>'
        '<a href="b.html#ici">ok</a>',
        encoding="utf-8",
    )
    assert len(list(problems(tmp_path))) == 8


def test_every_image_has_a_size_and_words(site: Path) -> None:
    """Photos keep their place while they load, and have a text that replaces them."""
    images = [
        image
        for page in read_site(site).values()
        for image in page.images
        if "photos/" in image["src"]
    ]
    assert len(images) > 100
    for image in images:
        assert int(image["width"]) > 0
        assert int(image["height"]) > 0
        assert max(int(image["width"]), int(image["height"])) <= 320
        assert image["loading"] == "lazy"
        assert image["alt"]


def test_hostile_data_is_text_on_the_page(site: Path) -> None:
    """Awkward names and titles are shown as they are spelt, in headings, tables and titles."""
    html = (site / "etudes/boutique/comparaison.html").read_text(encoding="utf-8")
    shown = unescape(re.sub(r"<[^>]+>", "", html))
    for label in builder.AWKWARD:
        assert label in shown
    galleries = list((site / "etudes/boutique/categories").glob("*.html"))
    assert len(galleries) == len(builder.AWKWARD)
    for path in galleries:
        page = path.read_text(encoding="utf-8")
        heading = re.search(r"<h1[^>]*>(.*?)<a class=\"headerlink\"", page, re.DOTALL)
        assert heading is not None
        assert unescape(heading[1]).strip() in builder.AWKWARD
        assert "<script>alert" not in page


def test_a_case_of_maps_is_called_by_its_title(site: Path) -> None:
    """The page of a case has its title in the browser's tab, not the name of its file."""
    page = site / "etudes/boutique/explicabilite/boutique-embedded-descriptions.html"
    assert "<title>Substitut hors ligne (pas un CLIP) · Descriptions - " in page.read_text(
        encoding="utf-8"
    )


def test_pages_say_their_language(site: Path) -> None:
    """French pages lie at the root, English ones in en/, under the same names."""
    english = {path for path in site.rglob("*.html") if site / "en" in path.parents}
    french = set(site.rglob("*.html")) - english
    for pages, language in ((french, "fr"), (english, "en")):
        for path in pages:
            assert f'<html lang="{language}"' in path.read_text(encoding="utf-8")
    assert {one.relative_to(site / "en") for one in english} == {
        one.relative_to(site) for one in french
    }


def test_each_page_leads_to_itself_in_the_other_language(site: Path) -> None:
    """The choice of languages points to the same page, and no script looks for a sitemap."""
    for path, page in read_site(site).items():
        inside = path.relative_to(site)
        there = site / inside.relative_to("en") if inside.parts[0] == "en" else site / "en" / inside
        leads = [(path.parent / link).resolve() for link in page.links if link.endswith(".html")]
        assert there.resolve() in leads, path
        assert 'rel="alternate"' not in path.read_text(encoding="utf-8")


def test_photos_and_assets_are_there_once(site: Path) -> None:
    """English pages show the photos, the fonts and the scripts of the French site."""
    assert not list((site / "en").rglob("*.webp"))
    assert not list((site / "en").rglob("*.woff2"))
    assert not list((site / "en").rglob("veille.*"))
    page = Html(site / "en/etudes/boutique/donnees.html")
    assert any(one.startswith("../../../etudes/boutique/photos/") for one in page.resources)
    assert "../../../assets/veille.css" in page.resources


def test_numbers_lead_to_their_run(site: Path) -> None:
    """Each case of the comparison links to its record on the page of methods."""
    page = Html(site / "etudes/boutique/comparaison.html")
    runs = {link.split("#")[1] for link in page.links if link.startswith("methode.html#")}
    assert runs == {
        "execution-boutique-embedded-noms",
        "execution-boutique-embedded-descriptions",
        "execution-boutique-embedded-supervised",
        # Those without a result are told together.
        "cas-non-evalues",
    }


def test_search_knows_class_names(site: Path) -> None:
    """The index holds what people look for, without markup of ours."""
    index = json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))
    said = " ".join(unescape(one["title"] + " " + one["text"]) for one in index["docs"])
    assert "Home Decor & Festive Needs" in said
    assert "v-table" not in said


def test_a_gallery_is_called_by_its_class(site: Path) -> None:
    """In the tab and in the header, with the ampersand that it has."""
    page = site / "etudes/boutique/categories/home-decor-festive-needs.html"
    title = next(tree.read(page.read_text(encoding="utf-8")).find("title")).text()
    assert title.startswith("Home Decor & Festive Needs - ")


def test_no_empty_page(site: Path) -> None:
    """Every page of the navigation has something to say."""
    for path in read_site(site):
        article = re.search(
            r"<article.*?</article>", path.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        assert article is not None
        assert len(re.sub(r"<[^>]+>|\s+", " ", article[0]).split()) > 25, path


def test_site_without_artefacts(build: BuildSite) -> None:
    """No artefact: the site stands, quotes the slides, and says how to score."""
    site = build()
    assert list(problems(site)) == []
    home = (site / "index.html").read_text(encoding="utf-8")
    assert "0,857" in home
    assert "veille eval" in home
    assert not (site / "etudes").exists()


def test_public_site_has_only_photos_that_may_be_published(
    build: BuildSite, tmp_path: Path
) -> None:
    """With photos: redistributable, a study that is not keeps its photos, and its pages stand."""
    site = build(
        builder.shop(tmp_path, redistributable=True),
        builder.second(tmp_path),
        VEILLE_PHOTOS="redistributable",
    )
    assert list(problems(site)) == []
    assert list((site / "etudes/boutique/photos").iterdir())
    assert not (site / "etudes/jouets/photos").exists()
    data = (site / "etudes/jouets/donnees.html").read_text(encoding="utf-8")
    assert "ne permet pas de les republier" in data


def test_broken_artefact_is_one_readable_line(tmp_path: Path) -> None:
    """A half-written artefact stops the build with its name, not with a traceback."""
    root = write_artefacts(tmp_path / "artefacts", builder.second(tmp_path))
    (root / "jouets/study.json").write_text('{"schema_version": 1', encoding="utf-8")
    done = build_site(tmp_path / "site", root)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "study.json: is not JSON" in said
    assert "Traceback" not in said


def test_missing_photo_is_one_readable_line(tmp_path: Path) -> None:
    """A small copy that is gone is named."""
    root = write_artefacts(tmp_path / "artefacts", builder.second(tmp_path))
    next((root / "jouets/photos").iterdir()).unlink()
    done = build_site(tmp_path / "site", root)
    assert done.returncode != 0
    assert "no such small copy of a photo" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('  - "{studies}"\n', "", "{studies}"),
        ("photos: !ENV [VEILLE_PHOTOS, all]", "photos: some", "photos"),
        ("    templates: templates\n", "    modèles: templates\n", "modèles"),
    ],
)
def test_wrong_configuration_is_named(tmp_path: Path, before: str, after: str, said: str) -> None:
    """A mistake in mkdocs.yml is named, and the strict build stops."""
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert before in config
    broken = tmp_path / "mkdocs.yml"
    text = config.replace(before, after)
    for path in ("site_src", "templates"):
        text = text.replace(f": {path}\n", f": {ROOT / path}\n")
    broken.write_text(text, encoding="utf-8")
    done = build_site(tmp_path / "site", tmp_path / "rien", config=str(broken))
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
