"""The pages of the maps: what they say follows from the records, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.errors import ArtefactError, ReportError
from evaluation.explain.drawing import INFERNO
from evaluation.records import (
    CaseExplanation,
    ClassMap,
    ExplainFailure,
    ExplainSpec,
    Faithfulness,
    MapSummary,
    Metric,
    Randomisation,
    SelectionReason,
    StudyResults,
)
from evaluation.report.kit.language import WORDS, speaking
from evaluation.report.kit.wording import percent
from evaluation.report.site.render import Pages, render
from evaluation.report.study import explained as report_explained
from evaluation.report.study import faithfulness, maps
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView
from tests.factories import make_explanation
from tests.report import builder, explained
from tests.report.conftest import ROOT, TEMPLATES, built, markup, placeholder, printed

PAGE = "etudes/boutique/explicabilite.md"
CASE = "boutique/embedded/descriptions"
CASE_PAGE = "etudes/boutique/explicabilite/boutique-embedded-descriptions.md"
N, T = "\u00a0", "\u202f"


def only(results: StudyResults, **options: object) -> Pages:
    return render((results,), None, templates=TEMPLATES, draw=placeholder, **options)  # type: ignore[arg-type]


def text(pages: Pages, uri: str) -> str:
    found = pages[uri]
    assert isinstance(found, str)
    return found


def view_of(results: StudyResults, *, shown: bool = True) -> StudyView:
    folder = f"etudes/{results.study.name}"
    return StudyView(results=results, folder=folder, draw=placeholder, photos_shown=shown)


def summary(**changes: object) -> MapSummary:
    found = MapSummary(
        empty=False,
        centre_share=0.41,
        top_row=0,
        top_column=2,
        top_share=0.34,
        half_area=0.2,
        against_share=0.0,
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def map_of(**changes: object) -> ClassMap:
    (photo,) = make_explanation().photos
    return replace(photo.maps[0], method="rise", summary=summary(**changes))


# -------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, f"surtout en haut à droite (34{T}%){T}; 41{T}% est dans le quart central"),
        ({"half_area": 0.1}, "est concentré, surtout en haut à droite"),
        ({"half_area": 0.45}, "est étalé, un peu plus en haut à droite"),
        ({"top_row": 1, "top_column": 1}, "surtout au centre"),
        ({"top_row": 2, "top_column": 0}, "surtout en bas à gauche"),
        ({"against_share": 0.3}, f"30{T}% parle contre cette catégorie"),
        ({"empty": True, "against_share": 1.0}, "tout ce qui compte parle contre elle"),
        ({"empty": True}, "ni contre elle"),
    ],
)
def test_a_map_is_told_by_its_numbers(changes: dict[str, object], wanted: str) -> None:
    """Where the mass lies, how much of it is central, how wide it is, what speaks against."""
    (photo,) = make_explanation().photos
    told = maps.said(map_of(**changes), photo)
    assert told.startswith(f"Carte de «{N}é{N}» par RISE. ")
    assert wanted in told
    assert f"a laissé de côté 50{T}% de la photo" in told


def test_little_against_is_not_told() -> None:
    """Less than a twentieth against the class is noise to a reader."""
    (photo,) = make_explanation().photos
    assert "contre" not in maps.said(map_of(against_share=0.049), photo)


def test_what_a_cam_has_against_is_not_told() -> None:
    """It is half of the map whatever the photo, where the embedding is normalised."""
    (photo,) = make_explanation().photos
    assert "contre" not in maps.said(replace(map_of(against_share=0.5), method="hirescam"), photo)


def test_a_photo_seen_whole_has_no_hatching() -> None:
    """Nothing is said of a crop that left nothing out."""
    (photo,) = make_explanation().photos
    assert maps.unseen(replace(photo, seen=(0.0, 0.0, 1.0, 1.0))) == ""


def test_maps_speak_english() -> None:
    """The sentences have their English, in its own order and numbers."""
    (photo,) = make_explanation().photos
    with speaking("en"):
        told = maps.said(map_of(), photo)
    assert told.startswith(
        "Map of “é” by RISE. What speaks for it is mostly at the top right (34%)"
    )
    assert "crop left out 50% of the photo" in told


@pytest.mark.parametrize(
    ("reason", "several", "wanted"),
    [
        (SelectionReason(rule="surest-wrong", label="A"), 1, "l’erreur la plus sûre"),
        (SelectionReason(rule="surest-right", label="A"), 3, f"une des 3{N}bonnes réponses"),
        (SelectionReason(rule="least-sure-right", label="A"), 1, "la bonne réponse la moins sûre"),
        (SelectionReason(rule="confusion", label="A", predicted="B"), 1, f"pour «{N}B{N}», la"),
        (SelectionReason(rule="shared", label="A"), 2, f"une des 2{N}photos"),
    ],
)
def test_the_rule_is_told(reason: SelectionReason, several: int, wanted: str) -> None:
    """Each photo says which rule chose it, and among how many."""
    spec = ExplainSpec(photos_per_rule=several, shared_per_class=several)
    assert wanted in printed("reason", reason, spec)


def test_the_key_has_the_colours_of_the_maps() -> None:
    """The style sheet's gradient is the scale of the overlays, at equal steps."""
    css = (ROOT / "site_src/assets/cartes.css").read_text(encoding="utf-8")
    found = re.search(r"linear-gradient\(to right, (#[^)]*)\)", css)
    assert found is not None
    stops = np.array([list(bytes.fromhex(one[1:])) for one in found[1].split(", ")])
    wanted = INFERNO[np.linspace(0, 255, len(stops)).round().astype(int)]
    assert np.abs(stops.astype(int) - wanted.astype(int)).max() <= 1


