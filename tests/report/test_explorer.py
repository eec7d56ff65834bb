"""The explorer's page and the data that its script reads."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.errors import ReportError, eval_command
from evaluation.records import Predictions, StudyResults
from evaluation.report.pages import explorer
from evaluation.report.site.render import Pages, navigation, render
from evaluation.report.study import maps, photos
from evaluation.report.study.view import StudyView
from tests.report import builder, explained
from tests.report.conftest import ROOT, TEMPLATES, built, placeholder
from tests.report.crawl import problems

PAGE = "etudes/jouets/explorateur.md"
DATA = "etudes/jouets/donnees/explorateur-0.js"
SEPARATORS = "fin de ligne \u2028 et \u2029 </script><!-- \\ \" ' & \U0001f9f8"


def only(results: StudyResults, **options: Any) -> Pages:
    return render((results,), None, templates=TEMPLATES, draw=placeholder, **options)


def text(pages: Pages, uri: str) -> str:
    found = pages[uri]
    assert isinstance(found, str)
    return found


def read(script: str) -> Mapping[str, Any]:
    """What the browser's function is called with."""
    found = re.fullmatch(r"veilleExplorateur\((.*)\);\n", script, re.DOTALL)
    assert found is not None
    value: Mapping[str, Any] = json.loads(found[1])
    return value


def unfold(pairs: list[int], number: int) -> np.ndarray[Any, Any]:
    values = np.zeros(number, dtype=int)
    values[pairs[::2]] = pairs[1::2]
    return values


def view_of(results: StudyResults) -> StudyView:
    return StudyView(
        results=results,
        folder=f"etudes/{results.study.name}",
        draw=placeholder,
        photos_shown=True,
    )


def test_data_are_what_the_tables_of_predictions_say(toys: StudyResults) -> None:
    """Every test photo with its class, its answer, and its probabilities to four decimals."""
    data = read(text(only(toys), DATA))
    cards = [card for card in toys.study.samples if card.fold == "test"]
    assert data["ids"] == [card.id for card in cards]
    assert data["titles"] == [card.title for card in cards]
    assert data["photos"] == [card.photo for card in cards]
    assert [case["id"] for case in data["head"]["cases"]] == [run.case for run in toys.runs]
    for case, run in zip(data["cases"], toys.runs, strict=True):
        said = toys.predictions[run.case]
        assert case["predicted"] == said.predicted.tolist()
        for pairs, row in zip(case["probabilities"], said.probabilities, strict=True):
            assert np.abs(unfold(pairs, 3) / 10_000 - row).max() <= 0.00005 + 1e-12


def test_explained_photos_have_their_maps(toys: StudyResults) -> None:
    """Each map of each case is in the data with its words, and its picture beside the pages."""
    results = explained.explained(toys)
    pages = only(results)
    data = read(text(pages, DATA))
    places = {one: i for i, one in enumerate(data["ids"])}
    for number, (case, found) in enumerate(results.explanations.items()):
        assert data["head"]["cases"][number]["id"] == case
        page = data["head"]["cases"][number]["maps"]
        assert f"etudes/jouets/{page.removesuffix('.html')}.md" in pages
        for photo in found.photos:
            listed = data["maps"][str(places[photo.sample_id])]
            mine = [one for one in listed if one[0] == number]
            assert [one[1] for one in mine] == [maps.title(one) for one in photo.maps]
            for (_, _, path, width, height, said), one in zip(mine, photo.maps, strict=True):
                assert (width, height) == (one.width, one.height)
                assert one.label in said
                source = toys.folder.parent / case / one.overlay
                assert pages[f"etudes/jouets/{path}"] == source
    assert "maps" not in read(text(only(toys), DATA))


def test_maps_change_the_version_of_the_data(toys: StudyResults) -> None:
    """A browser does not keep the data of before the maps."""
    version = r"explorateur-0\.js\?(\w+)"
    before, after = only(toys), only(explained.explained(toys))
    assert re.findall(version, text(before, PAGE)) != re.findall(version, text(after, PAGE))


def test_maps_of_photos_that_may_not_be_shown_stay_out(toys: StudyResults) -> None:
    """Neither in the data nor among the files."""
    pages = only(explained.explained(toys), photos="redistributable")
    assert "maps" not in read(text(pages, DATA))
    assert not [one for one in pages.values() if isinstance(one, Path)]


def test_a_table_in_another_order_says_the_same(toys: StudyResults) -> None:
    """Rows and columns are found by name, not by place."""
    case = toys.runs[0].case
    said = toys.predictions[case]
    columns, rows = [2, 0, 1], np.random.default_rng(3).permutation(len(said.sample_ids))
    shuffled = Predictions(
        classes=tuple(said.classes[i] for i in columns),
        sample_ids=tuple(said.sample_ids[i] for i in rows),
        labels=np.argsort(columns)[said.labels[rows]],
        probabilities=said.probabilities[rows][:, columns],
    )
    other = replace(toys, predictions={**toys.predictions, case: shuffled})
    assert text(only(other), DATA) == text(only(toys), DATA)


