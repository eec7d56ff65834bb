"""The map of the photos: photos and class texts on two axes, sifted in the browser.

The page is complete without its script: a drawing, the words that replace it, and the numbers.
``site_src/assets/carte-des-images.js`` is the only reader of the data file written here.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evaluation.records import FloatArray, Projection, RunRecord
from evaluation.report.kit import links, wording
from evaluation.report.kit.charts import Chart, Key
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.scatter import Axes, Dot, Name, scatter_plot, scatter_program
from evaluation.report.kit.sentence import Sentence, say
from evaluation.report.kit.tables import Cell, Col, Table, table
from evaluation.report.pages.explorer import Option
from evaluation.report.study.here import Here
from evaluation.report.study.photos import WITHHELD
from evaluation.report.study.scores import gallery_href
from evaluation.report.study.view import StudyView, best, trace

DRAWN = 800
"""Photos of the still drawing, at most: they are spread over the test part."""

_MARGIN = 0.06
"""Of the plane around the outermost points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMapPage:
    """The still figure, and where the interactive one finds what it needs."""

    case: str
    """Which case the still figure shows."""
    said: tuple[Sentence, ...]
    withheld: str
    chart: Chart
    cases: tuple[Option, ...]
    classes: tuple[Option, ...]
    chosen: str
    """Place of the case that is shown first."""
    source: str
    """Address of the data file."""
    explorer: str
    style: str
    script: str
    vega: str
    interpreter: str
    """Evaluates Vega's expressions without making code of them, which no page may."""


def build(here: Here) -> ImageMapPage | None:
    """The page; None when no scored case has kept its photos in the plane."""
    view = here.view
    data = _Data(view)
    if not data.runs:
        return None
    return ImageMapPage(
        case=view.case_title(data.first),
        said=_said(view, data),
        withheld="" if view.photos_shown else t(WITHHELD),
        chart=_chart(view, data),
        cases=_options(tuple(view.case_title(run) for run in data.runs)),
        classes=_options(view.study.classes),
        chosen=str(data.runs.index(data.first)),
        source=f"{here.file(data.place)}?{data.version}",
        explorer=here.to("explorateur"),
        style=here.file("assets/carte-des-images.css"),
        script=here.file("assets/carte-des-images.js"),
        vega=here.file("assets/vendor/vega.min.js"),
        interpreter=here.file("assets/vendor/vega-interpreter.js"),
    )


