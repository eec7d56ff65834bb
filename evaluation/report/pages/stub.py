"""A page that a study could have and has not: what would make it, and what that takes."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from evaluation.records import DEPTH
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView

Step = Literal["eval", "compare", "deep", "explain", "suggest"]
Trait = Literal["embeds", "learns", "reads_texts"]


def _after(step: Step, needs: Callable[[StudyView], bool]) -> Callable[[StudyView], Step | None]:
    """The step, once a case is scored; an evaluation before; None where the study lacks a need."""

    def chosen(view: StudyView) -> Step | None:
        if not needs(view):
            return None
        return step if view.scored else "eval"

    return chosen


def _has(view: StudyView, trait: Trait) -> bool:
    """Whether a model of the scored cases is so; while there are none, one of the study."""
    models = [run.model for run in view.scored] or [card.model for card in view.study.models]
    return any(getattr(model, trait) for model in models)


def _shallow(view: StudyView) -> bool:
    """Whether the cases as they are may still be compared in depth, and tell what is lacking."""
    comparison = view.comparison
    return not comparison or not (
        comparison.few_shot
        or comparison.retrieval
        or (comparison.audit and comparison.audit.embeddings)
    )


STEPS: Mapping[str, Callable[[StudyView], Step | None]] = {
    "supervised": lambda view: "eval" if _has(view, "learns") and not view.supervised else None,
    "zero_shot": lambda view: None if view.text_cases or not _has(view, "reads_texts") else "eval",
    "explain": _after("explain", lambda view: _has(view, "embeds")),
    "suggestion": _after(
        "suggest", lambda view: _has(view, "reads_texts") and _photos(view, "validation") > 0
    ),
    "explorer": lambda view: None if view.scored else "eval",
    "image_map": lambda view: "eval" if _has(view, "embeds") and not view.scored else None,
    "prompts": _after("deep", lambda view: _has(view, "reads_texts") and _shallow(view)),
    "calibration": _after("compare", lambda view: view.comparison is None),
    "few_shot": _after(
        "deep",
        lambda view: _has(view, "embeds") and _shallow(view) and _photos(view, "train") > 0,
    ),
    "audit": _after("deep", lambda view: _has(view, "embeds") and _shallow(view)),
    "retrieval": _after(
        "deep",
        lambda view: (
            _has(view, "reads_texts")
            and _shallow(view)
            and any(card.title for card in view.study.samples)
        ),
    ),
}
"""Name of a page to what makes it; of the others, the study has what they show, or no use."""


def _photos(view: StudyView, part: str) -> int:
    return sum(card.fold == part for card in view.study.samples)


def build(here: Here, name: str) -> Mapping[str, Any] | None:
    """What the template prints, of the page of that name; None where no command would make it.

    ``seconds`` are those of all models at the speed that was measured; 0 where it was not.
    """
    view = here.view
    step = STEPS[name](view) if name in STEPS else None
    if step is None:
        return None
    photos = len(view.study.samples)
    passes = photos if step == "deep" else DEPTH.masks * min(DEPTH.rise_photos, view.test_images)
    costs = {
        run.model.name: run.timings.embedding.ms_per_image
        for run in view.scored
        if run.timings.embedding and run.timings.embedding.ms_per_image
    }
    return {
        "name": name,
        "step": step,
        "study": view.study.name,
        "photos": photos,
        "validation": _photos(view, "validation"),
        "passes": passes,
        "seconds": sum(passes * (ms or 0.0) / 1000 for ms in costs.values()),
    }
