"""Back-up slides: varied classes, tables of each class, confusions, method."""

from collections.abc import Iterator
from dataclasses import replace

from evaluation.report.kit.language import nt, t
from evaluation.report.paper.deck.blocks import Slide, albums, block, picture, slide, tables
from evaluation.report.paper.deck.slides import diverse
from evaluation.report.study.here import Here
from evaluation.report.study.matrix import matrix
from evaluation.report.study.scores import cases_table, class_table, confusion_table
from evaluation.report.study.texts import side_by_side
from evaluation.report.study.view import best

_VARIED = 7
"""Photos of a class on a back-up slide."""

_SHELVES = 3
"""Classes on it."""

_CROSSED = 14
"""Classes of a confusion matrix that a slide holds."""


def backup_slides(here: Here) -> Iterator[Slide]:
    """What the speaker keeps at hand."""
    view = here.view
    if view.photos_shown:
        yield from _varied(here)
    for run in (best(view.supervised), best(view.described)):
        classes = class_table(here, run, view.twin(run)) if run else None
        yield from tables(t("Catégorie par catégorie"), classes, dense=False, rows=8)
    yield from _confusions(here)
    cases = cases_table(here) if view.scored else None
    yield from tables(t("Tous les cas"), cases, note="cases", rows=9)
    whole = matrix(here, view.compared, numbered=False) if view.compared else None
    yield from tables(t("Qui bat qui"), whole, note="matrix", rows=4, columns=7)
    yield slide(
        t("Méthode"),
        block("method", study=view.study, test=view.test_images, compared=view.compared),
    )


def _varied(here: Here) -> Iterator[Slide]:
    shelves = []
    for label in here.view.study.classes:
        cards = diverse(here.view, label, _VARIED)
        kinds = {card.subcategory for card in here.view.samples(label) if card.subcategory}
        note = nt(len(kinds), "{n} sous-catégorie", "{n} sous-catégories") if kinds else ""
        pictures = [picture(here, card, card.subcategory or card.title or "") for card in cards]
        shelves.append({"title": label, "note": note, "pictures": pictures})
    title = t("Des articles très différents au sein d’une même catégorie")
    yield from albums(title, shelves, _SHELVES)


def _confusions(here: Here) -> Iterator[Slide]:
    """What was trained beside names, then beside descriptions: who is taken for whom."""
    runs = [run for run in side_by_side(here.view) if len(run.classes) <= _CROSSED]
    pairs = [[*runs[:1], other] for other in runs[1:]] or [[run] for run in runs]
    for place, pair in enumerate(pairs, start=1):
        crossed = [confusion_table(here, run, numbered=True) for run in pair]
        sides = (
            block("grid", table=replace(table, id=f"{table.id}-{place}"), dense=True, note="")
            for table in crossed
        )
        yield slide(t("Matrices de confusion"), *sides, layout="split")
