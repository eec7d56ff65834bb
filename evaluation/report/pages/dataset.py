"""The photos: class cards, counts, what is missing, and where each class is shown."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from evaluation.records import FOLDS, Fold, MissingPhoto
from evaluation.report.kit import charts, wording
from evaluation.report.kit.charts import Chart
from evaluation.report.kit.language import WORDS, t, word
from evaluation.report.kit.page import Claim, claim
from evaluation.report.kit.tables import Cell, Col, Table, counted, head, table
from evaluation.report.study.here import Here
from evaluation.report.study.photos import alike, photo
from evaluation.report.study.scores import people
from evaluation.report.study.view import MANY, StudyView

_COVER = 4


def build(here: Here) -> Mapping[str, Any]:
    """Classes, counts, what cannot be used and what is doubtful, as the template prints them."""
    view = here.view
    return {
        "intro": intro(view),
        "cards": [_card(here, label) for label in view.study.classes],
        "most": MANY,
        "chart": chart(view),
        "counts": counts(here),
        "subcategories": _subcategories(view),
        "people": people(here),
        "missing": _missing(view) if view.study.missing else None,
        "duplicates": alike(here, view.study.duplicates),
    }


# ------------------------------------------------------------------------ overview


def intro(view: StudyView) -> Claim:
    """How many photos there are, and what each part of the split is for."""
    study = view.study
    parts = Counter(card.fold for card in study.samples)
    return claim("intro", photos=len(study.samples), classes=len(study.classes), parts=parts)


def _card(here: Here, label: str) -> Mapping[str, Any]:
    cards = here.view.samples(label)
    numbers = Counter(card.fold for card in cards)
    cover = [card for card in cards if card.fold == "test"] or list(cards)
    # Photos spread over the class say more of it than its first four.
    step = max(1, len(cover) // _COVER)
    return {
        "label": label,
        "n": len(cards),
        "parts": ", ".join(
            f"{wording.count(numbers[fold])} {word('parts', fold)}" for fold in FOLDS
        ),
        "cover": [photo(here, card) for card in cover[::step][:_COVER]]
        if here.view.photos_shown
        else [],
        "subcategories": [name for name, _ in _named(here.view, label)],
    }


def _named(view: StudyView, label: str) -> list[tuple[str, int]]:
    """The sub-categories of a class with their photos, the largest first."""
    names = Counter(card.subcategory for card in view.samples(label) if card.subcategory)
    return names.most_common()


def _parts(cell: Callable[[Fold, str], Cell | str]) -> list[Col]:
    """A column for each part of the split, whose ``cell`` is that of the part and a class."""
    titles = {fold: wording.sentence_case(word("parts", fold)) for fold in FOLDS}
    return [Col(title, partial(cell, fold)) for fold, title in titles.items()]


def chart(view: StudyView) -> Chart:
    """Photos of each class, stacked by part."""
    classes = view.study.classes
    numbers = Counter((card.label, card.fold) for card in view.study.samples)
    stacked = {(label, str(fold)): numbers[label, fold] for label in classes for fold in FOLDS}
    totals = [len(view.samples(label)) for label in classes]
    return charts.chart(
        "effectifs",
        partial(charts.count_plot, stacked),
        view.draw,
        title=t("Photos de chaque catégorie, par partie"),
        alt=claim("counted", least=min(totals), most=max(totals)),
        table=table(
            "effectifs-donnees",
            t("Photos de chaque catégorie, en chiffres"),
            classes,
            Col(t("Catégorie"), str),
            *_parts(lambda fold, label: wording.count(numbers[label, fold])),
            title=view.data_trace,
            kind="",
        ),
        keys=((fold, word("parts", fold)) for fold in FOLDS),
    )


def counts(here: Here) -> Table:
    """Photos of each class in each part, usable or not, with their sum."""
    view, total = here.view, ""
    numbers = Counter((card.label, card.fold) for card in view.study.samples)
    numbers.update((total, card.fold) for card in view.study.samples)
    missing = Counter(photo.label for photo in view.study.missing)
    missing[total] = len(view.study.missing)

    def part(fold: Fold, label: str) -> Cell:
        photos = numbers[label, fold]
        return counted(photos, href=here.gallery(label, fold) if photos else "")

    def usable(label: str) -> Cell:
        return counted(sum(numbers[label, fold] for fold in FOLDS), href=here.gallery(label))

    return table(
        "nombres",
        t("Nombre de photos"),
        (*view.study.classes, total),
        Col(t("Catégorie"), lambda label: head(label or t("Total"), href=here.gallery(label))),
        *_parts(part),
        Col(t("Utilisables"), usable),
        Col(t("Inutilisables"), lambda label: counted(missing[label])),
        row_kind=lambda label: "" if label else "best",
        tip=view.data_trace,
    )


def _subcategories(view: StudyView) -> Table | None:
    named = {label: _named(view, label) for label in view.study.classes}
    if not any(named.values()):
        return None

    def names(label: str) -> str:
        said = (f"{name} ({wording.count(times)})" for name, times in named[label])
        return ", ".join(said) or wording.DASH

    return table(
        "sous-categories",
        t("Sous-catégories et nombre de photos de chacune"),
        view.study.classes,
        Col(t("Catégorie"), str),
        Col(t("Nombre"), lambda label: wording.count(len(named[label]))),
        Col(t("Sous-catégories"), names, numeric=False),
        title=view.data_trace,
        kind="plain",
    )


def _missing(view: StudyView) -> Table:
    def reason(photo: MissingPhoto) -> Cell:
        code = next(filter(photo.reason.startswith, WORDS["unusable"]), "")
        return Cell(text=word("unusable", code)) if code else Cell(text=photo.reason, lang="en")

    return table(
        "inutilisables",
        t("Photos que les données nomment et qui ne peuvent pas servir"),
        view.study.missing,
        Col(t("Fichier"), lambda photo: photo.path),
        Col(t("Catégorie"), lambda photo: photo.label, numeric=False),
        Col(t("Raison"), reason, numeric=False),
        kind="plain",
    )
