"""What in the photos counted: maps explained, shown, compared, and measured.

The study's page says what maps are worth, shows some of one case and sets cases side by side;
each case has a page of its own with all its photos, which the menu does not name.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from evaluation.records import (
    EXPLAIN_METHODS,
    CaseExplanation,
    ExplainedPhoto,
    ExplainMethod,
    RunRecord,
)
from evaluation.report.kit import wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.tables import Cell, Col, Table, absent, table
from evaluation.report.study import explained, faithfulness, maps
from evaluation.report.study.here import Here
from evaluation.report.study.photos import WITHHELD
from evaluation.report.study.view import StudyView, best, trace

Model = dict[str, Any]

_EXAMPLES = 2
"""Right and wrong answers of the study's page; the others are on the page of their case."""
_UNFOLDED = 1
"""Photos set side by side that are shown at once; the others are folded."""


def build(here: Here) -> Model | None:
    """The study's page; None when no case was explained, or tried to be."""
    view, failures = here.view, _failures(here.view)
    if not (view.explanations or failures):
        return None
    run = _lead(view)
    explanation = None if run is None else view.explanations[run.case]
    return {
        **_worth(view, explanation),
        "assets": maps.assets(here),
        "maps": bool(view.explanations),
        "withheld": "" if view.photos_shown else t(WITHHELD),
        "lead": run and {"case": view.case_title(run), "family": run.model.family},
        **{
            name: explanation
            and explained.photos(here, explanation, _side(explanation, right=right)[:_EXAMPLES])
            for name, right in (("right", True), ("wrong", False))
        },
        "cases": [
            {
                "title": view.case_name(case),
                "href": here.file(explained.case_page(view, case)),
                "right": len(_side(other, right=True)),
                "wrong": len(_side(other, right=False)),
            }
            for case, other in view.explanations.items()
        ],
        "failures": failures,
        "across": _across(here),
        "prompts": _prompt_changes(here),
        "overview": faithfulness.overview(view) if len(view.explanations) > 1 else None,
        "randomisation": faithfulness.randomisation_table(view),
        "randomised": faithfulness.randomised(here),
        "methods": [EXPLAIN_METHODS[method] for method in _methods(view)],
        "applies": _applies(view),
    }


def build_case(here: Here, case: str) -> Model:
    """The page of a case's explained photos."""
    view, explanation = here.view, here.view.explanations[case]
    done = sum(any(drawn.method == "rise" for drawn in photo.maps) for photo in explanation.photos)
    return {
        **_worth(here.view, explanation),
        "title": here.view.case_name(case),
        "study": view.title,
        "back": here.to("explicabilite"),
        "others": [
            (view.case_name(other), here.file(explained.case_page(view, other)))
            for other in view.explanations
            if other != case
        ],
        "assets": maps.assets(here),
        "withheld": "" if here.view.photos_shown else t(WITHHELD),
        "titled": "title" in here.view.runs[case].model.reads,
        "spec": explanation.spec,
        "photos": len(explanation.photos),
        # RISE reads a photo many times, and may be kept to some of them.
        "rise": 0 if done == len(explanation.photos) else done,
        "right": explained.photos(here, explanation, _side(explanation, right=True)),
        "wrong": explained.photos(here, explanation, _side(explanation, right=False)),
    }


def _worth(view: StudyView, explanation: CaseExplanation | None) -> Model:
    rows = explanation.faithfulness if explanation else ()
    return {
        "measured": max((row.area.n for row in rows), default=0),
        "name": view.study.name,
        "explained": explanation and view.case_name(explanation.case),
        "verdicts": explanation and faithfulness.verdicts(explanation),
        "faithfulness": explanation and faithfulness.areas(view, explanation),
        "curves": explanation and faithfulness.chart(view, explanation),
    }


