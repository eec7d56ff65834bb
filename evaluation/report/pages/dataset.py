"""The photos: class cards, counts, what is missing, and a gallery for each class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from evaluation.records import FOLDS, Fold, MissingPhoto
from evaluation.report.kit import charts, wording
from evaluation.report.kit.charts import Chart, Count, Key
from evaluation.report.kit.language import foreign, message, nt, t
from evaluation.report.kit.page import Fact, Link
from evaluation.report.kit.tables import Cell, Column, Group, Row, Table, head, simple
from evaluation.report.study.here import Here
from evaluation.report.study.notes import Remark, remarks
from evaluation.report.study.photos import PARTS, WITHHELD, Photo, photo
from evaluation.report.study.view import StudyView

_COVER = 4
_TOP_SUBCATEGORIES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCard:
    """A class at a glance."""

    label: str
    href: str
    total: str
    parts: str
    cover: tuple[Photo, ...]
    subcategories: tuple[str, ...]
    more: str
    """How many sub-categories are not named, or ""."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetPage:
    """The data set's page."""

    title: str
    intro: str
    facts: tuple[Fact, ...]
    withheld: str
    """Why no photo is shown, or ""."""
    cards: tuple[ClassCard, ...]
    chart: Chart
    counts: Table
    subcategories: Table | None
    missing: Table | None
    missing_count: str
    remarks: tuple[Remark, ...]
    duplicates: tuple[tuple[Photo, ...], ...]
    duplicate_ids: tuple[str, ...]
    """One line a group, when no photo is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The photos of a class in one part of the split."""

    anchor: str
    title: str
    photos: tuple[Photo, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPage:
    """The gallery of a class."""

    label: str
    study: Link
    others: tuple[Link, ...]
    total: str
    withheld: str
    parts: tuple[Part, ...]


def build(here: Here) -> DatasetPage:
    """The page of the data set."""
    view = here.view
    return DatasetPage(
        title=view.title,
        intro=_intro(view),
        facts=_facts(view),
        withheld="" if view.photos_shown else t(WITHHELD),
        cards=tuple(_card(here, label) for label in view.study.classes),
        chart=_chart(view),
        counts=_counts(here),
        subcategories=_subcategories(view),
        missing=_missing(view),
        missing_count=nt(len(view.study.missing), "{n} photo", "{n} photos"),
        remarks=remarks(view.study),
        duplicates=_duplicates(here) if view.photos_shown else (),
        duplicate_ids=() if view.photos_shown else _duplicate_ids(view),
    )


def build_class(here: Here, label: str) -> ClassPage:
    """The gallery of a class; the navigation does not name it, the data set's page does."""
    view = here.view
    groups = [(fold, view.samples(label, fold)) for fold in reversed(FOLDS)]
    return ClassPage(
        label=label,
        study=Link(
            text=t("Jeu de données : {title}", title=view.title),
            href=here.to("donnees"),
        ),
        others=tuple(
            Link(text=other, href=here.gallery(other))
            for other in view.study.classes
            if other != label
        ),
        total=nt(len(view.samples(label)), "{n} photo", "{n} photos"),
        withheld="" if view.photos_shown else t(WITHHELD),
        parts=tuple(
            Part(
                anchor=fold,
                title=t(
                    "{part} ({photos})",
                    part=wording.sentence_case(t(PARTS[fold])),
                    photos=nt(len(cards), "{n} photo", "{n} photos"),
                ),
                photos=tuple(photo(here, card) for card in cards) if view.photos_shown else (),
            )
            for fold, cards in groups
            if cards
        ),
    )


# ------------------------------------------------------------------------ overview


def _intro(view: StudyView) -> str:
    study = view.study
    parts = [
        _photos_in(fold, photos)
        for fold in FOLDS
        if (photos := sum(card.fold == fold for card in study.samples))
    ]
    return t(
        "{samples} réparties en {classes} : {parts}. Seules les photos de "
        "test notent les modèles ; celles d’apprentissage et de validation "
        "ne servent qu’à l’approche supervisée, et aux textes tirés des "
        "sous-catégories.",
        samples=nt(len(study.samples), "{n} photo", "{n} photos"),
        classes=nt(len(study.classes), "{n} catégorie", "{n} catégories"),
        parts=wording.listing(parts),
    )


def _photos_in(fold: str, number: int) -> str:
    if fold == "train":
        return nt(number, "{n} photo d’apprentissage", "{n} photos d’apprentissage")
    if fold == "validation":
        return nt(number, "{n} photo de validation", "{n} photos de validation")
    return nt(number, "{n} photo de test", "{n} photos de test")


def _facts(view: StudyView) -> tuple[Fact, ...]:
    study = view.study
    facts = [
        Fact(
            label=t("Origine"),
            text=wording.told(study.origin),
            lang=foreign(study.origin),
            wide=True,
        ),
        Fact(
            label=t("Licence"),
            text=wording.told(study.licence),
            lang=foreign(study.licence),
            wide=True,
        ),
        Fact(label=t("Empreinte des données"), text=study.dataset_revision[:12], code=True),
        Fact(label=t("Empreinte du découpage"), text=study.split_digest[:12], code=True),
    ]
    return tuple(fact for fact in facts if fact.text)


def _card(here: Here, label: str) -> ClassCard:
    cards = here.view.samples(label)
    cover = [card for card in cards if card.fold == "test"] or list(cards)
    # Photos spread over the class say more of it than its first four.
    step = max(1, len(cover) // _COVER)
    named = Counter(card.subcategory for card in cards if card.subcategory).most_common()
    rest = len(named) - _TOP_SUBCATEGORIES
    return ClassCard(
        label=label,
        href=here.gallery(label),
        total=nt(len(cards), "{n} photo", "{n} photos"),
        parts=", ".join(
            f"{wording.count(sum(card.fold == fold for card in cards))} {t(PARTS[fold])}"
            for fold in FOLDS
        ),
        cover=tuple(photo(here, card) for card in cover[::step][:_COVER])
        if here.view.photos_shown
        else (),
        subcategories=tuple(name for name, _ in named[:_TOP_SUBCATEGORIES]),
        more=t("et {rest}", rest=nt(rest, "{n} autre", "{n} autres")) if rest > 0 else "",
    )


def _numbers(view: StudyView) -> dict[tuple[str, str], int]:
    return dict(Counter((card.label, card.fold) for card in view.study.samples))


def _chart(view: StudyView) -> Chart:
    numbers = _numbers(view)
    counts = [
        Count(label=label, part=fold, number=numbers.get((label, fold), 0))
        for label in view.study.classes
        for fold in FOLDS
    ]
    wide, narrow = charts.count_plot(counts, view.draw)
    totals = [len(view.samples(label)) for label in view.study.classes]
    return Chart(
        id="effectifs",
        title=t("Photos de chaque catégorie, par partie"),
        alt=t(
            "Barres empilées : chaque catégorie compte de {totals} à "
            "{totals2}. Le tableau qui suit donne les nombres.",
            totals=wording.count(min(totals)),
            totals2=nt(max(totals), "{n} photo", "{n} photos"),
        ),
        wide=wide,
        narrow=narrow,
        keys=tuple(Key(kind=fold, text=t(PARTS[fold])) for fold in FOLDS),
        table=simple(
            "effectifs-donnees",
            t("Photos de chaque catégorie, en chiffres"),
            (t("Catégorie"), *(wording.sentence_case(t(PARTS[fold])) for fold in FOLDS)),
            tuple(
                (label, *(wording.count(numbers.get((label, fold), 0)) for fold in FOLDS))
                for label in view.study.classes
            ),
            title=view.data_trace,
        ),
    )


def _counts(here: Here) -> Table:
    view = here.view
    numbers = _numbers(view)
    absent = Counter(one.label for one in view.study.missing)
    rows = [
        Row(
            cells=(
                head(label, href=here.gallery(label)),
                *(_number(here, label, fold, numbers) for fold in FOLDS),
                Cell(
                    text=wording.count(len(view.samples(label))),
                    title=view.data_trace,
                    href=here.gallery(label),
                ),
                Cell(text=wording.count(absent[label]), title=view.data_trace),
            )
        )
        for label in view.study.classes
    ]
    total = Row(
        kind="best",
        cells=(
            head(t("Total")),
            *(
                Cell(
                    text=wording.count(
                        sum(numbers.get((label, fold), 0) for label in view.study.classes)
                    ),
                    title=view.data_trace,
                )
                for fold in FOLDS
            ),
            Cell(text=wording.count(len(view.study.samples)), title=view.data_trace),
            Cell(text=wording.count(len(view.study.missing)), title=view.data_trace),
        ),
    )
    return Table(
        id="nombres",
        caption=t("Nombre de photos"),
        columns=(
            Column(text=t("Catégorie"), numeric=False),
            *(Column(text=wording.sentence_case(t(PARTS[fold]))) for fold in FOLDS),
            Column(text=t("Utilisables")),
            Column(text=t("Inutilisables")),
        ),
        groups=(Group(rows=(*rows, total)),),
        kind="scores",
    )


def _number(here: Here, label: str, fold: Fold, numbers: Mapping[tuple[str, str], int]) -> Cell:
    number = numbers.get((label, fold), 0)
    return Cell(
        text=wording.count(number),
        title=here.view.data_trace,
        href=here.gallery(label, fold) if number else "",
    )


def _subcategories(view: StudyView) -> Table | None:
    if not any(card.subcategory for card in view.study.samples):
        return None
    rows = []
    for label in view.study.classes:
        named = Counter(card.subcategory for card in view.samples(label) if card.subcategory)
        text = ", ".join(f"{name} ({wording.count(times)})" for name, times in named.most_common())
        rows.append((label, wording.count(len(named)), text or wording.DASH))
    return Table(
        id="sous-categories",
        caption=t("Sous-catégories et nombre de photos de chacune"),
        columns=(
            Column(text=t("Catégorie"), numeric=False),
            Column(text=t("Nombre")),
            Column(text=t("Sous-catégories"), numeric=False),
        ),
        groups=(
            Group(
                rows=tuple(
                    Row(
                        cells=(
                            head(label),
                            Cell(text=number, title=view.data_trace),
                            Cell(text=text, title=view.data_trace),
                        )
                    )
                    for label, number, text in rows
                )
            ),
        ),
        kind="plain",
    )


# ------------------------------------------------------------- missing, duplicates

_REASONS = {
    "file not found": message("fichier introuvable"),
    "truncated": message("photo tronquée"),
    "damaged": message("photo abîmée"),
    "not a photo": message("ce n’est pas une photo d’un format connu"),
    "cannot be read": message("fichier illisible"),
}
"""How a reason of the record begins, and what it means; the record's own words follow."""


def _reason(one: MissingPhoto) -> Cell:
    said = next((words for start, words in _REASONS.items() if one.reason.startswith(start)), "")
    return Cell(text=t(said) if said else one.reason, lang="" if said else "en", title=one.reason)


def _missing(view: StudyView) -> Table | None:
    if not view.study.missing:
        return None
    return Table(
        id="inutilisables",
        caption=t("Photos que les données nomment et qui ne peuvent pas servir"),
        columns=(
            Column(text=t("Fichier"), numeric=False),
            Column(text=t("Catégorie"), numeric=False),
            Column(text=t("Raison"), numeric=False),
        ),
        groups=(
            Group(
                rows=tuple(
                    Row(
                        cells=(
                            head(one.path),
                            Cell(text=one.label),
                            _reason(one),
                        )
                    )
                    for one in view.study.missing
                )
            ),
        ),
        kind="plain",
    )


def _duplicates(here: Here) -> tuple[tuple[Photo, ...], ...]:
    cards = {card.id: card for card in here.view.study.samples}
    return tuple(
        tuple(photo(here, cards[one]) for one in group if one in cards)
        for group in here.view.study.duplicates
    )


def _duplicate_ids(view: StudyView) -> tuple[str, ...]:
    return tuple(wording.listing(group) for group in view.study.duplicates)
