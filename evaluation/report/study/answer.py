"""The answer as it is read: two numbers, their gap, one sentence, some photos.

The rule is :mod:`evaluation.report.study.rule`'s; ``_said.jinja`` puts it in words.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from evaluation.records import Predictions, RunRecord
from evaluation.report.kit import wording
from evaluation.report.kit.language import t
from evaluation.report.kit.page import Claim, Part, claim
from evaluation.report.study.here import Here
from evaluation.report.study.photos import photo
from evaluation.report.study.repeated import mean_gap
from evaluation.report.study.view import StudyView


def first_screen(here: Here) -> Mapping[str, object]:
    """The sentence, both sides, their gap, and photos of a study."""
    verdict, runs = here.view.answer, leading(here.view)
    gap = None
    if verdict.gap is not None:
        href, tip = here.pair(*(run.case for run in runs)), t("Test apparié des deux cas")
        points = Part(text=wording.points(verdict.gap), href=href, title=tip)
        gap = {"points": points, "low": verdict.low, "high": verdict.high}
    paragraph = answer(here)
    return {
        **{name: paragraph[name] for name in ("missing", "sentence", "sides")},
        "gap": gap,
        "spread": mean_gap(here, "spread", *(run.case for run in runs)) if runs[1:] else None,
        "quoted": _quoted(here) if verdict.stand_in else None,
        "photos": _strip(here, runs),
    }


def answer(here: Here, kind: Literal["answer", "brief"] = "answer") -> Claim:
    """The answer in one paragraph, or its sentence and the two numbers alone."""
    view = here.view
    sides = [
        {
            "title": view.case_title(run),
            "href": here.run(run.case),
            "family": run.model.family,
            "number": here.number(run),
        }
        for run in leading(view)
    ]
    missing = missing_clip(view) if view.answer.stand_in else None
    return claim(kind, sentence=sentence(view), sides=sides, missing=missing)


def sentence(view: StudyView) -> Claim:
    """What the two numbers say of the question."""
    about = view.study.answer.about
    return claim("verdict", answer=view.answer, about=about, margin=view.margin)


def missing_clip(view: StudyView) -> Claim:
    """Why no CLIP answers, and how to have one measured."""
    declared = [card.model.name for card in view.study.models if card.model.is_clip]
    lacking = {run.model.name for run in view.results.runs if run.status == "unavailable"}
    absent = len(lacking.intersection(declared))
    return claim("missing_clip", declared=len(declared), absent=absent, study=view.study.name)


def _quoted(here: Here) -> Part | None:
    """The slides' figures, where nothing measured answers."""
    reference = here.view.study.reference
    if reference is None:
        return None
    figures = [
        t(
            "{accuracy} pour {system}",
            accuracy=wording.percent(system.accuracy),
            system=wording.quote(wording.told(system.title)),
        )
        for system in reference.systems
    ]
    href = here.to("comparaison", "exactitude-et-f1")
    return Part(text=wording.listing(figures), href=href, title=wording.told(reference.source))


def _strip(here: Here, runs: Sequence[RunRecord]) -> list[Mapping[str, object]]:
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
            ids += next(
                ([sample] for sample in _ordered(case, known, right=right) if sample not in ids), []
            )
    return [_shown(here, sample, known) for sample in ids if sample in here.view.cards]


def _ordered(case: str, tables: Mapping[str, Predictions], *, right: bool) -> Iterable[str]:
    """Ids of the photos that a case gets right, or wrong, those to show first."""
    own = tables[case]
    elsewhere = {
        sample: bool(hit)
        for other, table in tables.items()
        if other != case
        for sample, hit in zip(table.sample_ids, table.right, strict=True)
    }
    sure = own.probabilities.max(axis=1)
    rows = [int(row) for row in np.flatnonzero(own.right == right)]
    rows.sort(key=lambda row: (elsewhere.get(own.sample_ids[row], right) == right, -sure[row]))
    return (own.sample_ids[row] for row in rows)


def _shown(here: Here, sample: str, tables: Mapping[str, Predictions]) -> Mapping[str, object]:
    """A test photo, and what each side said of it: case, class, its probability, whether right."""
    said = []
    for case, table in tables.items():
        row = table.sample_ids.index(sample)
        guess = int(table.predicted[row])
        share = wording.percent(float(table.probabilities[row, guess]), 0)
        right = bool(table.right[row])
        said.append((here.view.case_name(case), table.classes[guess], share, right))
    shown = photo(here, here.view.cards[sample])
    return {"photo": shown, "href": here.photo(sample), "said": said}


def leading(view: StudyView) -> tuple[RunRecord, ...]:
    """The cases that answer, the candidate first."""
    sides = (view.answer.candidate, view.answer.rival)
    return tuple(side.run for side in sides if side is not None)
