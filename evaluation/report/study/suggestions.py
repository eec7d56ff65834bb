"""More precise descriptions, from what the maps and the errors of validation show.

Everything here was measured on the validation photos: the test has not been looked at, so that
a proposal may still be scored on it.
"""

from __future__ import annotations

from typing import Any

from evaluation.records import (
    ClassSuggestion,
    Metric,
    RunRecord,
    Suggestion,
    UncoveredSubcategory,
    ValidationConfusion,
)
from evaluation.report.kit import wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.sentence import Part, Sentence, say
from evaluation.report.kit.tables import COUNT, Cell, Col, Table, decimals, measured, number, table
from evaluation.report.study import explained, maps
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, trace

Model = dict[str, Any]


def sections(here: Here) -> tuple[Model, ...]:
    """One section for each case that something was suggested for."""
    return tuple(
        _section(here, here.view.runs[case], found) for case, found in here.view.suggestions.items()
    )


def _section(here: Here, run: RunRecord, found: Suggestion) -> Model:
    return {
        "title": here.view.case_title(run),
        "said": _measured(here, run, found),
        "verdict": _verdict(found),
        # How to measure a proposal on the test.
        "proposal": found.proposal.name if found.proposal else "",
        "far": found.far,
        "classes": tuple(
            _class(here, run, found, one)
            for one in found.classes
            if one.confusions or one.uncovered
        ),
    }


def _measured(here: Here, run: RunRecord, found: Suggestion) -> Sentence:
    before = Part(text=_share(found.before), href=here.run(run.case), title=trace(run))
    photos = nt(found.before.n, "{n} photo", "{n} photos")
    if found.after is None or found.gain is None:
        return say(
            "Sur {photos} de validation, ces textes en classent bien {before}.",
            photos=photos,
            before=before,
        )
    return say(
        "Sur {photos} de validation, l’exactitude passe de {before} à {after} ({gain}) : "
        "{won}, {lost}.",
        photos=photos,
        before=before,
        after=_share(found.after),
        gain=_gain(found.gain),
        won=nt(found.only_after, "{n} photo gagnée", "{n} photos gagnées"),
        lost=nt(found.only_before, "{n} perdue", "{n} perdues"),
    )


def _share(metric: Metric) -> str:
    return wording.DASH if metric.value is None else wording.percent(metric.value)


def _gain(gain: Metric) -> str:
    points = wording.points(gain.value or 0.0)
    if gain.low is None or gain.high is None:
        return points
    return t(
        "{points}, IC 95 % {interval}",
        points=points,
        interval=wording.interval(gain.low, gain.high),
    )


def _verdict(found: Suggestion) -> str:
    if found.proposal is None or found.gain is None:
        return t(
            "Rien n’est proposé : aucune sous-catégorie n’est oubliée là où des photos se "
            "perdent, ou la nommer n’en fait gagner aucune."
        )
    low, high = found.gain.low, found.gain.high
    if low is not None and low > 0:
        return t(
            "L’intervalle exclut zéro. Mais les mêmes photos ont choisi les textes gardés : "
            "le gain est flatteur, et seul le test dira ce qu’il vaut."
        )
    if high is not None and high < 0:
        return t("La proposition fait moins bien : elle est à écarter.")
    return t(
        "L’intervalle contient zéro, et les mêmes photos ont choisi les textes gardés : rien "
        "n’est établi."
    )


def _class(here: Here, run: RunRecord, found: Suggestion, one: ClassSuggestion) -> Model:
    """What validation says of one class: its confusions, the texts of the case, those added."""
    kept = found.proposal.texts.get(one.label, ()) if found.proposal else ()
    return {
        "summary": _counted(one),
        "confusions": tuple(_confusion(here, run, pair) for pair in one.confusions),
        "uncovered": _uncovered(here.view, run, one) if one.uncovered else None,
        "texts": explained.words(one.texts, run),
        "added": explained.words(tuple(text for text in kept if text not in one.texts), run),
    }


def _counted(one: ClassSuggestion) -> str:
    values = {
        "label": one.label,
        "correct": wording.count(one.correct),
        "of": nt(one.photos, "{n} photo", "{n} photos"),
    }
    if one.correct_after is None or one.correct_after == one.correct:
        return t("{label} : {correct} sur {of} de validation bien classées", **values)
    return t(
        "{label} : {correct} sur {of} de validation bien classées, {after} avec la proposition",
        after=wording.count(one.correct_after),
        **values,
    )


def _confusion(here: Here, run: RunRecord, pair: ValidationConfusion) -> Model:
    """A class taken for another, and photos that show it."""
    photos = []
    for photo in pair.photos:
        card = explained.card_of(here.view, run.case, photo)
        pictures = tuple(
            maps.map_of(here, run.case, photo, drawn, card=card) for drawn in photo.maps
        )
        photos.append(
            {
                "title": card.title or card.id,
                "verdict": explained.verdict(run.classes, photo),
                "photo": maps.photo_picture(here, card),
                "maps": pictures,
            }
        )
    said = nt(
        pair.count,
        "{n} photo prise pour « {predicted} »",
        "{n} photos prises pour « {predicted} »",
        predicted=pair.predicted,
    )
    return {"said": said, "photos": tuple(photos)}


def _uncovered(view: StudyView, run: RunRecord, one: ClassSuggestion) -> Table:
    why = trace(run)
    lang = run.prompts.language if run.prompts else ""

    def proposed(found: UncoveredSubcategory) -> Cell:
        note = t("ajouté par la proposition") if found.added else t("laissé de côté")
        return Cell(text=found.text, lang=lang, note=note)

    def errors(found: UncoveredSubcategory) -> Cell:
        wrong, of = found.validation_errors, found.validation_photos
        text = t("{wrong} sur {of}", wrong=wording.count(wrong), of=wording.count(of))
        return measured(text, wrong, title=why)

    return table(
        f"oubliees-{view.case_slugs[run.case]}-{view.study.classes.index(one.label)}",
        t("« {label} » : sous-catégories que ses textes ne nomment pas", label=one.label),
        one.uncovered,
        Col(t("Sous-catégorie"), lambda found: found.name, numeric=False),
        Col(t("Texte proposé"), proposed, numeric=False),
        Col(
            t("Apprentissage"),
            lambda found: number(found.train_photos, COUNT, title=why),
            t("photos"),
        ),
        Col(t("Validation"), errors, t("erreurs sur photos")),
        Col(
            t("Texte le plus proche"),
            lambda found: Cell(text=found.nearest_text, lang=lang, title=why),
            numeric=False,
        ),
        Col(t("Cosinus"), lambda found: number(found.similarity, decimals(2), title=why)),
        kind="plain",
    )
