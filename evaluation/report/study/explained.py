"""Explained photos as the pages show them: alone, and the same one by several cases."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.errors import ReportError
from evaluation.records import CaseExplanation, ExplainedPhoto, RunRecord, SampleCard
from evaluation.report.kit import links
from evaluation.report.study import faithfulness, maps
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView
from evaluation.usage import SCORE_AGAIN

Model = dict[str, Any]

_LISTED = 8
"""A photo with more classes than this shows the others folded."""


# ------------------------------------------------------------------------ one photo


def case_page(view: StudyView, case: str) -> str:
    """The uri of the page of a case's explained photos."""
    return view.page(f"explicabilite/{view.case_slugs[case]}")


def errors(here: Here, case: str) -> str:
    """To what counted in the errors of a case; "" without maps."""
    known = case in here.view.explanations
    return here.file(case_page(here.view, case), "erreurs") if known else ""


def anchors(explanation: CaseExplanation) -> Mapping[str, str]:
    """Sample id to its anchor on the page of its case."""
    slugs = links.slugs(photo.sample_id for photo in explanation.photos)
    return {sample: f"photo-{slug}" for sample, slug in slugs.items()}


def photos(
    here: Here, explanation: CaseExplanation, *, right: bool, most: int | None = None
) -> list[Model]:
    """Photos that a case gets right, or wrong: what it says of each, and what in it counted.

    Those come first that were chosen for being so; the others are there by lot, for the
    comparison of cases.
    """
    names = anchors(explanation)
    side = [photo for photo in explanation.photos if (photo.label == photo.predicted) == right]
    side.sort(key=lambda photo: all(reason.rule == "shared" for reason in photo.reasons))
    return [_photo(here, explanation, photo, names[photo.sample_id]) for photo in side[:most]]


def card_of(view: StudyView, case: str, photo: ExplainedPhoto) -> SampleCard:
    """The card of an explained photo.

    Raises :class:`ReportError` when the study has no such photo.
    """
    card = view.cards.get(photo.sample_id)
    if card is None:
        raise ReportError(
            f"explains {photo.sample_id!r}, which study.json does not name",
            where=view.results.folder.parent / case / "attention.json",
            remedy=SCORE_AGAIN,
        )
    return card


def _photo(here: Here, explanation: CaseExplanation, photo: ExplainedPhoto, anchor: str) -> Model:
    card = card_of(here.view, explanation.case, photo)
    # The probability of all classes, the most probable first.
    pairs = zip(explanation.classes, photo.probabilities, strict=True)
    chances = [
        {"label": label, "share": share, "width": f"{share:.3f}", "kind": _kind(label, photo)}
        for label, share in sorted(pairs, key=lambda pair: -pair[1])
    ]
    listed = chances if len(chances) <= _LISTED else chances[: _LISTED - 1]
    # The true class is always in sight.
    listed += [chance for chance in chances[len(listed) :] if chance["kind"]]
    others = [chance for chance in chances if chance not in listed]
    return {
        "anchor": anchor,
        "title": card.title or card.id,
        "right": photo.label == photo.predicted,
        "answer": answered(explanation.classes, photo),
        "reasons": photo.reasons,
        "spec": explanation.spec,
        "unseen": maps.unseen(photo),
        "photo": maps.photo_picture(here, card),
        "groups": _groups(here, explanation, photo, card),
        "chances": listed,
        "others": others,
        "links": _links(here, explanation.case, photo),
    }


def answered(classes: Sequence[str], photo: ExplainedPhoto) -> Model:
    """What a case answers, and the probabilities of its answer and of the true class.

    What would be written zero percent is said to be ``less`` than a thousandth.
    """
    chance = dict(zip(classes, photo.probabilities, strict=True))
    return {
        "label": photo.label,
        "predicted": photo.predicted,
        "sure": chance[photo.predicted],
        "true": chance[photo.label],
        "less": 0.001 if 0 < chance[photo.label] < 0.0005 else None,  # noqa: PLR2004 - rounds to 0
    }


def _kind(label: str, photo: ExplainedPhoto) -> str:
    if label == photo.predicted:
        return "hit" if label == photo.label else "error"
    return "truth" if label == photo.label else ""


def _groups(
    here: Here, explanation: CaseExplanation, photo: ExplainedPhoto, card: SampleCard
) -> tuple[Model, ...]:
    """The maps of a photo by method, each method's on one scale, with what it is worth here."""
    worth = here.file(case_page(here.view, explanation.case), "fidelite-du-cas")
    groups = []
    for method in dict.fromkeys(drawn.method for drawn in photo.maps):
        pictures = tuple(
            maps.map_of(here, explanation.case, photo, drawn, card=card)
            for drawn in photo.maps
            if drawn.method == method
        )
        won, of = faithfulness.score(explanation, method)
        name = maps.method_name(method)
        groups.append({"method": name, "won": won, "of": of, "href": worth, "maps": pictures})
    return tuple(groups)


def _links(here: Here, case: str, photo: ExplainedPhoto) -> Model | None:
    """To the photo among all others, and to those of the same confusion."""
    if not (here.view.explorable(case) and here.view.cards[photo.sample_id].fold == "test"):
        return None
    alike = here.photos(case, truth=photo.label, predicted=photo.predicted)
    wrong = photo.label != photo.predicted
    return {"photo": here.photo(photo.sample_id), "alike": alike if wrong else ""}


# ------------------------------------------------------------------- the same photo


def shared(explanations: Sequence[CaseExplanation]) -> tuple[str, ...]:
    """Ids of the photos that the rules chose for all of these cases alike."""
    sets = [
        [
            photo.sample_id
            for photo in explanation.photos
            if any(reason.rule == "shared" for reason in photo.reasons)
        ]
        for explanation in explanations
    ]
    return tuple(id_ for id_ in sets[0] if all(id_ in ids for ids in sets)) if sets else ()


def of(explanation: CaseExplanation, sample_id: str) -> ExplainedPhoto:
    """A case's word on a photo that it explains."""
    return next(photo for photo in explanation.photos if photo.sample_id == sample_id)


def truth(explanation: CaseExplanation, photo: ExplainedPhoto) -> float:
    """Probability of the true class."""
    return photo.probabilities[explanation.classes.index(photo.label)]


def variant(here: Here, run: RunRecord, sample_id: str, *, method: str, title: str) -> Model:
    """What a case says of a photo, with the true class's map by ``method`` if there is one."""
    explanation = here.view.explanations[run.case]
    photo = of(explanation, sample_id)
    card = card_of(here.view, run.case, photo)
    drawn = sorted(
        (map_ for map_ in photo.maps if map_.label == photo.label),
        key=lambda map_: map_.method != method,
    )
    return {
        "title": title,
        "href": here.file(case_page(here.view, run.case), anchors(explanation)[photo.sample_id]),
        "right": photo.label == photo.predicted,
        "predicted": photo.predicted,
        "probability": truth(explanation, photo),
        "words": words(() if run.prompts is None else run.prompts.texts.get(photo.label, ()), run),
        "method": maps.method_name(drawn[0].method) if drawn else "",
        "map": maps.map_of(here, run.case, photo, drawn[0], card=card, alone=True)
        if drawn
        else None,
    }


def words(texts: Sequence[str], run: RunRecord) -> Model:
    """Texts of a case, as they are quoted."""
    return {"texts": texts, "lang": "" if run.prompts is None else run.prompts.language}
