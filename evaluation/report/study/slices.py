"""Parts of the test photos that a column of the table tells apart: which ones a case finds hard."""

from collections.abc import Mapping
from typing import Any, Literal

from evaluation.records import SliceScore
from evaluation.report.kit import wording
from evaluation.report.kit.language import t
from evaluation.report.kit.tables import Cell, Col, Kind, Table, counted, field, number, table
from evaluation.report.study.here import Here, slice_address
from evaluation.report.study.view import trace


def slices(here: Here) -> Mapping[str, Any] | None:
    """The worst slice of each case, and all of them; None where the study names no column."""
    view, scores = here.view, here.view.concluded.slices
    cases = {run.case: [row for row in scores if row.case == run.case] for run in view.ranked}
    named = [[row for row in rows if row.value] for rows in cases.values()]
    worst = [min(rows, key=lambda row: row.accuracy.value or 0.0) for rows in named if rows]
    if not worst:
        return None
    return {
        "columns": wording.listing(list(dict.fromkeys(row.column for row in scores))),
        "harder": sum(_verdict(here, row)[0] == "worse" for row in scores),
        "worst": _table(here, worst, "pire-tranche", t("La tranche la moins bien classée")),
        "all": [
            _table(
                here,
                rows,
                f"tranches-{view.case_slugs[case]}",
                t("{case} : toutes les tranches", case=view.case_name(case)),
                one_case=True,
            )
            for case, rows in cases.items()
            if rows
        ],
    }


def _table(
    here: Here, rows: list[SliceScore], id_: str, caption: str, *, one_case: bool = False
) -> Table:
    def tip(row: SliceScore) -> str:
        return trace(here.view.runs[row.case])

    def name(row: SliceScore) -> str:
        if not row.value:
            return t("{column} : le reste", column=row.column)
        return t("{column} : {value}", column=row.column, value=row.value)

    def href(row: SliceScore, verdict: Literal["", "juste"] = "") -> str:
        part = slice_address(row.column, row.value)
        return here.photos(row.case, part=part, verdict=verdict) if row.value else ""

    def corrected(row: SliceScore) -> Cell:
        kind, tag = _verdict(here, row)
        why = t("rien à comparer dans les mêmes catégories") if row.value else t("non testé")
        return number(row.p_holm, "p", why=why, kind=kind, tag=tag)

    return table(
        id_,
        caption,
        rows,
        None if one_case else Col(t("Cas"), lambda row: here.case(row.case, title=tip(row))),
        Col(t("Tranche"), name, numeric=False),
        Col(t("Photos"), lambda row: counted(row.accuracy.n, href=href(row))),
        Col(t("Exactitude"), lambda row: number(row.accuracy, "percent", href=href(row, "juste"))),
        Col(t("Attendue"), field("expected", "percent"), t("mêmes catégories, toutes tranches")),
        Col(t("p corrigé"), corrected),
        tip=tip,
    )


def _verdict(here: Here, row: SliceScore) -> tuple[Kind, str]:
    """What the corrected test shows of a slice, for colour and in a word."""
    if row.p_holm is None or row.p_holm >= here.view.alpha:
        return "", ""
    harder = (row.accuracy.value or 0.0) < row.expected
    return ("worse", t("plus difficile")) if harder else ("better", t("plus facile"))
