"""Every photo of the test split, for the reader to sift; the sifting is done in the browser.

The page is a form and an empty list.  What fills the list comes from JavaScript files of
:data:`CHUNK` photos each, one call each, because a page opened from a disk may run a script
that stands beside it but may not read a file.  ``site_src/assets/explorateur.js`` is the only
reader of that format; :class:`_Data` is the only writer.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evaluation.errors import ReportError
from evaluation.records import (
    ClassMap,
    ExplainedPhoto,
    FloatArray,
    IntArray,
    Predictions,
    RunRecord,
    SampleCard,
)
from evaluation.report.kit import links, wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.page import Link
from evaluation.report.study import maps
from evaluation.report.study.explained import case_page
from evaluation.report.study.here import Here
from evaluation.report.study.photos import THUMBNAIL, WITHHELD
from evaluation.report.study.view import StudyView, value
from evaluation.usage import SCORE_AGAIN

CHUNK = 1000
"""Photos in a data file: the first one alone makes the first view."""

SHOWN = 10
"""Probabilities kept for a photo and a case, the highest; that of its class is always kept."""

DECIMALS = 7
"""Of the confidences, by which photos are sifted."""

_SCALE = 10_000
"""Probabilities are whole numbers of ten-thousandths: what is shown has two decimals of a %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An entry of a list of choices."""

    value: str
    """Its place in the data file: a name could be changed on its way through HTML."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseGroup:
    """The cases of one model, a prompt set each."""

    model: str
    """Over its cases; "" for none."""
    cases: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplorerPage:
    """The form, and where its data lie."""

    intro: str
    withheld: str
    """Why no photo is shown, or ""."""
    precision: str
    """How the probabilities are rounded."""
    study: str
    """What the data files must say that they belong to."""
    sources: str
    """Addresses of the data files, a space between them."""
    script: str
    style: str
    maps_style: str
    """"" where no photo is explained; so is the script."""
    maps_script: str
    cases: tuple[CaseGroup, ...]
    classes: tuple[Option, ...]
    subcategories: tuple[Option, ...]
    paired: bool
    """Whether there are two cases to set against each other."""
    galleries: Link


def build(here: Here) -> ExplorerPage | None:
    """The page of the photos; None when no case has said anything of them."""
    view = here.view
    data = _Data(view)
    if not data.runs or not data.cards:
        return None
    return ExplorerPage(
        intro=_intro(data),
        withheld="" if view.photos_shown else t(WITHHELD),
        precision=_precision(len(view.study.classes)),
        study=view.folder,
        sources=" ".join(f"{here.file(target)}?{data.version}" for target in data.places),
        script=here.file("assets/explorateur.js"),
        style=here.file("assets/explorateur.css"),
        maps_style=here.file("assets/cartes.css") if view.explanations else "",
        maps_script=here.file("assets/cartes.js") if view.explanations else "",
        cases=_by_model(data),
        classes=_options(view.study.classes),
        subcategories=_options(data.subcategories),
        paired=len(data.runs) > 1,
        galleries=Link(
            text=t("les galeries de chaque catégorie"),
            href=here.to("donnees", "categories"),
        ),
    )


def data_files(view: StudyView) -> dict[str, str]:
    """Uri to text of the scripts that hold the photos, in their order.

    Each is one call ``veilleExplorateur({…})`` whose argument is JSON without ``<``, ``>``,
    ``&``, U+2028 or U+2029.  The first one also holds the names that the others refer to by
    their place.  Raises :class:`ReportError` when a case's predictions are not about the
    classes or the photos of the study.
    """
    data = _Data(view)
    if not data.runs or not data.cards:
        return {}
    return {
        target: _script(data.chunk(number * CHUNK)) for number, target in enumerate(data.places)
    }


def _intro(data: _Data) -> str:
    photos = nt(len(data.cards), "{n} photo", "{n} photos")
    if len(data.runs) == 1:
        return t("{photos} de test, et ce qu’en dit le seul cas évalué.", photos=photos)
    return t(
        "{photos} de test, et ce qu’en disent {runs} cas.",
        photos=photos,
        runs=wording.count(len(data.runs)),
    )


