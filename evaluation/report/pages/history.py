"""The study as it was each time that it was kept, beside what it is now."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from evaluation.records import CaseChange, KeptState
from evaluation.report.kit.charts import LINES, Chart, chart, learning_plot
from evaluation.report.kit.language import t
from evaluation.report.kit.tables import Col, Table, counted, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.photos import titled
from evaluation.report.study.view import trace


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None while no state was kept."""
    states = here.view.concluded.history
    if not states:
        return None
    return {
        "chart": _chart(here, states),
        "states": [
            {
                "state": state,
                "changes": _changes(here, state, f"etat-{place}"),
                "photos": [
                    {
                        "case": change.case,
                        "won": _links(here, change.won),
                        "lost": _links(here, change.lost),
                    }
                    for change in state.changes
                    if change.won or change.lost
                ],
            }
            for place, state in reversed(list(enumerate(states, start=1)))
        ],
    }


def _chart(here: Here, states: tuple[KeptState, ...]) -> Chart:
    """The best cases that were kept, state by state, and now."""
    view = here.view
    kept = {change.case for state in states for change in state.changes}
    runs = [run for run in view.ranked if run.case in kept][: len(LINES)]
    cases = [run.case for run in runs]
    measured = (
        *((row.case, state.name, row.accuracy) for state in states for row in state.changes),
        *((run.case, t("maintenant"), run.metric("accuracy")) for run in runs),
    )
    points = [
        (case, name, metric)
        for case, name, metric in measured
        if case in cases and metric and metric.value is not None
    ]
    return chart(
        "exactitude-dans-le-temps",
        partial(
            learning_plot,
            [
                {
                    "line": str(cases.index(case)),
                    "shots": name,
                    "mean": metric.value,
                    "low": metric.value if metric.low is None else metric.low,
                    "high": metric.value if metric.high is None else metric.high,
                }
                for case, name, metric in points
            ],
            None,
            axis=t("état gardé"),
        ),
        view.draw,
        table=table(
            "exactitude-dans-le-temps-donnees",
            t("Exactitude à chaque état gardé, en chiffres"),
            points,
            Col(t("État gardé"), lambda row: row[1]),
            Col(t("Exactitude"), lambda row: number(row[2], "percent", title="comparison.json")),
            by=lambda row: view.case_name(row[0]),
        ),
        keys=[(f"line-{place}", view.case_name(case)) for place, case in enumerate(cases)],
    )


def _changes(here: Here, state: KeptState, id_: str) -> Table:
    def tip(change: CaseChange) -> str:
        run = here.view.runs.get(change.case)
        return trace(run) if run else ""

    return table(
        id_,
        t("De « {name} » à maintenant, sur les photos des deux", name=state.name),
        state.changes,
        Col(t("Cas"), lambda row: here.case(row.case)),
        Col(t("Photos"), lambda row: counted(row.gap.n)),
        Col(t("Alors"), lambda row: number(row.then, "percent")),
        Col(t("Maintenant"), lambda row: number(row.now, "percent")),
        Col(t("Écart"), lambda row: number(row.gap, "points"), t("points")),
        Col(t("Gagnées"), lambda row: counted(len(row.won))),
        Col(t("Perdues"), lambda row: counted(len(row.lost))),
        Col("p", lambda row: number(row.p, "p"), t("mid-p, non corrigé")),
        tip=tip,
    )


def _links(here: Here, ids: tuple[str, ...]) -> list[tuple[str, str]]:
    # The first are enough to look at.
    cards = [here.view.cards[sample] for sample in ids[:24] if sample in here.view.cards]
    return [(titled(card), here.photo(card.id)) for card in cards]
