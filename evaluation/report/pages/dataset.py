"""The photos: class cards, counts, what is missing, and where each class is shown."""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

from evaluation.records import FOLDS, Fold, MissingPhoto
from evaluation.report.kit import charts, wording
from evaluation.report.kit.charts import Chart
from evaluation.report.kit.language import message, nt, t
from evaluation.report.kit.tables import Cell, Col, Row, Table, head, simple, table
from evaluation.report.study.here import Here
from evaluation.report.study.people import people
from evaluation.report.study.photos import PARTS, WITHHELD, photo
from evaluation.report.study.view import StudyView

_COVER = 4
_TOP_SUBCATEGORIES = 6


def build(here: Here) -> Mapping[str, Any]:
    """Classes, counts, what cannot be used and what is doubtful, as the template prints them."""
    view = here.view
    seen, study = view.photos_shown, view.study
    groups = [[view.cards[id_] for id_ in ids if id_ in view.cards] for ids in study.duplicates]
    return {
        "intro": intro(view),
        "study": study,
        "withheld": "" if seen else t(WITHHELD),
        "cards": [_card(here, label) for label in study.classes],
        "chart": chart(view),
        "counts": counts(here),
        "subcategories": _subcategories(view),
        "people": people(here),
        "missing": _missing(view) if study.missing else None,
        "missing_count": len(study.missing),
        "carved": "test" in study.carved,
        "grouped": "declared" in study.grouping,
        "notes": study.notes,
        "duplicates": [[photo(here, card) for card in group] for group in groups] if seen else [],
        "duplicate_ids": [] if seen else [wording.listing(ids) for ids in study.duplicates],
    }


# ------------------------------------------------------------------------ overview


def intro(view: StudyView) -> str:
    """How many photos there are, and what each part of the split is for."""
    study = view.study
    numbers = Counter(card.fold for card in study.samples)
    return t(
        "{samples} réparties en {classes} : {parts}. Seules les photos de test notent les "
        "modèles. Celles d’apprentissage entraînent ce qui apprend, et donnent leurs noms aux "
        "textes tirés des sous-catégories ; celles de validation servent à choisir : textes, "
        "réglages, températures et seuils.",
        samples=nt(len(study.samples), "{n} photo", "{n} photos"),
        classes=nt(len(study.classes), "{n} catégorie", "{n} catégories"),
        parts=wording.listing([_photos_in(fold, numbers[fold]) for fold in FOLDS if numbers[fold]]),
    )


def _photos_in(fold: Fold, number: int) -> str:
    match fold:
        case "train":
            return nt(number, "{n} photo d’apprentissage", "{n} photos d’apprentissage")
        case "validation":
            return nt(number, "{n} photo de validation", "{n} photos de validation")
    return nt(number, "{n} photo de test", "{n} photos de test")


def _card(here: Here, label: str) -> Mapping[str, Any]:
    cards = here.view.samples(label)
    numbers = Counter(card.fold for card in cards)
    cover = [card for card in cards if card.fold == "test"] or list(cards)
    # Photos spread over the class say more of it than its first four.
    step = max(1, len(cover) // _COVER)
    named = [name for name, _ in _named(here.view, label)]
    rest = len(named) - _TOP_SUBCATEGORIES
    return {
        "label": label,
        "gloss": here.view.gloss(label),
        "href": here.gallery(label),
        "n": len(cards),
        "parts": ", ".join(f"{wording.count(numbers[fold])} {t(PARTS[fold])}" for fold in FOLDS),
        "cover": [photo(here, card) for card in cover[::step][:_COVER]]
        if here.view.photos_shown
        else [],
        "subcategories": named[:_TOP_SUBCATEGORIES],
        "more": t("et {rest}", rest=nt(rest, "{n} autre", "{n} autres")) if rest > 0 else "",
    }


def _named(view: StudyView, label: str) -> list[tuple[str, int]]:
    """The sub-categories of a class with their photos, the largest first."""
    names = Counter(card.subcategory for card in view.samples(label) if card.subcategory)
    return names.most_common()


def _title(fold: Fold) -> str:
    return wording.sentence_case(t(PARTS[fold]))


def chart(view: StudyView) -> Chart:
    """Photos of each class, stacked by part."""
    classes = view.study.classes
    numbers = Counter((card.label, card.fold) for card in view.study.samples)
    counted: dict[tuple[str, str], int] = {
        (label, fold): numbers[label, fold] for label in classes for fold in FOLDS
    }
    totals = [len(view.samples(label)) for label in classes]
    return charts.chart(
        "effectifs",
        partial(charts.count_plot, counted),
        view.draw,
        title=t("Photos de chaque catégorie, par partie"),
        alt=t(
            "Barres empilées : chaque catégorie compte de {least} à {most}. "
            "Le tableau qui suit donne les nombres.",
            least=wording.count(min(totals)),
            most=nt(max(totals), "{n} photo", "{n} photos"),
        ),
        table=simple(
            "effectifs-donnees",
            t("Photos de chaque catégorie, en chiffres"),
            (t("Catégorie"), *map(_title, FOLDS)),
            [
                (label, *(wording.count(numbers[label, fold]) for fold in FOLDS))
                for label in classes
            ],
            title=view.data_trace,
        ),
        keys=((fold, t(PARTS[fold])) for fold in FOLDS),
    )


def counts(here: Here) -> Table:
    """Photos of each class in each part, usable or not, with their sum."""
    view = here.view
    numbers = Counter((card.label, card.fold) for card in view.study.samples)
    folds = Counter(card.fold for card in view.study.samples)
    missing = Counter(photo.label for photo in view.study.missing)

    def count(number: int, href: str = "") -> Cell:
        return Cell(text=wording.count(number), title=view.data_trace, href=href)

    def part(fold: Fold, label: str) -> Cell:
        number = numbers[label, fold]
        return count(number, here.gallery(label, fold) if number else "")

    total = Row(
        kind="best",
        cells=(
            head(t("Total")),
            *(count(folds[fold]) for fold in FOLDS),
            count(len(view.study.samples)),
            count(len(view.study.missing)),
        ),
    )
    return table(
        "nombres",
        t("Nombre de photos"),
        view.study.classes,
        Col(t("Catégorie"), lambda label: head(label, href=here.gallery(label))),
        *(Col(_title(fold), partial(part, fold)) for fold in FOLDS),
        Col(t("Utilisables"), lambda label: count(len(view.samples(label)), here.gallery(label))),
        Col(t("Inutilisables"), lambda label: count(missing[label])),
        more=[total],
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


# ------------------------------------------------------------------------- missing

_REASONS = {
    "file not found": message("fichier introuvable"),
    "truncated": message("photo tronquée"),
    "damaged": message("photo abîmée"),
    "not a photo": message("ce n’est pas une photo d’un format connu"),
    "cannot be read": message("fichier illisible"),
}
"""How a reason of the record begins, and what it means."""


def _reason(photo: MissingPhoto) -> Cell:
    said = next((words for start, words in _REASONS.items() if photo.reason.startswith(start)), "")
    return Cell(text=t(said)) if said else Cell(text=photo.reason, lang="en")


def _missing(view: StudyView) -> Table:
    return table(
        "inutilisables",
        t("Photos que les données nomment et qui ne peuvent pas servir"),
        view.study.missing,
        Col(t("Fichier"), lambda photo: photo.path),
        Col(t("Catégorie"), lambda photo: photo.label, numeric=False),
        Col(t("Raison"), _reason, numeric=False),
        kind="plain",
    )
