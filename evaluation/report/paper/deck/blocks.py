"""What slides are made of: mappings, each printed by the macro of ``_slides.jinja`` of its kind."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from markupsafe import Markup

from evaluation.records import SampleCard
from evaluation.report.kit.charts import Chart
from evaluation.report.kit.sentence import Claim
from evaluation.report.kit.tables import Table
from evaluation.report.paper.deck.paging import paged
from evaluation.report.site.standalone import embed
from evaluation.report.study.here import Here
from evaluation.report.study.photos import photo
from evaluation.stores.pictures import own_picture

Block = Mapping[str, Any]
"""A part of a slide: ``kind`` names its macro, which knows the other values."""

Slide = Mapping[str, Any]
"""A title, what stands above it, a layout, and blocks."""


def slide(
    title: str, *blocks: Block, kicker: str = "", layout: Literal["", "cover", "split"] = ""
) -> Slide:
    """One slide; ``split``: the first block on the left, the others on the right."""
    return {"title": title, "blocks": blocks, "kicker": kicker, "layout": layout}


def block(kind: str, **values: object) -> Block:
    """A block that the macro ``kind`` prints."""
    return {"kind": kind, **values}


def words(*sentences: Claim | str, style: Literal["answer", "points", "note"] = "points") -> Block:
    """Sentences: an answer in large type, a list, or a note in small type."""
    return block("words", sentences=sentences, style=style)


def figure(chart: Chart) -> Block:
    """A chart of the site, without its drawing for narrow screens."""
    return block("figure", chart=replace(chart, narrow=Markup()))


def tables(
    title: str, table: Table | None, *, dense: bool = True, note: str = "", **room: int
) -> Iterator[Slide]:
    """A table of the site on as many slides as it takes; in small type where it is ``dense``.

    ``note`` names one of ``_slides.jinja``; ``room`` is what a slide holds, as in :func:`paged`.
    """
    for page in paged(table, **room) if table else ():
        yield slide(title, block("grid", table=page, dense=dense, note=note))


def albums(title: str, shelves: Sequence[Mapping[str, Any]], room: int) -> Iterator[Slide]:
    """Shelves of photos, ``room`` of them a slide."""
    for start in range(0, len(shelves), room):
        yield slide(title, block("album", style="classes", shelves=shelves[start : start + room]))


def picture(here: Here, card: SampleCard, caption: str = "") -> Mapping[str, Any]:
    """A small photo of the study, inside the file."""
    folder = here.view.results.folder
    src = embed(own_picture(folder, card.photo, folder.parent))
    alt = photo(here, card)["alt"]
    return {"src": src, "alt": alt, "caption": caption, "overlay": "", "tone": ""}
