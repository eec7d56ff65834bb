"""Explained photos as the pages show them: alone, and the same one by several cases."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.records import CaseExplanation, ExplainedPhoto, RunRecord
from evaluation.report.kit import links
from evaluation.report.study import faithfulness, maps
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView

Model = dict[str, Any]

_LISTED = 8
"""A photo with more classes than this shows the others folded."""


def case_page(view: StudyView, case: str) -> str:
    """The uri of the page of a case's explained photos."""
    return view.page(f"explicabilite/{view.case_slugs[case]}")


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


def _photo(here: Here, explanation: CaseExplanation, photo: ExplainedPhoto, anchor: str) -> Model:
    case, right = explanation.case, photo.label == photo.predicted
    card = maps.card_of(here.view, case, photo)
    kinds = {photo.label: "truth", photo.predicted: "hit" if right else "error"}
    # The probability of all classes, the most probable first; the true one is always in sight.
    pairs = zip(explanation.classes, photo.probabilities, strict=True)
    chances = [
        {"label": label, "share": share, "width": f"{share:.3f}", "kind": kinds.get(label, "")}
        for label, share in sorted(pairs, key=lambda pair: -pair[1])
    ]
    listed = chances if len(chances) <= _LISTED else chances[: _LISTED - 1]
    listed += [chance for chance in chances[len(listed) :] if chance["kind"]]
    # Each method's maps on one scale, with what the method is worth here.
    groups = []
    for method in dict.fromkeys(drawn.method for drawn in photo.maps):
        mine = [drawn for drawn in photo.maps if drawn.method == method]
        won, of = faithfulness.score(explanation, method)
        groups.append(
            {
                "method": maps.method_name(method),
                "won": won,
                "of": of,
                "href": here.file(case_page(here.view, case), "fidelite-du-cas"),
                "maps": [maps.map_of(here, case, photo, drawn) for drawn in mine],
            }
        )
    alike = here.photos(case, truth=photo.label, predicted=photo.predicted)
    return {
        "anchor": anchor,
        "title": card.title or card.id,
        "right": right,
        "answer": answered(explanation.classes, photo),
        "reasons": photo.reasons,
        "spec": explanation.spec,
        "unseen": maps.unseen(photo),
        "photo": maps.photo_picture(here, card),
        "groups": groups,
        "chances": listed,
        "others": [chance for chance in chances if chance not in listed],
        # To the photo among all others, and to those of the same confusion.
        "links": {"photo": here.photo(card.id), "alike": "" if right else alike}
        if here.view.explorable(case) and card.fold == "test"
        else None,
    }


def answered(classes: Sequence[str], photo: ExplainedPhoto) -> Model:
    """What a case answers, and the probabilities of its answer and of the true class."""
    chance = dict(zip(classes, photo.probabilities, strict=True))
    labels = {"label": photo.label, "predicted": photo.predicted}
    return {**labels, "sure": chance[photo.predicted], "true": chance[photo.label]}


def shared(explanations: Sequence[CaseExplanation]) -> tuple[str, ...]:
    """Ids of the photos that the rules chose for all of these cases alike."""
    common = [
        [photo.sample_id for photo in case.photos if any(r.rule == "shared" for r in photo.reasons)]
        for case in explanations
    ]
    return tuple(id_ for id_ in common[0] if all(id_ in ids for ids in common)) if common else ()


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
    texts = run.prompts.texts.get(photo.label, ()) if run.prompts else ()
    mine = [drawn for drawn in photo.maps if drawn.label == photo.label]
    drawn = min(mine, key=lambda drawn: drawn.method != method, default=None)
    return {
        "title": title,
        "href": here.file(case_page(here.view, run.case), anchors(explanation)[sample_id]),
        "right": photo.label == photo.predicted,
        "predicted": photo.predicted,
        "probability": truth(explanation, photo),
        "words": words(texts, run),
        "method": maps.method_name(drawn.method) if drawn else "",
        "map": drawn and maps.map_of(here, run.case, photo, drawn, alone=True),
    }


def words(texts: Sequence[str], run: RunRecord) -> Model:
    """Texts of a case, as they are quoted."""
    return {"texts": texts, "lang": run.prompts.language if run.prompts else ""}