def _by_model(data: _Data) -> tuple[CaseGroup, ...]:
    """The cases of each model together; a model of one case needs no heading."""
    every = _options(data.view.case_title(run) for run in data.runs)
    found: dict[str, list[Option]] = {}
    for run, option in zip(data.runs, every, strict=True):
        found.setdefault(data.view.model_title(run), []).append(option)
    return tuple(
        CaseGroup(model=model if len(cases) > 1 else "", cases=tuple(cases))
        for model, cases in found.items()
    )


def _options(names: Iterable[str]) -> tuple[Option, ...]:
    return tuple(Option(value=str(i), text=name) for i, name in enumerate(names))


def _precision(classes: int) -> str:
    rounded = t(
        "Les probabilités sont arrondies au centième de pour cent ; le "
        "verdict, lui, vient des probabilités entières."
    )
    if classes <= SHOWN:
        return rounded
    return t(
        "{rounded} De chaque photo et de chaque cas, seules les {shown} "
        "probabilités les plus hautes et celle de la vraie catégorie sont "
        "gardées ici.",
        rounded=rounded,
        shown=wording.count(SHOWN),
    )


def _script(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # Inside JSON these stand in strings only, where an escape means the character itself.
    for one in "<>&\u2028\u2029":
        text = text.replace(one, f"\\u{ord(one):04x}")
    return f"veilleExplorateur({text});\n"


# ----------------------------------------------------------------------------- data


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Said:
    """What a case says of the photos, in the order of the page and of the study's classes."""

    probabilities: FloatArray
    """(N, C)"""
    predicted: IntArray
    """(N,)"""


@dataclass(frozen=True)
class _Data:
    """The photos and the cases of the page, aligned."""

    view: StudyView

    @cached_property
    def runs(self) -> tuple[RunRecord, ...]:
        """Cases with predictions on the photos that the card describes."""
        return tuple(run for run in self.view.scored if run.case in self.view.results.predictions)

    @cached_property
    def cards(self) -> tuple[SampleCard, ...]:
        return tuple(card for card in self.view.study.samples if card.fold == "test")

    @cached_property
    def subcategories(self) -> tuple[str, ...]:
        return tuple(sorted({card.subcategory for card in self.cards if card.subcategory}))

    @cached_property
    def ranked(self) -> tuple[int, ...]:
        """Places of the cases, from the highest accuracy to the lowest."""
        order = range(len(self.runs))
        return tuple(sorted(order, key=lambda i: -value(self.runs[i], "accuracy")))

    @property
    def places(self) -> tuple[str, ...]:
        """Uris of the data files."""
        number = -(-len(self.cards) // CHUNK)
        return tuple(f"{self.view.folder}/donnees/explorateur-{i}.js" for i in range(number))

    @property
    def version(self) -> str:
        """Changes with the results, so that a browser does not mix old files with new ones."""
        study = self.view.study
        told = [study.dataset_revision, study.split_digest, str(self.view.photos_shown)]
        told += [f"{run.case} {run.provenance.started}" for run in self.runs]
        told += [one.overlay for found in self.view.explanations.values() for photo in found.photos
                 for one in photo.maps]  # fmt: skip
        return f"{zlib.crc32(chr(10).join(told).encode()):08x}"

    @cached_property
    def said(self) -> tuple[_Said, ...]:
        return tuple(
            self._aligned(run, self.view.results.predictions[run.case]) for run in self.runs
        )

    def _aligned(self, run: RunRecord, found: Predictions) -> _Said:
        rows = {one: i for i, one in enumerate(found.sample_ids)}
        columns = {one: i for i, one in enumerate(found.classes)}
        lost = [card.id for card in self.cards if card.id not in rows]
        lost += [label for label in self.view.study.classes if label not in columns]
        if lost:
            raise ReportError(
                f"says nothing of {lost[0]!r}, which study.json names",
                where=self.view.results.folder.parent / run.case / "predictions.csv",
                remedy=SCORE_AGAIN,
            )
        at = [rows[card.id] for card in self.cards]
        order = np.array([columns[label] for label in self.view.study.classes])
        # From the file's own columns to the study's; the first of equals stays the file's.
        back = np.argsort(order)
        return _Said(
            probabilities=found.probabilities[at][:, order],
            predicted=back[found.predicted[at]],
        )

    @cached_property
    def labels(self) -> tuple[int, ...]:
        places = {label: i for i, label in enumerate(self.view.study.classes)}
        return tuple(places[card.label] for card in self.cards)

    def chunk(self, start: int) -> Mapping[str, object]:
        """What file number ``start / CHUNK`` says."""
        cards = self.cards[start : start + CHUNK]
        places = {name: i for i, name in enumerate(self.subcategories)}
        return {
            "study": self.view.folder,
            "start": start,
            **({} if start else {"head": self._head()}),
            "ids": [card.id for card in cards],
            "titles": [wording.title(card.title or "") for card in cards],
            "labels": list(self.labels[start : start + CHUNK]),
            "subcategories": [
                places[card.subcategory] if card.subcategory else -1 for card in cards
            ],
            "photos": [card.photo for card in cards] if self.view.photos_shown else [],
            "sizes": [side for card in cards for side in _size(card)]
            if self.view.photos_shown
            else [],
            "cases": [
                {
                    "predicted": said.predicted[start : start + CHUNK].tolist(),
                    "confidence": self._confidence(said, start),
                    "probabilities": list(self._probabilities(said, start)),
                }
                for said in self.said
            ],
            **({"maps": found} if (found := self._maps(start)) else {}),
        }

    def _head(self) -> Mapping[str, object]:
        return {
            "total": len(self.cards),
            "base": f"{self.view.files}/" if self.view.files else "",
            "classes": self.view.study.classes,
            "subcategories": self.subcategories,
            "scale": _SCALE,
            "whole": len(self.view.study.classes) <= SHOWN,
            "photos": self.view.photos_shown,
            "ranked": self.ranked,
            "cases": [self._case(run) for run in self.runs],
        }

    def _case(self, run: RunRecord) -> Mapping[str, str]:
        """A case, and where its explained photos are if it has some."""
        case = {"id": run.case, "title": self.view.case_title(run)}
        if run.case not in self.view.explanations:
            return case
        page = links.href(self.view.page("explorateur"), case_page(self.view, run.case))
        return {**case, "maps": page}

    def _maps(self, start: int) -> Mapping[str, list[list[object]]]:
        """Place in the file of each explained photo to its maps.

        A map is a list: place of the case, name, address, width, height, what it shows.
        """
        if not self.view.photos_shown:
            return {}
        here = {card.id: str(i) for i, card in enumerate(self.cards[start : start + CHUNK])}
        found: dict[str, list[list[object]]] = {}
        for case, run in enumerate(self.runs):
            explanation = self.view.explanations.get(run.case)
            for photo in explanation.photos if explanation else ():
                if photo.sample_id in here:
                    found.setdefault(here[photo.sample_id], []).extend(
                        self._map(case, photo, one) for one in photo.maps
                    )
        return found

    def _map(self, case: int, photo: ExplainedPhoto, one: ClassMap) -> list[object]:
        address = maps.overlay_path(self.view, self.runs[case].case, one)
        return [case, maps.title(one), address, one.width, one.height, maps.said(one, photo)]

    def _confidence(self, said: _Said, start: int) -> list[float]:
        """Of each photo, fine enough to tell apart those of a model that is always sure."""
        highest = said.probabilities[start : start + CHUNK].max(axis=1)
        return [float(one) for one in np.round(highest, DECIMALS)]

    def _probabilities(self, said: _Said, start: int) -> Iterator[list[int]]:
        """Of each photo: class, probability, class, probability, … from the highest."""
        values = np.rint(said.probabilities[start : start + CHUNK] * _SCALE).astype(int)
        for row, label, predicted in zip(
            values,
            self.labels[start : start + CHUNK],
            said.predicted[start : start + CHUNK].tolist(),
            strict=True,
        ):
            kept = [int(i) for i in np.argsort(-row, kind="stable")[:SHOWN] if row[i]]
            kept += [one for one in dict.fromkeys((predicted, label)) if one not in kept]
            yield [number for one in kept for number in (one, int(row[one]))]


def _size(card: SampleCard) -> tuple[int, int]:
    """Of the small copy, pixels."""
    scale = min(1.0, THUMBNAIL / max(card.width, card.height, 1))
    return max(1, round(card.width * scale)), max(1, round(card.height * scale))
