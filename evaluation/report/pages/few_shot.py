"""How many labels does it take to beat zero-shot?"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from evaluation.records import FewShot, FewShotPoint, LearningCurve
from evaluation.report.kit import links, wording
from evaluation.report.kit.charts import LINES, Chart, chart, learning_plot
from evaluation.report.kit.language import message, t
from evaluation.report.kit.page import Part
from evaluation.report.kit.tables import Cell, Col, Kind, Table, absent, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, interval_said, trace
from evaluation.report.study.worth import METHODS

ALL = message("toutes")


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None when no learning curve was made."""
    comparison = here.view.comparison
    models = [model for model in comparison.few_shot if model.curves] if comparison else []
    if not models:
        return None
    used = dict.fromkeys(curve.method for model in models for curve in model.curves)
    return {
        "methods": {name: t(METHODS[name]) for name in used if name in METHODS},
        "models": [_model(here, model) for model in models],
    }


def _model(here: Here, model: FewShot) -> Mapping[str, Any]:
    anchor = links.slug(model.model)
    tests = f"apprentissage-{anchor}-tests"
    return {
        "anchor": f"courbes-{anchor}",
        "title": here.view.model_name(model.model),
        "zero_shot": _zero_shot(here, model),
        "break_even": [_break_even(curve, f"#{tests}", _trace(model)) for curve in model.curves]
        if model.zero_shot is not None
        else [],
        "chart": _chart(here.view, model, anchor),
        "table": _table(here.view, model, tests),
        "draws": len(model.seeds),
    }


def _zero_shot(here: Here, model: FewShot) -> Mapping[str, Any] | None:
    """What training has to beat; None for a model that reads no text."""
    case = model.zero_shot_case
    if model.zero_shot is None or case is None:
        return None
    run = here.view.runs.get(case)
    tip = trace(run) if run else ""
    number = Part(text=interval_said(model.zero_shot), href=here.run(case), title=tip)
    return {"name": here.name(case), "number": number}


def _break_even(curve: LearningCurve, href: str, title: str) -> Mapping[str, Any]:
    """From how many labels a class a method beats zero-shot; its gain there leads to ``href``.

    ``kind``: "never"; "all", where it takes all of them; else "some".
    """
    shots, tried = curve.break_even, {point.shots: point for point in curve.points}
    over = None if shots is None or shots not in tried else tried[shots].over_zero_shot
    points = wording.points(over.gain) if over else ""
    return {
        "name": wording.quote(_named(curve.method)),
        "kind": "never" if shots is None else "some" if shots in tried else "all",
        "shots": shots,
        "most": max(point.images for point in curve.points),
        "over": over and {"gain": Part(text=points, href=href, title=title), "interval": over},
    }


def _named(method: str) -> str:
    return t(METHODS[method]) if method in METHODS else method


def _method(name: str, model: FewShot) -> str:
    # Without texts there is no zero-shot classifier to add.
    alone = name == "gda" and model.zero_shot is None
    return t("GDA") if alone else _named(name)


def _line(name: str) -> int:
    """The same line for a method, whatever the others of the plot."""
    names = list(METHODS)
    return names.index(name) % len(LINES) if name in names else len(LINES) - 1


def _shots(point: FewShotPoint) -> str:
    return t(ALL) if point.shots is None else wording.count(point.shots)


def _chart(view: StudyView, model: FewShot, anchor: str) -> Chart:
    points = [
        {
            "line": str(_line(curve.method)),
            "shots": _shots(point),
            "mean": point.mean,
            "low": point.low,
            "high": point.high,
        }
        for curve in model.curves
        for point in curve.points
    ]
    zero = model.zero_shot
    level = None
    if zero is not None and zero.value is not None:
        low, high = (zero.value if bound is None else bound for bound in (zero.low, zero.high))
        level = {"value": zero.value, "low": low, "high": high}
    ends = wording.clauses(
        t(
            "{method} : {mean} à {mean2}",
            method=_method(curve.method, model),
            mean=wording.percent(curve.points[0].mean),
            mean2=wording.percent(curve.points[-1].mean),
        )
        for curve in model.curves
    )
    keys = [(f"line-{_line(curve.method)}", _method(curve.method, model)) for curve in model.curves]
    if level:
        keys.append(("level", t("zero-shot, sans étiquette")))
    return chart(
        f"apprentissage-{anchor}",
        partial(learning_plot, points, level),
        view.draw,
        title=t("Exactitude sur le test selon le nombre d’étiquettes, avec bandes à 95 %"),
        alt=t(
            "{model_name}, de la plus petite à la plus grande quantité d’étiquettes. {ends}.",
            model_name=view.model_name(model.model),
            ends=ends,
        ),
        table=_means(model, anchor, view.model_name(model.model)),
        keys=keys,
    )


def _trace(model: FewShot) -> str:
    """Where the numbers of a model's curves come from, as a tooltip."""
    if model.zero_shot_case is None:
        return t("comparison.json, vecteurs de {model}", model=model.model)
    return t(
        "comparison.json, vecteurs de {model}, face à {case}",
        model=model.model,
        case=model.zero_shot_case,
    )


def _means(model: FewShot, anchor: str, name: str) -> Table:
    """Mean accuracy: a row for each number of photos, a column for each method."""
    points = {
        (curve.method, _shots(point)): point for curve in model.curves for point in curve.points
    }
    sizes = dict.fromkeys(size for _, size in points)

    def mean(method: str, size: str) -> Cell | str:
        point = points.get((method, size))
        if point is None:
            return wording.DASH
        return number(point.mean, "percent", bare=True, within=(point.low, point.high))

    return table(
        f"apprentissage-{anchor}-donnees",
        t("{model_name} : exactitude moyenne, en chiffres", model_name=name),
        sizes,
        Col(t("Photos par catégorie"), str),
        *(Col(_method(curve.method, model), partial(mean, curve.method)) for curve in model.curves),
        tip=_trace(model),
        kind="",
    )


def _table(view: StudyView, model: FewShot, id_: str) -> Table:
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

    return table(
        id_,
        t(
            "{model_name} : chaque point, et ce qu’il gagne",
            model_name=view.model_name(model.model),
        ),
        [(curve.method, point) for curve in model.curves for point in curve.points],
        Col(t("Photos par catégorie"), lambda row: _shots(row[1])),
        Col(t("Photos étiquetées"), lambda row: Cell(text=wording.count(row[1].images))),
        Col(t("Exactitude moyenne"), mean),
        Col(t("Gain sur le zero-shot"), gain, t("points")),
        Col(t("p corrigé"), p_value, t("Holm")),
        by=lambda row: _method(row[0], model),
        tip=_trace(model),
    )
