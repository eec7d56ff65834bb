"""How many labels does it take to beat zero-shot?"""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.records import FewShot, FewShotPoint, LearningCurve
from evaluation.report.kit import curves, links, wording
from evaluation.report.kit.charts import Chart, Key
from evaluation.report.kit.curves import LINES, LearningPoint, Level
from evaluation.report.kit.language import message, nt, t
from evaluation.report.kit.sentence import Part, Sentence, say
from evaluation.report.kit.tables import (
    Cell,
    Column,
    Group,
    Kind,
    Row,
    Table,
    absent,
    head,
    measured,
    simple,
)
from evaluation.report.kit.typography import NBSP
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, bounds, shown, trace

METHODS = {
    "logistic": message("Régression logistique"),
    "gda": message("GDA et zero-shot"),
    "text-probe": message("Sonde partie des textes"),
    "knn": message("k plus proches voisins"),
}
"""Names of the methods; one that is not here keeps its own."""

DEFINITIONS = {
    "logistic": message("un classifieur linéaire sur les vecteurs des photos étiquetées"),
    "gda": message(
        "une analyse discriminante gaussienne, ajoutée aux textes (Wang et al., ICLR 2024)"
    ),
    "text-probe": message(
        "un classifieur linéaire qui part des textes (LP++, Huang et al., CVPR 2024)"
    ),
    "knn": message("le vote des photos étiquetées les plus proches"),
}

ALL = message("toutes")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCurves:
    """The learning curves of one model's embeddings."""

    anchor: str
    title: str
    zero_shot: Sentence
    """What training has to beat; empty for a model that reads no text."""
    break_even: tuple[Sentence, ...]
    chart: Chart
    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class FewShotPage:
    """The page of the label cost."""

    title: str
    methods: tuple[tuple[str, str], ...]
    """(name, definition)"""
    models: tuple[ModelCurves, ...]


def build(here: Here) -> FewShotPage | None:
    """The page, or None when no learning curve was made."""
    view = here.view
    found = tuple(one for one in view.comparison.few_shot if one.curves) if view.comparison else ()
    if not found:
        return None
    used = dict.fromkeys(curve.method for one in found for curve in one.curves)
    return FewShotPage(
        title=view.title,
        methods=tuple((t(METHODS[one]), t(DEFINITIONS[one])) for one in used if one in DEFINITIONS),
        models=tuple(_model(here, one) for one in found),
    )


def _model(here: Here, one: FewShot) -> ModelCurves:
    view = here.view
    anchor = links.slug(one.model)
    return ModelCurves(
        anchor=f"courbes-{anchor}",
        title=view.model_name(one.model),
        zero_shot=_zero_shot(here, one),
        break_even=tuple(
            break_even(curve, href=f"#{_tests(anchor)}", title=_trace(one)) for curve in one.curves
        )
        if one.zero_shot is not None
        else (),
        chart=_chart(view, one, anchor),
        table=_table(view, one, anchor),
    )


def _zero_shot(here: Here, one: FewShot) -> Sentence:
    if one.zero_shot is None or one.zero_shot_case is None:
        return ()
    run = here.view.runs.get(one.zero_shot_case)
    name = wording.quote(here.view.case_name(one.zero_shot_case))
    text = f"{shown(one.zero_shot)}{NBSP}{bounds(one.zero_shot)}".strip()
    number = (
        Part(text=text)
        if run is None
        else Part(text=text, href=here.run(run.case), title=trace(run))
    )
    return say("Sans aucune étiquette, {name} obtient {number}.", name=name, number=number)


def break_even(curve: LearningCurve, *, href: str = "", title: str = "") -> Sentence:
    """From how many labels a class a method beats zero-shot; the gain leads to ``href``."""
    name = wording.quote(_named(curve.method))
    if curve.break_even is None:
        most = max(curve.points, key=lambda point: point.images)
        return say(
            "{name} ne bat jamais le zero-shot de façon démontrée, même avec {images} en tout.",
            name=name,
            images=nt(most.images, "{n} photo étiquetée", "{n} photos étiquetées"),
        )
    tried = [point.shots for point in curve.points if point.shots is not None]
    only_all = curve.break_even not in tried
    if only_all:
        return say(
            "{name} ne bat le zero-shot qu’avec toutes les étiquettes (jusqu’à "
            "{break_even} par catégorie).",
            name=name,
            break_even=nt(curve.break_even, "{n} photo", "{n} photos"),
        )
    return say(
        "{name} bat le zero-shot à partir de {break_even} par catégorie{gain}.",
        name=name,
        break_even=nt(curve.break_even, "{n} photo étiquetée", "{n} photos étiquetées"),
        gain=_gain(curve, curve.break_even, href, title),
    )


def _gain(curve: LearningCurve, shots: int, href: str, title: str) -> Sentence:
    point = next((one for one in curve.points if one.shots == shots), None)
    if point is None or point.over_zero_shot is None:
        return ()
    gain = point.over_zero_shot
    return say(
        " ({gain}, IC 95 % {interval})",
        gain=Part(text=wording.points(gain.gain), href=href, title=title),
        interval=wording.interval(gain.low, gain.high),
    )


def _named(method: str) -> str:
    return t(METHODS[method]) if method in METHODS else method


def _method(name: str, one: FewShot) -> str:
    # Without texts there is no zero-shot classifier to add.
    alone = name == "gda" and one.zero_shot is None
    return t("GDA") if alone else _named(name)


