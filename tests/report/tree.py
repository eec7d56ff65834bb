"""A page as a tree, for questions about what stands inside what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "source", "wbr"})


@dataclass(eq=False)
class Node:
    """An element with what it holds."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    parent: Node | None = None
    children: list[Node | str] = field(default_factory=list)

    def text(self) -> str:
        """All its words."""
        return "".join(one if isinstance(one, str) else one.text() for one in self.children)

    def within(self) -> Iterator[Node]:
        """Itself and every element inside it."""
        yield self
        for one in self.children:
            if not isinstance(one, str):
                yield from one.within()

    def above(self) -> Iterator[Node]:
        """Itself and every element around it, outwards."""
        yield self
        if self.parent is not None:
            yield from self.parent.above()

    def find(self, tag: str) -> Iterator[Node]:
        """Every element of a kind inside it."""
        return (one for one in self.within() if one.tag == tag)

    def closest(self, tag: str) -> Node | None:
        """The nearest element of a kind around it."""
        return next((one for one in self.above() if one.tag == tag), None)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.place = Node("")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Node(tag, {name: value or "" for name, value in attrs}, self.place)
        self.place.children.append(made)
        if tag not in _VOID:
            self.place = made

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        opened = self.place.closest(tag)
        if opened is not None and opened.parent is not None:
            self.place = opened.parent

    def handle_data(self, data: str) -> None:
        self.place.children.append(data)


def read(html: str) -> Node:
    """The tree of a page."""
    reader = _Reader()
    reader.feed(html)
    return reader.root
