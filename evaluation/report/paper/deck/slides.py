"""The slides of the story: context, data, approaches, results, maps, conclusion."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from evaluation.records import CaseExplanation, ExplainedPhoto, RunRecord, SampleCard
from evaluation.report.kit import wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.page import claim
from evaluation.report.pages import dataset, prompts, summary, zero_shot
from evaluation.report.paper.deck.blocks import (
    Block,
    Slide,
    albums,
    block,
    figure,
    picture,
    slide,
    tables,
    words,
)
from evaluation.report.site.standalone import embed
from evaluation.report.study import faithfulness
from evaluation.report.study.accuracy import interval_chart
from evaluation.report.study.answer import answer, brief
from evaluation.report.study.here import Here
from evaluation.report.study.matrix import VERDICTS
from evaluation.report.study.photos import WITHHELD
from evaluation.report.study.quoted import slide_tables
from evaluation.report.study.sentences import class_finding, findings, tell
from evaluation.report.study.slices import slices
from evaluation.report.study.strays import strays
from evaluation.report.study.texts import contrast, contrast_table, drawing
from evaluation.report.study.view import StudyView, best, bounds, shown
from evaluation.stores.pictures import own_picture

_CHARTED = 14
"""Classes of a chart that a slide holds."""

_SHELVES = 9
"""Classes whose photos a slide holds."""

_MAPS = 5
"""Photos with their maps on a slide."""

_POINTS = 4
"""Sentences that a slide holds beside a figure."""

_NAME = 36
"""Characters of a line of the first column of a dense table."""


def main_slides(here: Here) -> tuple[Slide, ...]:
    """The story, in its order; what has nothing to show is left out."""
    view = here.view
    question = words(wording.told(view.study.question), style="answer")
    return (
        slide(
            view.title,
            question,
            block("facts", facts=summary.facts(here)),
            kicker=t("Veille technique : CLIP"),
            layout="cover",
        ),
        slide(t("Contexte"), question, block("context")),
        *_data(here),
        slide(t("Deux approches"), _approaches(view)),
        *_drawing(here),
        *tables(t("Enrichir les textes"), contrast_table(here), rows=8),
        _results(here),
        *_quoted(here),
        *_duel(here),
        *tables(t("Tranches"), (slices(here) or {}).get("worst"), rows=8, line=_NAME),
        *tables(
            t("Photos d’aucune catégorie"), (strays(here) or {}).get("chosen"), rows=8, line=_NAME
        ),
        *_class_gains(here),
        *_maps(here),
        slide(
            t("Conclusion"),
            words(answer(here), style="answer"),
            words(*summary.conclusions(here)[:_POINTS]),
        ),
        slide(
            t("Perspectives et limites"),
            block(
                "perspectives",
                subcategories=summary.subcategories(here),
                test=view.test_images,
                maps=explained(view) is not None,
            ),
        ),
    )


# ---------------------------------------------------------------------------- data


def _data(here: Here) -> Iterator[Slide]:
    """A few photos of each class where they may be shown, then the parts of the split."""
    view = here.view
    if view.photos_shown:
        shelves = [
            {
                "title": label,
                "note": nt(len(view.samples(label)), "{n} photo", "{n} photos"),
                "pictures": [picture(here, card) for card in diverse(view, label, 3)],
            }
            for label in view.study.classes
        ]
        yield from albums(t("Jeu de données : les catégories"), shelves, _SHELVES)
    title = t("Jeu de données : le découpage")
    intro = words(dataset.intro(view), style="note")
    notice = () if view.photos_shown else (words(t(WITHHELD), style="note"),)
    if len(view.study.classes) <= _CHARTED:
        yield slide(title, intro, figure(dataset.chart(view)), *notice)
        return
    for page in tables(title, dataset.counts(here), rows=11, dense=False):
        yield {**page, "blocks": (intro, *page["blocks"], *notice)}


def diverse(view: StudyView, label: str, number: int) -> tuple[SampleCard, ...]:
    """Photos of a class that differ: one a sub-category, or spread over the test part."""
    cards = view.samples(label, "test") or view.samples(label)
    kinds: dict[str, SampleCard] = {}
    for card in cards:
        if card.subcategory:
            kinds.setdefault(card.subcategory, card)
    chosen = list(kinds.values())[:number]
    rest = [card for card in cards if card not in chosen]
    missing = number - len(chosen)
    if missing > 0 and rest:
        chosen += rest[:: max(1, len(rest) // missing)][:missing]
    return tuple(chosen)


def _drawing(here: Here) -> Iterator[Slide]:
    """A photo's way to its class; left out where the texts would not fit."""
    drawn = drawing(here, picture) if len(here.view.study.classes) <= _CHARTED else None
    if drawn is not None:
        yield slide(t("D’une photo à une réponse"), block("drawing", **drawn))


