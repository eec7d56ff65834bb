"""Photos that belong to no class: how well a case tells them, and those that pass."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from evaluation.records import RunRecord, StrayTest
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, t
from evaluation.report.kit.tables import Col, Table, field, table
from evaluation.report.study.here import Here
from evaluation.report.study.photos import stray
from evaluation.report.study.view import trace

SCORES = {
    "softmax": message("probabilité la plus haute"),
    "energy": message("énergie (Liu et al. 2020)"),
    "mcm": message("MCM, cosinus à température 1 (Ming et al. 2022)"),
    "none": message("texte « {none} »"),
}
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
    chosen = [_Scored(run, results.none_text, results.test) for run, results in scored]
    each = [_Scored(run, row.none_text, test) for run, row in scored for test in row.tests]
    caption = t("Séparer les photos de test des intrus")
    return {
        "chooses": chooses,
        "scored": len(cards) - chooses,
        "chosen": _table(here, "intrus", caption, chosen),
        "all": _table(here, "intrus-scores", t("Tous les scores"), each, by_case=True),
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


class _Scored(NamedTuple):
    run: RunRecord
    none_text: str
    test: StrayTest


def _table(
    here: Here, id_: str, caption: str, rows: list[_Scored], *, by_case: bool = False
) -> Table:
    """The scores that were chosen, a case a row, or all of them, case by case."""

    def score(row: _Scored) -> str:
        slots = {"none": row.none_text} if row.test.score == "none" else {}
        return t(SCORES[row.test.score], **slots)

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