# ------------------------------------------------------------------- faithfulness


def measured(beats: Iterable[tuple[str, ...]], method: str = "rise") -> CaseExplanation:
    """A record whose method beats these controls, one measure each."""
    area = Metric(name="x", value=0.5, low=0.4, high=0.6, n=9)
    return make_explanation(
        faithfulness=tuple(
            Faithfulness(method=method, measure=m, baseline=b, area=area, beats=beaten)  # type: ignore[arg-type]
            for (m, b), beaten in zip(map(str.split, WORDS["measures"]), beats, strict=False)
        )
    )


BOTH, ONE = ("random", "centre"), ("random",)


@pytest.mark.parametrize(
    ("beats", "tag", "verdict"),
    [
        ((BOTH,) * 4, "bat les deux témoins", f"dans les 4{N}mesures"),
        ((BOTH,), "bat les deux témoins", "dans la seule mesure faite"),
        (
            (BOTH, BOTH, ONE, ()),
            f"bat les deux témoins{N}: 2{N}mesures sur 4",
            f"que dans 2{N}mesures",
        ),
        ((BOTH, ONE, ONE, ()), f"bat les deux témoins{N}: une mesure sur 4", "que dans une mesure"),
        ((ONE,) * 4, "ne bat pas les deux témoins", "dans aucune mesure"),
        ((), "", None),
    ],
)
def test_a_method_is_labelled_by_its_measures(
    beats: tuple[tuple[str, ...], ...], tag: str, verdict: str | None
) -> None:
    """Both controls beaten everywhere, somewhere, nowhere, or not measured."""
    found = measured(beats)
    told = [printed("faithful", row) for row in faithfulness.verdicts(found)]
    assert (len(told) == 0) if verdict is None else (verdict in told[0])
    won, of = faithfulness.score(found, "rise")
    empty = {key: [] for key in ("maps", "reasons", "links", "chances", "others")}
    group = {"method": "RISE", "won": won, "of": of, "href": "#", "maps": []}
    answer = {"label": "a", "predicted": "a", "sure": 1.0, "true": 1.0}
    photo = {"anchor": "a", "title": "", "right": True, "answer": answer, "photo": None,
             "groups": [group], **empty}  # fmt: skip
    assert re.findall('"v-tag [^>]*>([^<]*)<', markup("explained", photo, of="_maps.jinja")) == (
        [tag] if tag else []
    )


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0.1, 0.29, "presque rien"),
        (-0.2, 0.1, "presque rien"),
        (0.1, 0.5, "on ne peut dire ni"),
        (-0.6, -0.4, "on ne peut dire ni"),
        (0.75, 0.9, "presque les mêmes"),
        (None, None, "trop peu pour en conclure"),
    ],
)
def test_the_interval_of_what_is_left_chooses_the_sentence(
    toys: StudyResults, low: float | None, high: float | None, wanted: str
) -> None:
    """Little or all of the maps is left where the interval shows it; else nothing is claimed."""
    value = 0.2 if low is None or high is None else (low + high) / 2
    rows = tuple(
        Randomisation(
            method="chefer",
            share=share,
            similarity=Metric(name="s", value=one, low=low, high=high, n=2),
        )
        for share, one in ((0.5, 0.99), (1.0, value), (0.75, 0.98))
    )
    results = replace(toys, explanations={toys.runs[0].case: make_explanation(randomisation=rows)})
    here = Here(view_of(results), "etudes/jouets/explicabilite.md")
    (row,) = faithfulness.randomised(here)
    said = printed("randomised", row)
    assert wanted in said
    assert ("a appris" in said) == (wanted == "presque rien")


