"""The classical approach: what was trained, what it chose, and how it does."""

from collections.abc import Mapping
from typing import Any

from evaluation.report.study import trainings
from evaluation.report.study.confusions import confusions
from evaluation.report.study.here import Here
from evaluation.report.study.scores import class_table
from evaluation.report.study.sentences import against_reference, weakest


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None when the study declares no case without texts."""
    view = here.view
    if all(run.model.reads_texts for run in view.results.runs):
        return None
    folds = [card.fold for card in view.study.samples]
    return {
        "train": folds.count("train"),
        "validation": folds.count("validation"),
        "cases": [
            {
                "run": run,
                "weakest": weakest(here, run),
                "classes": class_table(here, run, None),
                "confusion": confusions(here, run),
                "regime": trainings.regime(run) if run.model.learns else "given",
                "curves": trainings.charts(view, run),
                "views": [here.file(uri) for uri in trainings.views(view, run)],
            }
            for run in view.scored
            if not run.model.reads_texts
        ],
        # The others were answered elsewhere.
        "trained": any(run.model.learns for run in view.results.runs),
        "mixed": any(trainings.regime(run) != "logistic" for run in view.supervised),
        "against": against_reference(here, "supervised"),
    }
