"""All cases side by side, and beside the published figures where there are some."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.records import ReferenceSystem, RunRecord
from evaluation.report.kit import charts, wording
from evaluation.report.kit.charts import Bar, Chart, Key
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.page import Link
from evaluation.report.kit.sentence import Sentence
from evaluation.report.kit.tables import Cell, Table, absent, head, measured, simple
from evaluation.report.pages.summary import interval_chart
from evaluation.report.study.costs import cost_table
from evaluation.report.study.explained import case_page
from evaluation.report.study.findings import findings
from evaluation.report.study.here import Here
from evaluation.report.study.matrix import (
    global_test,
    matrix,
    pairs_table,
    power_table,
    sensitivity,
)
from evaluation.report.study.quoted import SlideTables
from evaluation.report.study.scores import cases_table
from evaluation.report.study.sentences import against_reference
from evaluation.report.study.view import StudyView, best, trace


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTests:
    """Who beats whom, and what these images can show."""

    whole: Sentence
    sensitivity: Sentence
    clustered: bool
    """Whether near-duplicate photos count as one."""
    margin: str
    matrix: Table
    pairs: Table
    power: Table | None
    leaders: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonPage:
    """The page of comparison."""

    title: str
    chart: Chart | None
    cases: Table
    tests: PairedTests | None
    """None while the cases have not been compared."""
    costs: Table | None
    precision_recall: Table | None
    f1: Table | None
    scores: tuple[Chart, ...]
    """F1 of each class beside the published one, for each system that has both."""
    source: str
    """Where the quoted figures come from; "" when there are none."""
    slide: str
    against: tuple[Sentence, ...]
    confusions: tuple[Link, ...]
    maps: tuple[Link, ...]
    """To what counted in the errors of each case that has maps."""
    failures: tuple[Link, ...]
    """Later attempts that failed while an earlier result stands."""


def build(here: Here) -> ComparisonPage:
    """The page of comparison."""
    view, uri = here.view, here.uri
    reference, runs = view.reference, view.scored

    tables = SlideTables(reference=reference, classes=view.study.classes, view=view, source=uri)
    filled = bool(runs or reference)
    return ComparisonPage(
        title=view.title,
        chart=interval_chart(here) if runs else None,
        cases=cases_table(here),
        tests=_tests(here),
        costs=cost_table(here),
        precision_recall=tables.precision_recall() if filled else None,
        f1=tables.f1() if filled else None,
        scores=_score_charts(view),
        source="" if reference is None else wording.told(reference.source),
        slide="" if reference is None else wording.told(reference.slide),
        against=against_reference(here),
        confusions=tuple(_confusion_link(view, run) for run in runs),
        maps=tuple(
            Link(
                text=view.case_title(run),
                href=here.file(case_page(view, run.case), "erreurs"),
            )
            for run in runs
            if run.case in view.explanations
        ),
        failures=tuple(
            Link(text=view.case_title(run), href=here.run(run.case), hint=run.error or "")
            for run in view.results.failures
        ),
    )


def _tests(here: Here) -> PairedTests | None:
    compared = here.view.comparison.comparison if here.view.comparison else None
    if compared is None:
        return None
    return PairedTests(
        whole=global_test(compared),
        sensitivity=sensitivity(compared),
        clustered=compared.clustered,
        margin=wording.gap(compared.margin, 0),
        matrix=matrix(here, compared),
        pairs=pairs_table(here, compared),
        power=power_table(compared),
        leaders=findings(here, "leaders"),
    )


def _confusion_link(view: StudyView, run: RunRecord) -> Link:
    page = "clip-zero-shot" if run.model.reads_texts else "approche-classique"
    return Link(
        text=view.case_title(run), href=f"{page}.html#confusion-{view.case_slugs[run.case]}"
    )


def _score_charts(view: StudyView) -> tuple[Chart, ...]:
    systems = view.reference.systems if view.reference else ()
    pairs = [(system, best(view.measured(system))) for system in systems]
    return tuple(
        _score_chart(view, system, run, number)
        for number, (system, run) in enumerate(pairs, start=1)
        if run is not None
    )


def _score_chart(view: StudyView, system: ReferenceSystem, run: RunRecord, number: int) -> Chart:
    quoted = {row.label: row.f1 for row in system.per_class}
    bars = [
        Bar(
            label=row.label,
            kind=run.model.family,
            value=row.f1.value,
            low=row.f1.low,
            high=row.f1.high,
            quoted=quoted.get(row.label),
        )
        for row in run.per_class
        if row.f1.value is not None
    ]
    wide, narrow = charts.score_plot(bars, view.draw)
    source = wording.told(view.reference.source) if view.reference else ""
    cited, own = wording.told(system.title), view.case_title(run)
    ahead = sum(bar.quoted is not None and bar.value >= bar.quoted for bar in bars)
    return Chart(
        id=f"f1-{number}",
        title=t(
            "F1 par catégorie : {cited}, cité, et {measured}, mesuré",
            cited=wording.quote(cited),
            measured=wording.quote(own),
        ),
        alt=t(
            "Le F1 mesuré atteint ou dépasse le F1 cité pour {ahead} des "
            "{bars}. Les données de la figure suivent.",
            ahead=wording.count(ahead),
            bars=nt(len(bars), "{n} catégorie", "{n} catégories"),
        ),
        wide=wide,
        narrow=narrow,
        keys=(
            Key(kind=run.model.family, text=t("mesuré ici, avec son intervalle à 95 %")),
            Key(kind="quoted", text=t("chiffre cité des diapositives")),
        ),
        table=simple(
            f"f1-{number}-donnees",
            t(
                "F1 en chiffres : {cited} et {measured}",
                cited=wording.quote(cited),
                measured=wording.quote(own),
            ),
            (t("Catégorie"), t("Diapositives (cité)"), t("Mesuré ici")),
            (
                (
                    head(bar.label),
                    _score(bar.quoted, source),
                    _score(bar.value, trace(run)),
                )
                for bar in bars
            ),
        ),
    )


def _score(value: float | None, tip: str) -> Cell:
    return absent() if value is None else measured(wording.decimal(value, 2), value, title=tip)
