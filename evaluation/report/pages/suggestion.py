"""More precise texts, from what validation gets wrong and from what counted in those photos.

Everything here was measured on the validation photos: the test has not been looked at, so that
a proposal may still be scored on it.
"""

from typing import Any

from evaluation.records import (
    ClassSuggestion,
    RunRecord,
    Suggestion,
    UncoveredSubcategory,
    ValidationConfusion,
)
from evaluation.report.kit import wording
from evaluation.report.kit.language import t
from evaluation.report.kit.page import Part
from evaluation.report.kit.tables import Cell, Col, Table, number, table
from evaluation.report.study import explained, maps
from evaluation.report.study.here import Here
from evaluation.report.study.photos import WITHHELD
from evaluation.report.study.view import StudyView, shown, trace

Model = dict[str, Any]


def build(here: Here) -> Model | None:
    """What the template prints, a section for each case that something was suggested for."""
    if not here.view.suggestions:
        return None
    return {
        "assets": maps.assets(here),
        "withheld": "" if here.view.photos_shown else t(WITHHELD),
        "sections": [
            _section(here, here.view.runs[case], found)
            for case, found in here.view.suggestions.items()
        ],
    }


def _section(here: Here, run: RunRecord, found: Suggestion) -> Model:
    measured = found.after is not None and found.gain is not None
    return {
        "title": here.view.case_title(run),
        "before": found.before,
        "share": Part(text=shown(found.before), href=here.run(run.case), title=trace(run)),
        "after": shown(found.after),
        "gain": found.gain if measured else None,
        "won": found.only_after,
        "lost": found.only_before,
        # How to measure a proposal on the test.
        "proposal": found.proposal.name if found.proposal else "",
        "far": found.far,
        "classes": tuple(
            _class(here, run, found, row)
            for row in found.classes
            if row.confusions or row.uncovered
        ),
    }


def _class(here: Here, run: RunRecord, found: Suggestion, one: ClassSuggestion) -> Model:
    """What validation says of one class: its confusions, the texts of the case, those added."""
    kept = found.proposal.texts.get(one.label, ()) if found.proposal else ()
    return {
        "validated": one,
        "confusions": tuple(_confusion(here, run, pair) for pair in one.confusions),
        "uncovered": _uncovered(here.view, run, one) if one.uncovered else None,
        "texts": explained.words(one.texts, run),
        "added": explained.words(tuple(text for text in kept if text not in one.texts), run),
    }


def _confusion(here: Here, run: RunRecord, pair: ValidationConfusion) -> Model:
    """A class taken for another, and photos that show it."""
    photos = []
    for photo in pair.photos:
        card = explained.card_of(here.view, run.case, photo)
        pictures = tuple(
            maps.map_of(here, run.case, photo, drawn, card=card) for drawn in photo.maps
        )
        photos.append(
            {
                "title": card.title or card.id,
                "answer": explained.answered(run.classes, photo),
                "photo": maps.photo_picture(here, card),
                "maps": pictures,
            }
        )
    return {"count": pair.count, "predicted": pair.predicted, "photos": photos}


def _uncovered(view: StudyView, run: RunRecord, one: ClassSuggestion) -> Table:
    why = trace(run)
    lang = run.prompts.language if run.prompts else ""

    def proposed(found: UncoveredSubcategory) -> Cell:
        note = t("ajouté par la proposition") if found.added else t("laissé de côté")
        return Cell(text=found.text, lang=lang, note=note)

    def errors(found: UncoveredSubcategory) -> Cell:
        wrong, of = found.validation_errors, found.validation_photos
        text = t("{wrong} sur {of}", wrong=wording.count(wrong), of=wording.count(of))
        return number(wrong, "0", text=text, title=why)

    return table(
        f"oubliees-{view.case_slugs[run.case]}-{view.study.classes.index(one.label)}",
        t("« {label} » : sous-catégories que ses textes ne nomment pas", label=one.label),
        one.uncovered,
        Col(t("Sous-catégorie"), lambda found: found.name),
        Col(t("Texte proposé"), proposed, numeric=False),
        Col(
            t("Apprentissage"),
            lambda found: number(found.train_photos, "0", title=why),
            t("photos"),
        ),
        Col(t("Validation"), errors, t("erreurs sur photos")),
        Col(
            t("Texte le plus proche"),
            lambda found: Cell(text=found.nearest_text, lang=lang, title=why),
            numeric=False,
        ),
        Col(t("Cosinus"), lambda found: number(found.similarity, "0.00", title=why)),
        kind="plain",
    )
