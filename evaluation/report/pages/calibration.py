"""Can the probabilities be believed, and how much of a catalogue can be left to a case?"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from evaluation import records
from evaluation.report.kit import wording
from evaluation.report.kit.charts import chart, coverage_plot
from evaluation.report.kit.language import message, t, word
from evaluation.report.kit.tables import Cell, Col, Table, absent, counted, head, number, table
from evaluation.report.kit.vega import specification
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, trace

_NO_THRESHOLD = message("aucun seuil ne promet la précision voulue")

_FINEST = 1e-7
"""The last decimal of the confidences that the page of the photos knows."""

_ROWS = 12
"""Rows of the table of a curve: the drawing has more points than a reader wants figures."""


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None when nothing is known of the probabilities."""
    view, comparison = here.view, here.view.concluded
    order = [run.case for run in view.ranked]
    calibrated = {row.case: row for row in comparison.calibration}
    abstained = {row.case: row for row in comparison.abstention}
    if not (calibrated or abstained):
        return None
    decided = [abstained[case] for case in order if case in abstained]
    scored = [calibrated[case] for case in order if case in calibrated]
    return {
        "automation": [abstained[case] for case in _one_a_model(view, comparison)],
        "decisions": _decisions(here, decided) if decided else None,
        "scores": _scores(here, scored) if scored else None,
        "cases": [
            {
                "case": case,
                "reliability": case in calibrated and _reliability(here, calibrated[case]),
                "coverage": case in abstained and _coverage(here, abstained[case]),
            }
            for case in order
            if case in calibrated or case in abstained
        ],
    }


def _one_a_model(view: StudyView, comparison: records.StudyComparison) -> tuple[str, ...]:
    """The best case of each model: what the validation chose, where it had to choose."""
    chosen = {row.model: row.choice.chosen for row in comparison.prompts if row.choice is not None}
    known = {row.case for row in comparison.abstention} - view.controls
    kept: dict[str, str] = {}
    for run in view.ranked:
        wanted = chosen.get(run.model.name)
        fits = wanted is None or (run.prompts is not None and run.prompts.name == wanted)
        if run.case in known and fits:
            kept.setdefault(run.model.name, run.case)
    return tuple(kept.values())


# ---------------------------------------------------------------------- abstention


def _decisions(here: Here, rows: list[records.Abstention]) -> Table:
    def above(row: records.Abstention, threshold: float | None) -> str:
        """The photos of which a case is at least this sure."""
        return "" if threshold is None else here.photos(row.case, confidence=(threshold, 1.0))

    def share(measure: Literal["coverage", "precision"], row: records.Abstention) -> Cell:
        automation = row.automation
        # With cross-fitting most of the folds may find no threshold while another does: what that
        # one accepts is no answer.
        if automation.threshold is None or not automation.coverage.value:
            return absent(t(_NO_THRESHOLD))
        # It has a threshold a fold: no single one says which photos are classified.
        threshold = automation.threshold if automation.chosen_on == "validation" else None
        return number(getattr(automation, measure), "percent", href=above(row, threshold))

    def certified(row: records.Abstention) -> Cell:
        choice = row.automation
        href = above(row, choice.certified_threshold)
        return number(choice.certified_coverage, "percent", href=href)

    def threshold(row: records.Abstention) -> Cell:
        return number(row.automation.threshold, "0.000", why=t(_NO_THRESHOLD))

    target = wording.percent(rows[0].automation.target, 0)
    return table(
        "decisions",
        t("Ce qu’on peut classer sans relecture, à {target} de précision", target=target),
        rows,
        Col(t("Cas"), lambda row: here.case(row.case, title=trace(here.view.runs[row.case]))),
        Col(t("Part classée"), partial(share, "coverage")),
        Col(t("Précision obtenue"), partial(share, "precision")),
        Col(t("Part garantie"), certified, t("à 95 % de confiance")),
        Col(t("Seuil de confiance"), threshold),
        Col(t("AURC"), lambda row: number(row.aurc, "0.000"), t("aire sous le risque")),
        tip=lambda row: trace(here.view.runs[row.case]),
    )


# --------------------------------------------------------------------- calibration


def _scores(here: Here, rows: list[records.Calibration]) -> Table:
    def temperature(row: records.Calibration) -> Cell:
        return number(row.temperature, "0.00", note=word("fitted", row.fitted_on))

    return table(
        "scores-de-calibration",
        t("Ce que valent les probabilités"),
        rows,
        Col(t("Cas"), lambda row: here.case(row.case, title=trace(here.view.runs[row.case]))),
        Col(t("Brier"), lambda row: number(row.before.brier, "0.000"), t("erreur quadratique")),
        Col(t("NLL"), lambda row: number(row.before.nll, "0.000"), t("surprise moyenne, en nats")),
        Col(t("Confiance moyenne"), lambda row: number(row.before.confidence, "percent")),
        Col(t("ECE"), lambda row: _ece(row.before), t("écart confiance-réussite")),
        Col(t("Température"), temperature),
        Col(t("ECE après"), lambda row: _ece(row.after)),
        Col(t("NLL après"), lambda row: number(row.after.nll, "0.000"), t("nats")),
    )


