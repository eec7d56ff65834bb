"""Finding a product's photo from its title, and its title from its photo."""

from collections.abc import Mapping
from typing import Any

from evaluation.records import Retrieval
from evaluation.report.kit import wording
from evaluation.report.kit.language import t, word
from evaluation.report.kit.page import Part
from evaluation.report.kit.tables import Cell, Col, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.view import shown, trace_vectors

_TABLE = "recherche-tableau"


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None when no title was sought."""
    view, searches = here.view, here.view.concluded.retrieval
    if not searches:
        return None

    def rank(search: Retrieval) -> Cell:
        median = search.median_rank.value
        whole = median is None or median == int(median)
        return number(search.median_rank, "0" if whole else "0.0")

    def chance(search: Retrieval) -> Cell:
        return number(1 / search.candidates if search.candidates else None, "percent")

    def first(search: Retrieval) -> Part:
        tip = trace_vectors(search.model)
        return Part(text=shown(search.recall_at_1), href=f"#{_TABLE}", title=tip)

    return {
        "searches": [(search, first(search)) for search in searches],
        "table": table(
            _TABLE,
            t("Recherche dans les photos et les titres de test"),
            searches,
            Col(t("Modèle"), lambda row: view.model_name(row.model)),
            Col("R@1", lambda row: number(row.recall_at_1, "percent"), t("trouvé premier")),
            Col("R@5", lambda row: number(row.recall_at_5, "percent"), t("dans les cinq premiers")),
            Col(t("Rang médian"), rank),
            Col(t("Candidats"), lambda row: Cell(text=wording.count(row.candidates))),
            Col(t("R@1 au hasard"), chance),
            tip=lambda row: trace_vectors(row.model),
            by=lambda row: word("directions", row.direction),
        ),
    }