def test_the_most_faithful_method_is_chosen() -> None:
    """The method that beats the controls most often goes first; the first of equals."""
    own = measured((BOTH, ONE), "hirescam")
    both = replace(
        own,
        faithfulness=(*own.faithfulness, *measured((BOTH, BOTH)).faithfulness),
        methods=explained.METHODS,
    )
    assert faithfulness.best_method([both]) == "rise"
    assert faithfulness.best_method([replace(both, faithfulness=())]) == "hirescam"
    assert faithfulness.best_method([]) is None


# -------------------------------------------------------------------------- pages


def test_a_study_without_maps_leads_to_none(toys: StudyResults) -> None:
    """No record: the page says how to make them, and no other page leads there."""
    pages = only(toys)
    assert [uri for uri in pages if "explicabilite" in uri] == ["etudes/jouets/explicabilite.md"]
    assert not [one for one in pages.values() if isinstance(one, str) and "explicabilite" in one]


def test_maps_are_copied_beside_the_pages(shop: StudyResults) -> None:
    """Each overlay of each case, once, under its case."""
    pages = only(shop)
    copied = {uri: path for uri, path in pages.items() if "/attention/" in uri}
    wanted = {
        shop.folder.parent / case / one.overlay
        for case, found in shop.explanations.items()
        for photo in found.photos
        for one in photo.maps
    }
    wanted |= {
        shop.folder.parent / case / name
        for case in shop.suggestions
        for name in explained.suggestion_overlays(shop, case)
    }
    assert set(copied.values()) == wanted
    assert len(copied) == len(wanted)


@pytest.mark.parametrize("overlay", ["../../secret.webp", "/etc/passwd"])
def test_an_overlay_outside_its_case_is_refused(shop: StudyResults, overlay: str) -> None:
    """A record cannot make the site copy a file from elsewhere."""
    found = shop.explanations[CASE]
    photo = found.photos[0]
    broken = replace(photo, maps=(replace(photo.maps[0], overlay=overlay),))
    results = replace(shop, explanations={CASE: replace(found, photos=(broken,))})
    with pytest.raises(ArtefactError, match="does not write"):
        only(results)


def test_a_photo_that_the_study_does_not_have_is_refused(shop: StudyResults) -> None:
    """The record's name is in the message."""
    found = shop.explanations[CASE]
    lost = replace(found.photos[0], sample_id="lost")
    results = replace(shop, explanations={CASE: replace(found, photos=(lost,))})
    with pytest.raises(ReportError, match=r"attention\.json: explains 'lost'"):
        only(results)


