"""Where one stands: a study and the page that is being written.

Every address on a page leaves from that page, and from the same study; a function that prints
takes a :class:`Here` and asks it, instead of passing a study and an address side by side.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from evaluation.records import RunRecord
from evaluation.report.kit import links, wording
from evaluation.report.kit.page import Part
from evaluation.report.kit.tables import Cell, head
from evaluation.report.study.view import StudyView, interval_said, trace

NOWHERE = ""
"""Where a file stands that is not in the site: every address from there is ""."""


def slice_address(column: str, value: str) -> str:
    """A slice as the address of the page of the photos names it."""
    return f"{column}={value}"


@dataclass(frozen=True, slots=True)
class Here:
    """A page of a study."""

    view: StudyView
    uri: str
    """Of the page, "etudes/demo/comparaison.md"; the home page shows studies as well."""

    # --------------------------------------------------------------- addresses

    def file(self, target: str, anchor: str = "") -> str:
        """To any page or file of the site, by its uri."""
        return "" if self.uri == NOWHERE else links.href(self.uri, target, anchor)

    def to(self, page: str, anchor: str = "") -> str:
        """To a page of the study, by its address in the study: "comparaison"."""
        return self.file(self.view.page(page), anchor)

    def run(self, case: str) -> str:
        """To the record of a case; "" when it has none."""
        run = self.view.runs.get(case)
        return "" if run is None else self.to("methode", self.view.run_anchor(run))

    def classes(self, run: RunRecord, table: Literal["classes", "confusion"] = "classes") -> str:
        """To a case's scores class by class, or to its confusions."""
        page = "clip-zero-shot" if run.model.reads_texts else "approche-classique"
        page = "sans-etiquette" if run in self.view.label_free else page
        return self.to(page, f"{table}-{self.view.case_slugs[run.case]}")

    def errors(self, case: str) -> str:
        """To what counted in the errors of a case; "" without maps."""
        page = f"explicabilite/{self.view.case_slugs[case]}"
        return self.to(page, "erreurs") if case in self.view.explanations else ""

    def model(self, name: str) -> str:
        """To the card of a model; "" when it has none."""
        anchor = self.view.model_anchors.get(name)
        return self.to("modeles", anchor) if anchor else ""

    def gallery(self, label: str, fold: str = "") -> str:
        """To the photos of a class, or of one part of its split; "" for an unknown class."""
        slug = self.view.class_slugs.get(label)
        return self.to(f"categories/{slug}", fold) if slug else ""

    def pair(self, case: str, other: str) -> str:
        """To the cell of the matrix where a case faces another."""
        return self.to("comparaison", self.view.pair_anchor(case, other))

    def photo(self, sample_id: str) -> str:
        """To one photo with all that is said of it."""
        return self._explorer({"id": sample_id})

    def photos(
        self,
        case: str,
        *,
        truth: str = "",
        predicted: str = "",
        verdict: Literal["", "juste", "faux"] = "",
        confidence: tuple[float, float] | None = None,
        part: str = "",
    ) -> str:
        """To the photos of which a case says something; "" when nobody kept what it says.

        ``confidence`` holds two shares, both included; ``part`` is the address of a slice.
        """
        # The page knows confidences to seven decimals (pages/explorer.py).
        sure = "-".join(f"{100 * share:.5f}".rstrip("0").rstrip(".") for share in confidence or ())
        state = {"cas": case, "vrai": truth, "tranche": part, "predit": predicted}
        return self._explorer(state | {"verdict": verdict, "conf": sure}, case)

    def right(self, case: str) -> str:
        """To the photos that a case gets right: what its accuracy counts."""
        return self.photos(case, verdict="juste")

    def disputed(self, right: str, wrong: str, number: int, *, truth: str = "") -> str:
        """To the ``number`` photos that the first of two cases alone gets right; "" for none."""
        state = {"vrai": truth, "a": right, "b": wrong, "accord": "a"}
        return self._explorer(state, right, wrong) if number else ""

    def _explorer(self, state: Mapping[str, str], *cases: str) -> str:
        """To photos, unless nobody kept what these cases say of them."""
        known = self.uri != NOWHERE and self.view.explorable(*cases)
        return links.explorer(self.uri, self.view.folder, state) if known else ""

    # -------------------------------------------------------- what is printed

    def case(self, case: str, *, title: str = "", note: str = "") -> Cell:
        """The cell that names a row by its case, linked to the case's record."""
        return head(self.view.case_name(case), href=self.run(case), title=title, note=note)

    def number(self, run: RunRecord, metric: str = "accuracy") -> Part:
        """A metric with its interval, linked to its run: "64,3 % [57,6 ; 70,5]"."""
        text = interval_said(run.metric(metric))
        return Part(text=text, href=self.run(run.case), title=trace(run))

    def name(self, case: str) -> str:
        """A case between quotation marks, for the middle of a sentence."""
        return wording.quote(self.view.case_name(case))

    def texts(self, case: str) -> str:
        """The prompt set of a case, likewise; the case itself where it has none."""
        run = self.view.runs.get(case)
        prompts = run.prompts if run else None
        return wording.quote(wording.told(prompts.title)) if prompts else self.name(case)

    def reader(self, case: str) -> str:
        """The model of a case, likewise."""
        run = self.view.runs.get(case)
        return wording.quote(self.view.model_name(run.model.name if run else case))
