"""The home page: each study's first screen, or what to do when there is none."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.records import Reference
from evaluation.report.kit import links, wording
from evaluation.report.kit.language import t
from evaluation.report.kit.page import Link
from evaluation.report.kit.tables import Table
from evaluation.report.pages.summary import Summary, summary
from evaluation.report.study.here import Here
from evaluation.report.study.quoted import SlideTables
from evaluation.report.study.view import StudyView


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What the home page says."""

    studies: tuple[Summary, ...]
    quoted: tuple[Table, ...]
    """The slides' tables, shown while nothing has been measured on the same data."""
    source: str
    """Where the quoted figures come from; "" when none are shown."""
    reading: tuple[Link, ...]
    """The pages to read first."""


def build(views: tuple[StudyView, ...], reference: Reference | None) -> Home:
    """The home page."""
    quoted = reference if not views else None
    return Home(
        studies=tuple(summary(Here(view, links.HOME)) for view in views),
        quoted=() if quoted is None else quoted_tables(quoted),
        source="" if quoted is None else wording.told(quoted.source),
        reading=(
            Link(text=t("Le contexte"), href="contexte.html", hint=t("la question de départ")),
            Link(text=t("CLIP expliqué"), href="veille-clip.html", hint=t("en deux écrans")),
            Link(
                text=t("Annexes"),
                href="annexes.html",
                hint=t("exécutions, glossaire, licences"),
            ),
        ),
    )


def quoted_tables(reference: Reference) -> tuple[Table, ...]:
    """The slides' two tables, without any measured figure."""
    tables = SlideTables(reference=reference, classes=reference.classes)
    return tables.precision_recall(), tables.f1()