def test_a_case_page_has_every_photo_with_its_reason(shop: StudyResults) -> None:
    """All photos of the case, errors first, each with its rule, its classes and its maps."""
    page = text(only(shop), CASE_PAGE)
    cards = re.findall(r"<article.*?</article>", page, re.DOTALL)
    found = shop.explanations[CASE]
    assert len(cards) == len(found.photos)
    for card in cards:
        assert "Choisie par règle" in card
        assert len(re.findall(r"<li[^>]*style=\"--share:", card)) == len(found.classes)
        wrong = "v-explained--wrong" in card
        assert card.count('class="v-map__overlay"') == (4 if wrong else 2)
    sides = ["wrong" if "v-explained--wrong" in card else "right" for card in cards]
    assert sides == sorted(sides, reverse=True)


def test_photos_without_licence_leave_words_alone(shop: StudyResults) -> None:
    """Neither photo nor overlay, but what they show is said, and the page says why."""
    kept = builder.without(shop, redistributable=False)
    pages = only(kept, photos="redistributable")
    for uri in (PAGE, CASE_PAGE):
        page = text(pages, uri)
        assert "<img" not in page
        assert "restent de côté elles aussi" in page
        assert "dans le quart central" in page
    assert not [one for one in pages.values() if isinstance(one, Path)]


def test_many_classes_are_folded(shop: StudyResults) -> None:
    """Beyond a handful the improbable classes are folded, but for the true one."""
    found = shop.explanations[CASE]
    photo = next(one for one in found.photos if one.label != one.predicted)
    classes = (*found.classes, *(f"c{i}" for i in range(20)))
    rest = [0.02] * 20
    chances = tuple(0.001 if c == photo.label else 0.1 for c in found.classes)
    long = replace(
        found, classes=classes, photos=(replace(photo, probabilities=(*chances, *rest)),)
    )
    page = text(only(replace(shop, explanations={CASE: long})), CASE_PAGE)
    assert f"16{N}autres catégories" in page
    before = page[: page.index(f"16{N}autres catégories")]
    assert "vraie catégorie)" in before


def test_wrong_answers_show_both_classes_on_one_scale(shop: StudyResults) -> None:
    """The predicted class's map, then the true class's, by each method."""
    view = view_of(shop)
    page = built(view, "explain_case", view.case_slugs[CASE])
    assert isinstance(page, dict)
    errors = [one for one in shop.explanations[CASE].photos if one.label != one.predicted]
    assert len(page["wrong"]) == len(errors) > 0
    told = {one["title"]: one for one in page["wrong"]}
    for photo in errors:
        for group in told[view.cards[photo.sample_id].title or ""]["groups"]:
            assert [one["label"] for one in group["maps"]] == [photo.predicted, photo.label]
            assert all("de l’échelle" in one["caption"] for one in group["maps"])


def test_the_same_photo_across_models_is_explained_by_rise(shop: StudyResults) -> None:
    """Shared photos alone, one case a model, the true class by the method that compares."""
    page = built(view_of(shop), "explain")
    assert isinstance(page, dict)
    assert page["across"] is not None
    compared = page["across"]["photos"]
    assert len(compared) == len(builder.AWKWARD)  # one shared photo a class
    for one in compared:
        assert [variant["method"] for variant in one["variants"]] == ["RISE", "RISE"]
        maps_shown = [variant["map"] for variant in one["variants"] if variant["map"]]
        assert {shown["label"] for shown in maps_shown} == {one["label"]}


def test_what_a_description_changed_is_told(shop: StudyResults) -> None:
    """The texts, the probabilities before and after, and the answer, largest change first."""
    page = built(view_of(shop), "explain")
    assert isinstance(page, dict)
    (model,) = page["prompts"]
    compared = model["photos"]
    changes = []
    for one in compared:
        base, described = one["variants"]
        assert base["words"]["texts"] == (one["label"],)
        assert described["words"]["texts"] == (f"Things of {one['label']}, and more",)
        (change,) = one["changes"]
        said = printed("changed", change)
        before, after = (percent(one["probability"]) for one in (base, described))
        assert f"passe de {before} à {after}" in said
        found = re.search(r"\(([+−\u2212]?[\d,]+)", said)
        assert found is not None
        changes.append(abs(float(found[1].replace(",", ".").replace("\u2212", "-"))))
        if described["right"] and not base["right"]:
            assert "devient juste" in said
    assert changes == sorted(changes, reverse=True)