def _ece(scores: records.CalibrationScores) -> Cell:
    beyond, high = scores.ece > scores.ece_null_high, wording.percent(scores.ece_null_high)
    return number(
        scores.ece,
        "percent",
        tag=t("mal calibré") if beyond else t("compatible"),
        kind="worse" if beyond else "tie",
        note=t("hasard : jusqu’à {ece_null_high}", ece_null_high=high),
        title=t("Au-delà de ce que le hasard explique") if beyond else t("Le hasard l’explique"),
    )


def _reliability(here: Here, calibration: records.Calibration) -> Mapping[str, Any]:
    """Accuracy by confidence, as the probabilities are and after the temperature."""
    case, view = calibration.case, here.view
    id_ = f"fiabilite-{view.case_slugs[case]}"
    titles = {"before": t("Telles quelles"), "after": t("Après température")}
    rows = [
        (state, bin_)
        for state in titles
        for bin_ in getattr(calibration, state).bins
        if bin_.confidence is not None
    ]
    points = [
        {
            "confidence": bin_.confidence,
            "accuracy": accuracy.value,
            "low": accuracy.value if accuracy.low is None else accuracy.low,
            "high": accuracy.value if accuracy.high is None else accuracy.high,
            "state": state,
        }
        for state, bin_ in rows
        if (accuracy := bin_.accuracy).value is not None
    ]

    # Share of right answers, from the bins: each image is in one.
    bins = [bin_.accuracy for bin_ in calibration.before.bins]
    right = sum((accuracy.value or 0.0) * accuracy.n for accuracy in bins)

    def limits(row: tuple[str, records.ReliabilityBin]) -> Cell:
        low, high = row[1].low, row[1].high
        return head(t("{limits} %", limits=wording.interval(low, high, 0)), value=low)

    def photos(row: tuple[str, records.ReliabilityBin]) -> Cell:
        state, bin_ = row
        # The explorer's bounds are both included: just above the lower one.
        low = bin_.low + _FINEST if bin_.low else 0.0
        some = state == "before" and bin_.accuracy.n
        href = here.photos(case, confidence=(low, bin_.high)) if some else ""
        return counted(bin_.accuracy.n, href=href)

    data = table(
        f"{id_}-donnees",
        t("{case_name} : fiabilité, en chiffres", case_name=view.case_name(case)),
        rows,
        Col(t("Confiance"), limits),
        Col(t("Photos"), photos),
        Col(t("Confiance moyenne"), lambda row: number(row[1].confidence, "percent")),
        Col(t("Bonnes réponses"), lambda row: number(row[1].accuracy, "percent")),
        tip=trace(view.runs[case]),
        by=lambda row: titles[row[0]],
    )
    return {
        "calibration": calibration,
        "accuracy": right / max(1, sum(accuracy.n for accuracy in bins)),
        "chart": chart(id_, partial(specification, "reliability", points), view.draw, table=data),
    }


def _coverage(here: Here, abstention: records.Abstention) -> Mapping[str, Any]:
    """Precision by the share that is classified."""
    curve, case, view = abstention.curve, abstention.case, here.view
    points = [(point.coverage, 1 - point.risk) for point in curve]
    id_, step = f"couverture-{view.case_slugs[case]}", max(1, -(-len(curve) // _ROWS))

    def part(point: records.RiskPoint) -> Cell:
        href = here.photos(case, confidence=(point.threshold, 1.0))
        return number(point.coverage, "percent", href=href)

    target, name = abstention.automation.target, view.case_name(case)
    data = table(
        f"{id_}-donnees",
        t("{case_name} : précision et part classée, en chiffres", case_name=name),
        # From the end: the whole catalogue is always in the table.
        curve[::-1][::step][::-1],
        Col(t("Part classée"), part),
        Col(t("Précision"), lambda point: number(1 - point.risk, "percent")),
        Col(t("Confiance d’au moins"), lambda point: number(point.threshold, "0.000")),
        tip=trace(view.runs[case]),
        kind="",
    )
    return {
        "chart": chart(id_, partial(coverage_plot, points, target), view.draw, table=data),
        "target": target,
        # What is classified, and how well, of the surest photos alone and of all.
        "surest": points[0],
        "all": points[-1],
    }
