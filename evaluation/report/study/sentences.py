"""Sentences made from the numbers of single cases, each number with the run that it comes from.

What they may claim is narrow: a case beats chance when its interval says so, a class is the
weakest when no other is as weak.  That one case beats another is for tests to say
(:mod:`evaluation.report.study.findings`).
"""

from __future__ import annotations

from evaluation.records import RunRecord
from evaluation.report.kit import wording
from evaluation.report.kit.language import nt
from evaluation.report.kit.sentence import Part, Sentence, joined, nsay, say
from evaluation.report.study.here import Here
from evaluation.report.study.view import best, shown, trace, value

_TWICE = 2
"""A confusion of one photo is nothing that recurs."""


def recall_changes(base: RunRecord, run: RunRecord) -> dict[str, float]:
    """Class to the change of its recall from ``base`` to ``run``; undefined ones left out."""
    before = {row.label: row.recall.value for row in base.per_class}
    after = {row.label: row.recall.value for row in run.per_class}
    return {
        label: new - old
        for label, new in after.items()
        if new is not None and (old := before.get(label)) is not None
    }


def weakest(here: Here, run: RunRecord) -> Sentence:
    """The class that a case recognises least, and its most frequent confusion.

    Neither is named where several are equal, nor a class where all are recognised.
    """
    parts = [part for part in (_least(here, run), _confusion(here, run)) if part]
    if not parts:
        return ()
    pieces = joined(*parts) if len(parts) == 1 else joined(parts[0], wording.clauses(("", "")),
                                                           parts[1])  # fmt: skip
    return say("Pour {case}, {what}.", case=here.view.said(run), what=pieces)


def _least(here: Here, run: RunRecord) -> Sentence:
    recalls = {row.label: row.recall for row in run.per_class if row.recall.value is not None}
    if not recalls:
        return ()
    lowest = min(metric.value or 0.0 for metric in recalls.values())
    labels = [label for label, metric in recalls.items() if (metric.value or 0.0) <= lowest]
    if len(labels) > 1 or lowest >= 1:
        return ()
    (label,) = labels
    return say(
        "le rappel mesuré le plus bas est celui de {label} ({recall})",
        label=wording.quote(label),
        recall=Part(text=shown(recalls[label]), href=here.classes(run), title=trace(run)),
    )


def _confusion(here: Here, run: RunRecord) -> Sentence:
    confusion = largest_confusion(run)
    if confusion is None:
        return ()
    truth, guess, times = confusion
    photos = nt(times, "{n} photo", "{n} photos")
    href = here.photos(run.case, truth=truth, predicted=guess)
    return say(
        "la confusion la plus fréquente prend {truth} pour {guess} ({times})",
        truth=wording.quote(truth),
        guess=wording.quote(guess),
        times=Part(text=photos, href=href, title=trace(run)),
    )


def largest_confusion(run: RunRecord) -> tuple[str, str, int] | None:
    """The off-diagonal cell of highest count (true class, predicted class, count).

    None where several are equal, or none is met twice.
    """
    cells = sorted(
        (
            (times, i, j)
            for i, row in enumerate(run.confusion)
            for j, times in enumerate(row)
            if i != j
        ),
        reverse=True,
    )
    if not cells or cells[0][0] < _TWICE or (len(cells) > 1 and cells[1][0] == cells[0][0]):
        return None
    times, i, j = cells[0]
    return run.classes[i], run.classes[j], times


def against_chance(here: Here) -> Sentence:
    """Whether every case does better than a draw."""
    view = here.view
    chance = Part(
        text=wording.percent(view.chance),
        href=here.to("comparaison", "tous-les-cas"),
        title=view.data_trace,
    )
    near = [
        wording.quote(view.case_title(run))
        for run in view.scored
        if (accuracy := run.metric("accuracy")) is None
        or accuracy.low is None
        or accuracy.low <= view.chance <= (accuracy.high or 1.0)
    ]
    if not view.scored:
        return ()
    below = [
        wording.quote(view.case_title(run))
        for run in view.scored
        if (accuracy := run.metric("accuracy")) and (accuracy.high or 1.0) < view.chance
    ]
    if below:
        return nsay(
            len(below),
            "{cases} fait moins bien que le hasard ({chance}).",
            "{cases} font moins bien que le hasard ({chance}).",
            cases=wording.listing(below),
            chance=chance,
        )
    if not near:
        return say(
            "Tous les cas font mieux que le hasard ({chance}), qui est hors de leurs intervalles.",
            chance=chance,
        )
    return nsay(
        len(near),
        "{cases} ne se distingue pas du hasard ({chance}).",
        "{cases} ne se distinguent pas du hasard ({chance}).",
        cases=wording.listing(near),
        chance=chance,
    )


def against_reference(here: Here, kind: str = "") -> tuple[Sentence, ...]:
    """For each published system, or those of a kind, the measured case that stands beside it."""
    view = here.view
    sentences: list[Sentence] = []
    for system in view.reference.systems if view.reference else ():
        if kind not in ("", system.kind):
            continue
        run = best(view.measured(system))
        if run is not None:
            sentences.append(
                say(
                    "Les diapositives annoncent {accuracy} pour {title} ; le meilleur "
                    "cas mesuré ici dans la même situation, {case_title}, atteint "
                    "{number} ({gap}).",
                    accuracy=wording.percent(system.accuracy),
                    title=wording.quote(wording.told(system.title)),
                    case_title=wording.quote(view.case_title(run)),
                    number=here.number(run),
                    gap=wording.points(value(run, "accuracy") - system.accuracy),
                )
            )
        if _lacks(here, system.name):
            sentences.append(
                say(
                    "{title} lui-même n’est pas mesuré ici, faute de ses poids : « veille weights "
                    "{study} » les télécharge, « veille eval {study} » l’évalue.",
                    title=wording.quote(wording.told(system.title)),
                    study=view.study.name,
                )
            )
    return tuple(sentences)


def _lacks(here: Here, model: str) -> bool:
    """Whether the study declares a model whose weights are not here."""
    runs = [run for run in here.view.results.runs if run.model.name == model]
    return bool(runs) and all(run.status == "unavailable" for run in runs)
