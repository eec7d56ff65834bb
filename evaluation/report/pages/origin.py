"""What stands below each page of a study: the runs that its numbers come from."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.report.kit.language import t
from evaluation.report.pages import Link
from evaluation.report.study.view import StudyView, trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The note on the origin of a page's numbers."""

    data: str
    runs: tuple[Link, ...]


def origin(view: StudyView, source: str) -> Origin:
    """The note below page ``source``."""
    revision = view.study.dataset_revision[:12]
    return Origin(
        data=t(
            "Un nombre souligné, ou son infobulle, mène à son exécution. Les comparaisons "
            "(comparison.json) et les comptes de photos (study.json, données {revision}) portent "
            "sur ces exécutions :",
            revision=revision,
        ),
        runs=tuple(
            Link(text=run.case, href=view.run_href(source, run), hint=trace(run))
            for run in view.scored
        ),
    )
