"""What stands below each page of a study: the runs that its numbers come from."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.report.kit.language import t
from evaluation.report.kit.page import Link
from evaluation.report.study.here import Here
from evaluation.report.study.view import trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The note on the origin of a page's numbers."""

    data: str
    runs: tuple[Link, ...]


def origin(here: Here) -> Origin:
    """The note below a page."""
    view = here.view
    revision = view.study.dataset_revision[:12]
    return Origin(
        data=t(
            "Un nombre souligné, ou son infobulle, mène à son exécution. Les comparaisons "
            "(comparison.json) et les comptes de photos (study.json, données {revision}) portent "
            "sur ces exécutions :",
            revision=revision,
        ),
        runs=tuple(
            Link(text=run.case, href=here.run(run.case), hint=trace(run)) for run in view.scored
        ),
    )
