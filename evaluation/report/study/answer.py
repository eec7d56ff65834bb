"""The answer as it is read: a word, two numbers, their gap, one sentence, and who chose.

The rule is :mod:`evaluation.report.study.rule`'s; here it is put in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from evaluation.records import Predictions, RunRecord
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, nt, t
from evaluation.report.kit.sentence import Part, Sentence, joined, nsay, say
from evaluation.report.study.here import Here
from evaluation.report.study.photos import photo
from evaluation.report.study.repeated import spread
from evaluation.report.study.rule import Answer, Choice
from evaluation.report.study.view import StudyView

WORDS = {
    "yes": message("Oui"),
    "no": message("Non"),
    "open": message("On ne peut pas dire"),
}


def first_screen(here: Here) -> Mapping[str, object]:
    """The word, the sentence, both sides, their gap, notes and photos of a study."""
    view, found = here.view, here.view.answer
    sides = [side for side in (found.candidate, found.rival) if side is not None]
    return {
        "word": word(view),
        "kind": "missing" if found.stand_in else found.word,
        "missing": missing_clip(view) if found.stand_in else (),
        "sentence": sentence(view),
        "sides": [_side(here, side.run) for side in sides],
        "gap": _gap(here, found),
        "spread": spread(here),
        "chosen": _chosen(found),
        "quoted": _quoted(here) if found.stand_in else (),
        "photos": _strip(here, [side.run for side in sides]),
    }


def answer(here: Here) -> Sentence:
    """The answer in one paragraph, for a slide or a conclusion."""
    view, found = here.view, here.view.answer
    pieces: list[str | Part | Sentence] = []
    if word(view):
        pieces += [word(view), ". "]
    if found.stand_in:
        pieces += [missing_clip(view), " "]
    return joined(*pieces, brief(here))


def brief(here: Here) -> Sentence:
    """The sentence and the two numbers."""
    view = here.view
    pieces: list[str | Part | Sentence] = [sentence(view)]
    runs = leading(view)
    numbers = [here.number(run) for run in runs]
    if len(runs) > 1:
        against = say("{candidate} contre {rival}.", candidate=numbers[0], rival=numbers[1])
        pieces += [" ", against]
    elif runs:
        name = wording.quote(view.case_title(runs[0]))
        pieces += [" ", say("{case} : {number}.", case=name, number=numbers[0])]
    return joined(*pieces)


def word(view: StudyView) -> str:
    """Yes, no, or that the question stays open; "" for a study with nothing to hold together."""
    found = view.answer
    if found.stand_in:
        return t("CLIP : non mesuré ici")
    return t(WORDS[found.word]) if found.candidate and found.rival else ""


# ------------------------------------------------------------------------ sentences


def sentence(view: StudyView) -> Sentence:
    """What the two numbers say of the question, in 25 words at most."""
    found = view.answer
    if found.candidate is None and found.rival is None:
        return say("Aucun cas n’a encore de résultat comparable sur ces photos.")
    if found.candidate is None:
        return say("Aucun modèle qui lit des textes n’a de résultat à comparer sur ces photos.")
    if found.rival is None:
        return say("Aucun modèle entraîné n’a de résultat à comparer sur ces photos.")
    subject, rival = _subject(view, found), _rival(found.rival.run)
    if found.gap is None:
        return say(
            "Aucun test n’a encore comparé {subject} et {rival}.", subject=subject, rival=rival
        )
    return _tested(found, _how(found.candidate.run), subject, rival, view.margin)


def _tested(found: Answer, how: str, subject: str, rival: str, margin: str) -> Sentence:
    if found.word == "open":
        return say(
            "Ces photos ne disent pas si {subject} vaut {rival}, à moins de {margin} près.",
            subject=subject,
            rival=rival,
            margin=margin,
        )
    if found.separated and (found.gap or 0) > 0:
        return say(
            "{how}, {subject} fait mieux que {rival}.", how=how, subject=subject, rival=rival
        )
    if found.word == "yes":
        text = message("{how}, {subject} vaut {rival}, à moins de {margin} près.")
    elif (found.high or 0) < -found.margin:
        text = message("{how}, {subject} fait moins bien que {rival}, de plus de {margin}.")
    else:
        text = message(
            "{how}, {subject} fait moins bien que {rival}, peut-être de plus de {margin}."
        )
    return say(text, how=how, subject=subject, rival=rival, margin=margin)


def _how(run: RunRecord) -> str:
    if run.model.family == "label-free":
        return t("Sans aucune étiquette")
    return t("Sans aucune photo d’exemple")


def _subject(view: StudyView, found: Answer) -> str:
    if found.stand_in:
        return t("le substitut")
    return t("CLIP") if view.study.answer.about == "clip" else t("le modèle texte-image")


def _rival(run: RunRecord) -> str:
    return t("le modèle entraîné") if run.model.family == "supervised" else t("l’autre modèle")


def missing_clip(view: StudyView) -> Sentence:
    """Why no CLIP answers, and how to have one measured."""
    declared = [card.model for card in view.study.models if card.model.is_clip]
    if not declared:
        return say("L’étude ne déclare aucun CLIP : ajoutez-en un aux modèles de son study.toml.")
    lacking = {run.model.name for run in view.results.runs if run.status == "unavailable"}
    absent = [model for model in declared if model.name in lacking]
    if absent:
        return nsay(
            len(absent),
            "Les poids du CLIP de l’étude ne sont pas ici : « veille weights {study} » les "
            "télécharge, « veille eval {study} » l’évalue.",
            "Les poids des {n} CLIP de l’étude ne sont pas ici : « veille weights {study} » les "
            "télécharge, « veille eval {study} » les évalue.",
            study=view.study.name,
        )
    return say("Aucun CLIP de l’étude n’a encore de résultat : « veille eval {study} ».",
               study=view.study.name)  # fmt: skip


def _side(here: Here, run: RunRecord) -> Mapping[str, object]:
    """One of the two numbers."""
    return {
        "title": here.view.case_title(run),
        "href": here.run(run.case),
        "family": run.model.family,
        "number": here.number(run),
    }


def _gap(here: Here, found: Answer) -> Sentence:
    """The gap of candidate − rival with its interval, linked to their test."""
    if found.gap is None or found.low is None or found.high is None:
        return ()
    assert found.candidate is not None  # noqa: S101 - a gap has two sides
    assert found.rival is not None  # noqa: S101
    one, other = found.candidate.run.case, found.rival.run.case
    title = t("Test apparié des deux cas")
    gap = Part(text=wording.points(found.gap), href=here.pair(one, other), title=title)
    return say(
        "{gap} (IC 95 % {interval})",
        gap=gap,
        interval=wording.interval(found.low, found.high),
    )


def _chosen(found: Answer) -> Mapping[str, object] | None:
    """Among how many cases each side was chosen, if at all, and whether the test itself chose."""
    sides = [side for side in (found.candidate, found.rival) if side is not None]
    if not sides:
        return None
    among = [nt(side.among, "{n} cas", "{n} cas") for side in sides]
    return {
        "sides": len(sides),
        "among": among if any(side.among > 1 for side in sides) else [],
        "on_test": any(side.on == "test" for side in sides),
    }


def _quoted(here: Here) -> Sentence:
    """What the slides say, where nothing measured answers."""
    reference = here.view.reference
    if reference is None:
        return ()
    figures = [
        t(
            "{accuracy} pour {system}",
            accuracy=wording.percent(system.accuracy),
            system=wording.quote(wording.told(system.title)),
        )
        for system in reference.systems
    ]
    return say(
        "Les diapositives annoncent {figures}.",
        figures=Part(
            text=wording.listing(figures),
            href=here.to("comparaison", "exactitude-et-f1"),
            title=wording.told(reference.source),
        ),
    )


# --------------------------------------------------------------------------- photos


def _strip(here: Here, runs: list[RunRecord]) -> list[Mapping[str, object]]:
    """Of each side a photo that it gets right and one that it gets wrong, all different.

    The photos on which the sides differ come first, then those of which the side is surest.
    """
    tables = {run.case: here.view.results.predictions.get(run.case) for run in runs}
    known = {case: table for case, table in tables.items() if table is not None}
    if not here.view.photos_shown or len(known) < len(runs):
        return []
    ids: list[str] = []
    for case in known:
        for right in (True, False):
            ids += next(([one] for one in _ordered(case, known, right=right) if one not in ids), [])
    return [_shown(here, sample, known) for sample in ids if sample in here.view.cards]


def _ordered(case: str, tables: Mapping[str, Predictions], *, right: bool) -> Iterable[str]:
    """Ids of the photos that a case gets right, or wrong, those to show first."""
    own = tables[case]
    verdict = own.predicted == own.labels
    elsewhere = {
        sample: bool(hit)
        for other, table in tables.items()
        if other != case
        for sample, hit in zip(table.sample_ids, table.predicted == table.labels, strict=True)
    }
    sure = own.probabilities.max(axis=1)
    rows = [int(row) for row in np.flatnonzero(verdict == right)]
    rows.sort(key=lambda row: (elsewhere.get(own.sample_ids[row], right) == right, -sure[row]))
    return (own.sample_ids[row] for row in rows)


def _shown(here: Here, sample: str, tables: Mapping[str, Predictions]) -> Mapping[str, object]:
    """A test photo, and what each side said of it: case, class with its probability, whether right.

    ``href`` leads to the photo with all that is said of it.
    """
    said = []
    for case, table in tables.items():
        row = table.sample_ids.index(sample)
        guess = int(table.predicted[row])
        share = wording.percent(float(table.probabilities[row, guess]), 0)
        said.append(
            (
                here.view.case_name(case),
                table.classes[guess],
                share,
                guess == int(table.labels[row]),
            )
        )
    shown = photo(here, here.view.cards[sample])
    return {"photo": shown, "href": here.photo(sample), "said": said}


def leading(view: StudyView) -> tuple[RunRecord, ...]:
    """The cases that answer, the candidate first."""
    sides: tuple[Choice | None, ...] = (view.answer.candidate, view.answer.rival)
    return tuple(side.run for side in sides if side is not None)
