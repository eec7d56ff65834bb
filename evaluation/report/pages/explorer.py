"""Every photo of the test split, for the reader to sift; the sifting is done in the browser.

The page is a form and an empty list.  What fills the list comes from JavaScript files of
:data:`CHUNK` photos each.  ``site_src/assets/explorateur.js`` is the only reader of that format;
:class:`_Data` is the only writer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from evaluation.errors import SCORE_AGAIN, ReportError
from evaluation.records import FloatArray, IntArray, RunRecord, SampleCard
from evaluation.report.kit import links, wording
from evaluation.report.kit.language import t
from evaluation.report.study import maps
from evaluation.report.study.explained import case_page
from evaluation.report.study.here import Here, slice_address
from evaluation.report.study.photos import (
    WITHHELD,
    numbered,
    places,
    sampled,
    script,
    small,
    test_cards,
    version,
)
from evaluation.report.study.view import StudyView, value
from evaluation.stores.tables import table_file

CHUNK = 1000
"""Photos in a data file: the first one alone makes the first view."""

SHOWN = 10
"""Probabilities kept for a photo and a case, the highest; that of its class is always kept."""

DECIMALS = 7
"""Of the confidences, by which photos are sifted."""

_SCALE = 10_000
"""Probabilities are whole numbers of ten-thousandths: what is shown has two decimals of a %."""


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None when no case has said anything of the photos."""
    view = here.view
    data = _Data(view)
    if not data.runs or not data.cards:
        return None
    models: dict[str, dict[str, str]] = {}
    titles = numbered(view.case_title(run) for run in data.runs)
    for run, (place, title) in zip(data.runs, titles.items(), strict=True):
        models.setdefault(view.model_name(run.model.name), {})[place] = title
    return {
        "photos": len(data.cards),
        "sampled": sampled(view),
        "runs": len(data.runs),
        "withheld": "" if view.photos_shown else t(WITHHELD),
        # How many probabilities the data files keep, where they do not keep all.
        "kept": SHOWN if len(view.study.classes) > SHOWN else 0,
        # What the data files must say that they belong to.
        "study": view.folder,
        "sources": " ".join(f"{here.file(uri)}?{data.version}" for uri in data.uris),
        "script": here.file("assets/explorateur.js"),
        "style": here.file("assets/explorateur.css"),
        "maps_style": here.file("assets/cartes.css") if view.explanations else "",
        "maps_script": here.file("assets/cartes.js") if view.explanations else "",
        "models": models,
        "classes": numbered(view.study.classes),
        "subcategories": numbered(data.subcategories),
        "slices": numbered(t("{column} : {value}", column=a, value=b) for a, b in data.slices),
        "galleries": here.to("donnees", "categories"),
    }


def data_files(view: StudyView) -> dict[str, str]:
    """Uri to text of the scripts that hold the photos, in their order.

    Each is one call ``veilleExplorateur({…})``.  The first one also holds the names that the
    others refer to by their place.  Raises :class:`ReportError` when a case's predictions are
    not about the classes or the photos of the study.
    """
    data = _Data(view)
    if not data.runs or not data.cards:
        return {}
    return {
        uri: script("veilleExplorateur", data.chunk(number * CHUNK))
        for number, uri in enumerate(data.uris)
    }


# ----------------------------------------------------------------------------- data


