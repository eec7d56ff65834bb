"""How the numbers were made, and the record of every case: what it takes to repeat them."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from evaluation.records import Fold, RunRecord, Threshold
from evaluation.records.lists import METRICS
from evaluation.report.kit import wording
from evaluation.report.kit.language import t
from evaluation.report.kit.tables import Col, Table, number, table
from evaluation.report.study.absences import STATUS, absences
from evaluation.report.study.here import Here
from evaluation.report.study.photos import PARTS
from evaluation.report.study.view import StudyView, interval_said, metric_title
from evaluation.stores.tables import table_file


def build(here: Here) -> Mapping[str, Any]:
    """Split, measures, tests and the record of every case, as the template prints them."""
    view = here.view
    study = view.study
    unavailable = [run for run in view.results.runs if run.status == "unavailable"]
    methods = (metric.method for run in view.scored for metric in run.metrics)
    return {
        "name": study.name,
        "study": study,
        "split": _split(view),
        "definitions": {
            t(row.title): t(row.definition)
            for row in METRICS
            if row.place == "classes" or any(run.metric(row.name) for run in view.scored)
        },
        "intervals": list(dict.fromkeys(filter(None, methods))),
        "tests": tests_made(view),
        "systematic": any(card.subcategory for card in study.samples),
        "history": here.to("historique"),
        "states": len(view.concluded.history),
        "drift": drift(here),
        "thresholds": _thresholds(study.thresholds) if study.thresholds else None,
        "runs": [
            *(_details(view, run) for run in view.results.runs if run not in unavailable),
            *(_details(view, run, later=True) for run in view.results.failures),
        ],
        "archive": archived(here),
        "unavailable": [_details(view, run) for run in unavailable],
        "absences": absences(here),
        "test_images": view.test_images,
        "duplicates": len(study.duplicates),
        "validation": any(card.fold == "validation" for card in study.samples),
    }


def drift(here: Here) -> Mapping[str, Any] | None:
    """What `veille drift` last saw; None where it saw nothing."""
    record = here.view.results.drift
    if record is None:
        return None
    return {
        "record": record,
        "name": here.name(record.case),
        "told": interval_said(record.told_apart),
        "then": interval_said(record.left_then),
        "now": interval_said(record.left_now),
    }


def tests_made(view: StudyView) -> list[str]:
    """Names of the tests that the study's comparison rests on, those alone that were made."""
    comparison = view.comparison
    if comparison is None:
        return []
    paired, audit = comparison.comparison, comparison.audit
    made = {
        "paired": paired is not None,
        "clustered": paired is not None and paired.clustered,
        "quoted": any(finding.topic == "quoted" for finding in comparison.findings),
        "texts": comparison.prompts,
        "variance": comparison.variance,
        "control": comparison.control or view.controls,
        "calibration": comparison.calibration,
        "abstention": comparison.abstention,
        "few_shot": comparison.few_shot,
        "audit": audit is not None and audit.accuracies,
    }
    return [name for name, there in made.items() if there]


def _split(view: StudyView) -> Table:
    def each(fold: Fold) -> str:
        numbers = [len(view.samples(label, fold)) for label in view.study.classes]
        return wording.span(min(numbers), max(numbers))

    return table(
        "decoupage",
        t("Découpage des photos"),
        PARTS,
        Col(t("Partie"), lambda fold: wording.sentence_case(t(PARTS[fold]))),
        Col(
            t("Photos"),
            lambda fold: wording.count(sum(card.fold == fold for card in view.study.samples)),
        ),
        Col(t("Par catégorie"), each),
        title=view.data_trace,
        kind="",
    )


def _thresholds(thresholds: tuple[Threshold, ...]) -> Table:
    return table(
        "planchers",
        t("Planchers que l’étude déclare, vérifiés à chaque évaluation"),
        thresholds,
        Col(t("Cas"), lambda threshold: threshold.case),
        Col(t("Mesure"), lambda threshold: metric_title(threshold.metric), numeric=False),
        Col(
            t("Plancher"),
            lambda threshold: number(
                threshold.minimum, "percent", text=_floor(threshold), title="study.json"
            ),
        ),
        kind="",
    )


def _floor(threshold: Threshold) -> str:
    if threshold.since is not None:
        return t(
            "au plus {margin} de moins que « {name} »",
            margin=wording.points(-threshold.minimum),
            name=threshold.since,
        )
    if threshold.over is None:
        return wording.percent(threshold.minimum)
    return t(
        "{minimum} de plus que {over}",
        minimum=wording.points(threshold.minimum),
        over=threshold.over,
    )


# ---------------------------------------------------------------------------- runs


def _details(view: StudyView, run: RunRecord, *, later: bool = False) -> Mapping[str, Any]:
    """A case's record; ``later`` for an attempt that failed after an earlier success."""
    anchor = view.run_anchor(run)
    table = table_file(view.results.folder.parent / run.case / "predictions.csv").name
    files = ("run.json", table) if run.status == "ok" else ("run.json",)
    stale = run.status == "ok" and not view.results.is_current(run)
    return {
        "anchor": f"{anchor}-echec" if later else anchor,
        "case": run.case,
        "title": view.case_title(run),
        "status": t("à refaire") if stale else t(STATUS[run.status]),
        # What is without a result is told once, above.
        "error": run.error if later else "",
        "record": run,
        "weights": _weights(run),
        "files": ("failure.json",) if later else files,
    }


def _weights(run: RunRecord) -> str:
    """What the study asks for; of a file on somebody's disk, its name alone."""
    path = PurePath(run.model.weights)
    return path.name if path.is_absolute() else run.model.weights


def archived(here: Here) -> Mapping[str, Any] | None:
    """The study's files in one, where it is, and what it weighs; None where there are none."""
    archive = here.view.archive
    if archive is None:
        return None
    href = here.file(f"{here.view.folder}/{archive.name}")
    return {"archive": archive, "href": href, "octets": len(archive.content)}
