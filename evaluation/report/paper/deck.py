"""A study as a deck of slides: one HTML file that stands alone, is presented and printed.

::

    records ──► story ──► templates/diaporama.html.jinja ──► one file
             (a mapping)  (_story.jinja, diaporama.css,
                           diaporama.js, fonts and photos inside)

Tables, charts and sentences are those of the site's pages.  The pages that they would lead to
are not in the file: :data:`NOWHERE`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from evaluation.records import CaseExplanation, ExplainedPhoto, RunRecord, SampleCard, StudyResults
from evaluation.report.kit import wording
from evaluation.report.kit.language import Language, nt, speaking, t, word
from evaluation.report.kit.markup import Templates
from evaluation.report.kit.page import claim
from evaluation.report.kit.tables import Table
from evaluation.report.kit.vega import Draw, vega_svg
from evaluation.report.pages import dataset, prompts, summary, zero_shot
from evaluation.report.paper.paging import paged
from evaluation.report.site import shipped
from evaluation.report.site.policy import alone_policy
from evaluation.report.site.render import translations
from evaluation.report.site.standalone import embed, sheet, stylesheet
from evaluation.report.study import faithfulness
from evaluation.report.study.accuracy import interval_chart
from evaluation.report.study.answer import answer
from evaluation.report.study.here import NOWHERE, Here
from evaluation.report.study.matrix import matrix
from evaluation.report.study.photos import photo
from evaluation.report.study.quoted import slide_tables
from evaluation.report.study.scores import cases_table, class_table, confusion_table
from evaluation.report.study.sentences import class_finding, findings, tell
from evaluation.report.study.subsets import slices, strays
from evaluation.report.study.texts import contrast, contrast_table, drawing, side_by_side
from evaluation.report.study.view import Photos, StudyView, best, bounds, shown, shows_photos
from evaluation.stores.trust import own_picture

_CHARTED = 14
"""Classes that a chart, a drawing or a confusion matrix on a slide holds."""

_VARIED = 7
"""Photos of a class on a back-up slide."""

_MAPS = 5
"""Photos with their maps on a slide."""

_NAME = 36
"""Characters of a line of the first column of a dense table."""

Model = Mapping[str, Any]


def render_deck(
    results: StudyResults,
    *,
    language: Language = "fr",
    photos: Photos = "all",
    draw: Draw = vega_svg,
) -> str:
    """The deck of a study as the text of one HTML file.

    Reads the study's small photos, which it holds; writes nothing.  Raises
    :class:`~evaluation.errors.ReportError` when one cannot be read, or for a wrong template.
    """
    may = shows_photos(photos, results.study)
    with speaking(language, translations((results,), None)):
        view = StudyView(results=results, folder="", draw=draw, photos_shown=may)
        assets, templates = shipped.SITE / "assets", shipped.TEMPLATES
        script = sheet(templates / "diaporama.js")
        deck = {
            **story(Here(view, NOWHERE)),
            "lang": language,
            "sheets": (stylesheet(assets), sheet(templates / "diaporama.css")),
            "script": script,
            "policy": alone_policy(script),
        }
        return Templates(templates).fill("diaporama.html.jinja", {"deck": deck})


def story(here: Here) -> Model:
    """The story, then what the speaker keeps at hand; what is empty has no slide."""
    view, classes = here.view, here.view.study.classes
    photos, few = view.photos_shown, len(classes) <= _CHARTED
    quoted = view.study.reference
    cited = slide_tables(quoted, classes, here) if view.scored or quoted else None
    recalls, f1 = cited or (None, None)
    worst = (slices(here) or {}).get("worst")
    chosen = (strays(here) or {}).get("chosen")
    learnt = [run for run in (best(view.supervised), best(view.described)) if run]
    tables = [class_table(here, run, view.twin(run)) for run in learnt]
    return {
        "title": view.title,
        "question": wording.told(view.study.question),
        "facts": summary.facts(here),
        "classes": [_shelf(here, label) for label in classes] if photos else [],
        "intro": dataset.intro(view),
        "parts": dataset.chart(view) if few else None,
        "counts": () if few else paged(dataset.counts(here), rows=11),
        "withheld": "" if photos else claim("withheld"),
        "train": sum(card.fold == "train" for card in view.study.samples),
        "test": view.test_images,
        "trained": _models(view, view.supervised),
        "free": _models(view, view.zero_shot),
        "drawing": drawing(here, picture) if few else None,
        "texts": paged(contrast_table(here), rows=8),
        "brief": answer(here, "brief"),
        "scores": interval_chart(here) if view.scored else None,
        "recalls": paged(recalls, rows=16, columns=10, line=_NAME),
        "f1": paged(f1, rows=16, columns=10, fixed=2, line=_NAME),
        "duel": _duel(here),
        "slices": paged(worst, rows=8, line=_NAME),
        "strays": paged(chosen, rows=8, line=_NAME),
        "gains": _class_gains(here) if few else None,
        "maps": _maps(here),
        "answer": answer(here),
        "conclusions": summary.conclusions(here),
        "subcategories": summary.subcategories(here),
        "varied": [_varied(here, label) for label in classes] if photos else [],
        "class_scores": [page for scores in tables for page in paged(scores, rows=8)],
        "confusions": _confusions(here),
        "cases": paged(cases_table(here) if view.scored else None, rows=9),
        "matrix": paged(
            matrix(here, view.compared, numbered=False) if view.compared else None,
            rows=4,
            columns=7,
        ),
        "study": view.study,
        "compared": view.compared,
    }


# -------------------------------------------------------------------------- photos


def picture(here: Here, card: SampleCard, caption: str = "") -> Model:
    """A small photo of the study, inside the file."""
    folder = here.view.results.folder
    src = embed(own_picture(folder, card.photo, folder.parent))
    alt = photo(here, card)["alt"]
    return {"src": src, "alt": alt, "caption": caption, "overlay": "", "tone": ""}


def diverse(view: StudyView, label: str, number: int) -> list[SampleCard]:
    """Photos of a class that differ: one a sub-category, or spread over the test part."""
    cards = view.samples(label, "test") or view.samples(label)
    kinds: dict[str, SampleCard] = {}
    for card in cards:
        if card.subcategory:
            kinds.setdefault(card.subcategory, card)
    chosen = list(kinds.values())[:number]
    rest = [card for card in cards if card not in chosen]
    missing = number - len(chosen)
    return chosen + rest[:: max(1, len(rest) // missing)][:missing] if missing else chosen


def _shelf(here: Here, label: str) -> Model:
    number = len(here.view.samples(label))
    pictures = [picture(here, card) for card in diverse(here.view, label, 3)]
    return {"title": label, "note": nt(number, "{n} photo", "{n} photos"), "pictures": pictures}


def _varied(here: Here, label: str) -> Model:
    cards = diverse(here.view, label, _VARIED)
    kinds = {card.subcategory for card in here.view.samples(label) if card.subcategory}
    note = nt(len(kinds), "{n} sous-catégorie", "{n} sous-catégories") if kinds else ""
    pictures = [picture(here, card, card.subcategory or card.title or "") for card in cards]
    return {"title": label, "note": note, "pictures": pictures}


# ------------------------------------------------------------------------- results


def _models(view: StudyView, runs: Iterable[RunRecord]) -> list[str]:
    return list(dict.fromkeys(view.model_name(run.model.name) for run in runs))


def _duel(here: Here) -> Model | None:
    """The best supervised case against the best zero-shot one, with the verdict of the tests."""
    view = here.view
    trained, free = best(view.supervised), best(view.described)
    if trained is None or free is None:
        return None
    pair = view.pair(trained.case, free.case)
    return {
        "sides": [
            {
                "title": view.case_title(run),
                "tone": "supervised" if run.model.learns else "zero-shot",
                "accuracy": shown(run.metric("accuracy")),
                "interval": bounds(run.metric("accuracy")),
            }
            for run in (trained, free)
        ],
        "pair": pair,
        "verdict": word("verdicts", pair.verdict) if pair else "",
        "ahead": view.case_name(pair.a) if pair else "",
        "claims": findings(here, "training", "leaders")[:1] + findings(here, "quoted")[:1],
    }


def _class_gains(here: Here) -> Model | None:
    """What the enriched texts change, class by class: as tested, or as measured."""
    view, pair = here.view, contrast(here.view)
    if pair is None:
        return None
    case = pair[1].case
    claims = [
        tell(here, finding)
        for finding in view.concluded.findings
        if finding.topic in {"prompts", "control"} and finding.subject == case
    ]
    gains = (gain for row in view.concluded.prompts for gain in row.gains if gain.a == case)
    if (gain := next(gains, None)) is not None:
        chart, said = prompts.gain_chart(here, gain), class_finding(here, gain)
    elif (change := zero_shot.change(here, pair[1])) is not None:
        chart, said = change, zero_shot.lead(here, pair[1])
    else:
        return None
    return {"claims": [*claims[:1], said], "chart": chart}


def _confusions(here: Here) -> list[list[Table]]:
    """What was trained beside names, then beside descriptions: who is taken for whom."""
    runs = [run for run in side_by_side(here.view) if len(run.classes) <= _CHARTED]
    pairs = [[*runs[:1], other] for other in runs[1:]] or [[run] for run in runs]
    crossed = [[confusion_table(here, run, numbered=True) for run in pair] for pair in pairs]
    return [
        [replace(table, id=f"{table.id}-{place}") for table in pair]
        for place, pair in enumerate(crossed, start=1)
    ]


# ---------------------------------------------------------------------------- maps


def _maps(here: Here) -> Mapping[Any, Any] | None:
    """Photos by whether the answer is right; None while no map was made, or may be shown.

    The case is the best zero-shot one that has maps.
    """
    view = here.view
    first = best(view.described)
    ordered = [*sorted(view.described, key=lambda run: run is not first), *view.supervised]
    for run in ordered if view.photos_shown else ():
        explanation = view.results.explanations.get(run.case)
        photos = [photo for photo in explanation.photos if photo.maps] if explanation else []
        if explanation and photos:
            verdicts = faithfulness.verdicts(explanation)
            sides = {
                right: [photo for photo in photos if (photo.label == photo.predicted) is right]
                for right in (True, False)
            }
            return {
                "note": claim("explained", case=view.case_title(run), verdicts=verdicts),
                **{
                    right: [_explained(here, explanation, photo) for photo in side[:_MAPS]]
                    for right, side in sides.items()
                },
            }
    return None


def _explained(here: Here, explanation: CaseExplanation, photo: ExplainedPhoto) -> Model:
    """A photo under each map of its first method."""
    view, root = here.view, here.view.results.folder.parent
    small = picture(here, view.cards[photo.sample_id])
    chance = photo.probabilities[explanation.classes.index(photo.predicted)]
    maps = [drawn for drawn in photo.maps if drawn.method == photo.maps[0].method]
    return {
        "title": t("Vrai : {label}", label=photo.label),
        "note": t(
            "Prédit : {label} ({share})", label=photo.predicted, share=wording.percent(chance, 0)
        ),
        "pictures": [
            {
                "src": small["src"],
                "alt": t("{photo} Carte de {label}.", photo=small["alt"], label=label),
                "caption": t("ce qui parle pour {label}", label=label),
                "overlay": embed(own_picture(root / explanation.case, drawn.overlay, root)),
                "tone": "hit" if photo.label == photo.predicted else "error",
            }
            for drawn in maps
            for label in (wording.quote(drawn.label),)
        ],
    }
