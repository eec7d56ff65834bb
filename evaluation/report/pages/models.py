"""The models of a study: what each is, may be used for, needs, and whether it ran."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from evaluation.records import FAMILIES, ModelCard, RunRecord
from evaluation.report.kit import links, wording
from evaluation.report.kit.language import current, message, t
from evaluation.report.kit.tables import Cell, Col, Kind, Table, absent, head, number, table
from evaluation.report.kit.typography import THIN
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, best

COMPUTED = message("calculé d’après la description du modèle : study.json")
UNKNOWN = message("inconnu tant que la description du modèle n’est pas ici")

Card = Mapping[str, Any]
"""What the template, and the table of all models, say of a model."""


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None for artefacts that were written before there were cards."""
    cards = [_card(here.view, card) for card in here.view.model_cards.values()]
    return {"table": _table(here, cards), "cards": cards} if cards else None


def _table(here: Here, cards: list[Card]) -> Table:
    def computed(value: float | None) -> Cell:
        return number(value or None, "0.0", why=t(UNKNOWN), title=t(COMPUTED))

    def photo(card: Card) -> Cell:
        size = card["resolution"]
        return Cell(text=size, title=t(COMPUTED)) if size else absent(t(UNKNOWN))

    def licence(card: Card) -> Cell:
        known = card["card"].licence
        name = known.name if known else wording.DASH
        return Cell(text=name, tag=card["use"], kind=card["use_kind"])

    def model(card: Card) -> Cell:
        name = card["card"].model.name
        title, href = here.view.model_name(name), here.model(name)
        return head(title, href=href, note=card["kind"])

    return table(
        "modeles-tableau",
        t("Les modèles de l’étude"),
        cards,
        Col(t("Modèle"), model),
        Col(
            t("Paramètres"),
            lambda card: computed(card["photo_millions"]),
            t("millions, pour les photos"),
        ),
        Col(
            t("Calcul"),
            lambda card: computed(card["card"].image_gflops),
            t("milliards d’opérations par photo"),
        ),
        Col(t("Photo"), photo, t("pixels")),
        Col(t("Licence"), licence, numeric=False),
        Col(t("État"), lambda card: card["state"], numeric=False),
        kind="plain",
    )


def _card(view: StudyView, card: ModelCard) -> Card:
    name, weights, licence = card.model.name, card.model.weights, card.licence
    runs = [run for run in view.results.runs if run.model.name == name]
    scored = tuple(run for run in view.scored if run.model.name == name)
    adapted = [run.adaptation for run in runs if run.adaptation]
    # Whether a server has the weights, as opposed to a file of the user's: its name alone is told.
    fetchable = weights.startswith("hf-hub:") or "/" not in weights
    height, width = card.resolution or (0, 0)
    use, use_kind = _use(card)
    return {
        "card": card,
        "kind": t(FAMILIES[card.model.family].title),
        "state": wording.sentence_case(_state(view, name, runs, scored)),
        "best": best(scored),
        "missing": any(run.status == "unavailable" for run in runs),
        "fetchable": fetchable,
        "use": use,
        "use_kind": use_kind,
        "training": wording.told(
            card.training.get(current()) or next(iter(card.training.values()), "")
        ),
        # What a label-free model saw of the study; 0 where nothing was gained.
        "pairs": max((adaptation.pairs for adaptation in adapted if adaptation.adopted), default=0),
        "photos": max(
            (adaptation.photos for adaptation in adapted if adaptation.clusters), default=0
        ),
        "weights": weights if fetchable else PurePath(weights).name,
        "photo_millions": (card.image_parameters or 0) / 1e6,
        "text_millions": (card.text_parameters or 0) / 1e6,
        "resolution": f"{width}{THIN}×{THIN}{height}" if card.resolution else "",
        "digest": next(filter(None, (run.provenance.weights_digest for run in scored)), ""),
        "page": links.outward(card.page),
        "terms": links.outward(licence.url if licence else ""),
    }


def _state(view: StudyView, name: str, runs: list[RunRecord], scored: tuple[RunRecord, ...]) -> str:
    if scored:
        cases = [case for case in view.study.cases if view.model_of(case) == name]
        return t("évalué") if len(scored) == len(cases) else t("évalué en partie")
    statuses = {run.status for run in runs}
    if "unavailable" in statuses:
        return t("indisponible")
    return t("en échec") if "failed" in statuses else t("pas encore évalué")


def _use(card: ModelCard) -> tuple[str, Kind]:
    """What the licence says of commercial use, in few words, and the colour of it."""
    if card.licence is None or card.licence.commercial is None:
        return t("usage commercial à vérifier"), "open"
    if card.licence.commercial:
        return t("usage commercial permis"), "better"
    return t("usage commercial interdit"), "worse"