def _line(name: str) -> int:
    """The same line for a method, whatever the others of the plot."""
    names = list(METHODS)
    return names.index(name) % len(LINES) if name in names else len(LINES) - 1


def _shots(point: FewShotPoint) -> str:
    return t(ALL) if point.shots is None else wording.count(point.shots)


def _chart(view: StudyView, one: FewShot, anchor: str) -> Chart:
    points = [
        LearningPoint(
            line=_line(curve.method),
            shots=_shots(point),
            mean=point.mean,
            low=point.low,
            high=point.high,
        )
        for curve in one.curves
        for point in curve.points
    ]
    zero = one.zero_shot
    level = (
        None
        if zero is None or zero.value is None
        else Level(
            value=zero.value,
            low=zero.value if zero.low is None else zero.low,
            high=zero.value if zero.high is None else zero.high,
        )
    )
    wide, narrow = curves.learning_plot(points, level, view.draw)
    ends = wording.clauses(
        t(
            "{method} : {mean} à {mean2}",
            method=_method(curve.method, one),
            mean=wording.percent(curve.points[0].mean),
            mean2=wording.percent(curve.points[-1].mean),
        )
        for curve in one.curves
    )
    keys = [
        Key(kind=f"line-{_line(curve.method)}", text=_method(curve.method, one))
        for curve in one.curves
    ]
    if level:
        keys.append(Key(kind="level", text=t("zero-shot, sans étiquette")))
    return Chart(
        id=f"apprentissage-{anchor}",
        title=t("Exactitude sur le test selon le nombre d’étiquettes, avec bandes à 95 %"),
        alt=t(
            "{model_name}, de la plus petite à la plus grande quantité d’étiquettes. {ends}.",
            model_name=view.model_name(one.model),
            ends=ends,
        ),
        wide=wide,
        narrow=narrow,
        keys=tuple(keys),
        table=simple(
            f"apprentissage-{anchor}-donnees",
            t(
                "{model_name} : exactitude moyenne, en chiffres",
                model_name=view.model_name(one.model),
            ),
            (t("Photos par catégorie"), *(_method(curve.method, one) for curve in one.curves)),
            _means(one),
        ),
    )


def _tests(anchor: str) -> str:
    """The table where each point is told."""
    return f"apprentissage-{anchor}-tests"


def _trace(one: FewShot) -> str:
    """Where the numbers of a model's curves come from, as a tooltip."""
    if one.zero_shot_case is None:
        return t("comparison.json, vecteurs de {model}", model=one.model)
    return t(
        "comparison.json, vecteurs de {model}, face à {case}",
        model=one.model,
        case=one.zero_shot_case,
    )


def _means(one: FewShot) -> tuple[tuple[str | Cell, ...], ...]:
    tip = _trace(one)
    sizes = dict.fromkeys(_shots(point) for curve in one.curves for point in curve.points)
    means = {
        (curve.method, _shots(point)): measured(
            wording.percent(point.mean), point.mean, low=point.low, high=point.high, title=tip
        )
        for curve in one.curves
        for point in curve.points
    }
    return tuple(
        (size, *(means.get((curve.method, size), wording.DASH) for curve in one.curves))
        for size in sizes
    )


def _table(view: StudyView, one: FewShot, anchor: str) -> Table:
    tip = _trace(one)
    return Table(
        id=_tests(anchor),
        caption=t(
            "{model_name} : chaque point, et ce qu’il gagne",
            model_name=view.model_name(one.model),
        ),
        columns=(
            Column(text=t("Photos par catégorie"), numeric=False),
            Column(text=t("Photos étiquetées")),
            Column(text=t("Exactitude moyenne")),
            Column(text=t("Gain sur le zero-shot"), note=t("points")),
            Column(text=t("p corrigé"), note=t("Holm")),
        ),
        groups=tuple(
            Group(
                title=_method(curve.method, one),
                rows=tuple(_point(point, view.alpha, tip) for point in curve.points),
            )
            for curve in one.curves
        ),
        note=t(
            "Moyenne de {seeds} des photos étiquetées, prises dans la partie "
            "d’apprentissage ; l’incertitude est celle des tirages et des "
            "images à la fois. Les réglages sont choisis sur les seules photos "
            "étiquetées.",
            seeds=nt(len(one.seeds), "{n} tirage", "{n} tirages"),
        ),
        kind="scores",
    )


def _point(point: FewShotPoint, alpha: float, tip: str) -> Row:
    gain, p = point.over_zero_shot, point.p_holm
    told = p is not None and p < alpha
    kind: Kind = "" if gain is None or not told else "hit" if gain.gain > 0 else "error"
    return Row(
        cells=(
            head(_shots(point)),
            Cell(text=wording.count(point.images), title=tip),
            measured(
                wording.percent(point.mean),
                point.mean,
                low=point.low,
                high=point.high,
                note=wording.interval(point.low, point.high),
                title=tip,
            ),
            absent()
            if gain is None
            else measured(
                wording.signed(100 * gain.gain),
                gain.gain,
                low=gain.low,
                high=gain.high,
                note=wording.interval(gain.low, gain.high),
                kind=kind,
                title=tip,
            ),
            absent() if p is None else measured(wording.bare_p(p), p, title=tip),
        )
    )
