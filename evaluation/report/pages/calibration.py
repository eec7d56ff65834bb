"""Can the probabilities be believed, and how much of a catalogue can be left to a case?"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from evaluation import records
from evaluation.report.kit import wording
from evaluation.report.kit.charts import Chart, chart, coverage_plot
from evaluation.report.kit.language import message, t
from evaluation.report.kit.page import Part
from evaluation.report.kit.tables import Cell, Col, Table, absent, head, number, table
from evaluation.report.kit.vega import specification
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, bounds, shown, trace

FITTED_ON = {"validation": message("validation"), "cross-fitting": message("test, à tour de rôle")}

_NO_THRESHOLD = message("aucun seuil ne promet la précision voulue")

_FINEST = 1e-7
"""The last decimal of the confidences that the page of the photos knows."""

_ROWS = 12
"""Rows of the table of a curve: the drawing has more points than a reader wants figures."""


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None when nothing is known of the probabilities."""
    view, comparison = here.view, here.view.comparison
    if comparison is None or not (comparison.calibration or comparison.abstention):
        return None
    order = [run.case for run in view.ranked]
    calibrated = {row.case: row for row in comparison.calibration}
    abstained = {row.case: row for row in comparison.abstention}
    decided = [abstained[case] for case in order if case in abstained]
    scored = [calibrated[case] for case in order if case in calibrated]
    return {
        "automation": [automated(here, abstained[case]) for case in _one_a_model(view, comparison)],
        "decisions": _decisions(here, decided) if decided else None,
        "scores": _scores(here, scored) if scored else None,
        "cases": [
            _case(here, case, calibrated.get(case), abstained.get(case))
            for case in order
            if case in calibrated or case in abstained
        ],
    }


def _one_a_model(view: StudyView, comparison: records.StudyComparison) -> tuple[str, ...]:
    """The best case of each model: what the validation chose, where it had to choose."""
    chosen = {row.model: row.choice.chosen for row in comparison.prompts if row.choice is not None}
    known = {row.case for row in comparison.abstention}
    kept: dict[str, str] = {}
    for run in view.ranked:
        wanted = chosen.get(run.model.name)
        fits = wanted is None or (run.prompts is not None and run.prompts.name == wanted)
        if run.case in known and run.case not in view.controls and fits:
            kept.setdefault(run.model.name, run.case)
    return tuple(kept.values())


# ---------------------------------------------------------------------- abstention


def automated(here: Here, abstention: records.Abstention) -> Mapping[str, Any]:
    """How much of the catalogue a case may classify alone, and whether the test bears it out."""
    automation = abstention.automation
    return {
        "name": here.name(abstention.case),
        "automation": automation,
        "promise": _promise(here, abstention) if _usable(automation) else None,
    }


def _promise(here: Here, abstention: records.Abstention) -> Mapping[str, Any]:
    """Whether the photos of the test show, or deny, the precision that a threshold promises."""
    choice, run = abstention.automation, here.view.runs[abstention.case]
    low, high = choice.precision.low, choice.precision.high
    verdict = "kept" if low is not None and low >= choice.target else "open"
    if high is not None and high < choice.target:
        verdict = "missed"
    coverage = f"{shown(choice.coverage)}{_limits(choice.coverage)}"
    return {
        "verdict": verdict,
        "coverage": Part(text=coverage, href=here.run(run.case), title=trace(run)),
        "reached": f"{shown(choice.precision)}{_limits(choice.precision)}",
    }


def _usable(automation: records.Automation) -> bool:
    """Whether there is a threshold, and photos above it.

    With cross-fitting most of the folds may find none while another does: what that one
    accepts is no answer.
    """
    return automation.threshold is not None and bool(automation.coverage.value)


def _limits(metric: records.Metric) -> str:
    limits = bounds(metric)
    return t(" (IC 95 % {limits})", limits=limits) if limits else ""


