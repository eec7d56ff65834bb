"""The map of the photos: photos and class texts on two axes, sifted in the browser.

The page is complete without its script: a drawing, the words that replace it, and the numbers.
``site_src/assets/carte-des-images.js`` is the only reader of the data file written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from evaluation.records import FloatArray, Projection, RunRecord
from evaluation.report.kit import wording
from evaluation.report.kit.charts import Chart, chart
from evaluation.report.kit.language import t
from evaluation.report.kit.scatter import COLOURS, HEIGHTS, SHAPES, Axes, name_places, scatter_plot
from evaluation.report.kit.tables import Cell, Col, Table, counted, table
from evaluation.report.study.here import Here
from evaluation.report.study.photos import (
    WITHHELD,
    numbered,
    places,
    sampled,
    script,
    test_cards,
    version,
)
from evaluation.report.study.view import StudyView, best, trace

DRAWN = 800
"""Photos of the still drawing, at most: they are spread over the test part."""

_MARGIN = 0.06
"""Of the plane around the outermost points."""


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None when no scored case has kept its photos in the plane."""
    view, planes = here.view, _planes(here.view)
    if not planes:
        return None
    lead = _lead(view, planes)
    drawn = slice(None, None, -(-len(lead.labels) // DRAWN))
    runs = [plane.run for plane in planes]
    starts = [f"{run.case} {run.provenance.started}" for run in runs]
    return {
        "shown": sum(lead.projection.explained),
        "lost": 1 - sum(lead.projection.explained),
        "projection": lead.projection,
        "scale": lead.scale,
        "withheld": "" if view.photos_shown else t(WITHHELD),
        "sampled": sampled(view),
        "chart": _chart(here, lead, drawn),
        "case": here.name(lead.run.case),
        "total": len(lead.labels),
        "drawn": len(lead.labels[drawn]),
        "texts": bool(lead.texts),
        "middles": len(lead.middles),
        # Classes whose text points to their own middle.
        "own": sum(most == label for label, (most, _) in lead.nearest.items()),
        "cases": numbered(view.case_title(run) for run in runs),
        "classes": numbered(view.study.classes),
        # Place of the case that is shown first.
        "chosen": str(planes.index(lead)),
        "source": f"{here.file(_uri(view))}?{version([*starts, str(view.photos_shown)])}",
        "explorer": here.to("explorateur"),
        "style": here.file("assets/carte-des-images.css"),
        "script": here.file("assets/carte-des-images.js"),
    }


def data_files(view: StudyView) -> dict[str, str]:
    """Uri to text of the script that holds the points: one call ``veilleCarte({…})``."""
    planes = _planes(view)
    if not planes:
        return {}
    study, cards, seen = view.study, test_cards(view), view.photos_shown
    classes = {label: place for place, label in enumerate(study.classes)}
    content = {
        "study": view.folder,
        "classes": study.classes,
        "ids": [card.id for card in cards],
        "titles": [(card.title if seen else "") or card.id for card in cards],
        "labels": [classes[card.label] for card in cards],
        "photos": [card.photo for card in cards] if seen else [],
        "cases": [_content(plane, classes) for plane in planes],
        "colours": COLOURS,
        "shapes": SHAPES,
    }
    return {_uri(view): script("veilleCarte", content)}


def _content(plane: _Plane, classes: Mapping[str, int]) -> Mapping[str, object]:
    """What the data file says of a case; classes by their places."""
    axes, texts = plane.axes, plane.drawn_texts
    names = [name_places(texts, axes, size) for size in HEIGHTS]
    return {
        "id": plane.run.case,
        "x": axes.x,
        "y": axes.y,
        "titles": [axes.x_title, axes.y_title],
        "points": [[round(x, 4), round(y, 4)] for x, y in plane.points.tolist()],
        "texts": [
            [classes[label], x, y, *(at[label] for at in names)] for label, (x, y) in texts.items()
        ],
        "predicted": [classes[label] for label in plane.answers],
        "sure": [round(p, 4) for p in plane.sure.tolist()],
    }


def _uri(view: StudyView) -> str:
    return f"{view.folder}/donnees/carte-des-images.js"


# ------------------------------------------------------------------------ one case


@dataclass(frozen=True, kw_only=True, eq=False)
class _Plane:
    """A case's test photos and texts in the plane, in the order of the study's card."""

    run: RunRecord
    projection: Projection
    labels: tuple[str, ...]
    """(N,) of the photos."""
    classes: tuple[str, ...]
    points: FloatArray
    """(N, 2)"""
    answers: list[str]
    """(N,) what the case names each photo."""
    sure: FloatArray
    """(N,) with which probability."""

    @cached_property
    def texts(self) -> Mapping[str, tuple[float, float]]:
        """Of each class, where its text lies; none for a case that reads no text."""
        plane = self.projection
        return dict(zip(plane.classes, plane.texts, strict=True)) if plane.texts else {}

    @cached_property
    def middles(self) -> Mapping[str, FloatArray]:
        """(2,) of each class that has test photos: the mean of theirs."""
        labels = np.array(self.labels)
        return {
            label: self.points[labels == label].mean(axis=0)
            for label in self.classes
            if (labels == label).any()
        }

    @cached_property
    def scale(self) -> float:
        """By how much the texts are drawn away from the middle, so that they can be told apart.

        Their directions alone decide between classes.  They are put as far, in mean square, as
        the middles of the photos of the classes are; never nearer than they lie.
        """

        def reach(points: Sequence[object]) -> float:
            return float((np.array(points, dtype=np.float64) ** 2).sum(axis=1).mean())

        lies = reach(list(self.texts.values())) if self.texts else 0.0
        wanted = reach(list(self.middles.values()))
        return max(1.0, round((wanted / lies) ** 0.5, 1)) if lies else 1.0

    @cached_property
    def drawn_texts(self) -> Mapping[str, tuple[float, float]]:
        """Of each class, the place where its text is drawn."""
        return {
            label: (round(self.scale * x, 4), round(self.scale * y, 4))
            for label, (x, y) in self.texts.items()
        }

    @cached_property
    def axes(self) -> Axes:
        """Limits that hold every photo and text of the case."""
        placed = [*self.projection.photos, *self.drawn_texts.values()]
        points = np.array(placed, dtype=np.float64)
        low, high = points.min(axis=0), points.max(axis=0)
        margin = _MARGIN * (high - low)
        x, y = ((float(a), float(b)) for a, b in zip(low - margin, high + margin, strict=True))
        titles = [
            t(
                "axe {number} ({share} de la variance)",
                number=wording.count(place),
                share=wording.percent(share, 0),
            )
            for place, share in enumerate(self.projection.explained, start=1)
        ]
        return Axes(classes=self.classes, x=x, y=y, x_title=titles[0], y_title=titles[1])

    @cached_property
    def nearest(self) -> Mapping[str, tuple[str, float | None]]:
        """Of each class with a text: the class whose middle lies most in its direction, and the
        cosine of its own middle, None at the origin.
        """
        if not self.texts:
            return {}
        names = list(self.middles)
        places = {label: place for place, label in enumerate(names)}
        with np.errstate(invalid="ignore"):
            texts, middles = (
                points / np.linalg.norm(points, axis=1, keepdims=True)
                for points in map(np.array, (list(self.texts.values()), [*self.middles.values()]))
            )
        directions = {}
        for label, row in zip(self.texts, np.nan_to_num(texts @ middles.T, nan=-2.0), strict=True):
            own = float(row[places[label]]) if label in places else -2.0
            directions[label] = names[int(row.argmax())], own if own > -2.0 else None  # noqa: PLR2004
        return directions


def _planes(view: StudyView) -> list[_Plane]:
    """Of the scored cases whose projection is of the photos that they answered for."""
    planes, cards = [], test_cards(view)
    for run in view.scored:
        projection = view.results.projections.get(run.case)
        said = view.results.predictions.get(run.case)
        if projection and said and set(projection.sample_ids) == set(said.sample_ids):
            rows = places(cards, said.sample_ids)
            points = np.array(projection.photos, dtype=np.float64)
            planes.append(
                _Plane(
                    run=run,
                    projection=projection,
                    labels=tuple(card.label for card in cards),
                    classes=view.study.classes,
                    points=points[places(cards, projection.sample_ids)],
                    answers=[said.classes[guess] for guess in said.predicted[rows].tolist()],
                    sure=said.probabilities[rows].max(axis=1),
                )
            )
    return planes


def _lead(view: StudyView, planes: Sequence[_Plane]) -> _Plane:
    """The case that is shown first: the best one whose texts mean something."""
    runs = {plane.run.case: plane for plane in planes}
    described = tuple(run for run in view.described if run.case in runs)
    top = best(described) or best(tuple(plane.run for plane in planes))
    assert top is not None  # noqa: S101 - a page without a case is not built
    return runs[top.case]


# --------------------------------------------------------------------------- figure


def _chart(here: Here, plane: _Plane, drawn: slice) -> Chart:
    dots = [
        {"x": x, "y": y, "label": label, "right": label == guess}
        for (x, y), label, guess in zip(
            plane.points.tolist(), plane.labels, plane.answers, strict=True
        )
    ]
    names = [{"x": x, "y": y, "label": label} for label, (x, y) in plane.drawn_texts.items()]
    return chart(
        "carte",
        partial(scatter_plot, plane.axes, {"photos": dots[drawn], "texts": names}),
        here.view.draw,
        table=_table(here, plane),
    )


def _table(here: Here, plane: _Plane) -> Table:
    tip, case = trace(plane.run), plane.run.case
    pairs = list(zip(plane.labels, plane.answers, strict=True))

    def place(point: Sequence[float] | None) -> str:
        if point is None:
            return wording.DASH
        x, y = (wording.decimal(value, 2) for value in point)
        return t("({x} ; {y})", x=x, y=y)

    def photos(label: str) -> Cell:
        return counted(plane.labels.count(label), title=tip, href=here.gallery(label))

    def right(label: str) -> Cell:
        hits = pairs.count((label, label))
        href = here.photos(case, truth=label, predicted=label) if hits else ""
        return counted(hits, title=tip, href=href)

    def aligned(label: str) -> str:
        _, cosine = plane.nearest.get(label, ("", None))
        return wording.DASH if cosine is None else wording.decimal(cosine, 2)

    texts = (
        Col(t("Texte"), lambda label: place(plane.texts.get(label))),
        Col(t("Alignement"), aligned, t("cosinus du texte et du centre")),
        Col(
            t("Centre vers lequel le texte pointe"),
            lambda label: plane.nearest.get(label, (wording.DASH,))[0],
            numeric=False,
        ),
    )
    return table(
        "carte-donnees",
        t("{case} : où sont les catégories", case=here.view.case_title(plane.run)),
        plane.middles,
        Col(t("Catégorie"), str),
        Col(t("Photos de test"), photos),
        Col(t("Bien classées"), right),
        Col(t("Centre des photos"), lambda label: place(plane.middles[label].tolist())),
        *(texts if plane.texts else ()),
        title=tip,
    )
