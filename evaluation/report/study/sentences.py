"""Sentences made from the numbers of single cases, each number with the run that it comes from.

What they may claim is narrow: a case beats chance when its interval says so, a class is the
weakest when no other is as weak.  That one case beats another is for tests to say
(:mod:`evaluation.report.study.findings`).
"""

from collections.abc import Mapping

from evaluation.records import RunRecord
from evaluation.report.kit import wording
from evaluation.report.kit.language import nt
from evaluation.report.kit.page import Claim, Part, claim
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


def weakest(here: Here, run: RunRecord) -> Claim | None:
    """The class that a case recognises least, and its most frequent confusion.

    Neither is named where several are equal, nor a class where all are recognised.
    """
    least, most = _least(here, run), _confusion(here, run)
    if not (least or most):
        return None
    return claim("weakest", case=here.view.said(run), least=least, most=most)


def _least(here: Here, run: RunRecord) -> Mapping[str, object] | None:
    recalls = {row.label: row.recall for row in run.per_class if row.recall.value is not None}
    lowest = min((metric.value or 0.0 for metric in recalls.values()), default=1.0)
    labels = [label for label, metric in recalls.items() if (metric.value or 0.0) <= lowest]
    if len(labels) != 1 or lowest >= 1:
        return None
    recall = Part(text=shown(recalls[labels[0]]), href=here.classes(run), title=trace(run))
    return {"label": wording.quote(labels[0]), "recall": recall}


def _confusion(here: Here, run: RunRecord) -> Mapping[str, object] | None:
    confusion = largest_confusion(run)
    if confusion is None:
        return None
    truth, guess, times = confusion
    href = here.photos(run.case, truth=truth, predicted=guess)
    photos = Part(text=nt(times, "{n} photo", "{n} photos"), href=href, title=trace(run))
    return {"truth": wording.quote(truth), "guess": wording.quote(guess), "times": photos}


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


def against_chance(here: Here) -> Claim | None:
    """Whether every case does better than a draw: those that do worse, else those in doubt."""
    view = here.view
    if not view.scored:
        return None
    href = here.to("comparaison", "tous-les-cas")
    chance = Part(text=wording.percent(view.chance), href=href, title=view.data_trace)
    below, near = [], []
    for run in view.scored:
        accuracy, title = run.metric("accuracy"), wording.quote(view.case_title(run))
        if accuracy is not None and (accuracy.high or 1.0) < view.chance:
            below.append(title)
        elif accuracy is None or accuracy.low is None or accuracy.low <= view.chance:
            near.append(title)
    return claim("chance", chance=chance, below=below, near=near)


def against_reference(here: Here, kind: str = "") -> list[Claim]:
    """For each published system, or those of a kind, the measured case that stands beside it."""
    view = here.view
    claims: list[Claim] = []
    for system in view.reference.systems if view.reference else ():
        if kind not in ("", system.kind):
            continue
        title, run = wording.quote(wording.told(system.title)), best(view.measured(system))
        if run is not None:
            claims.append(
                claim(
                    "beside",
                    accuracy=system.accuracy,
                    title=title,
                    case=wording.quote(view.case_title(run)),
                    number=here.number(run),
                    gap=value(run, "accuracy") - system.accuracy,
                )
            )
        if _lacks(here, system.name):
            claims.append(claim("unmeasured", title=title, study=view.study.name))
    return claims


def _lacks(here: Here, model: str) -> bool:
    """Whether the study declares a model whose weights are not here."""
    runs = [run for run in here.view.results.runs if run.model.name == model]
    return bool(runs) and all(run.status == "unavailable" for run in runs)
