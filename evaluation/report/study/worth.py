"""What is read without a label is worth: step by step, in labels, and as two learning curves."""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import pairwise
from typing import Any

from evaluation.records import FAMILIES, FewShotPoint, PairsCurve, PairsPoint, RunRecord
from evaluation.report.kit import wording
from evaluation.report.kit.charts import Line, chart, learning_plot
from evaluation.report.kit.language import WORDS, t, word
from evaluation.report.kit.page import Claim, claim
from evaluation.report.kit.tables import Cell, Col, Table, absent, head, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, best, trace


def rungs(view: StudyView) -> Mapping[str, RunRecord]:
    """The steps that a study has, each with its case; none without a label-free one.

    All have the weights and the texts of the first label-free case that reads the photo alone;
    the last is the most accurate supervised case of the same weights, or else of any.
    """
    adapted = [run for run in view.label_free if run.model.reads == ("photo",) and run.prompts]
    runs = dict(_climbed(view, adapted)) if adapted else {}
    return {step: runs[step] for step in WORDS["steps"] if step in runs}


def _climbed(view: StudyView, adapted: list[RunRecord]) -> Iterator[tuple[str, RunRecord]]:
    written = (run.prompts.name for run in adapted if run.prompts and not run.prompts.derive)
    texts, model = next(written, ""), adapted[0].model
    for run in view.zero_shot:
        same = (run.model.weights, run.model.architecture) == (model.weights, model.architecture)
        if same and run.prompts and run.prompts.name in (view.baseline, texts):
            yield "names" if run.prompts.name == view.baseline else "texts", run
    for run in reversed(adapted):
        if run.prompts and run.prompts.name == texts and run.model.shares is None:
            yield "photos" if "photos" in run.model.adapt else "titles", run
    trained = tuple(run for run in view.supervised if run.model.reads == ("photo",))
    top = best(tuple(run for run in trained if run.model.weights == model.weights) or trained)
    if top:
        yield "labels", top


def ladder(here: Here) -> Table | None:
    """The rungs as a table; None without a label-free case."""
    view, steps = here.view, rungs(here.view)
    if not steps:
        return None
    tests = {
        step: view.pair(steps[step].case, steps[below].case) for below, step in pairwise(steps)
    }

    def name(step: str) -> Cell:
        return head(word("steps", step), href=here.run(steps[step].case))

    def accuracy(step: str) -> Cell:
        run = steps[step]
        share, href = run.metric("accuracy"), here.right(run.case)
        return number(share, "percent", title=trace(run), href=href)

    def gain(step: str) -> Cell:
        pair = tests.get(step)
        if pair is None:
            return absent()
        gap, low, high = pair.seen_from(steps[step].case)
        return number(gap, "points", within=(low, high), title=t("comparison.json, test apparié"))

    def proven(step: str) -> str:
        pair = tests.get(step)
        if pair is None:
            return ""
        if pair.p_holm >= view.alpha:
            return t("aucun écart démontré")
        p, (gap, _, _) = wording.p_value(pair.p_holm), pair.seen_from(steps[step].case)
        return t("un gain ({p})", p=p) if gap > 0 else t("une perte ({p})", p=p)

    return table(
        "echelle",
        t("Des noms aux étiquettes : ce que chaque marche ajoute, sur les mêmes photos de test"),
        steps,
        Col(t("Ce qui est lu"), name),
        Col(t("Famille"), lambda step: t(FAMILIES[steps[step].model.family].title), numeric=False),
        Col(t("Exactitude"), accuracy),
        Col(t("Sur la marche d’avant"), gain),
        Col(t("Ce qui est démontré"), proven, numeric=False),
        note=t(
            "Écart apparié et son intervalle à 95 % ; p du test de McNemar, corrigé (Holm) pour "
            "toutes les paires de cas."
        ),
    )


LINES: tuple[Line, ...] = (
    (FAMILIES["label-free"].colour, FAMILIES["label-free"].shape, [1, 0]),
    (FAMILIES["supervised"].colour, FAMILIES["supervised"].shape, [8, 4]),
)


def worth(here: Here) -> list[Claim]:
    """How many labels each label-free case is worth, with its interval."""
    adapted = {run.case: run.adaptation for run in here.view.label_free if run.adaptation}
    return [
        claim(
            "worth",
            case=here.name(row.case),
            adaptation=adapted[row.case],
            labels=None if row.labels is None else round(row.labels),
            low=row.low,
            high=row.high,
            method=word("learners", row.method).lower(),
            href=here.to("etiquettes"),
        )
        for curves in here.view.concluded.few_shot
        for row in curves.worth
        if row.case in adapted
    ]


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
    # The points of the learning curve that the case's worth in labels was read off.
    lines = [
        learnt.points
        for model in view.concluded.few_shot
        for learnt in model.curves
        if (curve.case, learnt.method) in {(row.case, row.method) for row in model.worth}
    ]
    labels: dict[int, PairsPoint | FewShotPoint] = {
        point.images: point for line in lines[:1] for point in line
    }
    sizes = sorted({*titles, *labels})
    points = [
        {
            "line": str(line),
            "shots": wording.count(size),
            "mean": known[size].mean,
            "low": known[size].low,
            "high": known[size].high,
        }
        for size in sizes
        for line, known in enumerate((titles, labels))
        if size in known
    ]

    def mean(known: Mapping[int, PairsPoint | FewShotPoint], size: int) -> Cell | str:
        point = known.get(size)
        if point is None:
            return wording.DASH
        return number(point.mean, "percent", within=(point.low, point.high), title=tip)

    plot = partial(learning_plot, points, None, axis=t("titres, ou étiquettes"), lines=LINES)
    data = table(
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
    )
    return {
        "chart": chart(f"paires-{slug}", plot, view.draw, table=data),
        "case": case,
        "fewest": curve.points[0],
        "most": curve.points[-1],
        "labels": bool(labels),
    }
