"""All explained photos of a case; the menu does not name it, the study's page of maps does."""

from collections.abc import Mapping
from typing import Any

from evaluation.report.study import explained, faithfulness
from evaluation.report.study.here import Here


def build(here: Here, case: str) -> Mapping[str, Any]:
    """What the template prints: errors, right answers, and what the maps are worth."""
    view, explanation = here.view, here.view.explanations[case]
    done = sum(any(drawn.method == "rise" for drawn in photo.maps) for photo in explanation.photos)
    return {
        "explanation": explanation,
        "titled": "title" in view.runs[case].model.reads,
        # RISE reads a photo many times, and may be kept to some of them.
        "rise": 0 if done == len(explanation.photos) else done,
        "right": explained.photos(here, explanation, right=True),
        "wrong": explained.photos(here, explanation, right=False),
        "measured": max((row.area.n for row in explanation.faithfulness), default=0),
        "verdicts": faithfulness.verdicts(explanation),
        "faithfulness": faithfulness.areas(view, explanation),
        "curves": faithfulness.chart(view, explanation),
    }
