"""Finding a product's photo from its title, and its title from its photo."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.records import Metric, Retrieval
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, t
from evaluation.report.kit.sentence import Part, Sentence, say
from evaluation.report.kit.tables import Cell, Column, Group, Row, Table, absent, head, measured
from evaluation.report.study.here import Here
from evaluation.report.study.scores import share_cell
from evaluation.report.study.view import StudyView, bounds, shown

_TABLE = "recherche-tableau"

DIRECTIONS = {
    "image-to-title": message("De la photo au titre"),
    "title-to-image": message("Du titre à la photo"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalPage:
    """The page of retrieval."""

    title: str
    said: tuple[Sentence, ...]
    table: Table


def build(here: Here) -> RetrievalPage | None:
    """The page, or None when no title was sought."""
    view = here.view
    found = view.comparison.retrieval if view.comparison else ()
    if not found:
        return None
    return RetrievalPage(
        title=view.title,
        said=tuple(_said(view, one) for one in found),
        table=_table(view, found),
    )


def _said(view: StudyView, one: Retrieval) -> Sentence:
    model, among = wording.quote(view.model_name(one.model)), wording.count(one.candidates)
    limits = bounds(one.recall_at_1)
    first = Part(text=shown(one.recall_at_1), href=f"#{_TABLE}", title=_trace(one))
    interval = t(" (IC 95 % {limits})", limits=limits) if limits else ""
    if one.direction == "title-to-image":
        return say(
            "Avec {model}, la bonne photo arrive première pour {recall_at_1} "
            "des titres{interval}, et parmi les cinq premières pour "
            "{recall_at_5}, sur {among} photos.",
            model=model,
            recall_at_1=first,
            interval=interval,
            recall_at_5=shown(one.recall_at_5),
            among=among,
        )
    return say(
        "Avec {model}, le bon titre arrive premier pour {recall_at_1} des "
        "photos{interval}, et parmi les cinq premiers pour {recall_at_5}, "
        "sur {among} titres.",
        model=model,
        recall_at_1=first,
        interval=interval,
        recall_at_5=shown(one.recall_at_5),
        among=among,
    )


def _table(view: StudyView, found: tuple[Retrieval, ...]) -> Table:
    directions = dict.fromkeys(one.direction for one in found)
    return Table(
        id=_TABLE,
        caption=t("Recherche dans les photos et les titres de test"),
        columns=(
            Column(text=t("Modèle"), numeric=False),
            Column(text="R@1", note=t("trouvé premier")),
            Column(text="R@5", note=t("dans les cinq premiers")),
            Column(text=t("Rang médian")),
            Column(text=t("Candidats")),
            Column(text=t("R@1 au hasard")),
        ),
        groups=tuple(
            Group(
                title=t(DIRECTIONS[direction]),
                rows=tuple(_row(view, one) for one in found if one.direction == direction),
            )
            for direction in directions
        ),
        note=t("Entre crochets, l’intervalle à 95 %. Rang médian : 1 est le mieux."),
        kind="scores",
    )


def _trace(one: Retrieval) -> str:
    """Where a model's numbers come from, as a tooltip."""
    return t("comparison.json, vecteurs de {model}", model=one.model)


def _row(view: StudyView, one: Retrieval) -> Row:
    tip = _trace(one)
    return Row(
        cells=(
            head(view.model_name(one.model)),
            share_cell(one.recall_at_1, tip),
            share_cell(one.recall_at_5, tip),
            _rank(one.median_rank, tip),
            Cell(text=wording.count(one.candidates), title=tip),
            measured(wording.percent(1 / one.candidates), 1 / one.candidates, title=tip)
            if one.candidates
            else absent(),
        )
    )


def _rank(metric: Metric, tip: str) -> Cell:
    if metric.value is None:
        return absent(t("valeur indéfinie"))
    digits = 0 if metric.value == int(metric.value) else 1
    return measured(
        wording.decimal(metric.value, digits),
        metric.value,
        low=metric.low,
        high=metric.high,
        note=wording.numbers(metric.low, metric.high, digits),
        title=tip,
    )
