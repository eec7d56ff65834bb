"""All cases side by side, and beside the published figures where there are some."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from evaluation.records import ReferenceSystem, RunRecord
from evaluation.report.kit import charts, wording
from evaluation.report.kit.charts import Bar, chart
from evaluation.report.kit.language import t
from evaluation.report.kit.tables import Col, number, table
from evaluation.report.study.costs import costs
from evaluation.report.study.here import Here
from evaluation.report.study.matrix import matrix, pairs_table, power_table
from evaluation.report.study.quoted import NOT_GIVEN, slide_tables
from evaluation.report.study.repeated import repeats
from evaluation.report.study.scores import cases_table, confusion_table
from evaluation.report.study.sentences import against_reference, findings
from evaluation.report.study.subsets import slices, strays
from evaluation.report.study.texts import side_by_side
from evaluation.report.study.view import MANY, StudyView, best, trace


def build(here: Here) -> Mapping[str, Any]:
    """The page of comparison; no tests while the cases have not been compared."""
    view, compared = here.view, here.view.compared
    reference = view.study.reference
    precision_recall, f1 = slide_tables(reference, view.study.classes, here)
    return {
        "cases": cases_table(here),
        "tests": compared
        and {
            "matrix": matrix(here, compared),
            "pairs": pairs_table(here, compared),
            "power": power_table(compared),
            "leaders": findings(here, "leaders"),
        },
        "repeats": repeats(here),
        "slices": slices(here),
        "strays": strays(here),
        "costs": costs(here),
        "precision_recall": precision_recall,
        "f1": f1,
        "scores": [
            _score_chart(view, system, run, f"f1-{place}")
            for place, system in enumerate(
                view.study.reference.systems if view.study.reference else (), 1
            )
            if (run := best(view.measured(system))) is not None
        ],
        "against": against_reference(here),
        "quoted": findings(here, "quoted"),
        "side_by_side": [
            confusion_table(here, run, numbered=True)
            for run in side_by_side(view)
            if len(run.classes) <= MANY
        ],
    }


def _score_chart(
    view: StudyView, system: ReferenceSystem, run: RunRecord, id_: str
) -> Mapping[str, Any]:
    """The F1 of each class, measured and quoted."""
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
    source = wording.told(view.study.reference.source) if view.study.reference else ""
    cited, own = wording.quote(wording.told(system.title)), wording.quote(view.case_title(run))
    data = table(
        f"{id_}-donnees",
        t("F1 en chiffres : {cited} et {measured}", cited=cited, measured=own),
        bars,
        Col(t("Catégorie"), lambda bar: bar.label),
        Col(
            t("Diapositives (cité)"),
            lambda bar: number(bar.quoted, "0.00", why=t(NOT_GIVEN), title=source),
        ),
        Col(t("Mesuré ici"), lambda bar: number(bar.value, "0.00", title=trace(run))),
        kind="",
    )
    return {
        "chart": chart(id_, partial(charts.interval_plot, bars), view.draw, table=data),
        "cited": cited,
        "measured": own,
        "family": run.model.family,
        "bars": len(bars),
        "ahead": sum(bar.quoted is not None and bar.value >= bar.quoted for bar in bars),
    }
