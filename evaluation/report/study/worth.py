"""What titles are worth in labels: in words, and as two learning curves side by side."""

from collections.abc import Mapping
from functools import partial

from evaluation.records import FAMILIES, FewShotPoint, PairsCurve, PairsPoint
from evaluation.report.kit import wording
from evaluation.report.kit.charts import Chart, chart
from evaluation.report.kit.curves import Line, learning_plot
from evaluation.report.kit.language import message, t
from evaluation.report.kit.sentence import Claim, claim
from evaluation.report.kit.tables import PERCENT, Cell, Col, number, table
from evaluation.report.study.here import Here

METHODS = {
    "logistic": message("Régression logistique"),
    "gda": message("GDA et zero-shot"),
    "text-probe": message("Sonde partie des textes"),
    "knn": message("k plus proches voisins"),
}
"""Names of what learns from labels; one that is not here keeps its own."""
LINES: tuple[Line, ...] = (
    (FAMILIES["label-free"].colour, FAMILIES["label-free"].shape, [1, 0]),
    (FAMILIES["supervised"].colour, FAMILIES["supervised"].shape, [8, 4]),
)


def worth(here: Here) -> list[Claim]:
    """How many labels each label-free case is worth, with its interval."""
    rows = (row for curves in here.view.concluded.few_shot for row in curves.worth)
    adapted = {run.case: run.adaptation for run in here.view.label_free if run.adaptation}
    return [
        claim(
            "worth",
            case=here.name(row.case),
            adaptation=adapted[row.case],
            labels=_whole(row.labels),
            low=_whole(row.low),
            high=_whole(row.high),
            method=t(METHODS[row.method]).lower(),
            href=here.to("etiquettes"),
        )
        for row in rows
        if row.case in adapted
    ]


def _whole(labels: float | None) -> int | None:
    return None if labels is None else round(labels)


def pairs_charts(here: Here) -> tuple[Chart, ...]:
    """Of each case that titles adapted: accuracy by their number, and by that of labels.

    Clusters and shares are left out of the curve: cases that differ by them alone share one.
    """
    curves: dict[tuple[PairsPoint, ...], PairsCurve] = {}
    for curve in here.view.concluded.pairs:
        curves.setdefault(curve.points, curve)
    return tuple(_pairs_chart(here, curve) for curve in curves.values())


def _pairs_chart(here: Here, curve: PairsCurve) -> Chart:
    view, slug = here.view, here.view.case_slugs.get(curve.case, "cas")
    case, tip = view.case_name(curve.case), t("comparison.json, moyenne des tirages")
    titles: dict[int, PairsPoint | FewShotPoint] = {point.pairs: point for point in curve.points}
    labels: dict[int, PairsPoint | FewShotPoint] = {
        one.images: one for one in _labels_curve(here, curve.case)
    }
    sizes = sorted({*titles, *labels})
    points = [
        {
            "line": str(line),
            "shots": wording.count(size),
            "mean": one.mean,
            "low": one.low,
            "high": one.high,
        }
        for size in sizes
        for line, known in enumerate((titles, labels))
        if (one := known.get(size)) is not None
    ]

    def mean(known: Mapping[int, PairsPoint | FewShotPoint], size: int) -> Cell | str:
        one = known.get(size)
        if one is None:
            return wording.DASH
        return number(one.mean, PERCENT, within=(one.low, one.high), title=tip)

    return chart(
        f"paires-{slug}",
        t("{case} : exactitude selon le nombre de titres, ou d’étiquettes", case=case),
        t(
            "Avec {few} titres {low}, avec {many} {high}.",
            few=wording.count(curve.points[0].pairs),
            low=wording.percent(curve.points[0].mean),
            many=wording.count(curve.points[-1].pairs),
            high=wording.percent(curve.points[-1].mean),
        ),
        partial(learning_plot, points, None, axis=t("titres, ou étiquettes"), lines=LINES),
        view.draw,
        table=table(
            f"paires-{slug}-donnees",
            t("{case} : exactitude moyenne, en chiffres", case=case),
            sizes,
            Col(t("Nombre"), wording.count, numeric=True),
            Col(t("Avec autant de titres"), partial(mean, titles)),
            Col(t("Avec autant d’étiquettes"), partial(mean, labels)),
            note=t(
                "Titres : au premier réglage que le cas a choisi. Étiquettes : régression "
                "logistique sur les mêmes vecteurs. Entre crochets, l’intervalle à 95 %."
            ),
        ),
        keys=[
            ("label-free", t("titres, sans étiquette")),
            *([("supervised", t("étiquettes, sans titre"))] if labels else []),
        ],
    )


def _labels_curve(here: Here, case: str) -> tuple[FewShotPoint, ...]:
    """The points of the learning curve that a case's worth in labels was read off."""
    for model in here.view.concluded.few_shot:
        methods = {worth.method for worth in model.worth if worth.case == case}
        for curve in model.curves:
            if curve.method in methods:
                return curve.points
    return ()
