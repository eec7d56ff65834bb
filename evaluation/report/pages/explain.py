"""What in the photos counted: maps explained, shown, compared, and measured.

The study's page says what maps are worth, shows some of one case and sets cases side by side;
each case has a page of its own with all its photos (explain_case.py).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from evaluation.records import EXPLAIN_METHODS, CaseExplanation, ExplainMethod, RunRecord
from evaluation.report.kit import wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.tables import Cell, Col, Table, absent, table
from evaluation.report.study import explained, faithfulness, maps
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, best, trace

Model = dict[str, Any]

_EXAMPLES = 2
"""Right and wrong answers of the study's page; the others are on the page of their case."""


def build(here: Here) -> Model | None:
    """What the template prints; None when no case was explained, or tried to be."""
    view = here.view
    cases = tuple(run for run in view.scored if run.case in view.explanations)
    # The examples are those of the best case whose texts mean something.
    lead = best(tuple(run for run in view.described if run in cases) or cases)
    if lead is None:
        return {"lead": None} if view.results.explain_failures else None
    explanation = view.explanations[lead.case]
    asked = {card.method for other in view.explanations.values() for card in other.methods}
    methods = [method for method in EXPLAIN_METHODS if method in asked]
    return {
        "lead": lead,
        "measured": max((row.area.n for row in explanation.faithfulness), default=0),
        "verdicts": faithfulness.verdicts(explanation),
        "faithfulness": faithfulness.areas(view, explanation),
        "curves": faithfulness.chart(view, explanation),
        "right": explained.photos(here, explanation, right=True, most=_EXAMPLES),
        "wrong": explained.photos(here, explanation, right=False, most=_EXAMPLES),
        # Of each case, which of its photos it gets right.
        "cases": {
            case: [photo.label == photo.predicted for photo in other.photos]
            for case, other in view.explanations.items()
        },
        "across": _across(here, cases),
        "prompts": _prompt_changes(here),
        "overview": faithfulness.overview(view) if len(cases) > 1 else None,
        "randomisation": faithfulness.randomisation_table(view),
        "randomised": faithfulness.randomised(here),
        "methods": [EXPLAIN_METHODS[method] for method in methods],
        "applies": _applies(view, methods),
    }


# ------------------------------------------------------------------- side by side


def _compared(
    here: Here,
    runs: Sequence[RunRecord],
    method: str,
    title: Callable[[RunRecord], str],
    *,
    changes: bool = False,
) -> Model | None:
    """The photos common to some cases, by each of them; None where there is nothing to compare.

    With ``changes``, also what each case changes to the first one.  The method is ``doubted``
    where nothing shows that it can be believed.
    """
    explanations = [here.view.explanations[run.case] for run in runs]
    ids = explained.shared(explanations)
    if len(runs) < 2 or not ids:  # noqa: PLR2004 - nothing to set side by side
        return None
    doubted = faithfulness.doubted(explanations, method)
    return {
        "doubted": maps.method_name(method) if doubted else "",
        "photos": [
            {
                "title": card.title or card.id,
                "label": card.label,
                "photo": maps.photo_picture(here, card),
                "variants": [
                    explained.variant(here, run, card.id, method=method, title=title(run))
                    for run in runs
                ],
                "changes": [_changed(here, runs[0], run, card.id, method) for run in runs[1:]]
                if changes
                else [],
            }
            for card in map(here.view.cards.__getitem__, ids)
        ],
    }


def _across(here: Here, cases: Sequence[RunRecord]) -> Model | None:
    """The photos common to all cases, by the best case of each model, controls left aside."""
    controls, models = here.view.controls, dict.fromkeys(run.model.name for run in cases)
    mine = [tuple(run for run in cases if run.model.name == name) for name in models]
    chosen = [best(tuple(run for run in runs if run.case not in controls) or runs) for runs in mine]
    across = _compared(here, [run for run in chosen if run], "rise", here.view.case_title)
    name = maps.method_name("rise")
    return across and {
        **across,
        "rise": all(
            variant["method"] == name for photo in across["photos"] for variant in photo["variants"]
        ),
    }


