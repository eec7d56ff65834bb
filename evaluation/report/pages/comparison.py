"""All cases side by side, and beside the published figures where there are some."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.records import RunRecord
from evaluation.report import french
from evaluation.report.charts import Chart
from evaluation.report.pages import Link, Page
from evaluation.report.pages.summary import interval_chart
from evaluation.report.quoted import SlideTables
from evaluation.report.scores import cases_table
from evaluation.report.sentences import Sentence, against_reference
from evaluation.report.tables import Table
from evaluation.report.view import Absence, StudyView


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonPage:
    """The page of comparison."""

    title: str
    chart: Chart | None
    cases: Table
    absences: tuple[Absence, ...]
    precision_recall: Table | None
    f1: Table | None
    source: str
    """Where the quoted figures come from; "" when there are none."""
    slide: str
    against: tuple[Sentence, ...]
    confusions: tuple[Link, ...]
    failures: tuple[Link, ...]
    """Later attempts that failed while an earlier result stands."""


def build(view: StudyView) -> Page:
    """The page of comparison."""
    uri = view.page("comparaison")
    reference, runs = view.reference, view.scored

    tables = SlideTables(reference=reference, classes=view.study.classes, view=view, source=uri)
    filled = bool(runs or reference)
    return Page(
        uri=uri,
        title="Comparaison",
        template="comparaison.md.jinja",
        model=ComparisonPage(
            title=view.title,
            chart=interval_chart(view) if runs else None,
            cases=cases_table(view, uri),
            absences=view.absences,
            precision_recall=tables.precision_recall() if filled else None,
            f1=tables.f1() if filled else None,
            source="" if reference is None else french.typeset(reference.source),
            slide="" if reference is None else french.typeset(reference.slide),
            against=against_reference(view, uri),
            confusions=tuple(_confusion_link(view, run) for run in runs),
            failures=tuple(
                Link(text=view.case_title(run), href=view.run_href(uri, run), hint=run.error or "")
                for run in view.results.failures
            ),
        ),
    )


def _confusion_link(view: StudyView, run: RunRecord) -> Link:
    page = "approche-classique" if run.model.kind == "supervised" else "clip-zero-shot"
    return Link(
        text=view.case_title(run), href=f"{page}.html#confusion-{view.case_slugs[run.case]}"
    )
