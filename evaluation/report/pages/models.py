"""The models of a study: what each is, may be used for, needs, and whether it ran."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from evaluation.records import FAMILIES, ModelCard, RunRecord
from evaluation.report.kit import links, wording
from evaluation.report.kit.language import current, message, t
from evaluation.report.kit.tables import Cell, Col, Kind, Table, absent, head, number, table
from evaluation.report.kit.typography import THIN
from evaluation.report.study import absences
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, best

COMPUTED = message("calculé d’après la description du modèle : study.json")
UNKNOWN = message("inconnu tant que la description du modèle n’est pas ici")
MILLION = 1e6


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None for artefacts that were written before there were cards."""
    cards = tuple(here.view.model_cards.values())
    if not cards:
        return None
    return {
        "name": here.view.study.name,
        "why": here.to(absences.PAGE, absences.ANCHOR),
        "table": _table(here, cards),
        "cards": [_card(here, card) for card in cards],
    }


def _table(here: Here, cards: tuple[ModelCard, ...]) -> Table:
    def computed(value: float | None) -> Cell:
        return number(value or None, "0.0", why=t(UNKNOWN), title=t(COMPUTED))

    def photo(card: ModelCard) -> Cell:
        size = _resolution(card)
        return Cell(text=size, title=t(COMPUTED)) if size else absent(t(UNKNOWN))

    def licence(card: ModelCard) -> Cell:
        tag, kind = _use(card)
        name = card.licence.name if card.licence else wording.DASH
        return Cell(text=name, tag=tag, kind=kind)

    return table(
        "modeles-tableau",
        t("Les modèles de l’étude"),
        cards,
        Col(
            t("Modèle"),
            lambda card: head(
                here.view.model_name(card.model.name),
                href=here.model(card.model.name),
                note=t(FAMILIES[card.model.family].title),
            ),
        ),
        Col(
            t("Paramètres"),
            lambda card: computed((card.image_parameters or 0) / MILLION),
            t("millions, pour les photos"),
        ),
        Col(
            t("Calcul"),
            lambda card: computed(card.image_gflops),
            t("milliards d’opérations par photo"),
        ),
        Col(t("Photo"), photo, t("pixels")),
        Col(t("Licence"), licence, numeric=False),
        Col(t("État"), lambda card: wording.sentence_case(_state(here.view, card)), numeric=False),
        kind="plain",
    )


def _card(here: Here, card: ModelCard) -> Mapping[str, Any]:
    view, name = here.view, card.model.name
    top = best(_scored(view, card))
    use, kind = _use(card)
    digests = (run.provenance.weights_digest for run in _scored(view, card))
    adapted = [run.adaptation for run in _runs(view, card) if run.adaptation]
    return {
        "anchor": view.model_anchors[name],
        "title": wording.told(card.model.title),
        "kind": t(FAMILIES[card.model.family].title),
        "state": wording.sentence_case(_state(view, card)),
        "best": top and {"number": here.number(top), "case": here.name(top.case)},
        "name": name,
        "missing": any(run.status == "unavailable" for run in _runs(view, card)),
        "fetchable": _fetchable(card.model.weights),
        "licence": card.licence.name if card.licence else t("licence inconnue"),
        "use": use,
        "use_kind": kind,
        "training": wording.told(
            card.training.get(current()) or next(iter(card.training.values()), "")
        ),
        # What a label-free model saw of the study; 0 where nothing was gained.
        "pairs": max((adaptation.pairs for adaptation in adapted if adaptation.adopted), default=0),
        "photos": max(
            (adaptation.photos for adaptation in adapted if adaptation.clusters), default=0
        ),
        "card": card,
        "weights": _weights(card),
        "photo_millions": (card.image_parameters or 0) / MILLION,
        "text_millions": (card.text_parameters or 0) / MILLION,
        "resolution": _resolution(card),
        "digest": next(filter(None, digests), ""),
        "page": links.outward(card.page),
        "terms": links.outward(card.licence.url if card.licence else ""),
    }


def _runs(view: StudyView, card: ModelCard) -> tuple[RunRecord, ...]:
    return tuple(run for run in view.results.runs if run.model.name == card.model.name)


def _scored(view: StudyView, card: ModelCard) -> tuple[RunRecord, ...]:
    return tuple(run for run in view.scored if run.model.name == card.model.name)


def _state(view: StudyView, card: ModelCard) -> str:
    cases = [case for case in view.study.cases if view.model_of(case) == card.model.name]
    scored = len(_scored(view, card))
    if scored:
        return t("évalué") if scored == len(cases) else t("évalué en partie")
    statuses = {run.status for run in _runs(view, card)}
    if "unavailable" in statuses:
        return t("indisponible")
    return t("en échec") if "failed" in statuses else t("pas encore évalué")


def _fetchable(weights: str) -> bool:
    """Whether a server has them, as opposed to a file of the user's."""
    return weights.startswith("hf-hub:") or "/" not in weights


def _use(card: ModelCard) -> tuple[str, Kind]:
    """What the licence says of commercial use, in two words, and the colour of it."""
    if card.licence is None or card.licence.commercial is None:
        return t("usage commercial à vérifier"), "open"
    if card.licence.commercial:
        return t("usage commercial permis"), "better"
    return t("usage commercial interdit"), "worse"


def _weights(card: ModelCard) -> str:
    """What the study asks for; of a file on somebody's disk, its name alone."""
    weights = card.model.weights
    return weights if _fetchable(weights) else PurePath(weights).name


def _resolution(card: ModelCard) -> str:
    if card.resolution is None:
        return ""
    height, width = card.resolution
    return f"{width}{THIN}×{THIN}{height}"
