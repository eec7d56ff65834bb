"""Back-up slides: varied classes, tables of each class, confusions, method."""

from __future__ import annotations

from dataclasses import replace

from evaluation.records import RunRecord
from evaluation.report.kit import wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.page import Fact
from evaluation.report.kit.sentence import say
from evaluation.report.paper.deck.blocks import (
    Album,
    Block,
    Facts,
    Grid,
    Shelf,
    Slide,
    picture,
    unlinked,
    words,
)
from evaluation.report.paper.deck.paging import paged
from evaluation.report.paper.deck.slides import diverse
from evaluation.report.study.here import Here
from evaluation.report.study.matrix import global_test, matrix, sensitivity
from evaluation.report.study.scores import cases_table, class_table, confusion_table
from evaluation.report.study.texts import side_by_side
from evaluation.report.study.view import StudyView, best

_VARIED = 7
"""Photos of a class on a back-up slide."""

_SHELVES = 3
"""Classes on it."""

_CROSSED = 14
"""Classes of a confusion matrix that a slide holds."""


def backup_slides(view: StudyView) -> tuple[Slide, ...]:
    """What the speaker keeps at hand."""
    source = view.page("index")
    tops = tuple(run for run in (best(view.supervised), best(view.described)) if run is not None)
    return (
        *_varied(view),
        *(slide for run in tops for slide in _classes(Here(view, source), run)),
        *_confusions(Here(view, source)),
        *_cases(Here(view, source)),
        *_matrix(Here(view, source)),
        _method(view),
    )


def _backup(title: str, *blocks: Block) -> Slide:
    return Slide(title=title, kicker=t("Annexe"), blocks=blocks)


def _varied(view: StudyView) -> tuple[Slide, ...]:
    """Very different articles in one class."""
    if not view.photos_shown:
        return ()
    shelves = []
    for label in view.study.classes:
        cards = diverse(view, label, _VARIED)
        kinds = {card.subcategory for card in view.samples(label) if card.subcategory}
        shelves.append(
            Shelf(
                title=label,
                note=nt(len(kinds), "{n} sous-catégorie", "{n} sous-catégories") if kinds else "",
                pictures=tuple(
                    picture(view, card, caption=card.subcategory or card.title or "")
                    for card in cards
                ),
            )
        )
    return tuple(
        _backup(
            t("Des articles très différents au sein d’une même catégorie"),
            Album(shelves=tuple(shelves[start : start + _SHELVES])),
        )
        for start in range(0, len(shelves), _SHELVES)
    )


def _classes(here: Here, run: RunRecord) -> tuple[Slide, ...]:
    table = unlinked(class_table(here, run, here.view.twin(run)))
    return tuple(
        _backup(t("Catégorie par catégorie"), Grid(table=page)) for page in paged(table, rows=8)
    )


def _confusions(here: Here) -> tuple[Slide, ...]:
    """What was trained beside names, then beside descriptions: who is taken for whom."""
    runs = [run for run in side_by_side(here.view) if len(run.classes) <= _CROSSED]
    pairs = [[*runs[:1], other] for other in runs[1:]] or [[run] for run in runs]
    return tuple(
        Slide(
            title=t("Matrices de confusion"),
            kicker=t("Annexe"),
            blocks=tuple(_crossed(here, run, place) for run in pair),
            layout="split",
        )
        for place, pair in enumerate(pairs, start=1)
    )


def _crossed(here: Here, run: RunRecord, place: int) -> Grid:
    table = unlinked(confusion_table(here, run, numbered=True))
    return Grid(table=replace(table, id=f"{table.id}-{place}"), dense=True)


def _cases(here: Here) -> tuple[Slide, ...]:
    if not here.view.scored:
        return ()
    table = unlinked(
        cases_table(here),
        t(
            "Entre crochets, l’intervalle à 95 %. Deux cas qui partagent une lettre ne sont pas "
            "départagés : aucun test ne les sépare."
        ),
    )
    return tuple(
        _backup(t("Tous les cas"), Grid(table=page, dense=True)) for page in paged(table, rows=9)
    )


def _matrix(here: Here) -> tuple[Slide, ...]:
    compared = here.view.comparison.comparison if here.view.comparison else None
    if compared is None:
        return ()
    table = unlinked(
        matrix(here, compared, numbered=False),
        t("Dans chaque case : l’écart, le verdict et l’intervalle à 95 %."),
    )
    return tuple(
        _backup(t("Qui bat qui"), Grid(table=page, dense=True))
        for page in paged(table, rows=4, columns=7)
    )


def _method(view: StudyView) -> Slide:
    study = view.study
    compared = view.comparison.comparison if view.comparison else None
    facts = [
        Fact(label=t("Origine"), text=wording.told(study.origin), wide=True),
        Fact(label=t("Licence"), text=wording.told(study.licence), wide=True),
        Fact(label=t("Empreinte des données"), text=study.dataset_revision[:12], code=True),
        Fact(label=t("Empreinte du découpage"), text=study.split_digest[:12], code=True),
        Fact(label=t("Graine du découpage"), text=str(study.seed), code=True),
    ]
    points = [
        say(
            "Chaque cas répond des mêmes {photos} de test ; les textes se choisissent sur la "
            "validation.",
            photos=nt(view.test_images, "{n} photo", "{n} photos"),
        ),
        say(
            "Intervalles à 95 % : Wilson pour une part, bootstrap BCa (rééchantillonnage) "
            "pour un F1, "
            "Tango (mêmes photos) pour un écart. Comparaisons : Q de Cochran, puis McNemar "
            "(mid-p) corrigé par "
            "Holm pour toutes les paires."
        ),
        *((global_test(compared), sensitivity(compared)) if compared else ()),
    ]
    return _backup(
        t("Méthode"), words(points), Facts(facts=tuple(one for one in facts if one.text))
    )