def test_maps_that_failed_are_told(shop: StudyResults) -> None:
    """The reason stands on the page, beside the maps of the other cases."""
    case = "boutique/embedded/noms"
    failure = ExplainFailure(study="boutique", case=case, error="out of memory; lower the batch")
    others = {one: found for one, found in shop.explanations.items() if one != case}
    page = text(only(replace(shop, explanations=others, explain_failures={case: failure})), PAGE)
    assert "out of memory; lower the batch" in page
    assert f"</strong>{N}: sans carte" in page


def test_a_study_whose_maps_all_failed_says_why(shop: StudyResults) -> None:
    """The page stands, with the reasons alone."""
    case = "boutique/embedded/noms"
    failure = ExplainFailure(study="boutique", case=case, error="out of memory; lower the batch")
    alone = replace(shop, explanations={}, suggestions={}, explain_failures={case: failure})
    page = text(only(alone), PAGE)
    assert "out of memory; lower the batch" in page
    assert "<h3" not in page
    assert "v-bar" not in page


def test_numbers_of_the_faithfulness_table(shop: StudyResults) -> None:
    """Areas with their intervals, controls too; a method that fails says against which."""
    table = faithfulness.areas(view_of(shop), shop.explanations[CASE])
    assert table is not None
    rows = {row.cells[0].text: row.cells[1:] for row in table.groups[0].rows}
    assert set(rows) == {"HiResCAM", "RISE", f"Témoin{N}: carte au hasard",
                         f"Témoin{N}: centre de la photo"}  # fmt: skip
    assert [cell.tag for cell in rows["RISE"]] == ["bat les deux"] * 4
    assert [cell.tag for cell in rows["HiResCAM"]] == ["bat les deux", "ne bat aucun témoin"] * 2
    areas = [one for one in shop.explanations[CASE].faithfulness if one.method == "rise"]
    shown = {cell.text for cell in rows["RISE"]}
    assert shown == {f"{one.area.value:.3f}".replace(".", ",") for one in areas}
    assert all(re.fullmatch(r"\[0,\d{3}\u202f;\u00a00,\d{3}\]", c.note) for c in rows["RISE"])


def test_a_suggestion_is_told_with_its_measure(shop: StudyResults) -> None:
    """What validation gains, with its interval; the texts added; what nothing names."""
    (section,) = built(view_of(shop), "suggestion")["sections"]
    said = printed("proposed", section["suggestion"], section["share"])
    assert f"passe de 66,7{T}% à 75,0{T}%" in said
    assert f"IC{N}95{T}% [−20,0{T};{N}35,0]".replace("−", "\u2212") in said
    assert f"2{N}photos gagnées, 1{N}perdue" in said
    assert "rien n’est établi" in said
    assert section["suggestion"].proposal.name == "descriptions-precises"
    (only_class,) = section["classes"]  # the others have nothing to tell
    validated = printed("validated", only_class["validated"])
    assert "1 sur 3" in validated
    assert "3 avec la proposition" in validated
    assert list(only_class["added"]["texts"]) == ["Candles & lanterns"]
    (confusion,) = only_class["confusions"]
    assert [one["label"] for one in confusion["photos"][0]["maps"]] == list(builder.AWKWARD[1::-1])
    assert only_class["uncovered"] is not None


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [(0.01, 0.2, "le gain est flatteur"), (-0.2, -0.01, "à écarter"), (-0.1, 0.1, "contient zéro")],
)
def test_the_interval_chooses_what_is_said_of_a_proposal(
    shop: StudyResults, low: float, high: float, wanted: str
) -> None:
    """A gain, a loss, or nothing that these photos can show."""
    found = shop.suggestions[explained.SUGGESTED]
    assert found.gain is not None
    changed = replace(found, gain=replace(found.gain, low=low, high=high))
    results = replace(shop, suggestions={explained.SUGGESTED: changed})
    (section,) = built(view_of(results), "suggestion")["sections"]
    assert wanted in printed("proposed", section["suggestion"], section["share"])


