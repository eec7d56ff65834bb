"""Maps of what speaks for a class, as the pages show them: names, words, pictures.

A map is two pictures, the photo and the colours that lie over it, and a sentence that says
what they show.  Where a photo may not be published its colours are not either, and the
sentence is all there is.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from evaluation.errors import SCORE_AGAIN, ReportError
from evaluation.records import (
    EXPLAIN_METHODS,
    ClassMap,
    ExplainedPhoto,
    MapSummary,
    SampleCard,
)
from evaluation.report.kit import wording
from evaluation.report.kit.language import WORDS, t, word
from evaluation.report.study.here import Here
from evaluation.report.study.photos import photo as small_photo
from evaluation.report.study.view import StudyView
from evaluation.stores.trust import own_picture

_FOCUSED, _SPREAD = 0.15, 0.35
"""Shares of what was seen that hold half of a map: below, it is called focused; above, spread.
A uniform map has 0.5."""
_AGAINST = 0.05
"""Share that speaks against a class from which it is told."""
_BALANCED = ("hirescam", "gradcam")
"""Methods whose maps add up to zero when the embedding is normalised, since the score does not
change with its length (Euler's theorem): half of what counts then speaks against any class, and
saying so would say nothing of the photo."""


# -------------------------------------------------------------------------- words


def method_name(method: str) -> str:
    """A method or a control, as the pages call it."""
    if method in WORDS["controls"]:
        return word("controls", method)
    words = EXPLAIN_METHODS.get(method)
    return t(words.title) if words else method


def title(drawn: ClassMap) -> str:
    """A map by its method and its class: "RISE · Montres"."""
    return f"{method_name(drawn.method)} · {drawn.label}"


def region(summary: MapSummary) -> str:
    """The ninth of the photo that holds most of a map, after "surtout"."""
    return word("regions", f"{summary.top_row} {summary.top_column}")


def caption(drawn: ClassMap, *, beside: bool) -> str:
    """Where a map's mass lies; ``beside`` another one, also how strong it is on their scale."""
    summary = drawn.summary
    if summary.empty:
        return t("rien ne parle pour elle")
    top = wording.percent(summary.top_share, 0)
    where = t("surtout {region} ({share})", region=region(summary), share=top)
    if not beside or drawn.scale <= 0:
        return where
    peak = wording.percent(max(0.0, drawn.peak) / drawn.scale, 0)
    if drawn.method in _BALANCED:
        return t("{where} ; maximum à {peak} de l’échelle", where=where, peak=peak)
    return t(
        "{where} ; maximum à {peak} de l’échelle ; {against} de ce qui compte parle contre",
        where=where,
        peak=peak,
        against=wording.percent(summary.against_share, 0),
    )


def said(drawn: ClassMap, explained: ExplainedPhoto) -> str:
    """What a map shows, in sentences that replace it."""
    summary, area = drawn.summary, drawn.summary.half_area
    name, against = method_name(drawn.method), wording.percent(summary.against_share, 0)
    parts = [t("Carte de « {label} » par {method}.", label=drawn.label, method=name)]
    if not summary.empty:
        width = "focused" if area <= _FOCUSED else "spread" if area >= _SPREAD else "between"
        shares = {"top": summary.top_share, "centre": summary.centre_share, "area": area}
        slots = {slot: wording.percent(share, 0) for slot, share in shares.items()}
        parts.append(word("widths", width, region=region(summary), **slots))
        if summary.against_share >= _AGAINST and drawn.method not in _BALANCED:
            parts.append(
                t("Du total de ce qui compte, {share} parle contre cette catégorie.", share=against)
            )
    elif summary.against_share:
        parts.append(
            t("Rien n’y parle pour cette catégorie ; tout ce qui compte parle contre elle.")
        )
    else:
        parts.append(t("Rien n’y parle pour cette catégorie, ni contre elle."))
    return " ".join([*parts, unseen(explained)]).rstrip()


def unseen(explained: ExplainedPhoto) -> str:
    """How much of a photo the model never saw; "" when it saw all of it."""
    left, top, right, bottom = explained.seen
    share = 1 - (right - left) * (bottom - top)
    if share < 0.005:  # noqa: PLR2004 - would be written "0 %"
        return ""
    return t(
        "Le recadrage du modèle a laissé de côté {share} de la photo (hachures).",
        share=wording.percent(share, 0),
    )


# ----------------------------------------------------------------------- pictures


def overlay_path(view: StudyView, case: str, drawn: ClassMap) -> str:
    """Where the site keeps an overlay, relative to the study's pages."""
    return f"attention/{view.case_slugs[case]}/{PurePosixPath(drawn.overlay).name}"


def overlay_files(view: StudyView) -> Mapping[str, Path]:
    """Uri to file of every overlay that the pages show, of maps and of suggestions.

    Raises :class:`ArtefactError` for an overlay that is not this program's, in its place.
    """
    if not view.photos_shown:
        return {}
    photos = [(case, photo) for case, row in view.explanations.items() for photo in row.photos]
    photos += [
        (case, photo)
        for case, suggestion in view.suggestions.items()
        for row in suggestion.classes
        for pair in row.confusions
        for photo in pair.photos
    ]
    root = view.results.folder.parent
    return {
        f"{view.folder}/{overlay_path(view, case, drawn)}": own_picture(
            root / case, drawn.overlay, root
        )
        for case, photo in photos
        for drawn in photo.maps
    }


def photo_picture(here: Here, card: SampleCard) -> Mapping[str, str] | None:
    """The photo alone; None where photos may not be shown."""
    return small_photo(here, card) if here.view.photos_shown else None


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


def map_of(
    here: Here, case: str, explained: ExplainedPhoto, drawn: ClassMap, *, alone: bool = False
) -> Mapping[str, object]:
    """A map of a photo: colours over it, and the words that say the same.

    ``alone``, without the other class's beside it.  Where photos may not be shown, neither may
    their colours.
    """
    words = said(drawn, explained)
    shown = photo_picture(here, card_of(here.view, case, explained))
    beside = not alone and sum(other.method == drawn.method for other in explained.maps) > 1
    return {
        "label": drawn.label,
        "caption": caption(drawn, beside=beside),
        "said": words,
        # The words of the map replace both pictures.
        "photo": shown and {**shown, "alt": t("La photo, sous la carte")},
        "overlay": shown
        and {
            "src": here.file(f"{here.view.folder}/{overlay_path(here.view, case, drawn)}"),
            "width": str(drawn.width),
            "height": str(drawn.height),
            "alt": words,
        },
    }
