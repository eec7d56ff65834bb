"""Explained photos as the pages show them: alone, and the same one by several cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evaluation.errors import ReportError
from evaluation.records import (
    CaseExplanation,
    ExplainedPhoto,
    RunRecord,
    SampleCard,
)
from evaluation.report.kit import links, wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.page import Link
from evaluation.report.kit.tables import Kind
from evaluation.report.study import faithfulness, maps
from evaluation.report.study.here import Here
from evaluation.report.study.maps import Map, Picture
from evaluation.report.study.view import StudyView
from evaluation.usage import SCORE_AGAIN

_LISTED = 8
"""A photo with more classes than this shows the others folded."""
_TEXTS = 3
"""Texts of a class that are quoted at most, the others being counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """The probability of one class."""

    label: str
    text: str
    share: str
    """As CSS writes it, "0.621"."""
    kind: str
    """"hit", "error", "truth" or ""."""
    note: str
    """What the class is: the true one, the predicted one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodMaps:
    """The maps of a photo by one method, on one scale."""

    method: str
    tag: str
    """Whether the method can be believed, as measured on this case."""
    kind: Kind
    href: str
    """Where that is measured."""
    maps: tuple[Map, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A photo, what a case says of it, and what in it counted."""

    anchor: str
    title: str
    right: bool
    verdict: str
    reasons: tuple[str, ...]
    """The rules that chose it."""
    unseen: str
    photo: Picture | None
    groups: tuple[MethodMaps, ...]
    chances: tuple[Chance, ...]
    others: tuple[Chance, ...]
    """Of the less probable classes, folded."""
    more: str
    """What folds them; "" when there are none."""
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Texts of a class, the first ones quoted."""

    texts: tuple[str, ...]
    more: str
    """How many more there are, or ""."""
    lang: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What one case says of a photo that others are asked about as well."""

    title: str
    href: str
    right: bool
    verdict: str
    probability: str
    """Of the true class."""
    words: Words
    """The texts of the true class; none for a supervised model."""
    method: str
    map: Map | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A photo and what several cases say of it."""

    title: str
    label: str
    summary: str
    said: tuple[str, ...]
    photo: Picture | None
    variants: tuple[Variant, ...]


# ------------------------------------------------------------------------ one photo


def case_page(view: StudyView, case: str) -> str:
    """The uri of the page of a case's explained photos."""
    return view.page(f"explicabilite/{view.case_slugs[case]}")


def case_link(here: Here, case: str) -> Link | None:
    """From page ``source`` to what counted in the errors of a case; None without maps."""
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
    here: Here,
    explanation: CaseExplanation,
    chosen: Iterable[ExplainedPhoto],
) -> tuple[Explained, ...]:
    """Photos of a case, in the order given."""
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


def _photo(
    here: Here,
    explanation: CaseExplanation,
    photo: ExplainedPhoto,
    anchor: str,
) -> Explained:
    card = card_of(here.view, explanation.case, photo)
    chances = _chances(explanation.classes, photo)
    listed = chances if len(chances) <= _LISTED else chances[: _LISTED - 1]
    # The true class is always in sight.
    listed += tuple(one for one in chances[len(listed) :] if one.kind)
    others = tuple(one for one in chances if one not in listed)
    return Explained(
        anchor=anchor,
        title=card.title or card.id,
        right=photo.label == photo.predicted,
        verdict=verdict(explanation.classes, photo),
        reasons=tuple(maps.reason_said(one, explanation.spec) for one in photo.reasons),
        unseen=maps.unseen(photo),
        photo=maps.photo_picture(here, card),
        groups=_groups(here, explanation, photo, card),
        chances=listed,
        others=others,
        more=nt(len(others), "{n} autre catégorie", "{n} autres catégories") if others else "",
        links=_links(here, explanation.case, photo),
    )


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


def _chances(classes: Sequence[str], photo: ExplainedPhoto) -> tuple[Chance, ...]:
    """All classes, the most probable first."""
    order = sorted(range(len(classes)), key=lambda i: -photo.probabilities[i])
    return tuple(
        Chance(
            label=classes[i],
            text=wording.percent(photo.probabilities[i]),
            share=f"{photo.probabilities[i]:.3f}",
            kind=_kind(classes[i], photo),
            note=_note(classes[i], photo),
        )
        for i in order
    )


