"""More precise descriptions, from what the maps and the errors of validation show.

Everything here was measured on the validation photos: the test has not been looked at, so that
a proposal may still be scored on it.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from evaluation.report.kit.tables import Cell, Column, Group, Row, Table, head, measured
from evaluation.report.study import explained, maps
from evaluation.report.study.explained import Words
from evaluation.report.study.here import Here
from evaluation.report.study.maps import Map, Picture
from evaluation.report.study.view import StudyView, trace


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPhoto:
    """A validation photo that was taken for another class."""

    title: str
    verdict: str
    photo: Picture | None
    maps: tuple[Map, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """A class taken for another, and photos that show it."""

    said: str
    photos: tuple[ErrorPhoto, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassSection:
    """What validation says of one class."""

    summary: str
    confusions: tuple[Confusion, ...]
    uncovered: Table | None
    texts: Words
    """Those of the case."""
    added: Words
    """Those that the proposal adds; empty when it adds none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionSection:
    """What is suggested for one case."""

    title: str
    said: Sentence
    verdict: str
    next: str
    """How to go on, or ""."""
    rule: str
    classes: tuple[ClassSection, ...]


def sections(here: Here) -> tuple[SuggestionSection, ...]:
    """One section for each case that something was suggested for."""
    return tuple(
        _section(here, here.view.runs[case], found) for case, found in here.view.suggestions.items()
    )


def _section(here: Here, run: RunRecord, found: Suggestion) -> SuggestionSection:
    return SuggestionSection(
        title=here.view.case_title(run),
        said=_measured(here, run, found),
        verdict=_verdict(found),
        next=_next(found),
        rule=t(
            "Une sous-catégorie passe pour oubliée quand aucun texte de sa catégorie ne lui "
            "ressemble à plus de {far} (cosinus) : c’est le niveau que neuf sous-catégories "
            "sur dix n’atteignent pas avec les textes des autres catégories. Elle n’est ajoutée "
            "que si la validation en perd des photos, et en gagne quand on la nomme.",
            far=wording.decimal(found.far, 2),
        ),
        classes=tuple(
            _class(here, run, found, one)
            for one in found.classes
            if one.confusions or one.uncovered
        ),
    )


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


def _next(found: Suggestion) -> str:
    """How to measure a proposal on the test; "" without one."""
    if found.proposal is None:
        return ""
    return t(
        "Pour la mesurer sur le test, ajoutez « {name} » à la liste « prompts » de study.toml.",
        name=found.proposal.name,
    )


def _class(here: Here, run: RunRecord, found: Suggestion, one: ClassSuggestion) -> ClassSection:
    kept = found.proposal.texts.get(one.label, ()) if found.proposal else ()
    return ClassSection(
        summary=_counted(one),
        confusions=tuple(_confusion(here, run, pair) for pair in one.confusions),
        uncovered=_uncovered(here.view, run, one) if one.uncovered else None,
        texts=explained.words(one.texts, run),
        added=explained.words(tuple(text for text in kept if text not in one.texts), run),
    )


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


def _confusion(here: Here, run: RunRecord, pair: ValidationConfusion) -> Confusion:
    photos = []
    for photo in pair.photos:
        card = explained.card_of(here.view, run.case, photo)
        photos.append(
            ErrorPhoto(
                title=card.title or card.id,
                verdict=explained.verdict(run.classes, photo),
                photo=maps.photo_picture(here, card),
                maps=tuple(
                    maps.map_of(here.view, run.case, photo, one, card=card, source=here.uri)
                    for one in photo.maps
                ),
            )
        )
    return Confusion(
        said=nt(
            pair.count,
            "{n} photo prise pour « {predicted} »",
            "{n} photos prises pour « {predicted} »",
            predicted=pair.predicted,
        ),
        photos=tuple(photos),
    )


def _uncovered(view: StudyView, run: RunRecord, one: ClassSuggestion) -> Table:
    place = view.study.classes.index(one.label)
    source = trace(run)
    return Table(
        id=f"oubliees-{view.case_slugs[run.case]}-{place}",
        caption=t(
            "« {label} » : sous-catégories que ses textes ne nomment pas",
            label=one.label,
        ),
        columns=(
            Column(text=t("Sous-catégorie"), numeric=False),
            Column(text=t("Texte proposé"), numeric=False),
            Column(text=t("Apprentissage"), note=t("photos")),
            Column(text=t("Validation"), note=t("erreurs sur photos")),
            Column(text=t("Texte le plus proche"), numeric=False),
            Column(text=t("Cosinus")),
        ),
        groups=(Group(rows=tuple(_row(found, run, source) for found in one.uncovered)),),
        kind="plain",
    )


def _row(found: UncoveredSubcategory, run: RunRecord, source: str) -> Row:
    lang = run.prompts.language if run.prompts else ""
    return Row(
        cells=(
            head(found.name),
            Cell(
                text=found.text,
                lang=lang,
                note=t("ajouté par la proposition") if found.added else t("laissé de côté"),
            ),
            measured(wording.count(found.train_photos), found.train_photos, title=source),
            measured(
                t(
                    "{wrong} sur {of}",
                    wrong=wording.count(found.validation_errors),
                    of=wording.count(found.validation_photos),
                ),
                found.validation_errors,
                title=source,
            ),
            Cell(text=found.nearest_text, lang=lang, title=source),
            measured(wording.decimal(found.similarity, 2), found.similarity, title=source),
        )
    )
