"""The classical approach: what was trained, what it chose, and how it does."""

from collections.abc import Mapping
from typing import Any

from evaluation.records import Option, RunRecord
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, t
from evaluation.report.kit.page import Fact
from evaluation.report.study import trainings
from evaluation.report.study.absences import pointer
from evaluation.report.study.confusions import confusions
from evaluation.report.study.explained import case_link
from evaluation.report.study.here import Here
from evaluation.report.study.scores import class_table
from evaluation.report.study.sentences import against_reference, weakest
from evaluation.report.study.view import shown

CHOSEN = {
    "C": message("Régularisation retenue (C, inverse de sa force)"),
    "validation_accuracy": message("Exactitude sur la validation"),
    "train_images": message("Photos d’apprentissage"),
    "validation_images": message("Photos de validation"),
    "train_views": message("Vues d’apprentissage"),
    "weight_decay": message("Décroissance des poids retenue"),
    "best_epoch": message("Époque gardée"),
    "cost_per_photo": message("Coût par photo, dans l’unité de la table"),
    "tokens_in": message("Jetons lus"),
    "tokens_out": message("Jetons écrits"),
    "seconds_per_photo": message("Secondes par photo"),
    "refused": message("Refus et réponses hors de la liste, comptés comme des erreurs"),
}
"""What a supervised model chooses on validation, or a table says, to its name on the pages."""

_SHARES = frozenset({"validation_accuracy"})


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
        "facts": chosen_facts(run, here.run(run.case)),
        "warnings": run.warnings,
        "classes": class_table(here, run, None),
        "confusion": confusions(here, run),
        "regime": trainings.regime(run) if run.model.learns else "given",
        "curves": trainings.charts(view, run),
        "augmentation": run.model.augmentation,
        "views": trainings.view_sources(here, run),
        "maps": case_link(here, run.case),
    }


def chosen_facts(run: RunRecord, href: str) -> tuple[Fact, ...]:
    """What a model chose on validation, in words."""
    trunk = Fact(label=t("Tronc"), text=run.model.architecture or run.model.name, code=True)
    chosen = (
        Fact(
            label=t(CHOSEN[name]) if name in CHOSEN else name, text=_option(name, option), href=href
        )
        for name, option in run.chosen.items()
    )
    return (trunk, *chosen) if run.model.learns else tuple(chosen)


def _option(name: str, option: Option) -> str:
    match option:
        case bool():
            return t("oui") if option else t("non")
        case int():
            return wording.count(option)
        case float():
            return wording.percent(option) if name in _SHARES else wording.significant(option)
    return option