def _kind(label: str, photo: ExplainedPhoto) -> str:
    if label == photo.predicted:
        return "hit" if label == photo.label else "error"
    return "truth" if label == photo.label else ""


def _note(label: str, photo: ExplainedPhoto) -> str:
    return {
        "hit": t("prédite, juste"),
        "error": t("prédite, faux"),
        "truth": t("vraie catégorie"),
        "": "",
    }[_kind(label, photo)]


def _groups(
    here: Here,
    explanation: CaseExplanation,
    photo: ExplainedPhoto,
    card: SampleCard,
) -> tuple[MethodMaps, ...]:
    groups = []
    for method in dict.fromkeys(one.method for one in photo.maps):
        tag, kind = faithfulness.tag(explanation, method)
        groups.append(
            MethodMaps(
                method=maps.method_name(method),
                tag=tag,
                kind=kind,
                href=here.file(case_page(here.view, explanation.case), "fidelite-du-cas"),
                maps=tuple(
                    maps.map_of(here.view, explanation.case, photo, one, card=card, source=here.uri)
                    for one in photo.maps
                    if one.method == method
                ),
            )
        )
    return tuple(groups)


def _links(here: Here, case: str, photo: ExplainedPhoto) -> tuple[Link, ...]:
    view = here.view
    found = []
    if view.explorable(case) and view.cards[photo.sample_id].fold == "test":
        found.append(
            Link(
                text=t("Cette photo dans l’explorateur"),
                href=links.explorer_photo(view.folder, photo.sample_id, source=here.uri),
            )
        )
        if photo.label != photo.predicted:
            found.append(
                Link(
                    text=t("Toutes celles de la même confusion"),
                    href=links.explorer_cell(
                        view.folder, case, photo.label, photo.predicted, source=here.uri
                    ),
                )
            )
    return tuple(found)


# ------------------------------------------------------------------- the same photo


def shared(explanations: Sequence[CaseExplanation]) -> tuple[str, ...]:
    """Ids of the photos that the rules chose for all of these cases alike."""
    sets = [
        [
            photo.sample_id
            for photo in one.photos
            if any(reason.rule == "shared" for reason in photo.reasons)
        ]
        for one in explanations
    ]
    return tuple(one for one in sets[0] if all(one in other for other in sets)) if sets else ()


def of(explanation: CaseExplanation, sample_id: str) -> ExplainedPhoto:
    """A case's word on a photo that it explains."""
    return next(photo for photo in explanation.photos if photo.sample_id == sample_id)


def truth(explanation: CaseExplanation, photo: ExplainedPhoto) -> float:
    """Probability of the true class."""
    return photo.probabilities[explanation.classes.index(photo.label)]


def variant(
    view: StudyView, run: RunRecord, sample_id: str, *, method: str, title: str, source: str
) -> Variant:
    """What a case says of a photo, with the true class's map by ``method`` if there is one."""
    explanation = view.explanations[run.case]
    photo = of(explanation, sample_id)
    card = card_of(view, run.case, photo)
    drawn = [one for one in photo.maps if one.label == photo.label]
    found = next((one for one in drawn if one.method == method), next(iter(drawn), None))
    return Variant(
        title=title,
        href=links.href(source, case_page(view, run.case), anchors(explanation)[photo.sample_id]),
        right=photo.label == photo.predicted,
        verdict=t("✓ juste")
        if photo.label == photo.predicted
        else t("✗ pris pour « {label} »", label=photo.predicted),
        probability=wording.percent(truth(explanation, photo)),
        words=words(() if run.prompts is None else run.prompts.texts.get(photo.label, ()), run),
        method="" if found is None else maps.method_name(found.method),
        map=None
        if found is None
        else maps.map_of(view, run.case, photo, found, card=card, source=source, alone=True),
    )


def words(texts: tuple[str, ...], run: RunRecord) -> Words:
    """Texts of a case as they are quoted."""
    rest = len(texts) - _TEXTS
    return Words(
        texts=texts[:_TEXTS],
        more=nt(rest, "et {n} autre texte", "et {n} autres textes") if rest > 0 else "",
        lang="" if run.prompts is None else run.prompts.language,
    )