def data_files(view: StudyView) -> dict[str, str]:
    """Uri to text of the script that holds the points: one call ``veilleCarte({…})``.

    Its argument is JSON without ``<``, ``>``, ``&``, U+2028 or U+2029.
    """
    data = _Data(view)
    if not data.runs:
        return {}
    text = json.dumps(data.content(), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for one in "<>&\u2028\u2029":
        text = text.replace(one, f"\\u{ord(one):04x}")
    return {data.place: f"veilleCarte({text});\n"}


def _options(names: tuple[str, ...]) -> tuple[Option, ...]:
    return tuple(Option(value=str(i), text=name) for i, name in enumerate(names))


# ----------------------------------------------------------------------------- data


@dataclass(frozen=True)
class _Data:
    """The cases that have a plane, and their points in the order of the study's card."""

    view: StudyView

    @cached_property
    def planes(self) -> Mapping[str, Projection]:
        """Of the scored cases whose projection is of the photos that they answered for."""
        found = {}
        for run in self.view.scored:
            plane = self.view.results.projections.get(run.case)
            said = self.view.results.predictions.get(run.case)
            if plane and said and set(plane.sample_ids) == set(said.sample_ids):
                found[run.case] = plane
        return found

    @cached_property
    def runs(self) -> tuple[RunRecord, ...]:
        return tuple(run for run in self.view.scored if run.case in self.planes)

    @cached_property
    def first(self) -> RunRecord:
        """The case that is shown first: the best one whose texts mean something."""
        described = tuple(run for run in self.view.described if run.case in self.planes)
        top = best(described) or best(self.runs)
        assert top is not None  # noqa: S101 - a page without a case is not built
        return top

    @property
    def place(self) -> str:
        """Uri of the data file."""
        return f"{self.view.folder}/donnees/carte-des-images.js"

    @property
    def version(self) -> str:
        """Changes with the results, so that a browser does not mix old files with new ones."""
        told = [f"{run.case} {run.provenance.started}" for run in self.runs]
        return f"{zlib.crc32(chr(10).join([*told, str(self.view.photos_shown)]).encode()):08x}"

    @cached_property
    def cards(self) -> tuple[int, ...]:
        """Places in the study's card of the test photos."""
        return tuple(i for i, card in enumerate(self.view.study.samples) if card.fold == "test")

    def points(self, run: RunRecord) -> FloatArray:
        """(N, 2) of the test photos, in the order of the card."""
        plane = self.planes[run.case]
        rows = {one: i for i, one in enumerate(plane.sample_ids)}
        at = [rows[self.view.study.samples[i].id] for i in self.cards]
        points: FloatArray = np.array(plane.photos, dtype=np.float64)[at]
        return points

    def answers(self, run: RunRecord) -> tuple[list[str], list[float]]:
        """What the case names each test photo, and with which probability."""
        said = self.view.results.predictions[run.case]
        rows = {one: i for i, one in enumerate(said.sample_ids)}
        at = [rows[self.view.study.samples[i].id] for i in self.cards]
        guesses = said.predicted[at]
        sure = said.probabilities[at].max(axis=1)
        return [said.classes[i] for i in guesses.tolist()], [round(p, 4) for p in sure.tolist()]

    def scale(self, run: RunRecord) -> float:
        """By how much the texts are drawn away from the middle, so that they can be told apart.

        Their directions alone decide between classes.  They are put as far, in mean square, as
        the middles of the photos of the classes are; never nearer than they lie.
        """
        plane = self.planes[run.case]
        texts = np.array(plane.texts, dtype=np.float64)
        reach = float((texts**2).sum(axis=1).mean()) if plane.texts else 0.0
        middles = np.array(list(self.middles(run).values()))
        wanted = float((middles**2).sum(axis=1).mean())
        return max(1.0, round((wanted / reach) ** 0.5, 1)) if reach else 1.0

    def middles(self, run: RunRecord) -> Mapping[str, FloatArray]:
        """(2,) of each class that has test photos: the mean of theirs."""
        points = self.points(run)
        labels = np.array([self.view.study.samples[i].label for i in self.cards])
        return {
            label: points[labels == label].mean(axis=0)
            for label in self.view.study.classes
            if (labels == label).any()
        }

    def texts(self, run: RunRecord) -> list[tuple[str, float, float]]:
        """Each class with the place where its text is drawn."""
        scale = self.scale(run)
        return [
            (label, round(scale * x, 4), round(scale * y, 4))
            for label, (x, y) in _texts(self.planes[run.case])
        ]

    def axes(self, run: RunRecord) -> Axes:
        """Limits that hold every photo and text of the case."""
        plane = self.planes[run.case]
        texts = [(x, y) for _, x, y in self.texts(run)]
        points = np.array([*plane.photos, *texts], dtype=np.float64)
        low, high = points.min(axis=0), points.max(axis=0)
        margin = _MARGIN * (high - low)
        limits = [(float(a), float(b)) for a, b in zip(low - margin, high + margin, strict=True)]
        titles = [
            t(
                "axe {number} ({share} de la variance)",
                number=wording.count(i),
                share=wording.percent(share, 0),
            )
            for i, share in enumerate(plane.explained, start=1)
        ]
        return Axes(
            classes=self.view.study.classes,
            x=limits[0],
            y=limits[1],
            x_title=titles[0],
            y_title=titles[1],
        )

    def content(self) -> Mapping[str, object]:
        """What the data file says."""
        study = self.view.study
        cards = [study.samples[i] for i in self.cards]
        places = {label: i for i, label in enumerate(study.classes)}
        return {
            "study": self.view.folder,
            "classes": study.classes,
            "ids": [card.id for card in cards],
            "titles": [card.title or card.id for card in cards]
            if self.view.photos_shown
            else [card.id for card in cards],
            "labels": [places[card.label] for card in cards],
            "photos": [card.photo for card in cards] if self.view.photos_shown else [],
            "cases": [self._case(run, places) for run in self.runs],
            "program": scatter_program(self.axes(self.first)),
        }

    def _case(self, run: RunRecord, places: Mapping[str, int]) -> Mapping[str, object]:
        axes = self.axes(run)
        named, sure = self.answers(run)
        return {
            "id": run.case,
            "x": axes.x,
            "y": axes.y,
            "titles": [axes.x_title, axes.y_title],
            "points": [[round(x, 4), round(y, 4)] for x, y in self.points(run).tolist()],
            "texts": [[places[label], x, y] for label, x, y in self.texts(run)],
            "predicted": [places[label] for label in named],
            "sure": sure,
        }


def _texts(plane: Projection) -> list[tuple[str, tuple[float, float]]]:
    return list(zip(plane.classes, plane.texts, strict=True)) if plane.texts else []


# ---------------------------------------------------------------------------- words


@dataclass(frozen=True, slots=True, kw_only=True)
class _Middle:
    """A class in the plane: the middle of its photos, and its text."""

    label: str
    photos: int
    right: int
    x: float
    y: float
    text: tuple[float, float] | None
    aligned: float | None
    """Cosine of the text and of the middle; None without a text, or at the origin."""
    nearest: str
    """The class whose middle lies most in the direction of the text; "" without a text."""


def _middles(view: StudyView, data: _Data, run: RunRecord) -> tuple[_Middle, ...]:
    named, _ = data.answers(run)
    labels = [view.study.samples[i].label for i in data.cards]
    texts = dict(_texts(data.planes[run.case]))
    members = {
        label: [i for i, one in enumerate(labels) if one == label] for label in view.study.classes
    }
    middles = data.middles(run)
    return tuple(
        _Middle(
            label=label,
            photos=len(members[label]),
            right=sum(named[i] == label for i in members[label]),
            x=float(middle[0]),
            y=float(middle[1]),
            text=texts.get(label),
            aligned=_cosine(texts.get(label), middle),
            nearest=_nearest(texts.get(label), middles),
        )
        for label, middle in middles.items()
    )


def _cosine(text: tuple[float, float] | None, middle: FloatArray) -> float | None:
    if text is None:
        return None
    lengths = float(np.linalg.norm(text) * np.linalg.norm(middle))
    return float(np.dot(text, middle)) / lengths if lengths else None


def _nearest(text: tuple[float, float] | None, middles: Mapping[str, FloatArray]) -> str:
    if text is None:
        return ""
    told = {label: _cosine(text, middle) for label, middle in middles.items()}
    return max(told, key=lambda label: -2.0 if told[label] is None else told[label] or 0.0)


def _said(view: StudyView, data: _Data) -> tuple[Sentence, ...]:
    run = data.first
    plane = data.planes[run.case]
    lost = 1 - sum(plane.explained)
    said = [
        say(
            "Chaque photo est un vecteur de plusieurs centaines de nombres ; les deux axes "
            "sont ceux le long desquels les photos de test diffèrent le plus (analyse en "
            "composantes principales). Ils montrent {shown} de leur variance : {lost} ne se "
            "voit pas ici, et deux photos voisines sur la carte peuvent ne pas l’être pour le "
            "modèle.",
            shown=wording.percent(sum(plane.explained), 0),
            lost=wording.percent(lost, 0),
        )
    ]
    if plane.gap is not None and plane.texts_shown is not None:
        said.append(
            say(
                "Les textes sont placés sur les mêmes axes, mais centrés à part : dans un "
                "modèle comme CLIP, photos et textes occupent deux régions distinctes (modality "
                "gap, Liang et al., 2022), séparées ici de {gap} pour des vecteurs de longueur 1. "
                "Un texte se lit donc comme une direction : il attire les photos qui sont de "
                "son côté. Les axes montrent {shown} de la variance des textes ; pour qu’on "
                "les distingue, leur distance au centre est multipliée par {scale}.",
                scale=wording.decimal(data.scale(run), 1),
                gap=wording.decimal(plane.gap, 2),
                shown=wording.percent(plane.texts_shown, 0),
            )
        )
    if not plane.texts:
        said.append(
            say(
                "{case} ne lit pas de texte : la carte ne montre que les photos, telles que "
                "son tronc les voit.",
                case=wording.quote(view.case_title(run)),
            )
        )
    return tuple(said)


# --------------------------------------------------------------------------- figure


def _chart(view: StudyView, data: _Data) -> Chart:
    run = data.first
    middles = _middles(view, data, run)
    points, (named, _) = data.points(run), data.answers(run)
    labels = [view.study.samples[i].label for i in data.cards]
    step = -(-len(labels) // DRAWN)
    dots = [
        Dot(x=float(x), y=float(y), label=label, right=label == guess)
        for (x, y), label, guess in zip(points, labels, named, strict=True)
    ][::step]
    names = [Name(x=x, y=y, label=label) for label, x, y in data.texts(run)]
    wide, narrow = scatter_plot(data.axes(run), dots, names, view.draw)
    return Chart(
        id="carte",
        title=_title(len(dots), len(labels), view.case_title(run)),
        alt=_alt(view, middles, len(labels)),
        wide=wide,
        narrow=narrow,
        keys=tuple(
            Key(kind=kind, text=text)
            for kind, text in (
                ("full", t("photo bien classée")),
                ("hollow", t("photo mal classée")),
                *((("cross", t("texte de la catégorie")),) if names else ()),
            )
        ),
        table=_table(view, run, middles),
    )


def _title(drawn: int, total: int, case: str) -> str:
    photos = nt(total, "{n} photo", "{n} photos")
    if drawn == total:
        return t("{photos} de test selon {case}", photos=photos, case=wording.quote(case))
    return t(
        "{drawn} des {photos} de test selon {case}",
        drawn=wording.count(drawn),
        photos=photos,
        case=wording.quote(case),
    )


def _alt(view: StudyView, middles: tuple[_Middle, ...], total: int) -> str:
    photos = nt(total, "{n} photo", "{n} photos")
    classes = nt(len(view.study.classes), "{n} catégorie", "{n} catégories")
    if not any(one.text for one in middles):
        return t(
            "Nuage de {photos} en {classes}. Le tableau qui suit donne le centre de chacune.",
            photos=photos,
            classes=classes,
        )
    own = sum(one.nearest == one.label for one in middles)
    return t(
        "Nuage de {photos} en {classes}, et le texte de chacune. Le texte de {own} sur {all} "
        "pointe vers le centre des photos de sa propre catégorie plus que vers aucun autre. Le "
        "tableau qui suit donne les centres.",
        photos=photos,
        classes=classes,
        own=wording.count(own),
        all=wording.count(len(middles)),
    )


def _table(view: StudyView, run: RunRecord, middles: tuple[_Middle, ...]) -> Table:
    tip, here = trace(run), Here(view, view.page("carte-des-images"))

    def place(point: tuple[float, float] | None) -> str:
        if point is None:
            return wording.DASH
        x, y = (wording.decimal(value, 2) for value in point)
        return t("({x} ; {y})", x=x, y=y)

    def count(middle: _Middle) -> Cell:
        text = wording.count(middle.photos)
        return Cell(text=text, title=tip, href=gallery_href(here, middle.label))

    def right(middle: _Middle) -> Cell:
        cell = links.explorer_cell(view.folder, run.case, middle.label, middle.label)
        text = wording.count(middle.right)
        return Cell(text=text, title=tip, href=cell if middle.right else "")

    def aligned(middle: _Middle) -> str:
        return wording.DASH if middle.aligned is None else wording.decimal(middle.aligned, 2)

    texts = (
        Col(t("Texte"), lambda middle: place(middle.text)),
        Col(t("Alignement"), aligned, t("cosinus du texte et du centre")),
        Col(
            t("Centre vers lequel le texte pointe"),
            lambda middle: middle.nearest or wording.DASH,
            numeric=False,
        ),
    )
    return table(
        "carte-donnees",
        t("{case} : où sont les catégories", case=view.case_title(run)),
        middles,
        Col(t("Catégorie"), lambda middle: middle.label, numeric=False),
        Col(t("Photos de test"), count),
        Col(t("Bien classées"), right),
        Col(t("Centre des photos"), lambda middle: place((middle.x, middle.y))),
        *(texts if any(middle.text for middle in middles) else ()),
        title=tip,
    )