def _failures(view: StudyView) -> list[Model]:
    older, none = t("cartes plus anciennes, les dernières ont échoué"), t("sans carte")
    return [
        {
            "title": view.case_name(case),
            "href": "",
            "status": older if case in view.explanations else none,
            "reason": "",
            "recorded": failure.error,
        }
        for case, failure in view.results.explain_failures.items()
    ]


# ------------------------------------------------------------------------ examples


def _lead(view: StudyView) -> RunRecord | None:
    """The case whose photos are the examples: the best one whose texts mean something."""
    cases = tuple(run for run in view.scored if run.case in view.explanations)
    return best(tuple(run for run in view.described if run in cases) or cases)


def _side(explanation: CaseExplanation, *, right: bool) -> Sequence[ExplainedPhoto]:
    """Right answers or wrong ones, those first that were chosen for being so.

    The others are there by lot, for the comparison of cases.
    """
    photos = (photo for photo in explanation.photos if (photo.label == photo.predicted) == right)
    return sorted(photos, key=lambda photo: all(r.rule == "shared" for r in photo.reasons))


# ------------------------------------------------------------------- side by side


def _across(here: Here) -> Model | None:
    """The photos common to all cases, by the best case of each model."""
    view = here.view
    runs = _one_a_model(view)
    explanations = [view.explanations[run.case] for run in runs]
    ids = explained.shared(explanations)
    if len(runs) < 2 or not ids:  # noqa: PLR2004 - nothing to set side by side
        return None
    compared = tuple(
        _compared(
            here,
            sample,
            tuple(
                explained.variant(here, run, sample, method="rise", title=view.case_title(run))
                for run in runs
            ),
        )
        for sample in ids
    )
    name = maps.method_name("rise")
    rise = all(variant["method"] == name for photo in compared for variant in photo["variants"])
    return {"rise": rise, **_series(compared, explanations, "rise")}


def _series(
    compared: Sequence[Model], explanations: Sequence[CaseExplanation], method: str
) -> Model:
    """Photos set side by side, the first ones shown and the others folded.

    The method is ``doubted`` where nothing shows that it can be believed.
    """
    name = maps.method_name(method)
    return {
        "shown": compared[:_UNFOLDED],
        "folded": compared[_UNFOLDED:],
        "doubted": name if faithfulness.doubted(explanations, method) else "",
    }


def _one_a_model(view: StudyView) -> tuple[RunRecord, ...]:
    cases = [run for run in view.scored if run.case in view.explanations]
    chosen = []
    for name in dict.fromkeys(run.model.name for run in cases):
        mine = tuple(run for run in cases if run.model.name == name)
        chosen.append(best(tuple(run for run in mine if run.case not in view.controls) or mine))
    return tuple(run for run in chosen if run is not None)


def _compared(
    here: Here, sample: str, variants: Sequence[Model], changes: Sequence[Model] = ()
) -> Model:
    card = here.view.cards[sample]
    return {
        "title": card.title or card.id,
        "label": card.label,
        "changes": changes,
        "photo": maps.photo_picture(here, card),
        "variants": variants,
    }


# ------------------------------------------------------------------------- prompts


def _prompt_changes(here: Here) -> tuple[Model, ...]:
    """Of each model with several prompt sets, the photos common to all cases."""
    view = here.view
    changes = []
    cases = [run for run in view.text_cases if run.case in view.explanations and run.prompts]
    for name in dict.fromkeys(run.model.name for run in cases):
        runs = [run for run in cases if run.model.name == name]
        runs.sort(key=lambda run: run is not view.twin(run))
        if len(runs) > 1 and explained.shared([view.explanations[run.case] for run in runs]):
            changes.append(_prompt_change(here, runs))
    return tuple(changes)


