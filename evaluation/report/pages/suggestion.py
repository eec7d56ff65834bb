"""More precise texts, from what validation gets wrong and from what counted in those photos.

Everything here was measured on the validation photos: the test has not been looked at, so that
a proposal may still be scored on it.
"""

from typing import Any

from evaluation import records
from evaluation.report.kit import wording
from evaluation.report.kit.language import t
from evaluation.report.kit.page import Part
from evaluation.report.kit.tables import Cell, Col, Table, number, table
from evaluation.report.study import explained, maps
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, shown, trace

Model = dict[str, Any]


def build(here: Here) -> Model | None:
    """What the template prints, a section for each case that something was suggested for."""
    if not here.view.suggestions:
        return None
    return {
        "sections": [
            _section(here, here.view.runs[case], suggestion)
            for case, suggestion in here.view.suggestions.items()
        ],
    }


def _section(here: Here, run: records.RunRecord, suggestion: records.Suggestion) -> Model:
    proposed = suggestion.proposal.texts if suggestion.proposal else {}
    return {
        "title": here.view.case_title(run),
        "suggestion": suggestion,
        "share": Part(text=shown(suggestion.before), href=here.run(run.case), title=trace(run)),
        # What validation says of a class: its confusions, the texts of the case, those added.
        "classes": [
            {
                "validated": row,
                "confusions": [_confusion(here, run, pair) for pair in row.confusions],
                "uncovered": _uncovered(here.view, run, row) if row.uncovered else None,
                "texts": explained.words(row.texts, run),
                "added": explained.words(
                    [text for text in proposed.get(row.label, ()) if text not in row.texts], run
                ),
            }
            for row in suggestion.classes
            if row.confusions or row.uncovered
        ],
    }


def _confusion(here: Here, run: records.RunRecord, pair: records.ValidationConfusion) -> Model:
    """A class taken for another, and photos that show it."""
    cards = [maps.card_of(here.view, run.case, photo) for photo in pair.photos]
    return {
        "count": pair.count,
        "predicted": pair.predicted,
        "photos": [
            {
                "title": card.title or card.id,
                "answer": explained.answered(run.classes, photo),
                "photo": maps.photo_picture(here, card),
                "maps": [maps.map_of(here, run.case, photo, drawn) for drawn in photo.maps],
            }
            for card, photo in zip(cards, pair.photos, strict=True)
        ],
    }


def _uncovered(view: StudyView, run: records.RunRecord, row: records.ClassSuggestion) -> Table:
    lang = run.prompts.language if run.prompts else ""

    def proposed(kind: records.UncoveredSubcategory) -> Cell:
        note = t("ajouté par la proposition") if kind.added else t("laissé de côté")
        return Cell(text=kind.text, lang=lang, note=note)

    def errors(kind: records.UncoveredSubcategory) -> Cell:
        wrong, of = kind.validation_errors, kind.validation_photos
        text = t("{wrong} sur {of}", wrong=wording.count(wrong), of=wording.count(of))
        return number(wrong, "0", text=text)

    return table(
        f"oubliees-{view.case_slugs[run.case]}-{view.study.classes.index(row.label)}",
        t("« {label} » : sous-catégories que ses textes ne nomment pas", label=row.label),
        row.uncovered,
        Col(t("Sous-catégorie"), lambda kind: kind.name),
        Col(t("Texte proposé"), proposed, numeric=False),
        Col(t("Apprentissage"), lambda kind: number(kind.train_photos, "0"), t("photos")),
        Col(t("Validation"), errors, t("erreurs sur photos")),
        Col(
            t("Texte le plus proche"),
            lambda kind: Cell(text=kind.nearest_text, lang=lang),
            numeric=False,
        ),
        Col(t("Cosinus"), lambda kind: number(kind.similarity, "0.00")),
        tip=trace(run),
        kind="plain",
    )