def _approaches(view: StudyView) -> Block:
    def titles(runs: Iterable[RunRecord]) -> list[str]:
        return list(dict.fromkeys(view.model_name(run.model.name) for run in runs))

    return block(
        "approaches",
        train=sum(card.fold == "train" for card in view.study.samples),
        test=view.test_images,
        trained=titles(view.supervised),
        free=titles(view.zero_shot),
    )


# ------------------------------------------------------------------------- results


def _results(here: Here) -> Slide:
    chart = (figure(interval_chart(here)),) if here.view.scored else ()
    return slide(t("Résultats"), words(brief(here), style="answer"), *chart)


def _quoted(here: Here) -> Iterator[Slide]:
    view = here.view
    if view.scored or view.study.reference:
        recalls, f1 = slide_tables(view.study.reference, view.study.classes, here)
        for title, table, fixed in (
            (t("Précision et rappel par catégorie"), recalls, 1),
            (t("Exactitude et F1 par catégorie"), f1, 2),
        ):
            yield from tables(title, table, rows=16, columns=10, fixed=fixed, line=_NAME)


def _duel(here: Here) -> Iterator[Slide]:
    """The best supervised case against the best zero-shot one, with the verdict of the tests."""
    view = here.view
    trained, free = best(view.supervised), best(view.described)
    if trained is None or free is None:
        return
    verdict = None
    if pair := view.pair(trained.case, free.case):
        word, ahead = t(VERDICTS[pair.verdict]), view.case_name(pair.a)
        verdict = {"pair": pair, "word": word, "ahead": ahead}
    claims = findings(here, "training", "leaders")[:1] + findings(here, "quoted")[:1]
    sides = [
        {
            "title": view.case_title(run),
            "tone": "supervised" if run.model.learns else "zero-shot",
            "accuracy": shown(run.metric("accuracy")),
            "interval": bounds(run.metric("accuracy")),
        }
        for run in (trained, free)
    ]
    yield slide(
        t("Supervisé ou zero-shot : qui l’emporte"),
        block("duel", sides=sides, verdict=verdict),
        words(*claims),
    )


def _class_gains(here: Here) -> Iterator[Slide]:
    """What the enriched texts change, class by class: as tested, or as measured."""
    view, pair = here.view, contrast(here.view)
    if pair is None or len(view.study.classes) > _CHARTED:
        return
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
        return
    notes = words(*claims[:1], said, style="note")
    yield slide(t("Enrichir les textes : catégorie par catégorie"), notes, figure(chart))


# ---------------------------------------------------------------------------- maps


def _maps(here: Here) -> Iterator[Slide]:
    """Right answers, then wrong ones; nothing while no map was made, or may be shown."""
    chosen = explained(here.view)
    if chosen is None:
        return
    run, explanation = chosen
    note = claim(
        "explained", case=here.view.case_title(run), verdicts=faithfulness.verdicts(explanation)
    )
    titles = (
        t("Cartes d’attention : prédictions correctes"),
        t("Cartes d’attention : prédictions incorrectes"),
    )
    shown_photos = [photo for photo in explanation.photos if photo.maps]
    for title, right in zip(titles, (True, False), strict=True):
        photos = [photo for photo in shown_photos if (photo.label == photo.predicted) is right]
        shelves = [_explained_shelf(here, explanation, photo) for photo in photos[:_MAPS]]
        if shelves:
            album = block("album", style="maps", shelves=shelves)
            yield slide(title, words(note, style="note"), album)


def explained(view: StudyView) -> tuple[RunRecord, CaseExplanation] | None:
    """The case whose maps are shown: the best zero-shot one that has them."""
    if not view.photos_shown:
        return None
    ordered = sorted(view.described, key=lambda run: run is not best(view.described))
    for run in (*ordered, *view.supervised):
        explanation = view.results.explanations.get(run.case)
        if explanation is not None and any(photo.maps for photo in explanation.photos):
            return run, explanation
    return None


def _explained_shelf(
    here: Here, explanation: CaseExplanation, photo: ExplainedPhoto
) -> Mapping[str, Any]:
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
