"""The answer of a study: question, word, photos, one figure, conclusions, and what is not said."""

from collections.abc import Mapping
from typing import Any

from evaluation.report.kit import wording
from evaluation.report.kit.language import t
from evaluation.report.kit.page import Claim, claim
from evaluation.report.study.accuracy import interval_chart
from evaluation.report.study.answer import first_screen, leading
from evaluation.report.study.here import Here
from evaluation.report.study.sentences import against_chance, headlines, weakest
from evaluation.report.study.view import best
from evaluation.report.study.worth import ladder

MOST = 4
"""Sentences after the answer: what does not fit is on the pages that measure it."""


def build(here: Here) -> Mapping[str, Any]:
    """The page of the answer: the first screen, what it does not say, and what could follow."""
    return {"screen": screen(here), "subcategories": subcategories(here)}


def screen(here: Here) -> Mapping[str, Any]:
    """The first screen of a study, on its own page or on the home page."""
    return {
        "here": here,
        "answer": first_screen(here),
        "findings": conclusions(here),
        "chart": interval_chart(here) if here.view.scored else None,
        "ladder": ladder(here),
        "facts": facts(here),
    }


def facts(here: Here) -> list[tuple[str, str, str]]:
    """How much was measured, and when last: what it is, how much, where that is told."""
    view = here.view
    scored = t(
        "{scored} sur {cases}",
        scored=wording.count(len(view.scored)),
        cases=wording.count(len(view.study.cases)),
    )
    facts = [
        (t("Photos de test"), wording.count(view.test_images), here.to("donnees")),
        (t("Catégories"), wording.count(len(view.study.classes)), here.to("donnees")),
        (t("Cas évalués"), scored, here.to("comparaison")),
    ]
    if view.last_run:
        date = wording.date(view.last_run)
        facts.append((t("Dernière évaluation"), date, here.to("methode")))
    return facts


def conclusions(here: Here) -> tuple[Claim, ...]:
    """At most four sentences, each with a link to what it rests on."""
    weak = (weakest(here, run) for run in leading(here.view))
    return tuple(filter(None, (*headlines(here), against_chance(here), *weak)))[:MOST]


def subcategories(here: Here) -> Claim | None:
    """What the slides' perspective of sub-categories gives here; None if it was not tried."""
    derived = [run for run in here.view.zero_shot if run.prompts and run.prompts.reads_labels]
    top = best(tuple(derived))
    if top is None:
        return None
    title, model = here.texts(top.case), here.reader(top.case)
    return claim("derived", title=title, number=here.number(top), model=model)
