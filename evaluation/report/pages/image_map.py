"""The map of the photos: photos and class texts on two axes, sifted in the browser.

The page is complete without its script: a drawing, the words that replace it, and the numbers.
``site_src/assets/carte-des-images.js`` is the only reader of the data file written here.
"""

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
from evaluation.report.kit.tables import Cell, Col, counted, table
from evaluation.report.study.here import Here
from evaluation.report.study.photos import numbered, places, sampled, script, test_cards, version
from evaluation.report.study.view import StudyView, trace, value

DRAWN = 800
"""Photos of the still drawing, at most: they are spread over the test part."""

_MARGIN = 0.06
"""Of the plane around the outermost points."""

_DATA = "donnees/carte-des-images.js"
"""Beside the pages of a study."""

_UNDEFINED = -2.0
"""Stands for the cosine of a point at the origin: below all others."""


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None when no scored case has kept its photos in the plane."""
    view, planes = here.view, _planes(here.view)
    if not planes:
        return None
    described = {run.case for run in view.described}
    # The case that is shown first: the best one whose texts mean something.
    lead = max(
        [plane for plane in planes if plane.run.case in described] or planes,
        key=lambda plane: value(plane.run, "accuracy"),
    )
    drawn = slice(None, None, -(-len(lead.labels) // DRAWN))
    starts = [f"{plane.run.case} {plane.run.provenance.started}" for plane in planes]
    mark = version([*starts, str(view.photos_shown)])
    return {
        "lead": lead,
        "shown": sum(lead.projection.explained),
        "lost": 1 - sum(lead.projection.explained),
        "sampled": sampled(view),
        "chart": _chart(here, lead, drawn),
        "total": len(lead.labels),
        "drawn": len(lead.labels[drawn]),
        # Classes whose text points to their own middle.
        "own": sum(most == label for label, (most, _) in lead.nearest.items()),
        "cases": numbered(view.case_title(plane.run) for plane in planes),
        "classes": numbered(view.study.classes),
        "chosen": str(planes.index(lead)),
        "source": f"{here.file(f'{view.folder}/{_DATA}')}?{mark}",
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
        "cases": [plane.content(classes) for plane in planes],
        "colours": COLOURS,
        "shapes": SHAPES,
    }
    return {f"{view.folder}/{_DATA}": script("veilleCarte", content)}


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
        mine = {label: np.array(self.labels) == label for label in self.classes}
        return {label: self.points[of].mean(axis=0) for label, of in mine.items() if of.any()}

    @cached_property
    def scale(self) -> float:
        """By how much the texts are drawn away from the middle, so that they can be told apart.

        Their directions alone decide between classes.  They are put as far, in mean square, as
        the middles of the photos of the classes are; never nearer than they lie.
        """
        if not self.texts:
            return 1.0
        lies, wanted = (
            float((np.array(points) ** 2).sum(axis=1).mean())
            for points in (list(self.texts.values()), list(self.middles.values()))
        )
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
        points = np.array([*self.projection.photos, *self.drawn_texts.values()], dtype=np.float64)
        low, high = points.min(axis=0), points.max(axis=0)
        margin = _MARGIN * (high - low)
        x, y = ((float(a), float(b)) for a, b in zip(low - margin, high + margin, strict=True))
        x_title, y_title = (
            t(
                "axe {number} ({share} de la variance)",
                number=wording.count(place),
                share=wording.percent(share, 0),
            )
            for place, share in enumerate(self.projection.explained, start=1)
        )
        return Axes(classes=self.classes, x=x, y=y, x_title=x_title, y_title=y_title)

    @cached_property
    def nearest(self) -> Mapping[str, tuple[str, float]]:
        """Of each class with a text: the class whose middle lies most in its direction, and the
        cosine of its own middle.
        """
        names = list(self.middles)
        with np.errstate(invalid="ignore"):
            texts, middles = (
                points / np.linalg.norm(points, axis=-1, keepdims=True)
                for points in (
                    np.array(list(self.texts.values())),
                    np.array([*self.middles.values()]),
                )
            )
        cosines = np.nan_to_num(texts @ middles.T, nan=_UNDEFINED) if self.texts else ()
        return {
            label: (
                names[int(row.argmax())],
                float(row[names.index(label)]) if label in names else _UNDEFINED,
            )
            for label, row in zip(self.texts, cosines, strict=True)
        }

    def content(self, classes: Mapping[str, int]) -> Mapping[str, object]:
        """What the data file says of the case; classes by their places."""
        axes, texts = self.axes, self.drawn_texts
        names = [name_places(texts, axes, size) for size in HEIGHTS]
        return {
            "id": self.run.case,
            "x": axes.x,
            "y": axes.y,
            "titles": [axes.x_title, axes.y_title],
            "points": [[round(x, 4), round(y, 4)] for x, y in self.points.tolist()],
            "texts": [
                [classes[label], x, y, *(at[label] for at in names)]
                for label, (x, y) in texts.items()
            ],
            "predicted": [classes[label] for label in self.answers],
            "sure": [round(p, 4) for p in self.sure.tolist()],
        }


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


# --------------------------------------------------------------------------- figure


def _chart(here: Here, plane: _Plane, drawn: slice) -> Chart:
    pairs = list(zip(plane.labels, plane.answers, strict=True))
    dots = [
        {"x": x, "y": y, "label": label, "right": label == guess}
        for (x, y), (label, guess) in zip(plane.points.tolist(), pairs, strict=True)
    ]
    names = [{"x": x, "y": y, "label": label} for label, (x, y) in plane.drawn_texts.items()]

    def place(point: Sequence[float] | None) -> str:
        if point is None:
            return wording.DASH
        x, y = (wording.decimal(value, 2) for value in point)
        return t("({x} ; {y})", x=x, y=y)

    def photos(label: str) -> Cell:
        return counted(plane.labels.count(label), href=here.gallery(label))

    def right(label: str) -> Cell:
        hits = pairs.count((label, label))
        href = here.photos(plane.run.case, truth=label, predicted=label) if hits else ""
        return counted(hits, href=href)

    def nearest(label: str) -> str:
        return plane.nearest[label][0] if label in plane.nearest else wording.DASH

    def aligned(label: str) -> str:
        _, cosine = plane.nearest.get(label, ("", _UNDEFINED))
        return wording.DASH if cosine == _UNDEFINED else wording.decimal(cosine, 2)

    texts = (
        Col(t("Texte"), lambda label: place(plane.texts.get(label))),
        Col(t("Alignement"), aligned, t("cosinus du texte et du centre")),
        Col(t("Centre vers lequel le texte pointe"), nearest, numeric=False),
    )
    tip = trace(plane.run)
    return chart(
        "carte",
        partial(scatter_plot, plane.axes, {"photos": dots[drawn], "texts": names}),
        here.view.draw,
        table=table(
            "carte-donnees",
            t("{case} : où sont les catégories", case=here.view.case_title(plane.run)),
            plane.middles,
            Col(t("Catégorie"), str),
            Col(t("Photos de test"), photos),
            Col(t("Bien classées"), right),
            Col(t("Centre des photos"), lambda label: place(plane.middles[label].tolist())),
            *(texts if plane.texts else ()),
            title=tip,
            tip=tip,
        ),
    )
