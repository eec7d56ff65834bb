"""How many labels does it take to beat zero-shot?"""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.records import FewShot, FewShotPoint, LearningCurve
from evaluation.report import curves, links, wording
from evaluation.report.charts import Chart, Key
from evaluation.report.curves import LINES, LearningPoint, Level
from evaluation.report.pages import Page
from evaluation.report.sentences import Part, Sentence, joined
from evaluation.report.tables import Cell, Column, Group, Kind, Row, Table, head, simple
from evaluation.report.view import StudyView, bounds, shown, trace

METHODS = {
    "logistic": "Régression logistique",
    "gda": "GDA et zero-shot",
    "text-probe": "Sonde partie des textes",
    "knn": "k plus proches voisins",
}
"""French names of the methods; one that is not here keeps its own."""

DEFINITIONS = {
    "logistic": "un classifieur linéaire sur les vecteurs des photos étiquetées",
    "gda": "une analyse discriminante gaussienne, ajoutée aux textes (Wang et al., ICLR 2024)",
    "text-probe": "un classifieur linéaire qui part des textes (LP++, Huang et al., CVPR 2024)",
    "knn": "le vote des photos étiquetées les plus proches",
}

ALL = "toutes"


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


def build(view: StudyView) -> Page | None:
    """The page, or None when no learning curve was made."""
    found = tuple(one for one in view.comparison.few_shot if one.curves) if view.comparison else ()
    if not found:
        return None
    uri = view.page("etiquettes")
    used = dict.fromkeys(curve.method for one in found for curve in one.curves)
    return Page(
        uri=uri,
        title="Combien d’étiquettes\u202f?",
        template="etiquettes.md.jinja",
        model=FewShotPage(
            title=view.title,
            methods=tuple((METHODS[one], DEFINITIONS[one]) for one in used if one in DEFINITIONS),
            models=tuple(_model(view, one, uri) for one in found),
        ),
    )


def _model(view: StudyView, one: FewShot, source: str) -> ModelCurves:
    anchor = links.slug(one.model)
    return ModelCurves(
        anchor=f"courbes-{anchor}",
        title=view.model_name(one.model),
        zero_shot=_zero_shot(view, one, source),
        break_even=tuple(break_even(curve) for curve in one.curves)
        if one.zero_shot is not None
        else (),
        chart=_chart(view, one, anchor),
        table=_table(view, one, anchor),
    )


def _zero_shot(view: StudyView, one: FewShot, source: str) -> Sentence:
    if one.zero_shot is None or one.zero_shot_case is None:
        return ()
    run = view.runs.get(one.zero_shot_case)
    name = wording.quote(view.case_name(one.zero_shot_case))
    text = f"{shown(one.zero_shot)}{wording.NBSP}{bounds(one.zero_shot)}".strip()
    number = (
        Part(text=text)
        if run is None
        else Part(text=text, href=view.run_href(source, run), title=trace(run))
    )
    return joined(f"Sans aucune étiquette, {name} obtient ", number, ".")


def break_even(curve: LearningCurve) -> Sentence:
    """From how many labels a class a method beats zero-shot."""
    name = wording.quote(METHODS.get(curve.method, curve.method))
    if curve.break_even is None:
        most = max(curve.points, key=lambda point: point.images)
        return joined(
            f"{name} ne bat jamais le zero-shot de façon démontrée, même avec "
            f"{wording.plural(most.images, 'photo étiquetée', 'photos étiquetées')} en tout."
        )
    tried = [point.shots for point in curve.points if point.shots is not None]
    only_all = curve.break_even not in tried
    if only_all:
        return joined(
            f"{name} ne bat le zero-shot qu’avec toutes les étiquettes (jusqu’à "
            f"{wording.plural(curve.break_even, 'photo')} par catégorie)."
        )
    return joined(
        f"{name} bat le zero-shot à partir de "
        f"{wording.plural(curve.break_even, 'photo étiquetée', 'photos étiquetées')} "
        f"par catégorie{_gain(curve, curve.break_even)}."
    )


