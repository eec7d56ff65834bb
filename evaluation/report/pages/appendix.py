"""Every run of every study, the words explained, the sources and the licences."""

from collections.abc import Mapping
from typing import Any

from evaluation.records import Reference, RunRecord
from evaluation.report.kit import links, wording
from evaluation.report.kit.language import t, word
from evaluation.report.kit.tables import Cell, Col, Table, head, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.quoted import slide_tables
from evaluation.report.study.view import StudyView, trace


def build(views: tuple[StudyView, ...], reference: Reference | None) -> Mapping[str, Any]:
    """What the template prints of all studies."""
    quoted = reference or next(
        (view.study.reference for view in views if view.study.reference), None
    )
    places = [Here(view, links.APPENDIX) for view in views]
    return {
        "places": places,
        "runs": _runs(places) if any(view.results.runs for view in views) else None,
        "reference": quoted,
        "quoted": slide_tables(quoted, quoted.classes) if quoted else (),
    }


def _runs(places: list[Here]) -> Table:
    def date(row: tuple[Here, RunRecord]) -> Cell:
        started = row[1].provenance.started
        return Cell(text=wording.date(started), value=started)

    return table(
        "executions",
        t("Toutes les exécutions"),
        [(here, run) for here in places for run in here.view.results.runs],
        Col(t("Identifiant"), lambda row: head(row[1].case, href=row[0].run(row[1].case))),
        Col(t("État"), lambda row: word("status", row[1].status), numeric=False),
        Col(t("Exactitude"), lambda row: number(row[1].metric("accuracy"), "percent")),
        Col(t("Date"), date, numeric=False),
        Col(t("Durée"), lambda row: number(row[1].provenance.seconds, "duration")),
        tip=lambda row: trace(row[1]),
        by=lambda row: row[0].view.title,
        row_kind=lambda row: "" if row[1].status == "ok" else "missing",
        kind="plain",
    )
