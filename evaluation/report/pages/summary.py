"""The answer of a study: question, word, photos, one figure, conclusions, and what is not said."""

from collections.abc import Mapping
from typing import Any

from evaluation.report.kit import wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.page import Claim, claim
from evaluation.report.pages.prompts import choices
from evaluation.report.study.absences import pointer
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
    view = here.view
    return {
        **screen(here),
        "tested": view.comparison is not None,
        "optimism": choices(view),
        "tried": here.to("textes-plus-precis") if view.suggestions else "",
        "maps": here.to("explicabilite") if view.explanations else "",
        "subcategories": subcategories(here),
        "test_images": view.test_images,
    }


def screen(here: Here) -> Mapping[str, Any]:
    """The first screen of a study, on its own page or on the home page."""
    view = here.view
    photos = nt(view.test_images, "{n} photo de test", "{n} photos de test")
    return {
        "title": view.title,
        "question": wording.told(view.study.question),
        "asked": view.study.question,
        "measured_on": t("{photos}, {date}", photos=photos, date=wording.date(view.last_run))
        if view.last_run
        else photos,
        "answer": first_screen(here),
        "findings": conclusions(here),
        "chart": interval_chart(here) if view.scored else None,
        "ladder": ladder(here),
        "facts": facts(here),
        "links": _links(here),
        "absences": pointer(here),
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


def _links(here: Here) -> Mapping[str, str]:
    """To the pages that come next; "" for one that has nothing to show."""
    return {
        "data": here.to("donnees"),
        "texts": here.to("clip-zero-shot") if here.view.zero_shot else "",
        "comparison": here.to("comparaison"),
        "maps": here.to("explicabilite") if here.view.explanations else "",
    }


# -------------------------------------------------------------------- conclusions


def conclusions(here: Here) -> tuple[Claim, ...]:
    """At most four sentences, each with a link to what it rests on."""
    claims = (
        *headlines(here),
        against_chance(here),
        *(weakest(here, run) for run in leading(here.view)),
    )
    return tuple(said for said in claims if said)[:MOST]


def subcategories(here: Here) -> Claim | None:
    """What the slides' perspective of sub-categories gives here; None if it was not tried."""
    derived = (
        run for run in here.view.zero_shot if run.prompts is not None and run.prompts.reads_labels
    )
    top = best(tuple(derived))
    if top is None:
        return None
    return claim(
        "derived", title=here.texts(top.case), number=here.number(top), model=here.reader(top.case)
    )
