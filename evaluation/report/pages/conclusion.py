"""What the measured numbers allow one to say, and where to go from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluation.report.kit import wording
from evaluation.report.kit.language import foreign, nt, t
from evaluation.report.kit.sentence import Part, Sentence, say
from evaluation.report.pages.prompts import choices
from evaluation.report.study.answer import answer, leading
from evaluation.report.study.findings import headlines
from evaluation.report.study.here import Here
from evaluation.report.study.sentences import against_chance, weakest
from evaluation.report.study.view import best

MOST = 4
"""Sentences after the answer: what does not fit is on the pages that measure it."""


def build(here: Here) -> Mapping[str, Any]:
    """The page of conclusions."""
    view = here.view
    return {
        "question": view.question,
        "question_lang": foreign(view.study.question),
        "answer": answer(here),
        "findings": conclusions(here),
        "tested": view.comparison is not None,
        "optimism": choices(view),
        "descriptions": _descriptions(here),
        "subcategories": subcategories(here),
        "absences": here.absences(),
        "test_images": nt(view.test_images, "{n} photo", "{n} photos"),
    }


def conclusions(here: Here) -> tuple[Sentence, ...]:
    """At most four sentences, each with a link to what it rests on."""
    sentences = (
        *headlines(here),
        against_chance(here),
        *(weakest(here, run) for run in leading(here.view)),
    )
    return tuple(sentence for sentence in sentences if sentence)[:MOST]


def _descriptions(here: Here) -> Sentence:
    view = here.view
    if view.suggestions:
        details = t("ce que la validation en dit")
        there = here.to("explicabilite", "description-plus-precise")
        return say("C’est essayé ici : {details}.", details=Part(text=details, href=there))
    if view.explanations:
        maps = t("Les cartes de ces erreurs")
        return say("{maps} sont là.", maps=Part(text=maps, href=here.to("explicabilite")))
    return ()


def subcategories(here: Here) -> Sentence:
    """What the slides' perspective of sub-categories gives here; empty if it was not tried."""
    derived = (
        run for run in here.view.zero_shot if run.prompts is not None and run.prompts.reads_labels
    )
    top = best(tuple(derived))
    if top is None or top.prompts is None:
        return ()
    return say(
        "C’est fait ici pour les textes, avec le jeu {title}, tiré des étiquettes "
        "d’apprentissage : {number} avec {model_title}.",
        title=wording.quote(wording.told(top.prompts.title)),
        number=here.number(top),
        model_title=wording.quote(here.view.model_title(top)),
    )