def _prompt_change(here: Here, runs: list[RunRecord]) -> Model:
    view = here.view
    explanations = [view.explanations[run.case] for run in runs]
    method = faithfulness.best_method(explanations) or "rise"
    # A control is shown, but it is not what readers ask about.
    others = explanations[1:]
    asked = [other for other in others if other.case not in view.controls] or others

    def change(sample: str) -> float:
        """The largest change of the true class's probability, over the first prompt set."""
        before, *after = (
            explained.truth(case, explained.of(case, sample)) for case in (explanations[0], *asked)
        )
        return max(abs(share - before) for share in after)

    compared = tuple(
        _compared(
            here,
            sample,
            tuple(
                explained.variant(here, run, sample, method=method, title=_texts(run))
                for run in runs
            ),
            [_changed(view, runs[0], run, sample, method) for run in runs[1:]],
        )
        for sample in sorted(explained.shared(explanations), key=change, reverse=True)
    )
    return {
        "title": view.model_title(runs[0]),
        "method": maps.method_name(method),
        "beats": any(faithfulness.score(explanation, method)[0] for explanation in explanations),
        **_series(compared, explanations, method),
    }


def _texts(run: RunRecord) -> str:
    return "" if run.prompts is None else wording.told(run.prompts.title)


def _changed(view: StudyView, base: RunRecord, run: RunRecord, sample: str, method: str) -> Model:
    """What another prompt set changes to the answer, and to where it comes from."""
    explanations = [view.explanations[case.case] for case in (base, run)]
    photos = [explained.of(explanation, sample) for explanation in explanations]
    was, now = (photo.predicted == photo.label for photo in photos)
    first, last = (
        explained.truth(explanation, photo)
        for explanation, photo in zip(explanations, photos, strict=True)
    )
    # Where a method beats no control, nothing shows that its maps moved for a reason.
    doubted = faithfulness.doubted(explanations, method)
    regions = [] if doubted else [_region(photo, method) for photo in photos]
    return {
        "texts": _texts(run),
        "label": photos[0].label,
        "was": was,
        "now": now,
        "before": first,
        "after": last,
        "by": last - first,
        "same": was == now and wording.percent(first) == wording.percent(last),
        # Where what counts most was, and is; none where it is not known of both.
        "regions": regions if all(regions) else [],
    }


def _region(photo: ExplainedPhoto, method: str) -> str:
    """Where the true class's map is strongest; "" without such a map, or on an empty one."""
    wanted = (method, photo.label)
    drawn = next((map_ for map_ in photo.maps if (map_.method, map_.label) == wanted), None)
    return "" if drawn is None or drawn.summary.empty else maps.region(drawn.summary)


# ------------------------------------------------------------------------- methods


def _methods(view: StudyView) -> tuple[ExplainMethod, ...]:
    asked = {
        card.method for explanation in view.explanations.values() for card in explanation.methods
    }
    return tuple(method for method in EXPLAIN_METHODS if method in asked)


def _applies(view: StudyView) -> Table:
    """Each model (rows) and method (columns): whether it applies, and on what grid."""
    models: dict[str, CaseExplanation] = {}
    for case, explanation in view.explanations.items():
        models.setdefault(view.runs[case].model.name, explanation)
    return table(
        "methodes-et-modeles",
        t("Ce qui s’applique à quel modèle"),
        models,
        Col(t("Modèle"), view.model_name),
        *(
            Col(maps.method_name(method), partial(_card, view, models, method), numeric=False)
            for method in _methods(view)
        ),
        kind="plain",
    )


def _card(
    view: StudyView, models: dict[str, CaseExplanation], method: ExplainMethod, name: str
) -> Cell:
    explanation = models[name]
    card = next((card for card in explanation.methods if card.method == method), None)
    if card is None:
        return absent(t("non demandée pour ce modèle"))
    if not card.applies:
        return Cell(text=card.reason, lang="en", kind="missing")
    passes = nt(card.forward_passes, "{n} passe", "{n} passes")
    if card.grid is None:
        return Cell(text=t("oui"), note=passes)
    return Cell(
        text=t("oui"),
        note=t(
            "grille {rows} × {columns} · {passes}",
            rows=wording.count(card.grid[0]),
            columns=wording.count(card.grid[1]),
            passes=passes,
        ),
        title=card.layer or trace(view.runs[explanation.case]),
    )
