"""How many labels does it take to beat zero-shot?"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from evaluation.records import FewShot, FewShotPoint
from evaluation.report.kit import links, wording
from evaluation.report.kit.charts import LINES, Chart, chart, learning_plot
from evaluation.report.kit.language import WORDS, t, word
from evaluation.report.kit.page import Part
from evaluation.report.kit.tables import Cell, Col, Kind, Table, absent, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, interval_said, trace, trace_vectors

Titles = Mapping[str, str]
"""Method of a curve to its name."""


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None when no learning curve was made."""
    models = [model for model in here.view.concluded.few_shot if model.curves]
    if not models:
        return None
    used = dict.fromkeys(curve.method for model in models for curve in model.curves)
    return {
        "methods": {name: word("learners", name) for name in used if name in WORDS["learners"]},
        "models": [_model(here, model) for model in models],
    }


def _model(here: Here, model: FewShot) -> Mapping[str, Any]:
    view, anchor, case = here.view, links.slug(model.model), model.zero_shot_case
    known = {name: t(title) for name, title in WORDS["learners"].items()}
    if model.zero_shot is None:
        # Without texts there is no zero-shot classifier to add.
        known["gda"] = t("GDA")
    titles = {curve.method: known.get(curve.method, curve.method) for curve in model.curves}
    tip = trace_vectors(model.model)
    if case is not None:
        tip = t("comparison.json, vecteurs de {model}, face à {case}", model=model.model, case=case)
    run = view.runs.get(case or "")
    return {
        "record": model,
        "anchor": f"courbes-{anchor}",
        "titles": titles,
        "tip": tip,
        # What training has to beat; None for a model that reads no text.
        "number": case
        and model.zero_shot
        and Part(
            text=interval_said(model.zero_shot),
            href=here.run(case),
            title=trace(run) if run else "",
        ),
        "chart": _chart(view, model, f"apprentissage-{anchor}", titles, tip),
        "table": _table(view, model, f"apprentissage-{anchor}-tests", titles, tip),
    }


def _shots(point: FewShotPoint) -> str:
    return t("toutes") if point.shots is None else wording.count(point.shots)


def _chart(view: StudyView, model: FewShot, id_: str, titles: Titles, tip: str) -> Chart:
    """Mean accuracy by number of labels, a line a method; the same line, whatever the others."""
    lines = {name: place % len(LINES) for place, name in enumerate(WORDS["learners"])}
    lines = {name: lines.get(name, len(LINES) - 1) for name in titles}
    points = {
        (curve.method, _shots(point)): point for curve in model.curves for point in curve.points
    }
    zero, level = model.zero_shot, None
    if zero is not None and zero.value is not None:
        low, high = (zero.value if bound is None else bound for bound in (zero.low, zero.high))
        level = {"value": zero.value, "low": low, "high": high}

    def mean(method: str, size: str) -> Cell | str:
        point = points.get((method, size))
        if point is None:
            return wording.DASH
        return number(point.mean, "percent", bare=True, within=(point.low, point.high))

    name = view.model_name(model.model)
    ends = wording.clauses(
        t(
            "{method} : {mean} à {mean2}",
            method=titles[curve.method],
            mean=wording.percent(curve.points[0].mean),
            mean2=wording.percent(curve.points[-1].mean),
        )
        for curve in model.curves
    )
    plotted = [
        {
            "line": str(lines[method]),
            "shots": shots,
            "mean": point.mean,
            "low": point.low,
            "high": point.high,
        }
        for (method, shots), point in points.items()
    ]
    keys = [(f"line-{line}", titles[method]) for method, line in lines.items()]
    return chart(
        id_,
        partial(learning_plot, plotted, level),
        view.draw,
        title=t("Exactitude sur le test selon le nombre d’étiquettes, avec bandes à 95 %"),
        alt=t(
            "{model_name}, de la plus petite à la plus grande quantité d’étiquettes. {ends}.",
            model_name=name,
            ends=ends,
        ),
        table=table(
            f"{id_}-donnees",
            t("{model_name} : exactitude moyenne, en chiffres", model_name=name),
            dict.fromkeys(size for _, size in points),
            Col(t("Photos par catégorie"), str),
            *(Col(title, partial(mean, method)) for method, title in titles.items()),
            tip=tip,
            kind="",
        ),
        keys=[*keys, ("level", t("zero-shot, sans étiquette"))] if level else keys,
    )


def _table(view: StudyView, model: FewShot, id_: str, titles: Titles, tip: str) -> Table:
    """Each point, and what it gains."""

    def gain(row: tuple[str, FewShotPoint]) -> Cell:
        over, p = row[1].over_zero_shot, row[1].p_holm
        if over is None:
            return absent()
        proven = p is not None and p < view.alpha
        kind: Kind = "" if not proven else "hit" if over.gain > 0 else "error"
        return number(over.gain, "points", within=(over.low, over.high), kind=kind)

    def mean(row: tuple[str, FewShotPoint]) -> Cell:
        point = row[1]
        return number(point.mean, "percent", within=(point.low, point.high))

    def p_value(row: tuple[str, FewShotPoint]) -> Cell:
        p = row[1].p_holm
        return absent() if p is None else number(p, "p")

    name = view.model_name(model.model)
    return table(
        id_,
        t("{model_name} : chaque point, et ce qu’il gagne", model_name=name),
        [(titles[curve.method], point) for curve in model.curves for point in curve.points],
        Col(t("Photos par catégorie"), lambda row: _shots(row[1])),
        Col(t("Photos étiquetées"), lambda row: Cell(text=wording.count(row[1].images))),
        Col(t("Exactitude moyenne"), mean),
        Col(t("Gain sur le zero-shot"), gain, t("points")),
        Col(t("p corrigé"), p_value, t("Holm")),
        by=lambda row: row[0],
        tip=tip,
    )