def _prompt_changes(here: Here) -> list[Model]:
    """Of each model with several prompt sets, the photos common to all cases."""
    view, changes = here.view, []
    cases = [run for run in view.text_cases if run.case in view.explanations and run.prompts]
    for name in dict.fromkeys(run.model.name for run in cases):
        runs = [run for run in cases if run.model.name == name]
        runs.sort(key=lambda run: run is not view.twin(run))
        explanations = [view.explanations[run.case] for run in runs]
        method = faithfulness.best_method(explanations) or "rise"
        compared = _compared(here, runs, method, _texts, changes=True)
        if compared is None:
            continue
        # A control is shown, but it is not what readers ask about.
        others = range(len(runs) - 1)
        asked = [i for i in others if runs[i + 1].case not in view.controls] or others
        compared["photos"].sort(
            key=lambda photo, asked=asked: max(abs(photo["changes"][i]["by"]) for i in asked),
            reverse=True,
        )
        changes.append(
            {
                **compared,
                "title": view.model_name(runs[0].model.name),
                "method": maps.method_name(method),
                "beats": any(faithfulness.score(other, method)[0] for other in explanations),
            }
        )
    return changes


def _texts(run: RunRecord) -> str:
    return "" if run.prompts is None else wording.told(run.prompts.title)


def _changed(here: Here, base: RunRecord, run: RunRecord, sample: str, method: str) -> Model:
    """What another prompt set changes to the answer, and to where it comes from."""
    explanations = [here.view.explanations[case.case] for case in (base, run)]
    photos = [explained.of(explanation, sample) for explanation in explanations]
    before, after = map(explained.truth, explanations, photos)
    # Where what counts most for the true class was, and is.
    regions = [
        maps.region(map_.summary)
        for photo in photos
        for map_ in photo.maps
        if (map_.method, map_.label) == (method, photo.label) and not map_.summary.empty
    ]
    # Where a method beats no control, nothing shows that its maps moved for a reason.
    moved = len(regions) == len(photos) and not faithfulness.doubted(explanations, method)
    return {
        "texts": _texts(run),
        "label": photos[0].label,
        "was": photos[0].predicted == photos[0].label,
        "now": photos[1].predicted == photos[1].label,
        "before": before,
        "after": after,
        "by": after - before,
        "regions": regions if moved else [],
    }


# ------------------------------------------------------------------------- methods


def _applies(view: StudyView, methods: Sequence[ExplainMethod]) -> Table:
    """Each model (rows) and method (columns): whether it applies, and on what grid."""
    models: dict[str, CaseExplanation] = {}
    for case, explanation in view.explanations.items():
        models.setdefault(view.runs[case].model.name, explanation)

    def cell(method: ExplainMethod, name: str) -> Cell:
        card = next((card for card in models[name].methods if card.method == method), None)
        if card is None:
            return absent(t("non demandée pour ce modèle"))
        if not card.applies:
            return Cell(text=card.reason, lang="en", kind="missing")
        passes = nt(card.forward_passes, "{n} passe", "{n} passes")
        if card.grid is None:
            return Cell(text=t("oui"), note=passes)
        rows, columns = map(wording.count, card.grid)
        return Cell(
            text=t("oui"),
            note=t(
                "grille {rows} × {columns} · {passes}", rows=rows, columns=columns, passes=passes
            ),
            title=card.layer or trace(view.runs[models[name].case]),
        )

    return table(
        "methodes-et-modeles",
        t("Ce qui s’applique à quel modèle"),
        models,
        Col(t("Modèle"), view.model_name),
        *(Col(maps.method_name(name), partial(cell, name), numeric=False) for name in methods),
        kind="plain",
    )
