"""Finding a product's photo from its title, and its title from its photo."""

from collections.abc import Mapping
from typing import Any

from evaluation.records import Retrieval
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, t
from evaluation.report.kit.page import Part
from evaluation.report.kit.tables import Cell, Col, Table, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, bounds, shown

_TABLE = "recherche-tableau"

DIRECTIONS = {
    "image-to-title": message("De la photo au titre"),
    "title-to-image": message("Du titre à la photo"),
}


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None when no title was sought."""
    view = here.view
    searches = view.comparison.retrieval if view.comparison else ()
    if not searches:
        return None
    return {
        "searches": [_search(view, search) for search in searches],
        "table": _table(view, searches),
    }


def _search(view: StudyView, search: Retrieval) -> Mapping[str, Any]:
    limits = bounds(search.recall_at_1)
    return {
        "model": wording.quote(view.model_name(search.model)),
        "direction": search.direction,
        "first": Part(text=shown(search.recall_at_1), href=f"#{_TABLE}", title=_trace(search)),
        "interval": t(" (IC 95 % {limits})", limits=limits) if limits else "",
        "within_five": shown(search.recall_at_5),
        "among": search.candidates,
    }


def _trace(search: Retrieval) -> str:
    return t("comparison.json, vecteurs de {model}", model=search.model)


def _table(view: StudyView, searches: tuple[Retrieval, ...]) -> Table:
    def rank(search: Retrieval) -> Cell:
        median = search.median_rank.value
        whole = median is None or median == int(median)
        return number(search.median_rank, "0" if whole else "0.0")

    def chance(search: Retrieval) -> Cell:
        share = 1 / search.candidates if search.candidates else None
        return number(share, "percent")

    return table(
        _TABLE,
        t("Recherche dans les photos et les titres de test"),
        searches,
        Col(t("Modèle"), lambda search: view.model_name(search.model)),
        Col(
            "R@1",
            lambda search: number(search.recall_at_1, "percent"),
            t("trouvé premier"),
        ),
        Col(
            "R@5",
            lambda search: number(search.recall_at_5, "percent"),
            t("dans les cinq premiers"),
        ),
        Col(t("Rang médian"), rank),
        Col(
            t("Candidats"),
            lambda search: Cell(text=wording.count(search.candidates)),
        ),
        Col(t("R@1 au hasard"), chance),
        tip=_trace,
        by=lambda search: t(DIRECTIONS[search.direction]),
    )
