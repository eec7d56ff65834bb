"""What the cache holds, and how much of it: all of it can be made again."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from evaluation.errors import StoreError
from evaluation.files import writing
from evaluation.records.base import Record

PARTS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "embeddings": (("embeddings*",), "photos and texts are embedded again"),
    "maps": (("maps.sqlite*",), "maps and label-free heads are made again"),
    "photos": (("photos.sqlite*",), "photos are looked at again"),
    "trainings": (("trainings",), "trunks are trained again"),
    "models": (("embedded-*", "models", "cards"), "models are assembled and described again"),
    "locks": (("cases",), "nothing"),
}
"""A part's files, as patterns, and what its loss costs."""


class Part(Record):
    """A part of the cache, as it is."""

    name: str
    files: int
    size: int
    """Bytes."""
    remade: str
    """What its loss costs."""


def parts(cache: Path) -> tuple[Part, ...]:
    """Every part that the cache holds something of."""
    every = []
    for name, (_, remade) in PARTS.items():
        sizes = [
            path.stat().st_size
            for top in _held(cache, name)
            for path in (top, *top.rglob("*"))
            if path.is_file() and not path.is_symlink()
        ]
        every.append(Part(name=name, files=len(sizes), size=sum(sizes), remade=remade))
    return tuple(part for part in every if part.files)


def prune(cache: Path, name: str) -> None:
    """Removes a part; raises :class:`StoreError` where that is refused.

    A program that has a file of it open goes on with what it has.
    """
    for top in _held(cache, name):
        with writing(top, StoreError, elsewhere="check its permissions"):
            shutil.rmtree(top) if top.is_dir() else top.unlink(missing_ok=True)


def _held(cache: Path, name: str) -> list[Path]:
    return [path for pattern in PARTS[name][0] for path in sorted(cache.glob(pattern))]
