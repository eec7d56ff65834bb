"""More precise texts, from what validation gets wrong and from what counted in those photos."""

from collections.abc import Mapping
from typing import Any

from evaluation.report.kit.language import t
from evaluation.report.study import maps, suggestions
from evaluation.report.study.here import Here
from evaluation.report.study.photos import WITHHELD


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None while nothing was suggested."""
    sections = suggestions.sections(here)
    if not sections:
        return None
    return {
        "assets": maps.assets(here),
        "withheld": "" if here.view.photos_shown else t(WITHHELD),
        "sections": sections,
    }
