"""Every run of every study, the words explained, the sources and the licences."""

from collections.abc import Mapping
from typing import Any

from evaluation.records import Reference, RunRecord
from evaluation.report.kit import links, wording
from evaluation.report.kit.language import t
from evaluation.report.kit.tables import Cell, Col, Table, head, number, table
from evaluation.report.pages.method import archived
from evaluation.report.study.absences import STATUS
from evaluation.report.study.here import Here
from evaluation.report.study.quoted import slide_tables
from evaluation.report.study.view import StudyView, trace


def build(views: tuple[StudyView, ...], reference: Reference | None) -> Mapping[str, Any]:
    """What the template prints of all studies."""
    quoted = reference or next(
        (view.study.reference for view in views if view.study.reference), None
    )
    here = [Here(view, links.APPENDIX) for view in views]
    return {
        "runs": _runs(here) if any(view.results.runs for view in views) else None,
        "archives": list(filter(None, map(archived, here))),
        "quoted": () if quoted is None else slide_tables(quoted, quoted.classes),
        "source": "" if quoted is None else wording.told(quoted.source),
        "slide": "" if quoted is None else wording.told(quoted.slide),
        "licences": [_licence(view) for view in views if view.study.licence or view.study.origin],
        "withheld": any(not view.photos_shown for view in views),
    }


def _licence(view: StudyView) -> Mapping[str, str]:
    parts = (view.study.licence, view.study.origin)
    text = ". ".join(wording.told(part).rstrip(". ") for part in parts if part)
    return {"title": view.title, "text": f"{text}.", "origin": view.study.origin}


def _runs(studies: list[Here]) -> Table:
    def date(row: tuple[Here, RunRecord]) -> Cell:
        started = row[1].provenance.started
        return Cell(text=wording.date(started), value=started)

    return table(
        "executions",
        t("Toutes les exécutions"),
        [(here, run) for here in studies for run in here.view.results.runs],
        Col(t("Identifiant"), lambda row: head(row[1].case, href=row[0].run(row[1].case))),
        Col(t("État"), lambda row: t(STATUS[row[1].status]), numeric=False),
        Col(t("Exactitude"), lambda row: number(row[1].metric("accuracy"), "percent")),
        Col(t("Date"), date, numeric=False),
        Col(t("Durée"), lambda row: number(row[1].provenance.seconds, "duration")),
        tip=lambda row: trace(row[1]),
        by=lambda row: row[0].view.title,
        row_kind=lambda row: "" if row[1].status == "ok" else "missing",
        kind="plain",
    )
