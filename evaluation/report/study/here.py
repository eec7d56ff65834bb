"""Where one stands: a study and the page that is being written.

Every address on a page leaves from that page, and from the same study; a function that prints
takes a :class:`Here` and asks it, instead of passing a study and an address side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evaluation.records import RunRecord
from evaluation.report.kit import links, wording
from evaluation.report.kit.links import Agreement
from evaluation.report.kit.sentence import Part
from evaluation.report.kit.tables import Cell, head
from evaluation.report.kit.typography import NBSP
from evaluation.report.study.view import Absence, StudyView, bounds, shown, trace


@dataclass(frozen=True, slots=True)
class Here:
    """A page of a study."""

    view: StudyView
    uri: str
    """Of the page, "etudes/demo/comparaison.md"; the home page shows studies as well."""

    # --------------------------------------------------------------- addresses

    def file(self, target: str, anchor: str = "") -> str:
        """To any page or file of the site, by its uri."""
        return links.href(self.uri, target, anchor)

    def to(self, page: str, anchor: str = "") -> str:
        """To a page of the study, by its address in the study: "comparaison"."""
        return self.file(self.view.page(page), anchor)

    def run(self, case: str) -> str:
        """To the record of a case; "" when it has none."""
        run = self.view.runs.get(case)
        return "" if run is None else self.view.run_href(self.uri, run)

    def model(self, name: str) -> str:
        """To the card of a model; "" when it has none."""
        return self.view.model_href(self.uri, name)

    def gallery(self, label: str, fold: str = "") -> str:
        """To the photos of a class, or of one part of its split; "" for an unknown class."""
        known = label in self.view.class_slugs
        return self.file(self.view.class_page(label), fold) if known else ""

    def pair(self, one: str, other: str) -> str:
        """To the cell of the matrix where a case faces another."""
        return self.view.pair_href(self.uri, one, other)

    def photo(self, sample_id: str) -> str:
        """To one photo with all that is said of it."""
        return links.explorer_photo(self.view.folder, sample_id, source=self.uri)

    def photos(
        self,
        case: str,
        *,
        truth: str = "",
        predicted: str = "",
        verdict: Literal["", "juste", "faux"] = "",
        confidence: tuple[float, float] | None = None,
    ) -> str:
        """To the photos of which a case says something; "" when nobody kept what it says.

        ``confidence`` holds two shares, both included.
        """
        if not self.view.explorable(case):
            return ""
        return links.explorer_case(
            self.view.folder,
            case,
            truth=truth,
            predicted=predicted,
            verdict=verdict,
            confidence=confidence,
            source=self.uri,
        )

    def right(self, case: str) -> str:
        """To the photos that a case gets right: what its accuracy counts."""
        return self.photos(case, verdict="juste")

    def agreement(self, one: str, other: str, side: Agreement, *, truth: str = "") -> str:
        """To the photos on which two cases agree or disagree in one way."""
        if not self.view.explorable(one, other):
            return ""
        return links.explorer_pair(self.view.folder, one, other, side, truth=truth, source=self.uri)

    # -------------------------------------------------------- what is printed

    def case(self, case: str, *, title: str = "", note: str = "") -> Cell:
        """The cell that names a row by its case, linked to the case's record."""
        return head(self.view.case_name(case), href=self.run(case), title=title, note=note)

    def number(self, run: RunRecord, metric: str = "accuracy") -> Part:
        """A metric with its interval, linked to its run: "64,3 % [57,6 ; 70,5]"."""
        found = run.metric(metric)
        limits = bounds(found)
        text = shown(found) + (f"{NBSP}{limits}" if limits else "")
        return Part(text=text, href=self.view.run_href(self.uri, run), title=trace(run))

    def absences(self) -> tuple[Absence, ...]:
        """Declared cases without a result to show."""
        return self.view.absences(self.uri)

    def name(self, case: str) -> str:
        """A case between quotation marks, for the middle of a sentence."""
        return wording.quote(self.view.case_name(case))
