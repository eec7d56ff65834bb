"""Every run of every study, the words explained, the sources and the licences."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.records import Reference, RunRecord
from evaluation.report.kit import links, wording
from evaluation.report.kit.language import foreign, t
from evaluation.report.kit.page import Fact, Link
from evaluation.report.kit.tables import Cell, Column, Group, Row, Table, head, measured
from evaluation.report.pages.home import quoted_tables
from evaluation.report.pages.method import archive_link
from evaluation.report.study.here import Here
from evaluation.report.study.scores import share_cell
from evaluation.report.study.view import STATUS, StudyView, trace


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendixPage:
    """The appendices."""

    runs: Table | None
    archives: tuple[Link, ...]
    """The files of each study, to take away."""
    quoted: tuple[Table, ...]
    source: str
    slide: str
    licences: tuple[Fact, ...]
    withheld: bool
    """Whether some study's photos are kept out of this site."""


def build(views: tuple[StudyView, ...], reference: Reference | None) -> AppendixPage:
    """The appendices."""
    quoted = reference or next((view.reference for view in views if view.reference), None)
    return AppendixPage(
        runs=_runs(views),
        archives=tuple(
            link for view in views if (link := archive_link(Here(view, links.APPENDIX))) is not None
        ),
        quoted=() if quoted is None else quoted_tables(quoted),
        source="" if quoted is None else wording.told(quoted.source),
        slide="" if quoted is None else wording.told(quoted.slide),
        licences=tuple(
            Fact(
                label=view.title,
                text=". ".join(
                    wording.told(part).rstrip(". ")
                    for part in (view.study.licence, view.study.origin)
                    if part
                )
                + ".",
                lang=foreign(view.study.origin),
            )
            for view in views
            if view.study.licence or view.study.origin
        ),
        withheld=any(not view.photos_shown for view in views),
    )


def _runs(views: tuple[StudyView, ...]) -> Table | None:
    groups = tuple(
        Group(title=view.title, rows=tuple(_row(view, run) for run in view.results.runs))
        for view in views
        if view.results.runs
    )
    if not groups:
        return None
    return Table(
        id="executions",
        caption=t("Toutes les exécutions"),
        columns=(
            Column(text=t("Identifiant"), numeric=False),
            Column(text=t("État"), numeric=False),
            Column(text=t("Exactitude")),
            Column(text=t("Date"), numeric=False),
            Column(text=t("Durée")),
        ),
        groups=groups,
        kind="plain",
    )


def _row(view: StudyView, run: RunRecord) -> Row:
    return Row(
        cells=(
            head(run.case, href=view.run_href(links.APPENDIX, run)),
            Cell(text=t(STATUS[run.status])),
            share_cell(run.metric("accuracy"), trace(run)),
            Cell(
                text=wording.date(run.provenance.started),
                value=run.provenance.started,
                title=trace(run),
            ),
            measured(
                wording.duration(run.provenance.seconds), run.provenance.seconds, title=trace(run)
            ),
        ),
        kind="missing" if run.status != "ok" else "",
    )
