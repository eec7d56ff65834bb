"""The photos, the parts they are split into, and the groups that count as one."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from evaluation.records.base import DatasetKind, Fold, IntArray, Record, digest_of


class Listed(Record):
    """A photo as its source lists it."""

    id: str
    """Stable across machines: it never contains a path of this one."""
    label: str
    """Its class, as spelt in the data."""
    subcategory: str | None = None
    title: str | None = None
    """As it is shown."""
    text: str | None = None
    """As models read it; the title, unless the study names another column."""
    group: str | None = None
    """Patient, product, session, …: photos of one group lie in one part of the split."""
    slices: Mapping[str, str] = field(default_factory=dict)
    """Column of the table to its value: supplier, camera, season, …"""
    fold: Fold | None = None
    """Set when the data itself assigns the photo to a part of the split."""


class Sample(Listed):
    """One readable photo with its class."""

    image: Path
    """Absolute path of the photo."""
    digest: str
    """SHA-256 (hexadecimal) of the file's bytes, and of declared ``bits``: the key of its
    embeddings."""
    pixels: str
    """SHA-256 (hexadecimal) of its decoded RGB pixels: equal for exact duplicates."""
    width: int
    """Pixels, after the EXIF orientation was applied."""
    height: int
    """Pixels, after the EXIF orientation was applied."""
    look: str = ""
    """What the photo looks like from afar (``data.look``), by which near duplicates are known;
    "" if it was not computed."""
    bits: int | None = None
    """How many bits of 16 count, where its file does not say it; see ``DatasetSpec``."""


class MissingPhoto(Record):
    """A photo that the data lists and that cannot be used."""

    id: str
    label: str
    path: str
    """Relative to the data root."""
    reason: str
    """One line, in English: "file not found", "truncated JPEG", …"""


NoteKind = Literal[
    "hidden",
    "system",
    "suffix",
    "not-a-photo",
    "loose",
    "folder-link",
    "no-photo-inside",
    "unlabelled",
    "name",
    "labels-alike",
    "small-class",
    "split-column",
    "encoding",
    "depth",
    "pale",
]
"""Why files were not taken (the first nine), or what else a person should know of the data."""


class DataNote(Record):
    """Files that are in the folder and not in the study, or a doubt about what is."""

    kind: NoteKind
    count: int
    """How many files, labels, … it is about."""
    names: tuple[str, ...]
    """Some of them, relative to the data root: enough to find the others by."""
    what: str = ""
    """Of ``suffix``, ``split-column``, ``encoding``: which."""


class Dataset(Record):
    """The photos of a study, with what is missing from them."""

    name: str
    kind: DatasetKind
    classes: tuple[str, ...]
    """In the order of every matrix and probability column."""
    samples: tuple[Sample, ...]
    missing: tuple[MissingPhoto, ...] = ()
    notes: tuple[DataNote, ...] = ()
    """What was skipped, and doubts about what was not."""
    revision: str
    """SHA-256 over ids, labels and image bytes: changes when a photo changes."""


Grouping = Literal["copies", "look", "declared"]


class Split(Record):
    """Sample ids of the three parts, each in the data set's order."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    seed: int
    duplicates: tuple[tuple[str, ...], ...] = ()
    """Groups of ids whose photos have the same pixels."""
    near_duplicates: tuple[tuple[str, ...], ...] = ()
    """Groups of ids whose photos look the same, exact copies included; empty when they are not
    looked for."""
    groups: tuple[tuple[str, ...], ...] = ()
    """What is kept together, and counts as one in the tests: see ``grouping``.  Each group lies in
    one part, but for photos that the data itself puts on another side: those are in no part."""
    grouping: tuple[Grouping, ...] = ()
    """What makes a group: the same pixels, the same look, the data's own group column."""
    carved: tuple[Fold, ...] = ()
    """Parts that the data's own split lacks, drawn from its training photos."""

    @property
    def digest(self) -> str:
        """Identifies the split: two runs are comparable when it is the same."""
        return digest_of([self.train, self.validation, self.test])


def group_numbers(groups: Sequence[Sequence[str]], ids: Sequence[str]) -> IntArray | None:
    """(N,) one number for each of N ids, shared within a group; None when all stand alone."""
    leader = {member: group[0] for group in groups for member in group}
    return clusters(np.array([leader.get(name, name) for name in ids]))


def clusters(groups: NDArray[Any] | None) -> IntArray | None:
    """(N,) the groups numbered from 0; None when there are none, or each has one image."""
    if groups is None:
        return None
    names, members = np.unique(groups, return_inverse=True)
    numbers: IntArray = members
    return None if names.size == numbers.size else numbers