def _decisions(here: Here, rows: list[records.Abstention]) -> Table:
    runs = here.view.runs

    def above(row: records.Abstention, threshold: float | None) -> str:
        """The photos of which a case is at least this sure."""
        return "" if threshold is None else here.photos(row.case, confidence=(threshold, 1.0))

    def share(measure: Literal["coverage", "precision"], row: records.Abstention) -> Cell:
        automation = row.automation
        if not _usable(automation):
            return absent(t(_NO_THRESHOLD))
        # Cross-fitting has a threshold a fold: no single one says which photos are classified.
        threshold = automation.threshold if automation.chosen_on == "validation" else None
        return number(getattr(automation, measure), "percent", href=above(row, threshold))

    return table(
        "decisions",
        t(
            "Ce qu’on peut classer sans relecture, à {target} de précision",
            target=wording.percent(rows[0].automation.target, 0),
        ),
        rows,
        Col(t("Cas"), lambda row: here.case(row.case, title=trace(runs[row.case]))),
        Col(t("Part classée"), partial(share, "coverage")),
        Col(t("Précision obtenue"), partial(share, "precision")),
        Col(
            t("Part garantie"),
            lambda row: number(
                row.automation.certified_coverage,
                "percent",
                href=above(row, row.automation.certified_threshold),
            ),
            t("à 95 % de confiance"),
        ),
        Col(
            t("Seuil de confiance"),
            lambda row: number(row.automation.threshold, "0.000", why=t(_NO_THRESHOLD)),
        ),
        Col(t("AURC"), lambda row: number(row.aurc, "0.000"), t("aire sous le risque")),
        tip=lambda row: trace(runs[row.case]),
    )


# --------------------------------------------------------------------- calibration


def _scores(here: Here, rows: list[records.Calibration]) -> Table:
    return table(
        "scores-de-calibration",
        t("Ce que valent les probabilités"),
        rows,
        Col(
            t("Cas"),
            lambda row: here.case(row.case, title=trace(here.view.runs[row.case])),
            numeric=False,
        ),
        Col(t("Brier"), lambda row: number(row.before.brier, "0.000"), t("erreur quadratique")),
        Col(t("NLL"), lambda row: number(row.before.nll, "0.000"), t("surprise moyenne, en nats")),
        Col(t("Confiance moyenne"), lambda row: number(row.before.confidence, "percent")),
        Col(t("ECE"), lambda row: _ece(row.before), t("écart confiance-réussite")),
        Col(
            t("Température"),
            lambda row: number(row.temperature, "0.00", note=t(FITTED_ON[row.fitted_on])),
        ),
        Col(t("ECE après"), lambda row: _ece(row.after)),
        Col(t("NLL après"), lambda row: number(row.after.nll, "0.000"), t("nats")),
    )


def _ece(scores: records.CalibrationScores) -> Cell:
    beyond = scores.ece > scores.ece_null_high
    return number(
        scores.ece,
        "percent",
        tag=t("mal calibré") if beyond else t("compatible"),
        kind="worse" if beyond else "tie",
        note=t(
            "hasard : jusqu’à {ece_null_high}", ece_null_high=wording.percent(scores.ece_null_high)
        ),
        title=t("Au-delà de ce que le hasard explique") if beyond else t("Le hasard l’explique"),
    )


# --------------------------------------------------------------------------- cases


def _case(
    here: Here,
    case: str,
    calibration: records.Calibration | None,
    abstention: records.Abstention | None,
) -> Mapping[str, Any]:
    slug = here.view.case_slugs[case]
    return {
        "anchor": f"calibration-{slug}",
        "title": here.view.case_name(case),
        "calibration": calibration,
        "calibrated": calibration and calibrated(calibration),
        "reliability": calibration and _reliability(here, calibration, slug),
        "coverage": abstention and _coverage(here, abstention, slug),
    }


def calibrated(calibration: records.Calibration) -> Mapping[str, Any]:
    """Whether the probabilities are too sure, too modest, or fine, as they are and tempered."""
    before, after = calibration.before, calibration.after
    return {
        "before": _direction(before),
        "after": _direction(after),
        "confidence": before.confidence,
        "accuracy": _accuracy(before),
        "temperature": calibration.temperature,
    }


def _direction(scores: records.CalibrationScores) -> Literal["fine", "sure", "modest"]:
    if scores.ece <= scores.ece_null_high:
        return "fine"
    return "sure" if scores.confidence > _accuracy(scores) else "modest"