def test_a_hostile_title_stays_a_title(toys: StudyResults) -> None:
    """No title can end the script, its string or its line; the reader gets it as it is."""
    cards = tuple(replace(card, title=SEPARATORS) for card in toys.study.samples)
    script = text(only(builder.without(toys, samples=cards)), DATA)
    assert not set("<>&\u2028\u2029") & set(script)
    assert script.count("\n") == 1
    assert set(read(script)["titles"]) == {SEPARATORS}


def test_photos_are_cut_into_files(toys: StudyResults, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files hold at most a chunk each, in order; the first one alone has the names."""
    whole = read(text(only(toys), DATA))
    monkeypatch.setattr(explorer, "CHUNK", 25)
    pages = only(toys)
    parts = [read(text(pages, DATA.replace("-0", f"-{i}"))) for i in range(3)]
    assert DATA.replace("-0", "-3") not in pages
    assert [len(part["ids"]) for part in parts] == [25, 25, 10]
    assert [part["start"] for part in parts] == [0, 25, 50]
    assert ["head" in part for part in parts] == [True, False, False]
    for key in ("ids", "titles", "labels", "subcategories", "photos", "sizes"):
        assert [one for part in parts for one in part[key]] == whole[key]
    sources = re.findall(r"donnees/explorateur-\d\.js\?[0-9a-f]{8}", text(pages, PAGE))
    assert [source[20] for source in sources] == ["0", "1", "2"]


def test_the_form_offers_what_the_data_hold(shop: StudyResults) -> None:
    """A choice's value is the place of its name in the data."""
    pages = only(shop)
    page = text(pages, "etudes/boutique/explorateur.md")
    head = read(text(pages, "etudes/boutique/donnees/explorateur-0.js"))["head"]
    for name, offered in (
        ("vrai", head["classes"]),
        ("predit", head["classes"]),
        ("sous", head["subcategories"]),
        ("cas", head["cases"]),
        ("a", head["cases"]),
        ("b", head["cases"]),
    ):
        found = re.search(rf'<select name="{name}">(.*?)</select>', page)
        assert found is not None
        values = [one for one in re.findall(r'value="(.*?)"', found[1]) if one]
        assert values == [str(i) for i in range(len(offered))]
    assert head["classes"] == list(builder.AWKWARD)


def test_the_best_case_is_the_one_looked_at_first(shop: StudyResults) -> None:
    """Cases are ranked by accuracy; those without a result are not offered."""
    head = read(text(only(shop), "etudes/boutique/donnees/explorateur-0.js"))["head"]
    ranked = [head["cases"][i]["id"] for i in head["ranked"]]
    assert ranked == [
        "boutique/embedded-supervised",
        "boutique/embedded/descriptions",
        "boutique/embedded/noms",
    ]


def test_withheld_photos_are_not_in_the_data(toys: StudyResults) -> None:
    """Photos that may not be republished: no address of one, and the page says why."""
    pages = only(toys, photos="redistributable")
    assert "photos/" not in text(pages, DATA)
    assert read(text(pages, DATA))["head"]["photos"] is False
    assert "ne permet pas de les republier" in text(pages, PAGE)
    assert "ne permet pas de les republier" not in text(only(toys), PAGE)


def test_no_predictions_no_page(toys: StudyResults) -> None:
    """A study whose cases left no table has neither page, nor data, nor entry."""
    bare = replace(toys, predictions={})
    assert not [uri for uri in only(bare) if "explorateur" in uri]
    (section,) = navigation((bare,))
    assert "Explorateur" not in [title for title, _ in section.pages]


def test_a_stale_case_is_not_offered(toys: StudyResults) -> None:
    """A case scored on other photos has nothing to say of these."""
    stale = replace(toys.runs[0], split_digest="0" * 64)
    head = read(text(only(replace(toys, runs=(stale, toys.runs[1]))), DATA))["head"]
    assert [case["id"] for case in head["cases"]] == [toys.runs[1].case]


def test_one_case_has_no_one_to_disagree_with(toys: StudyResults) -> None:
    """The choice of two cases is offered when there are two."""
    assert 'name="accord"' in text(only(toys), PAGE)
    assert 'name="accord"' not in text(only(replace(toys, runs=toys.runs[:1])), PAGE)


def test_a_photo_without_prediction_is_a_fault(toys: StudyResults) -> None:
    """A table that lacks a photo of the study is named, with the remedy."""
    case = toys.runs[0].case
    said = toys.predictions[case]
    short = replace(
        said,
        sample_ids=said.sample_ids[1:],
        labels=said.labels[1:],
        probabilities=said.probabilities[1:],
    )
    broken = replace(toys, predictions={**toys.predictions, case: short})
    with pytest.raises(ReportError, match=r"0-test-0.*") as raised:
        only(broken)
    assert "predictions.csv" in str(raised.value)
    assert eval_command() in str(raised.value)


def test_of_many_classes_the_highest_are_kept(toys: StudyResults) -> None:
    """Ten probabilities a photo and a case, and that of its class however low."""
    classes = tuple(f"Classe {i}" for i in range(40))
    samples = builder.cards(classes, train=0, validation=0, test=2)
    values = np.random.default_rng(5).dirichlet(np.full(40, 0.5), len(samples))
    labels = np.array([classes.index(card.label) for card in samples])
    run = replace(toys.runs[0], classes=classes, confusion=(), per_class=())
    said = Predictions(
        classes=classes,
        sample_ids=tuple(card.id for card in samples),
        labels=labels,
        probabilities=values,
    )
    many = replace(
        builder.without(toys, classes=classes, samples=samples),
        runs=(run,),
        predictions={run.case: said},
    )
    view = view_of(many)
    (script,) = explorer.data_files(view).values()
    data = read(script)
    assert data["head"]["whole"] is False
    for pairs, row, label in zip(data["cases"][0]["probabilities"], values, labels, strict=True):
        highest = set(np.argsort(-row)[:10].tolist())
        assert highest <= set(pairs[::2]) <= highest | {label}
        assert label in pairs[::2]
    page = built(view, "explorer")
    assert page is not None
    assert page["kept"] == 10


def test_the_script_keeps_to_itself() -> None:
    """No request, no markup made from data, no other host."""
    script = (ROOT / "site_src/assets/explorateur.js").read_text(encoding="utf-8")
    assert not re.search(r"\bfetch\(|XMLHttpRequest|https?://|\beval\(|insertAdjacentHTML", script)
    made = re.findall(r"innerHTML = `(.*?)`", script, re.DOTALL)
    assert len(made) == script.count("innerHTML")
    assert not any("${" in one for one in made)


def test_a_new_result_is_not_read_from_an_old_file(toys: StudyResults) -> None:
    """The address of the data changes with the results: a browser's copy is not mixed in."""
    later = replace(
        toys.runs[0],
        provenance=replace(toys.runs[0].provenance, started="2027-01-01T00:00:00+00:00"),
    )
    again = replace(toys, runs=(later, *toys.runs[1:]))
    before, after = (re.findall(r"\?[0-9a-f]{8}", text(only(one), PAGE)) for one in (toys, again))
    assert len(before) == len(after) == 1
    assert before != after


def test_of_more_photos_than_can_be_sifted_a_sample_is_shown_and_said_to_be_one(
    toys: StudyResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same photos whatever their order, on the explorer and on the map."""
    view = view_of(toys)
    every = photos.test_cards(view)
    assert built(view, "explorer")["sampled"] == photos.sampled(view) == ""
    monkeypatch.setattr(photos, "MOST", 5)
    shown = photos.test_cards(view)
    turned = replace(toys, study=replace(toys.study, samples=toys.study.samples[::-1]))
    assert photos.test_cards(view_of(turned)) == shown[::-1]
    assert len(shown) == 5 < len(every)
    (script,) = explorer.data_files(view).values()
    assert read(script)["ids"] == [card.id for card in shown]
    page = str(only(toys)[PAGE])
    assert f"Le test compte {len(every)} photos" in page.replace("\u202f", " ")


def test_the_crawler_knows_what_the_explorer_can_open(toys: StudyResults, tmp_path: Path) -> None:
    """A link to a case, a class or a photo that the data do not hold is a dead link."""
    (tmp_path / "donnees").mkdir()
    (tmp_path / "donnees/explorateur-0.js").write_text(text(only(toys), DATA), encoding="utf-8")
    (tmp_path / "explorateur.html").write_text(
        '<a href="#id=0-test-1">x</a><a href="explorateur.html#vrai=Ours&accord=deux">x</a>'
        '<a href="explorateur.html#id=9-test-1">x</a><a href="explorateur.html#vrai=Ourse">x</a>'
        '<a href="explorateur.html#cas=jouets%2Fparti&accord=c">x</a>',
        encoding="utf-8",
    )
    assert [one.split(": ")[-1] for one in problems(tmp_path)] == [
        "no id is called '9-test-1'",
        "no vrai is called 'Ourse'",
        "no cas is called 'jouets/parti'",
        "no accord is called 'c'",
    ]