def _gain(curve: LearningCurve, shots: int) -> str:
    point = next((one for one in curve.points if one.shots == shots), None)
    if point is None or point.over_zero_shot is None:
        return ""
    gain = point.over_zero_shot
    return (
        f" ({wording.points(gain.gain)}, IC\u00a095\u202f% {wording.interval(gain.low, gain.high)})"
    )


def _method(name: str, one: FewShot) -> str:
    # Without texts there is no zero-shot classifier to add.
    alone = name == "gda" and one.zero_shot is None
    return "GDA" if alone else METHODS.get(name, name)


def _line(name: str) -> int:
    """The same line for a method, whatever the others of the plot."""
    names = list(METHODS)
    return names.index(name) % len(LINES) if name in names else len(LINES) - 1


def _shots(point: FewShotPoint) -> str:
    return ALL if point.shots is None else wording.count(point.shots)


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
    ends = "\u202f; ".join(
        f"{_method(curve.method, one)}\u00a0: {wording.percent(curve.points[0].mean)} à "
        f"{wording.percent(curve.points[-1].mean)}"
        for curve in one.curves
    )
    keys = [
        Key(kind=f"line-{_line(curve.method)}", text=_method(curve.method, one))
        for curve in one.curves
    ]
    if level:
        keys.append(Key(kind="level", text="zero-shot, sans étiquette"))
    return Chart(
        id=f"apprentissage-{anchor}",
        title="Exactitude sur le test selon le nombre d’étiquettes, avec bandes à 95\u202f%",
        alt=f"{view.model_name(one.model)}, de la plus petite à la plus grande quantité "
        f"d’étiquettes. {ends}.",
        wide=wide,
        narrow=narrow,
        keys=tuple(keys),
        table=simple(
            f"apprentissage-{anchor}-donnees",
            f"{view.model_name(one.model)}\u00a0: exactitude moyenne, en chiffres",
            ("Photos par catégorie", *(_method(curve.method, one) for curve in one.curves)),
            _means(one),
        ),
    )


def _means(one: FewShot) -> tuple[tuple[str, ...], ...]:
    sizes = dict.fromkeys(_shots(point) for curve in one.curves for point in curve.points)
    means = {
        (curve.method, _shots(point)): wording.percent(point.mean)
        for curve in one.curves
        for point in curve.points
    }
    return tuple(
        (size, *(means.get((curve.method, size), wording.DASH) for curve in one.curves))
        for size in sizes
    )


def _table(view: StudyView, one: FewShot, anchor: str) -> Table:
    return Table(
        id=f"apprentissage-{anchor}-tests",
        caption=f"{view.model_name(one.model)}\u00a0: chaque point, et ce qu’il gagne",
        columns=(
            Column(text="Photos par catégorie", numeric=False),
            Column(text="Photos étiquetées"),
            Column(text="Exactitude moyenne"),
            Column(text="Gain sur le zero-shot", note="points"),
            Column(text="p corrigé", note="Holm"),
        ),
        groups=tuple(
            Group(
                title=_method(curve.method, one),
                rows=tuple(_point(point, view.alpha) for point in curve.points),
            )
            for curve in one.curves
        ),
        note=f"Moyenne de {wording.plural(len(one.seeds), 'tirage')} des photos étiquetées, prises "
        "dans la partie d’apprentissage\u202f; l’incertitude est celle des tirages et des images "
        "à la fois. Les réglages sont choisis sur les seules photos étiquetées.",
        kind="scores",
    )


def _point(point: FewShotPoint, alpha: float) -> Row:
    gain, p = point.over_zero_shot, point.p_holm
    told = p is not None and p < alpha
    kind: Kind = "" if gain is None or not told else "hit" if gain.gain > 0 else "error"
    return Row(
        cells=(
            head(_shots(point)),
            Cell(text=wording.count(point.images)),
            Cell(text=wording.percent(point.mean), note=wording.interval(point.low, point.high)),
            Cell(text=wording.DASH)
            if gain is None
            else Cell(
                text=wording.signed(100 * gain.gain),
                note=wording.interval(gain.low, gain.high),
                kind=kind,
            ),
            Cell(text=wording.DASH if p is None else wording.bare_p(p)),
        )
    )