def _accuracy(scores: records.CalibrationScores) -> float:
    """Share of right answers, from the bins: each image is in one."""
    total = sum(bin_.accuracy.n for bin_ in scores.bins)
    right = sum((bin_.accuracy.value or 0.0) * bin_.accuracy.n for bin_ in scores.bins)
    return right / total if total else 0.0


def _reliability(here: Here, calibration: records.Calibration, slug: str) -> Chart:
    name = here.view.case_name(calibration.case)
    bins = [
        {
            "confidence": bin_.confidence,
            "accuracy": accuracy.value,
            "low": accuracy.value if accuracy.low is None else accuracy.low,
            "high": accuracy.value if accuracy.high is None else accuracy.high,
            "state": state,
        }
        for state, scores in (("before", calibration.before), ("after", calibration.after))
        for bin_ in scores.bins
        if (accuracy := bin_.accuracy).value is not None and bin_.confidence is not None
    ]
    return chart(
        f"fiabilite-{slug}",
        partial(specification, "reliability", bins),
        here.view.draw,
        table=_bins(here, calibration, f"fiabilite-{slug}-donnees", name),
    )


def _bins(here: Here, calibration: records.Calibration, id_: str, name: str) -> Table:
    as_is, tempered = t("Telles quelles"), t("Après température")

    def photos(row: tuple[str, records.ReliabilityBin]) -> Cell:
        title, bin_ = row
        # The explorer's bounds are both included: just above the lower one.
        low = bin_.low + _FINEST if bin_.low else 0.0
        some = title == as_is and bin_.accuracy.n
        href = here.photos(calibration.case, confidence=(low, bin_.high)) if some else ""
        return Cell(text=wording.count(bin_.accuracy.n), href=href)

    def limits(row: tuple[str, records.ReliabilityBin]) -> Cell:
        low, high = row[1].low, row[1].high
        return head(t("{limits} %", limits=wording.interval(low, high, 0)), value=low)

    return table(
        id_,
        t("{case_name} : fiabilité, en chiffres", case_name=name),
        [
            (title, bin_)
            for title, scores in ((as_is, calibration.before), (tempered, calibration.after))
            for bin_ in scores.bins
            if bin_.confidence is not None
        ],
        Col(t("Confiance"), limits, numeric=False),
        Col(t("Photos"), photos),
        Col(t("Confiance moyenne"), lambda row: number(row[1].confidence, "percent")),
        Col(t("Bonnes réponses"), lambda row: number(row[1].accuracy, "percent")),
        tip=trace(here.view.runs[calibration.case]),
        by=lambda row: row[0],
    )


def _coverage(here: Here, abstention: records.Abstention, slug: str) -> Mapping[str, Any]:
    points = [(point.coverage, 1 - point.risk) for point in abstention.curve]
    target = abstention.automation.target
    return {
        "chart": chart(
            f"couverture-{slug}",
            partial(coverage_plot, points, target),
            here.view.draw,
            table=_curve(here, abstention, f"couverture-{slug}-donnees"),
        ),
        # What is classified, and how well, of the surest photos alone and of all.
        "surest": points[0],
        "all": points[-1],
        "target": target,
    }


def _curve(here: Here, abstention: records.Abstention, id_: str) -> Table:
    curve, case = abstention.curve, abstention.case
    step = max(1, -(-len(curve) // _ROWS))
    return table(
        id_,
        t(
            "{case_name} : précision et part classée, en chiffres",
            case_name=here.view.case_name(case),
        ),
        # From the end: the whole catalogue is always in the table.
        curve[::-1][::step][::-1],
        Col(
            t("Part classée"),
            lambda point: number(
                point.coverage,
                "percent",
                href=here.photos(case, confidence=(point.threshold, 1.0)),
            ),
            numeric=False,
        ),
        Col(t("Précision"), lambda point: number(1 - point.risk, "percent")),
        Col(t("Confiance d’au moins"), lambda point: number(point.threshold, "0.000")),
        tip=trace(here.view.runs[case]),
        kind="",
    )
