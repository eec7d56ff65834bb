"""What the measured numbers allow one to say, and where to go from there."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.report.kit import wording
from evaluation.report.kit.language import foreign, nt, t
from evaluation.report.kit.sentence import Part, Sentence, say
from evaluation.report.pages.prompts import choices
from evaluation.report.study.findings import class_findings, findings
from evaluation.report.study.here import Here
from evaluation.report.study.sentences import (
    against_chance,
    against_reference,
    answer,
    class_effects,
    number,
    prompt_effects,
    weakest,
    without_empty,
)
from evaluation.report.study.view import Absence, best


@dataclass(frozen=True, slots=True, kw_only=True)
class ConclusionPage:
    """The page of conclusions."""

    title: str
    question: str
    question_lang: str
    """Language of the question where it is not that of the page."""
    answer: Sentence
    findings: tuple[Sentence, ...]
    beside: tuple[Sentence, ...]
    """Published figures and measured ones."""
    quoted: tuple[Sentence, ...]
    """What the published counts alone allow one to say."""
    tested: bool
    """Whether the cases were compared by paired tests."""
    optimism: tuple[Sentence, ...]
    """By how much choosing texts on test flatters."""
    descriptions: Sentence
    """Where the slides' perspective of more precise texts leads here; empty without maps."""
    subcategories: Sentence
    """What the slides' perspective of sub-categories gives here; empty if it was not tried."""
    absences: tuple[Absence, ...]
    test_images: str


def build(here: Here) -> ConclusionPage:
    """The page of conclusions."""
    view = here.view
    return ConclusionPage(
        title=view.title,
        question=view.question,
        question_lang=foreign(view.study.question),
        answer=answer(here),
        findings=without_empty((*_effects(here), *_weakest(here), against_chance(view))),
        beside=against_reference(here),
        quoted=findings(here, "quoted"),
        tested=view.comparison is not None,
        optimism=choices(view),
        descriptions=_descriptions(here),
        subcategories=_subcategories(here),
        absences=here.absences(),
        test_images=nt(view.test_images, "{n} photo", "{n} photos"),
    )


def _effects(here: Here) -> tuple[Sentence, ...]:
    """What the tests conclude; what the intervals show while there are none."""
    if here.view.comparison is None:
        return (*prompt_effects(here), *class_effects(here))
    return (*findings(here), *class_findings(here))


def _weakest(here: Here) -> tuple[Sentence, ...]:
    tops = (best(here.view.described), best(here.view.supervised))
    return tuple(weakest(here, run) for run in tops if run is not None)


def _descriptions(here: Here) -> Sentence:
    view = here.view
    page = view.page("explicabilite")
    if view.suggestions:
        details = t("ce que la validation en dit")
        there = here.file(page, "description-plus-precise")
        return say("C’est essayé ici : {details}.", details=Part(text=details, href=there))
    if view.explanations:
        maps = t("Les cartes de ces erreurs")
        return say("{maps} sont là.", maps=Part(text=maps, href=here.file(page)))
    return ()


def _subcategories(here: Here) -> Sentence:
    runs = tuple(
        run
        for run in here.view.zero_shot
        if run.prompts is not None and run.prompts.derive == "subcategories"
    )
    top = best(runs)
    if top is None or top.prompts is None:
        return ()
    return say(
        "C’est fait ici pour les textes, avec le jeu {title} : {number} avec {model_title}.",
        title=wording.quote(wording.told(top.prompts.title)),
        number=number(here, top),
        model_title=wording.quote(here.view.model_title(top)),
    )