def test_a_suggestion_without_proposal_says_so(shop: StudyResults) -> None:
    """Where no text is missing, there is nothing to try."""
    found = replace(shop.suggestions[explained.SUGGESTED], proposal=None, after=None, gain=None)
    results = replace(shop, suggestions={explained.SUGGESTED: found})
    (section,) = built(view_of(results), "suggestion")["sections"]
    said = printed("proposed", section["suggestion"], section["share"])
    assert "Rien n’est proposé" in said
    assert "ajoutez" not in text(only(results), "etudes/boutique/textes-plus-precis.md")
    assert f"ces textes en classent bien 66,7{T}%" in said


def test_errors_lead_to_their_maps(shop: StudyResults) -> None:
    """From the comparison and beside each matrix of confusion, to the page of the case."""
    pages = only(shop)
    target = "explicabilite/boutique-embedded-descriptions.html#erreurs"
    for name in ("comparaison", "clip-zero-shot"):
        page = text(pages, f"etudes/boutique/{name}.md")
        assert target.replace("#", "&#35;") in page or target in page
    assert "ont compté" not in text(
        only(replace(shop, explanations={})), "etudes/boutique/comparaison.md"
    )


def test_rise_on_some_photos_is_told(shop: StudyResults) -> None:
    """Where RISE explains but some of the photos, the page says how many."""
    found = shop.explanations[CASE]
    some = tuple(
        photo
        if i < 3
        else replace(photo, maps=tuple(one for one in photo.maps if one.method != "rise"))
        for i, photo in enumerate(found.photos)
    )
    assert "RISE, qui lit" not in text(only(shop), CASE_PAGE)
    page = text(only(replace(shop, explanations={CASE: replace(found, photos=some)})), CASE_PAGE)
    assert f"RISE, qui lit chaque photo 300 fois, n’explique que 3{N}d’entre elles" in page


def test_a_doubted_method_comes_with_a_caution(shop: StudyResults) -> None:
    """Where RISE beats the controls nowhere, the comparison of models says so."""
    found = shop.explanations
    assert "vaille mieux que les témoins" not in text(only(shop), PAGE)
    doubted = {
        case: replace(
            one,
            faithfulness=tuple(
                replace(row, beats=()) if row.method == "rise" else row for row in one.faithfulness
            ),
        )
        for case, one in found.items()
    }
    page = text(only(replace(shop, explanations=doubted)), PAGE)
    assert "Rien ne montre ici que RISE vaille mieux que les témoins" in page
    # Between prompt sets it is HiResCAM that is shown then: it beats them somewhere.
    assert "par HiResCAM, qui bat le plus souvent les témoins" in page


def test_little_probability_is_not_zero(shop: StudyResults) -> None:
    """The true class is never said to have 0,0 %."""
    found = shop.explanations[CASE]
    photo = next(one for one in found.photos if one.label != one.predicted)
    rest = [0.00001 if one == photo.label else 0.3 for one in found.classes]
    told = report_explained.answered(found.classes, replace(photo, probabilities=tuple(rest)))
    assert printed("answered", told).endswith(f"a moins de 0,1{T}%")


def test_a_suggestion_needs_no_maps_of_the_test(shop: StudyResults) -> None:
    """A study may have suggestions alone: they have their page, and the conclusion leads there."""
    pages = only(replace(shop, explanations={}))
    assert "Candles" in text(pages, "etudes/boutique/textes-plus-precis.md")
    assert "veille explain boutique" in text(pages, PAGE)
    assert 'href="textes-plus-precis.html"' in text(pages, "etudes/boutique/index.md")


def test_a_description_that_changes_nothing_is_told_so(shop: StudyResults) -> None:
    """Equal probabilities stay; they do not "go from 90 % to 90 %"."""
    found = shop.explanations["boutique/embedded/noms"]
    same = {
        case: replace(found, case=case)
        for case in ("boutique/embedded/noms", "boutique/embedded/descriptions")
    }
    page = built(view_of(replace(shop, explanations=same)), "explain")
    assert isinstance(page, dict)
    (model,) = page["prompts"]
    changes = [change for one in model["photos"] for change in one["changes"]]
    assert all(" reste à " in printed("changed", change) for change in changes)
