"""The classical approach: what was trained, what it chose, and how it does."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.records import Option, RunRecord
from evaluation.report.kit import wording
from evaluation.report.kit.charts import Chart
from evaluation.report.kit.language import message, nt, t
from evaluation.report.kit.page import Fact, Link
from evaluation.report.kit.sentence import Sentence, say
from evaluation.report.kit.tables import Table
from evaluation.report.study import trainings
from evaluation.report.study.explained import case_link
from evaluation.report.study.here import Here
from evaluation.report.study.scores import class_table, confusion_table
from evaluation.report.study.sentences import number, weakest
from evaluation.report.study.view import Absence, shown

CHOSEN = {
    "C": message("Régularisation retenue (C, inverse de sa force)"),
    "validation_accuracy": message("Exactitude sur la validation"),
    "train_images": message("Photos d’apprentissage"),
    "validation_images": message("Photos de validation"),
    "train_views": message("Vues d’apprentissage"),
    "weight_decay": message("Décroissance des poids retenue"),
    "best_epoch": message("Époque gardée"),
    "cost_per_photo": message("Coût par photo, dans l’unité de la table"),
}
"""French names of what a supervised model chooses on validation, or a table says."""

_SHARES = frozenset({"validation_accuracy"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisedCase:
    """One supervised model's section."""

    anchor: str
    title: str
    lead: Sentence
    weakest: Sentence
    facts: tuple[Fact, ...]
    warnings: tuple[str, ...]
    classes: Table
    confusion: Table
    regime: str
    """How it came about, in a sentence; "" for the regression that the page begins with."""
    curves: tuple[Chart, ...]
    augmentation: str
    """What changes a view; "" without augmentation."""
    views: tuple[str, ...]
    """Addresses of the photo as the model reads it, then of its augmented views."""
    maps: Link | None
    """To the maps of its errors, if it has some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisedPage:
    """The page of the classical approach."""

    title: str
    train: str
    validation: str
    cases: tuple[SupervisedCase, ...]
    trained: bool
    """Whether some case was trained here: the others were answered elsewhere."""
    mixed: bool
    """Whether some model was not trained by a logistic regression alone."""
    absences: tuple[Absence, ...]


def build(here: Here) -> SupervisedPage | None:
    """The page, or None when the study declares no case without texts."""
    view = here.view
    declared = {run.case for run in view.results.runs if not run.model.reads_texts}
    if not declared:
        return None
    folds = [card.fold for card in view.study.samples]
    return SupervisedPage(
        title=view.title,
        train=nt(folds.count("train"), "{n} photo", "{n} photos"),
        validation=nt(folds.count("validation"), "{n} photo", "{n} photos"),
        cases=tuple(_case(here, run) for run in view.scored if not run.model.reads_texts),
        trained=any(run.model.learns for run in view.results.runs),
        mixed=any(trainings.regime(run) != "logistic" for run in view.supervised),
        absences=tuple(one for one in here.absences() if set(one.cases) <= declared),
    )


def _case(here: Here, run: RunRecord) -> SupervisedCase:
    view = here.view
    return SupervisedCase(
        anchor=view.case_slugs[run.case],
        title=view.case_title(run),
        lead=say(
            "Exactitude sur le test : {number} ; F1 macro : {metric}.",
            number=number(here, run),
            metric=shown(run.metric("macro_f1")),
        ),
        weakest=weakest(here, run),
        facts=chosen_facts(run, here.run(run.case)),
        warnings=run.warnings,
        classes=class_table(here, run, None),
        confusion=confusion_table(view, run),
        regime=_regime(run),
        curves=trainings.charts(view, run),
        augmentation=trainings.augmentation(run),
        views=trainings.view_sources(here, run),
        maps=case_link(here, run.case),
    )


def _regime(run: RunRecord) -> str:
    if not run.model.learns:
        return t(
            "Ces réponses ont été données ailleurs et lues dans une table : rien n’en est dit "
            "que ce qu’elles valent sur les mêmes photos."
        )
    name = trainings.regime(run)
    return "" if name == "logistic" else t(trainings.REGIMES[name])


def chosen_facts(run: RunRecord, href: str) -> tuple[Fact, ...]:
    """What a model chose on validation, in words."""
    trunk = Fact(label=t("Tronc"), text=run.model.architecture or run.model.name, code=True)
    facts = [trunk] if run.model.learns else []
    facts += [
        Fact(
            label=t(CHOSEN[name]) if name in CHOSEN else name, text=_option(name, chosen), href=href
        )
        for name, chosen in run.chosen.items()
    ]
    return tuple(facts)


def _option(name: str, chosen: Option) -> str:
    if isinstance(chosen, bool):
        return t("oui") if chosen else t("non")
    if isinstance(chosen, float) and name in _SHARES:
        return wording.percent(chosen)
    if isinstance(chosen, float):
        return wording.significant(chosen)
    return wording.count(chosen) if isinstance(chosen, int) else chosen
