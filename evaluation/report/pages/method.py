"""How the numbers were made, and the record of every case: what it takes to repeat them."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from evaluation.records import Fold, RunRecord, Threshold
from evaluation.records.lists import METRICS
from evaluation.report.kit import wording
from evaluation.report.kit.language import WORDS, t, word
from evaluation.report.kit.tables import Col, Table, number, table
from evaluation.report.study.absences import absences
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, interval_said, metric_title
from evaluation.stores.prediction_tables import table_file


def build(here: Here) -> Mapping[str, Any]:
    """Split, measures, tests and the record of every case, as the template prints them."""
    view, study, drift = here.view, here.view.study, here.view.results.drift
    methods = (metric.method for run in view.scored for metric in run.metrics)
    return {
        "split": _split(view),
        "definitions": {
            t(row.title): t(row.definition)
            for row in METRICS
            if row.place == "classes" or any(run.metric(row.name) for run in view.scored)
        },
        "intervals": list(dict.fromkeys(filter(None, methods))),
        "tests": tests_made(view),
        "systematic": any(card.subcategory for card in study.samples),
        "validation": any(card.fold == "validation" for card in study.samples),
        # What `veille drift` last saw.
        "drift": drift
        and {
            "record": drift,
            "name": here.name(drift.case),
            "told": interval_said(drift.told_apart),
            "then": interval_said(drift.left_then),
            "now": interval_said(drift.left_now),
        },
        "thresholds": _thresholds(study.thresholds) if study.thresholds else None,
        "runs": [
            *(_details(view, run) for run in view.results.runs),
            # Attempts that failed after an earlier success.
            *(_details(view, run, later=True) for run in view.results.failures),
        ],
        "absences": absences(here),
    }


def tests_made(view: StudyView) -> list[str]:
    """Names of the tests that the study's comparison rests on, those alone that were made."""
    comparison = view.comparison
    if comparison is None:
        return []
    paired, audit = comparison.comparison, comparison.audit
    made = {
        "paired": paired,
        "clustered": paired and paired.clustered,
        "quoted": any(finding.topic == "quoted" for finding in comparison.findings),
        "texts": comparison.prompts,
        "variance": comparison.variance,
        "control": comparison.control or view.controls,
        "calibration": comparison.calibration,
        "abstention": comparison.abstention,
        "few_shot": comparison.few_shot,
        "audit": audit and audit.accuracies,
    }
    return [name for name, there in made.items() if there]


def _split(view: StudyView) -> Table:
    def each(fold: Fold) -> str:
        numbers = [len(view.samples(label, fold)) for label in view.study.classes]
        return wording.span(min(numbers), max(numbers))

    return table(
        "decoupage",
        t("Découpage des photos"),
        WORDS["parts"],
        Col(t("Partie"), lambda fold: wording.sentence_case(word("parts", fold))),
        Col(
            t("Photos"),
            lambda fold: wording.count(sum(card.fold == fold for card in view.study.samples)),
        ),
        Col(t("Par catégorie"), each),
        title=view.data_trace,
        kind="",
    )


def _thresholds(thresholds: tuple[Threshold, ...]) -> Table:
    def floor(threshold: Threshold) -> str:
        """The least accuracy; or the most that may be lost on a kept state, or gained on a case."""
        minimum = threshold.minimum
        if threshold.since is not None:
            lost = wording.points(-minimum)
            return t("au plus {margin} de moins que « {name} »", margin=lost, name=threshold.since)
        if threshold.over is not None:
            gained = wording.points(minimum)
            return t("{minimum} de plus que {over}", minimum=gained, over=threshold.over)
        return wording.percent(minimum)

    return table(
        "planchers",
        t("Planchers que l’étude déclare, vérifiés à chaque évaluation"),
        thresholds,
        Col(t("Cas"), lambda row: row.case),
        Col(t("Mesure"), lambda row: metric_title(row.metric), numeric=False),
        Col(t("Plancher"), lambda row: number(row.minimum, "percent", text=floor(row))),
        tip="study.json",
        kind="",
    )


def _details(view: StudyView, run: RunRecord, *, later: bool = False) -> Mapping[str, Any]:
    """A case's record, its files, and its weights: of a file on somebody's disk the name alone."""
    path = PurePath(run.model.weights)
    predictions = table_file(view.results.folder.parent / run.case / "predictions.csv").name
    files = ("run.json", predictions) if run.status == "ok" else ("run.json",)
    return {
        "record": run,
        "later": later,
        "current": run.status != "ok" or view.study.is_of(run),
        "weights": path.name if path.is_absolute() else run.model.weights,
        "files": ("failure.json",) if later else files,
    }
