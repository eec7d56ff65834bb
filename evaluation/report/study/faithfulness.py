"""What the maps are worth, as the pages say it: deletion, insertion, randomised weights.

What a sentence claims is chosen by the numbers: a method is believed where the 95 % interval
of its difference with each control, on the same photos, is on the right side of zero.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from evaluation.records import CaseExplanation, Faithfulness, Randomisation
from evaluation.report.kit import charts, wording
from evaluation.report.kit.charts import Chart
from evaluation.report.kit.charts import chart as figure
from evaluation.report.kit.language import message, nt, t
from evaluation.report.kit.page import Part
from evaluation.report.kit.tables import Cell, Col, Kind, Table, absent, head, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.maps import method_name
from evaluation.report.study.view import StudyView, trace

CONTROLS = ("random", "centre")

MEASURES = {
    ("deletion", "blur"): message("Effacer, en flou"),
    ("deletion", "mean"): message("Effacer, en couleur moyenne"),
    ("insertion", "blur"): message("Dévoiler, sur du flou"),
    ("insertion", "mean"): message("Dévoiler, sur la couleur moyenne"),
}
"""The four measures, in the order of the tables."""

LITTLE, MUCH = 0.3, 0.7
"""Correlations with the map of the trained model: at most the first, the map is gone; at least
the second, it has stayed."""


def measured_methods(explanation: CaseExplanation) -> tuple[str, ...]:
    """The methods and the controls that were measured, methods first."""
    measured = dict.fromkeys(row.method for row in explanation.faithfulness)
    return (
        *(method for method in measured if method not in CONTROLS),
        *(control for control in CONTROLS if control in measured),
    )


def score(explanation: CaseExplanation, method: str) -> tuple[int, int]:
    """In how many measures a method beats both controls, and how many there are."""
    beats = [row.faithful for row in explanation.faithfulness if row.method == method]
    return sum(beats), len(beats)


def best_method(explanations: Iterable[CaseExplanation]) -> str | None:
    """The method that beats the controls most often; the first of equals."""
    cases = tuple(explanations)
    methods = dict.fromkeys(card.method for case in cases for card in case.methods if card.applies)
    return max(
        methods, key=lambda method: sum(score(case, method)[0] for case in cases), default=None
    )


def doubted(explanations: Iterable[CaseExplanation], method: str) -> bool:
    """Whether a method was measured, and beats both controls in no measure of some case."""
    scores = [score(explanation, method) for explanation in explanations]
    return any(of and not won for won, of in scores)


def verdicts(explanation: CaseExplanation) -> list[Mapping[str, Any]]:
    """For each measured method its name, and in how many of the measures it beats both controls."""
    scores = {name: score(explanation, name) for name in measured_methods(explanation)}
    return [
        {"name": method_name(method), "won": won, "of": of}
        for method, (won, of) in scores.items()
        if method not in CONTROLS
    ]


# -------------------------------------------------------------------------- tables


def areas(view: StudyView, explanation: CaseExplanation) -> Table | None:
    """Areas of every method and control in the four measures."""
    rows: dict[tuple[str, str, str], Faithfulness] = {
        (row.method, row.measure, row.baseline): row for row in explanation.faithfulness
    }
    if not rows:
        return None
    photos = max(row.area.n for row in rows.values())
    why = trace(view.runs[explanation.case])

    def column(measure: tuple[str, str]) -> Col:
        note = t("bas est mieux") if measure[0] == "deletion" else t("haut est mieux")
        return Col(
            t(MEASURES[measure]), lambda method: _area(rows.get((method, *measure)), why), note
        )

    return table(
        f"fidelite-{view.case_slugs[explanation.case]}",
        nt(
            photos,
            "{case} : fidélité des cartes sur {n} photo",
            "{case} : fidélité des cartes sur {n} photos",
            case=view.case_name(explanation.case),
        ),
        measured_methods(explanation),
        Col(t("Méthode"), method_name),
        *(column(measure) for measure in MEASURES if any(key[1:] == measure for key in rows)),
        row_kind=lambda method: "missing" if method in CONTROLS else "",
    )


def _area(row: Faithfulness | None, why: str) -> Cell:
    if row is None:
        return absent()
    tag, kind = _beaten(row)
    return number(row.area, "0.000", title=why, kind=kind, tag=tag)


def _beaten(row: Faithfulness) -> tuple[str, Kind]:
    if row.method in CONTROLS or row.area.value is None:
        return "", ""
    if row.faithful:
        return t("bat les deux"), "better"
    if "random" in row.beats:
        return t("ne bat pas le centre"), "open"
    if "centre" in row.beats:
        return t("ne bat pas le hasard"), "open"
    return t("ne bat aucun témoin"), "open"


def overview(view: StudyView) -> Table | None:
    """Each case (rows) and method (columns): in how many measures both controls are beaten."""
    cases = [case for case in view.explanations.values() if case.faithfulness]
    measured = dict.fromkeys(method for case in cases for method in measured_methods(case))
    methods = [method for method in measured if method not in CONTROLS]
    if not methods:
        return None
    return table(
        "fidelite",
        t("Mesures où chaque méthode bat les deux témoins"),
        cases,
        Col(t("Cas"), lambda case: view.case_name(case.case)),
        *(Col(method_name(method), partial(_won, view, method)) for method in methods),
    )


def _won(view: StudyView, method: str, explanation: CaseExplanation) -> Cell:
    won, of = score(explanation, method)
    if not of:
        return absent(t("cette méthode n’a pas été mesurée sur ce cas"))
    said: tuple[str, Kind] = t("à lire avec réserve"), "open"
    if won == of:
        said = t("fidèle"), "better"
    elif won == 0:
        said = t("ne bat pas les témoins"), "open"
    text = t("{won} sur {of}", won=wording.count(won), of=wording.count(of))
    why = trace(view.runs[explanation.case])
    return number(won, "0", text=text, title=why, tag=said[0], kind=said[1])


# -------------------------------------------------------------------------- curves


def chart(view: StudyView, explanation: CaseExplanation) -> Chart | None:
    """The mean curves of the four measures."""
    rows = [row for row in explanation.faithfulness if len(row.curve) > 1]
    if not rows:
        return None
    drawn = {row.method for row in rows}
    names = [method for method in measured_methods(explanation) if method in drawn]
    rows.sort(key=lambda row: list(MEASURES).index((row.measure, row.baseline)))
    points = [
        {
            "panel": t(MEASURES[row.measure, row.baseline]),
            "line": charts.faithful_line(names, row.method),
            "share": i / (len(row.curve) - 1),
            "probability": value,
        }
        for row in rows
        for i, value in enumerate(row.curve)
    ]
    return figure(
        f"courbes-{view.case_slugs[explanation.case]}",
        partial(charts.faithfulness_plot, points),
        view.draw,
        table=_curve_table(view, explanation, rows, names),
        keys=((charts.faithful_line(names, name), method_name(name)) for name in names),
    )


def _curve_table(
    view: StudyView, explanation: CaseExplanation, rows: list[Faithfulness], names: list[str]
) -> Table:
    why = trace(view.runs[explanation.case])
    panels: dict[str, dict[str, tuple[float, ...]]] = {}
    for row in rows:
        panels.setdefault(t(MEASURES[row.measure, row.baseline]), {})[row.method] = row.curve
    steps = {panel: max(len(line) for line in lines.values()) for panel, lines in panels.items()}

    def column(name: str) -> Col:
        def cell(point: tuple[str, int]) -> Cell:
            panel, i = point
            line = panels[panel].get(name, ())
            return number(line[i], "percent", title=why) if len(line) == steps[panel] else absent()

        return Col(method_name(name), cell)

    def share(point: tuple[str, int]) -> Cell:
        value = point[1] / (steps[point[0]] - 1)
        return head(wording.percent(value, 0), value=value)

    return table(
        f"courbes-{view.case_slugs[explanation.case]}-donnees",
        t("{case} : courbes moyennes, en chiffres", case=view.case_name(explanation.case)),
        [(panel, i) for panel in panels for i in range(steps[panel])],
        Col(t("Part de la photo"), share),
        *(column(name) for name in names),
        by=lambda point: point[0],
    )


# ------------------------------------------------------------------- randomisation


def randomisations(view: StudyView) -> Mapping[str, tuple[Randomisation, ...]]:
    """Model to what is left of its maps; the test is of the model, and done once."""
    models: dict[str, tuple[Randomisation, ...]] = {}
    for case, explanation in view.explanations.items():
        rows = explanation.randomisation
        if rows:
            named = tuple(row if row.case else replace(row, case=case) for row in rows)
            models.setdefault(view.runs[case].model.name, named)
    return models


def randomised(here: Here) -> list[Mapping[str, Any]]:
    """For each model and method, what is left of the maps once the weights are shuffled.

    What may be said follows from the interval of the correlation; without one, nothing.
    """
    said = []
    for name, rows in randomisations(here.view).items():
        last: dict[str, Randomisation] = {}
        for row in rows:
            if row.similarity.value is not None and row.share >= last.get(row.method, row).share:
                last[row.method] = row
        said += [_left(here, here.view.model_name(name), row) for row in last.values()]
    return said


def _left(here: Here, name: str, row: Randomisation) -> Mapping[str, Any]:
    metric, run = row.similarity, here.view.runs.get(row.case)
    verdict = "open"
    if metric.low is None or metric.high is None:
        verdict = "few"
    elif max(abs(metric.low), abs(metric.high)) <= LITTLE:
        verdict = "gone"
    elif metric.low >= MUCH:
        verdict = "stayed"
    return {
        "model": name,
        "method": method_name(row.method),
        "left": row,
        "verdict": verdict,
        "value": Part(
            text=wording.decimal(metric.value or 0.0, 2),
            href=here.run(row.case),
            title=trace(run) if run else "",
        ),
    }


def randomisation_table(view: StudyView) -> Table | None:
    """Correlation with the map of the trained model, as ever more weights are shuffled."""
    models = randomisations(view)
    rows: dict[tuple[str, str, float], Randomisation] = {
        (name, row.method, row.share): row for name, left in models.items() for row in left
    }
    shares = sorted({share for *_, share in rows})
    if not shares:
        return None

    def column(share: float) -> Col:
        return Col(
            t("{share} des poids", share=wording.percent(share, 0)),
            lambda key: _correlation(view, rows.get((*key, share))),
        )

    return table(
        "poids-au-hasard",
        t("Ce qui reste des cartes quand les poids sont mélangés"),
        dict.fromkeys(key[:2] for key in rows),
        Col(t("Méthode"), lambda key: method_name(key[1])),
        *(column(share) for share in shares),
        by=lambda key: view.model_name(key[0]),
    )


def _correlation(view: StudyView, row: Randomisation | None) -> Cell:
    if row is None or row.similarity.value is None:
        return absent(t("non mesuré"))
    why = trace(view.runs[row.case]) if row.case in view.runs else row.case
    maps = nt(row.similarity.n, "{n} carte", "{n} cartes")
    note = maps if row.similarity.low is None else ""
    return number(row.similarity, "0.00", title=why, note=note)
