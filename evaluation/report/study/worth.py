"""What is read without a label is worth: step by step, in labels, and as two learning curves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from evaluation.records import FAMILIES, FewShotPoint, PairedTest, PairsCurve, PairsPoint, RunRecord
from evaluation.report.kit import wording
from evaluation.report.kit.charts import Line, chart, learning_plot
from evaluation.report.kit.language import message, t
from evaluation.report.kit.page import Claim, claim
from evaluation.report.kit.tables import Cell, Col, Table, absent, head, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, trace, value

STEPS = {
    "names": message("Noms des catégories"),
    "texts": message("Textes qui décrivent"),
    "titles": message("+ titres, sans étiquette"),
    "photos": message("+ photos, sans étiquette"),
    "labels": message("Étiquettes"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A case, and its paired test against the rung below."""

    step: str
    run: RunRecord
    below: PairedTest | None


def rungs(view: StudyView) -> tuple[Rung, ...]:
    """The rungs that a study has; nothing without a label-free one.

    All have the weights and the texts of the first label-free case that reads the photo alone;
    the last is the most accurate supervised case of the same weights, or else of any.
    """
    adapted = [run for run in view.label_free if run.model.reads == ("photo",) and run.prompts]
    if not adapted:
        return ()
    texts = [run.prompts.name for run in adapted if run.prompts and not run.prompts.derive]
    runs = dict(_climbed(view, adapted, texts[0] if texts else ""))
    below: RunRecord | None = None
    ladder = []
    for step in STEPS:
        if (run := runs.get(step)) is None:
            continue
        pair = None if below is None else view.pair(run.case, below.case)
        ladder.append(Rung(step=step, run=run, below=pair))
        below = run
    return tuple(ladder)


def _climbed(
    view: StudyView, adapted: list[RunRecord], texts: str
) -> Iterator[tuple[str, RunRecord]]:
    weights = adapted[0].model.weights, adapted[0].model.architecture
    for run in view.zero_shot:
        if (run.model.weights, run.model.architecture) == weights and run.prompts:
            if run.prompts.name == view.baseline:
                yield "names", run
            elif run.prompts.name == texts:
                yield "texts", run
    for run in reversed(adapted):
        if run.prompts and run.prompts.name == texts and run.model.shares is None:
            yield "photos" if "photos" in run.model.adapt else "titles", run
    photo_only = [run for run in view.supervised if run.model.reads == ("photo",)]
    same = [run for run in photo_only if run.model.weights == weights[0]]
    if same or photo_only:
        yield "labels", max(same or photo_only, key=lambda run: value(run, "accuracy"))


def ladder(here: Here) -> Table | None:
    """The rungs as a table; None without a label-free case."""
    steps = rungs(here.view)
    if not steps:
        return None
    return table(
        "echelle",
        t("Des noms aux étiquettes : ce que chaque marche ajoute, sur les mêmes photos de test"),
        steps,
        Col(
            t("Ce qui est lu"), lambda rung: head(t(STEPS[rung.step]), href=here.run(rung.run.case))
        ),
        Col(t("Famille"), lambda rung: t(FAMILIES[rung.run.model.family].title), numeric=False),
        Col(
            t("Exactitude"),
            lambda rung: number(
                rung.run.metric("accuracy"),
                "percent",
                title=trace(rung.run),
                href=here.right(rung.run.case),
            ),
        ),
        Col(t("Sur la marche d’avant"), _gain),
        Col(t("Ce qui est démontré"), lambda rung: _shown(here.view, rung), numeric=False),
        note=t(
            "Écart apparié et son intervalle à 95 % ; p du test de McNemar, corrigé (Holm) pour "
            "toutes les paires de cas."
        ),
    )


def _gain(rung: Rung) -> Cell:
    pair = rung.below
    if pair is None:
        return absent()
    gap, low, high = pair.seen_from(rung.run.case)
    return number(gap, "points", within=(low, high), title=t("comparison.json, test apparié"))


def _shown(view: StudyView, rung: Rung) -> str:
    pair = rung.below
    if pair is None:
        return ""
    if pair.p_holm >= view.alpha:
        return t("aucun écart démontré")
    gain, _, _ = pair.seen_from(rung.run.case)
    p = wording.p_value(pair.p_holm)
    return t("un gain ({p})", p=p) if gain > 0 else t("une perte ({p})", p=p)


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


def pairs_charts(here: Here) -> list[Mapping[str, Any]]:
    """Of each case that titles adapted: accuracy by their number, and by that of labels.

    Clusters and shares are left out of the curve: cases that differ by them alone share one.
    """
    curves: dict[tuple[PairsPoint, ...], PairsCurve] = {}
    for curve in here.view.concluded.pairs:
        curves.setdefault(curve.points, curve)
    return [_pairs_chart(here, curve) for curve in curves.values()]


def _pairs_chart(here: Here, curve: PairsCurve) -> Mapping[str, Any]:
    view, slug = here.view, here.view.case_slugs.get(curve.case, "cas")
    case, tip = view.case_name(curve.case), t("comparison.json, moyenne des tirages")
    titles: dict[int, PairsPoint | FewShotPoint] = {point.pairs: point for point in curve.points}
    labels: dict[int, PairsPoint | FewShotPoint] = {
        point.images: point for point in _labels_curve(here, curve.case)
    }
    sizes = sorted({*titles, *labels})
    points = [
        {
            "line": str(line),
            "shots": wording.count(size),
            "mean": point.mean,
            "low": point.low,
            "high": point.high,
        }
        for size in sizes
        for line, known in enumerate((titles, labels))
        if (point := known.get(size)) is not None
    ]

    def mean(known: Mapping[int, PairsPoint | FewShotPoint], size: int) -> Cell | str:
        point = known.get(size)
        if point is None:
            return wording.DASH
        return number(point.mean, "percent", within=(point.low, point.high), title=tip)

    return {
        "chart": chart(
            f"paires-{slug}",
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
        ),
        "case": case,
        "fewest": curve.points[0],
        "most": curve.points[-1],
        "labels": bool(labels),
    }


def _labels_curve(here: Here, case: str) -> tuple[FewShotPoint, ...]:
    """The points of the learning curve that a case's worth in labels was read off."""
    for model in here.view.concluded.few_shot:
        methods = {worth.method for worth in model.worth if worth.case == case}
        for curve in model.curves:
            if curve.method in methods:
                return curve.points
    return ()
