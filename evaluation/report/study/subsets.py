"""Parts of the photos: slices, which a column of the table names, and strays, of no class."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from evaluation.records import RunRecord, SliceScore, StrayTest
from evaluation.report.kit import wording
from evaluation.report.kit.language import t, word
from evaluation.report.kit.tables import Cell, Col, Kind, Table, counted, field, number, table
from evaluation.report.study.here import Here, slice_address
from evaluation.report.study.photos import stray
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
        "worst": _slice_table(here, worst, "pire-tranche", t("La tranche la moins bien classée")),
        "all": [
            _slice_table(
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


def _slice_table(
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


# -------------------------------------------------------------------------- strays

SHOWN = 12
"""Strays that pass, of a case."""


def strays(here: Here) -> Mapping[str, Any] | None:
    """What each case does with the study's strays; None where it has none."""
    view = here.view
    cards = {card.id: card for card in view.study.strays}
    scored = [(run, run.strays) for run in view.ranked if run.strays is not None]
    if not cards or not scored:
        return None
    chooses = sum(card.chooses for card in cards.values())
    chosen = [_Tested(run, results.none_text, results.test) for run, results in scored]
    each = [_Tested(run, row.none_text, test) for run, row in scored for test in row.tests]
    caption = t("Séparer les photos de test des intrus")
    return {
        "chooses": chooses,
        "scored": len(cards) - chooses,
        "chosen": _stray_table(here, "intrus", caption, chosen),
        "all": _stray_table(here, "intrus-scores", t("Tous les scores"), each, by_case=True),
        "passing": [
            {
                "title": view.case_title(run),
                "n": len(results.passing),
                "photos": [
                    stray(here, cards[answer.id], answer)
                    for answer in results.passing[:SHOWN]
                    if answer.id in cards
                ],
            }
            for run, results in scored
            if results.passing and view.photos_shown
        ],
        "left_out": wording.listing(
            [here.name(run.case) for run in view.ranked if run.strays is None]
        ),
    }


class _Tested(NamedTuple):
    run: RunRecord
    none_text: str
    test: StrayTest


def _stray_table(
    here: Here, id_: str, caption: str, rows: list[_Tested], *, by_case: bool = False
) -> Table:
    """The scores that were chosen, a case a row, or all of them, case by case."""

    def score(row: _Tested) -> str:
        slots = {"none": row.none_text} if row.test.score == "none" else {}
        return word("stray-scores", row.test.score, **slots)

    return table(
        id_,
        caption,
        rows,
        None if by_case else Col(t("Cas"), lambda row: here.case(row.run.case)),
        Col(t("Score"), score, numeric=False),
        Col(t("AUROC"), field("test.auroc", "0.000")),
        Col(t("Intrus acceptés"), field("test.fpr95", "percent"), t("à 95 % des photos gardées")),
        Col(t("Photos gardées"), field("test.kept", "percent"), t("au seuil choisi")),
        Col(t("Intrus acceptés"), field("test.passed", "percent"), t("au seuil choisi")),
        tip=lambda row: trace(row.run),
        by=(lambda row: here.view.case_title(row.run)) if by_case else None,
    )
