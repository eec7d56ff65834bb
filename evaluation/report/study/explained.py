"""Explained photos as the pages show them: alone, and the same one by several cases."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evaluation.errors import ReportError
from evaluation.records import CaseExplanation, ExplainedPhoto, RunRecord, SampleCard
from evaluation.report.kit import links, wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.page import Link
from evaluation.report.study import faithfulness, maps
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView
from evaluation.usage import SCORE_AGAIN

Model = dict[str, Any]

_LISTED = 8
"""A photo with more classes than this shows the others folded."""
_TEXTS = 3
"""Texts of a class that are quoted at most, the others being counted."""


# ------------------------------------------------------------------------ one photo


def case_page(view: StudyView, case: str) -> str:
    """The uri of the page of a case's explained photos."""
    return view.page(f"explicabilite/{view.case_slugs[case]}")


def case_link(here: Here, case: str) -> Link | None:
    """To what counted in the errors of a case; None without maps."""
    if case not in here.view.explanations:
        return None
    return Link(
        text=t("Ce qui, dans la photo, a compté dans ces erreurs"),
        href=here.file(case_page(here.view, case), "erreurs"),
    )


def anchors(explanation: CaseExplanation) -> Mapping[str, str]:
    """Sample id to its anchor on the page of its case."""
    found = links.slugs(photo.sample_id for photo in explanation.photos)
    return {sample: f"photo-{slug}" for sample, slug in found.items()}


def photos(
    here: Here, explanation: CaseExplanation, chosen: Iterable[ExplainedPhoto]
) -> tuple[Model, ...]:
    """Photos of a case, in the order given: what it says of each, and what in it counted."""
    names = anchors(explanation)
    return tuple(_photo(here, explanation, photo, names[photo.sample_id]) for photo in chosen)


def card_of(view: StudyView, case: str, photo: ExplainedPhoto) -> SampleCard:
    """The card of an explained photo.

    Raises :class:`ReportError` when the study has no such photo.
    """
    found = view.cards.get(photo.sample_id)
    if found is None:
        raise ReportError(
            f"explains {photo.sample_id!r}, which study.json does not name",
            where=view.results.folder.parent / case / "attention.json",
            remedy=SCORE_AGAIN,
        )
    return found


def _photo(here: Here, explanation: CaseExplanation, photo: ExplainedPhoto, anchor: str) -> Model:
    card = card_of(here.view, explanation.case, photo)
    chances = _chances(explanation.classes, photo)
    listed = chances if len(chances) <= _LISTED else chances[: _LISTED - 1]
    # The true class is always in sight.
    listed += [chance for chance in chances[len(listed) :] if chance["kind"]]
    others = [chance for chance in chances if chance not in listed]
    return {
        "anchor": anchor,
        "title": card.title or card.id,
        "right": photo.label == photo.predicted,
        "verdict": verdict(explanation.classes, photo),
        "reasons": photo.reasons,
        "spec": explanation.spec,
        "unseen": maps.unseen(photo),
        "photo": maps.photo_picture(here, card),
        "groups": _groups(here, explanation, photo, card),
        "chances": listed,
        "others": others,
        "links": _links(here, explanation.case, photo),
    }


def verdict(classes: Sequence[str], photo: ExplainedPhoto) -> str:
    """What a case answers, and how sure of it it is."""
    chance = dict(zip(classes, photo.probabilities, strict=True))
    if photo.label == photo.predicted:
        return t(
            "Juste : « {label} », à {share}",
            label=photo.label,
            share=wording.percent(chance[photo.label]),
        )
    return t(
        "Faux : « {predicted} », à {share} ; la vraie catégorie, « {label} », a {rest}",
        predicted=photo.predicted,
        share=wording.percent(chance[photo.predicted]),
        label=photo.label,
        rest=small(chance[photo.label]),
    )


def small(share: float) -> str:
    """A share in percent; what would be written zero is said to be less than a thousandth."""
    if 0 < share < 0.0005:  # noqa: PLR2004 - would be written "0,0 %"
        return t("moins de {share}", share=wording.percent(0.001))
    return wording.percent(share)


def _chances(classes: Sequence[str], photo: ExplainedPhoto) -> list[Model]:
    """The probability of all classes, the most probable first."""
    pairs = sorted(zip(classes, photo.probabilities, strict=True), key=lambda pair: -pair[1])
    return [
        {
            "label": label,
            "text": wording.percent(share),
            "share": f"{share:.3f}",
            "kind": _kind(label, photo),
        }
        for label, share in pairs
    ]


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
        tag, kind = faithfulness.tag(explanation, method)
        pictures = tuple(
            maps.map_of(here, explanation.case, photo, drawn, card=card)
            for drawn in photo.maps
            if drawn.method == method
        )
        name = maps.method_name(method)
        groups.append({"method": name, "tag": tag, "kind": kind, "href": worth, "maps": pictures})
    return tuple(groups)


def _links(here: Here, case: str, photo: ExplainedPhoto) -> tuple[Link, ...]:
    if not (here.view.explorable(case) and here.view.cards[photo.sample_id].fold == "test"):
        return ()
    link = Link(text=t("Cette photo dans l’explorateur"), href=here.photo(photo.sample_id))
    if photo.label == photo.predicted:
        return (link,)
    alike = here.photos(case, truth=photo.label, predicted=photo.predicted)
    return (link, Link(text=t("Toutes celles de la même confusion"), href=alike))


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
    right = photo.label == photo.predicted
    return {
        "title": title,
        "href": here.file(case_page(here.view, run.case), anchors(explanation)[photo.sample_id]),
        "right": right,
        "verdict": t("✓ juste") if right else t("✗ pris pour « {label} »", label=photo.predicted),
        "probability": wording.percent(truth(explanation, photo)),
        "words": words(() if run.prompts is None else run.prompts.texts.get(photo.label, ()), run),
        "method": maps.method_name(drawn[0].method) if drawn else "",
        "map": maps.map_of(here, run.case, photo, drawn[0], card=card, alone=True)
        if drawn
        else None,
    }


def words(texts: tuple[str, ...], run: RunRecord) -> Model:
    """Texts of a case as they are quoted: the first ones, and how many more there are."""
    rest = len(texts) - _TEXTS
    return {
        "texts": texts[:_TEXTS],
        "more": nt(rest, "et {n} autre texte", "et {n} autres textes") if rest > 0 else "",
        "lang": "" if run.prompts is None else run.prompts.language,
    }
