"""The models of a study: what each is, may be used for, needs, and whether it ran."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from evaluation.records import FAMILIES, Licence, ModelCard, RunRecord
from evaluation.report.kit import wording
from evaluation.report.kit.language import current, message, t
from evaluation.report.kit.page import Fact, Link
from evaluation.report.kit.sentence import Sentence, say
from evaluation.report.kit.tables import (
    Cell,
    Column,
    Group,
    Kind,
    Row,
    Table,
    absent,
    head,
    measured,
)
from evaluation.report.kit.typography import THIN
from evaluation.report.study.here import Here
from evaluation.report.study.sentences import number
from evaluation.report.study.view import Absence, StudyView, best

COMPUTED = message("calculé d’après la description du modèle : study.json")
UNKNOWN = message("inconnu tant que la description du modèle n’est pas ici")
MILLION = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """What a licence says of commercial use, in two words."""

    text: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A model."""

    anchor: str
    title: str
    kind: str
    state: str
    """In a word: evaluated, unavailable…"""
    lead: Sentence
    """Its best result; empty without one."""
    absences: tuple[Absence, ...]
    name: str
    """As the study's file calls it."""
    missing: bool
    """Whether its weights could not be had."""
    fetchable: bool
    """Whether a server has them."""
    licence: str
    badge: Badge
    training: str
    facts: tuple[Fact, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsPage:
    """The page of models."""

    title: str
    name: str
    table: Table
    cards: tuple[Card, ...]


def build(here: Here) -> ModelsPage | None:
    """The page, or None for artefacts that were written before there were cards."""
    view = here.view
    if not view.model_cards:
        return None
    return ModelsPage(
        title=view.title,
        name=view.study.name,
        table=_table(here),
        cards=tuple(_card(here, card) for card in view.model_cards.values()),
    )


# ---------------------------------------------------------------------------- table


def _table(here: Here) -> Table:
    return Table(
        id="modeles-tableau",
        caption=t("Les modèles de l’étude"),
        columns=(
            Column(text=t("Modèle"), numeric=False),
            Column(text=t("Paramètres"), note=t("millions, pour les photos")),
            Column(text=t("Calcul"), note=t("milliards d’opérations par photo")),
            Column(text=t("Photo"), note=t("pixels")),
            Column(text=t("Licence"), numeric=False),
            Column(text=t("État"), numeric=False),
        ),
        groups=(Group(rows=tuple(_row(here, card) for card in here.view.model_cards.values())),),
        note=t(
            "Paramètres et opérations sont calculés d’après la description du modèle, sans ses "
            "poids ; une multiplication et son addition comptent pour deux."
        ),
        kind="plain",
    )


def _row(here: Here, card: ModelCard) -> Row:
    badge = _badge(card.licence)
    return Row(
        cells=(
            head(
                here.view.model_name(card.model.name),
                href=here.model(card.model.name),
                note=t(FAMILIES[card.model.family].title),
            ),
            _computed(card.image_parameters and card.image_parameters / MILLION),
            _computed(card.image_gflops),
            Cell(text=_resolution(card), title=t(COMPUTED))
            if card.resolution
            else absent(t(UNKNOWN)),
            Cell(
                text=card.licence.name if card.licence else wording.DASH,
                tag=badge.text,
                kind=badge.kind,
            ),
            Cell(text=wording.sentence_case(_state(here.view, card))),
        )
    )


def _computed(value: float | None) -> Cell:
    if not value:
        return absent(t(UNKNOWN))
    return measured(wording.decimal(value, 1), value, title=t(COMPUTED))


# ----------------------------------------------------------------------------- card


def _card(here: Here, card: ModelCard) -> Card:
    view = here.view
    name = card.model.name
    absences = tuple(one for one in here.absences() if view.model_of(one.cases[0]) == name)
    top = best(_scored(view, card))
    return Card(
        anchor=view.model_anchor(name),
        title=wording.told(card.model.title),
        kind=t(FAMILIES[card.model.family].title),
        state=wording.sentence_case(_state(view, card)),
        lead=_lead(here, top) if top else (),
        absences=absences,
        name=name,
        missing=any(run.status == "unavailable" for run in _runs(view, card)),
        fetchable=_fetchable(card.model.weights),
        licence=card.licence.name if card.licence else t("licence inconnue"),
        badge=_badge(card.licence),
        training=wording.told(_in_language(card)),
        facts=tuple(fact for fact in _facts(view, card) if fact.text),
        links=_links(card),
    )


def _lead(here: Here, run: RunRecord) -> Sentence:
    return say(
        "Meilleur résultat : {number}, avec {case}.",
        number=number(here, run),
        case=wording.quote(here.view.case_title(run)),
    )


def _runs(view: StudyView, card: ModelCard) -> tuple[RunRecord, ...]:
    return tuple(run for run in view.results.runs if run.model.name == card.model.name)


def _scored(view: StudyView, card: ModelCard) -> tuple[RunRecord, ...]:
    return tuple(run for run in view.scored if run.model.name == card.model.name)


def _state(view: StudyView, card: ModelCard) -> str:
    cases = [case for case in view.study.cases if view.model_of(case) == card.model.name]
    scored = len(_scored(view, card))
    if scored == len(cases) and scored:
        return t("évalué")
    if scored:
        return t("évalué en partie")
    if any(run.status == "unavailable" for run in _runs(view, card)):
        return t("indisponible")
    if any(run.status == "failed" for run in _runs(view, card)):
        return t("en échec")
    return t("pas encore évalué")


def _fetchable(weights: str) -> bool:
    """Whether a server has them, as opposed to a file of the user's."""
    return weights.startswith("hf-hub:") or "/" not in weights


def _badge(licence: Licence | None) -> Badge:
    if licence is None or licence.commercial is None:
        return Badge(text=t("usage commercial à vérifier"), kind="open")
    if licence.commercial:
        return Badge(text=t("usage commercial permis"), kind="better")
    return Badge(text=t("usage commercial interdit"), kind="worse")


def _in_language(card: ModelCard) -> str:
    return card.training.get(current()) or next(iter(card.training.values()), "")


def _facts(view: StudyView, card: ModelCard) -> tuple[Fact, ...]:
    return (
        Fact(label=t("Architecture"), text=card.model.architecture, code=True),
        # A path on somebody's disk is not published.
        Fact(label=t("Poids"), text=_weights(card.model.weights), code=True),
        Fact(label=t("Paramètres, photos (millions)"), text=_millions(card.image_parameters)),
        Fact(label=t("Paramètres, textes (millions)"), text=_millions(card.text_parameters)),
        Fact(
            label=t("Opérations par photo (milliards)"),
            text=wording.decimal(card.image_gflops, 1) if card.image_gflops else "",
        ),
        Fact(label=t("Photo lue (pixels)"), text=_resolution(card)),
        Fact(label=t("Dimension des vecteurs"), text=_count(card.embed_dim)),
        Fact(label=t("Texte lu (jetons au plus)"), text=_count(card.context_length)),
        Fact(
            label=t("Exactitude publiée, ImageNet-1k sans entraînement"),
            text="" if card.published is None else wording.percent(card.published),
            href=card.published_source,
        ),
        Fact(label=t("Empreinte des poids"), text=_digest(view, card), code=True, wide=True),
    )


def _weights(weights: str) -> str:
    return weights if _fetchable(weights) else PurePath(weights).name


def _digest(view: StudyView, card: ModelCard) -> str:
    digests = (run.provenance.weights_digest for run in _scored(view, card))
    return next((digest for digest in digests if digest), "")


def _millions(parameters: int | None) -> str:
    return wording.decimal(parameters / MILLION, 1) if parameters else ""


def _count(value: int | None) -> str:
    return wording.count(value) if value else ""


def _resolution(card: ModelCard) -> str:
    if card.resolution is None:
        return ""
    height, width = card.resolution
    return f"{width}{THIN}×{THIN}{height}"


def _links(card: ModelCard) -> tuple[Link, ...]:
    found = []
    if card.page:
        found.append(Link(text=t("Page des auteurs"), href=card.page))
    if card.licence and card.licence.url:
        found.append(Link(text=t("Texte de la licence"), href=card.licence.url))
    return tuple(found)
