"""What stands on the cover of a booklet and of a deck."""

from __future__ import annotations

from evaluation.report.kit import wording
from evaluation.report.kit.language import t
from evaluation.report.kit.page import Fact
from evaluation.report.study.view import StudyView


def cover_facts(view: StudyView) -> tuple[Fact, ...]:
    """How much was measured, and when last."""
    done, declared = len(view.scored), len(view.study.cases)
    cases = t("{done} sur {declared}", done=wording.count(done), declared=wording.count(declared))
    facts = [
        Fact(label=t("Photos de test"), text=wording.count(view.test_images)),
        Fact(label=t("Catégories"), text=wording.count(len(view.study.classes))),
        Fact(label=t("Cas évalués"), text=cases),
    ]
    if view.last_run:
        facts.append(Fact(label=t("Dernière évaluation"), text=wording.date(view.last_run)))
    return tuple(facts)
