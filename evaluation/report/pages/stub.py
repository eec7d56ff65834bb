"""A page that a study could have and has not: what would make it, and what that takes."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from evaluation.records import DEPTH
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView

Step = Literal["eval", "compare", "deep", "explain", "suggest"]
Trait = Literal["embeds", "learns", "reads_texts"]


def _has(view: StudyView, trait: Trait) -> bool:
    """Whether a model of the scored cases is so; while there are none, one of the study."""
    models = [run.model for run in view.scored] or [card.model for card in view.study.models]
    return any(getattr(model, trait) for model in models)


def _shallow(view: StudyView) -> bool:
    """Whether the cases as they are may still be compared in depth, and tell what is lacking."""
    known = view.concluded
    return not (known.few_shot or known.retrieval or (known.audit and known.audit.embeddings))


def _photos(view: StudyView, part: str) -> int:
    return sum(card.fold == part for card in view.study.samples)


STEPS: Mapping[str, tuple[Step, Callable[[StudyView], bool]]] = {
    "supervised": ("eval", lambda view: _has(view, "learns") and not view.supervised),
    "zero_shot": ("eval", lambda view: _has(view, "reads_texts") and not view.text_cases),
    "explain": ("explain", lambda view: _has(view, "embeds")),
    "suggestion": (
        "suggest",
        lambda view: _has(view, "reads_texts") and _photos(view, "validation") > 0,
    ),
    "explorer": ("eval", lambda view: not view.scored),
    "image_map": ("eval", lambda view: _has(view, "embeds") and not view.scored),
    "prompts": ("deep", lambda view: _has(view, "reads_texts") and _shallow(view)),
    "calibration": ("compare", lambda view: view.comparison is None),
    "few_shot": (
        "deep",
        lambda view: _has(view, "embeds") and _shallow(view) and _photos(view, "train") > 0,
    ),
    "audit": ("deep", lambda view: _has(view, "embeds") and _shallow(view)),
    "retrieval": (
        "deep",
        lambda view: (
            _has(view, "reads_texts")
            and _shallow(view)
            and any(card.title for card in view.study.samples)
        ),
    ),
}
"""Name of a page to what makes it once a case is scored, and whether the study could have it; of
the others, the study has what they show, or no use."""


def build(here: Here, name: str) -> Mapping[str, Any] | None:
    """What the template prints, of the page of that name; None where no command would make it.

    ``seconds`` are those of all models at the speed that was measured; 0 where it was not.
    """
    view, photos = here.view, len(here.view.study.samples)
    step, possible = STEPS.get(name, ("eval", lambda _view: False))
    if not possible(view):
        return None
    passes = photos if step == "deep" else DEPTH.masks * min(DEPTH.rise_photos, view.test_images)
    costs = {
        run.model.name: cost.ms_per_image
        for run in view.scored
        if (cost := run.timings.embedding) and cost.ms_per_image
    }
    return {
        "name": name,
        "step": step if view.scored else "eval",
        "validation": _photos(view, "validation"),
        "passes": passes,
        "seconds": sum(passes * ms / 1000 for ms in costs.values()),
    }
