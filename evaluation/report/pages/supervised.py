"""The classical approach: what was trained, what it chose, and how it does."""

from collections.abc import Mapping
from typing import Any

from evaluation.records import RunRecord
from evaluation.report.study import trainings
from evaluation.report.study.absences import pointer
from evaluation.report.study.confusions import confusions
from evaluation.report.study.explained import errors
from evaluation.report.study.here import Here
from evaluation.report.study.scores import class_table
from evaluation.report.study.sentences import against_reference, weakest
from evaluation.report.study.view import shown


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None when the study declares no case without texts."""
    view = here.view
    if all(run.model.reads_texts for run in view.results.runs):
        return None
    folds = [card.fold for card in view.study.samples]
    return {
        "train": folds.count("train"),
        "validation": folds.count("validation"),
        "cases": [_case(here, run) for run in view.scored if not run.model.reads_texts],
        # The others were answered elsewhere.
        "trained": any(run.model.learns for run in view.results.runs),
        "mixed": any(trainings.regime(run) != "logistic" for run in view.supervised),
        "against": against_reference(here, "supervised"),
        "absences": pointer(here),
    }


def _case(here: Here, run: RunRecord) -> Mapping[str, Any]:
    view = here.view
    return {
        "anchor": view.case_slugs[run.case],
        "title": view.case_title(run),
        "number": here.number(run),
        "macro_f1": shown(run.metric("macro_f1")),
        "weakest": weakest(here, run),
        "href": here.run(run.case),
        "model": run.model,
        "chosen": run.chosen,
        "warnings": run.warnings,
        "classes": class_table(here, run, None),
        "confusion": confusions(here, run),
        "regime": trainings.regime(run) if run.model.learns else "given",
        "curves": trainings.charts(view, run),
        "augmentation": run.model.augmentation,
        "views": trainings.view_sources(here, run),
        "maps": errors(here, run.case),
    }