_Said = tuple[FloatArray, IntArray]
"""What a case says of the photos, in the order of the page and of the study's classes: their
probabilities (N, C), and the places of what it predicts (N,)."""


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
        return test_cards(self.view)

    @cached_property
    def subcategories(self) -> tuple[str, ...]:
        return tuple(sorted({card.subcategory for card in self.cards if card.subcategory}))

    @cached_property
    def slices(self) -> tuple[tuple[str, str], ...]:
        """Column and value of the slices that the comparison tells."""
        named = [(row.column, row.value) for row in self.view.concluded.slices if row.value]
        return tuple(dict.fromkeys(named))

    @cached_property
    def ranked(self) -> tuple[int, ...]:
        """Places of the cases, from the highest accuracy to the lowest."""
        order = range(len(self.runs))
        return tuple(sorted(order, key=lambda i: -value(self.runs[i], "accuracy")))

    @property
    def uris(self) -> tuple[str, ...]:
        """Where the site keeps the data files, a chunk each."""
        number = -(-len(self.cards) // CHUNK)
        return tuple(f"{self.view.folder}/donnees/explorateur-{i}.js" for i in range(number))

    @property
    def version(self) -> str:
        study, explanations = self.view.study, self.view.explanations.values()
        photos = [photo for explanation in explanations for photo in explanation.photos]
        return version(
            [
                *(study.dataset_revision, study.split_digest, str(self.view.photos_shown)),
                *(f"{run.case} {run.provenance.started}" for run in self.runs),
                *(slice_address(*pair) for pair in self.slices),
                *(drawn.overlay for photo in photos for drawn in photo.maps),
            ]
        )

    @cached_property
    def said(self) -> tuple[_Said, ...]:
        return tuple(self._aligned(run) for run in self.runs)

    def _aligned(self, run: RunRecord) -> _Said:
        predictions, classes = self.view.results.predictions[run.case], self.view.study.classes
        said = set(predictions.sample_ids)
        lost = [card.id for card in self.cards if card.id not in said]
        lost += [label for label in classes if label not in predictions.classes]
        if lost:
            raise ReportError(
                f"says nothing of {lost[0]!r}, which study.json names",
                where=table_file(self.view.results.folder.parent / run.case / "predictions.csv"),
                remedy=SCORE_AGAIN,
            )
        rows = places(self.cards, predictions.sample_ids)
        order = np.array([predictions.classes.index(label) for label in classes])
        # From the file's own columns to the study's; the first of equals stays the file's.
        back = np.argsort(order)
        return predictions.probabilities[rows][:, order], back[predictions.predicted[rows]]

    @cached_property
    def labels(self) -> tuple[int, ...]:
        places = {label: i for i, label in enumerate(self.view.study.classes)}
        return tuple(places[card.label] for card in self.cards)

    def chunk(self, start: int) -> Mapping[str, object]:
        """What file number ``start / CHUNK`` says."""
        part, seen = slice(start, start + CHUNK), self.view.photos_shown
        cards = self.cards[part]
        kinds = {name: i for i, name in enumerate(self.subcategories)}
        return {
            "study": self.view.folder,
            "start": start,
            **({} if start else {"head": self._head()}),
            "ids": [card.id for card in cards],
            "titles": [wording.title(card.title or "") for card in cards],
            "labels": list(self.labels[part]),
            "subcategories": [kinds.get(card.subcategory or "", -1) for card in cards],
            "slices": [
                [
                    i
                    for i, (column, value) in enumerate(self.slices)
                    if card.slices.get(column) == value
                ]
                for card in cards
            ],
            "photos": [card.photo for card in cards] if seen else [],
            "sizes": [side for card in cards for side in small(card)] if seen else [],
            "cases": [
                {
                    "predicted": predicted[part].tolist(),
                    # Fine enough to tell apart those of a model that is always sure.
                    "confidence": np.round(shares[part].max(axis=1), DECIMALS).tolist(),
                    "probabilities": list(
                        _highest(shares[part], self.labels[part], predicted[part])
                    ),
                }
                for shares, predicted in self.said
            ],
            **({"maps": listed} if (listed := self._maps(start)) else {}),
        }

    def _head(self) -> Mapping[str, object]:
        return {
            "total": len(self.cards),
            "base": f"{self.view.files}/" if self.view.files else "",
            "classes": self.view.study.classes,
            "names": self.view.names_lang,
            "subcategories": self.subcategories,
            "slices": [slice_address(*pair) for pair in self.slices],
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
        listed: dict[str, list[list[object]]] = {}
        for case, run in enumerate(self.runs):
            explanation = self.view.explanations.get(run.case)
            for photo in explanation.photos if explanation else ():
                if photo.sample_id in here:
                    listed.setdefault(here[photo.sample_id], []).extend(
                        [
                            case,
                            maps.title(drawn),
                            maps.overlay_path(self.view, run.case, drawn),
                            drawn.width,
                            drawn.height,
                            maps.said(drawn, photo),
                        ]
                        for drawn in photo.maps
                    )
        return listed


def _highest(shares: FloatArray, labels: Sequence[int], predicted: IntArray) -> Iterator[list[int]]:
    """Of each photo: class, probability, class, probability, … from the highest."""
    values = np.rint(shares * _SCALE).astype(int)
    for row, *named in zip(values, predicted.tolist(), labels, strict=True):
        kept = [int(i) for i in np.argsort(-row, kind="stable")[:SHOWN] if row[i]]
        kept += [place for place in dict.fromkeys(named) if place not in kept]
        yield [number for place in kept for number in (place, int(row[place]))]
