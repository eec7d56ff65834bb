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
    numbered,
    places,
    sampled,
    script,
    small,
    test_cards,
    version,
)
from evaluation.report.study.view import StudyView, value
from evaluation.stores.prediction_tables import table_file

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
    view, study, data = here.view, here.view.study, _Data(here.view)
    if not data.runs or not data.cards:
        return None
    models: dict[str, dict[str, str]] = {}
    titles = numbered(view.case_title(run) for run in data.runs)
    for run, (place, title) in zip(data.runs, titles.items(), strict=True):
        models.setdefault(view.model_name(run.model.name), {})[place] = title
    explained = (photo for known in view.explanations.values() for photo in known.photos)
    mark = version(
        [
            *(study.dataset_revision, study.split_digest, str(view.photos_shown)),
            *(f"{run.case} {run.provenance.started}" for run in data.runs),
            *(slice_address(*pair) for pair in data.slices),
            *(drawn.overlay for photo in explained for drawn in photo.maps),
        ]
    )
    return {
        "photos": len(data.cards),
        "sampled": sampled(view),
        "runs": len(data.runs),
        # How many probabilities the data files keep, where they do not keep all.
        "kept": SHOWN if len(study.classes) > SHOWN else 0,
        "sources": " ".join(f"{here.file(uri)}?{mark}" for uri in data.uris),
        "models": models,
        "classes": numbered(study.classes),
        "subcategories": numbered(data.subcategories),
        "slices": numbered(t("{column} : {value}", column=a, value=b) for a, b in data.slices),
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

    @property
    def uris(self) -> tuple[str, ...]:
        """Where the site keeps the data files, a chunk each."""
        number = -(-len(self.cards) // CHUNK)
        return tuple(f"{self.view.folder}/donnees/explorateur-{i}.js" for i in range(number))

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

    def chunk(self, start: int) -> Mapping[str, object]:
        """What file number ``start / CHUNK`` says."""
        part, seen = slice(start, start + CHUNK), self.view.photos_shown
        cards = self.cards[part]
        classes = {label: i for i, label in enumerate(self.view.study.classes)}
        labels = [classes[card.label] for card in cards]
        kinds = {name: i for i, name in enumerate(self.subcategories)}
        listed = {
            str(i): self.maps[card.id] for i, card in enumerate(cards) if card.id in self.maps
        }
        return {
            "study": self.view.folder,
            "start": start,
            **({} if start else {"head": self._head()}),
            "ids": [card.id for card in cards],
            "titles": [wording.title(card.title or "") for card in cards],
            "labels": labels,
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
                    "probabilities": list(_highest(shares[part], labels, predicted[part])),
                }
                for shares, predicted in self.said
            ],
            **({"maps": listed} if listed else {}),
        }

    def _head(self) -> Mapping[str, object]:
        view, study = self.view, self.view.study
        cases = [{"id": run.case, "title": view.case_title(run)} for run in self.runs]
        for case in cases:
            if case["id"] in view.explanations:
                page = case_page(view, case["id"])
                case["maps"] = links.href(view.page("explorateur"), page)
        accuracies = [value(run, "accuracy") for run in self.runs]
        return {
            "total": len(self.cards),
            "base": f"{view.files}/" if view.files else "",
            "classes": study.classes,
            "names": view.names_lang,
            "subcategories": self.subcategories,
            "slices": [slice_address(*pair) for pair in self.slices],
            "scale": _SCALE,
            "whole": len(study.classes) <= SHOWN,
            "photos": view.photos_shown,
            # Places of the cases, from the highest accuracy to the lowest.
            "ranked": sorted(range(len(cases)), key=lambda place: -accuracies[place]),
            "cases": cases,
        }

    @cached_property
    def maps(self) -> Mapping[str, list[list[object]]]:
        """Sample id of each explained photo to its maps.

        A map is a list: place of the case, name, address, width, height, what it shows.
        """
        listed: dict[str, list[list[object]]] = {}
        for case, run in enumerate(self.runs):
            explanation = self.view.explanations.get(run.case)
            for photo in explanation.photos if explanation and self.view.photos_shown else ():
                listed.setdefault(photo.sample_id, []).extend(
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
