"""The photos: where they are, the parts they are split into, the groups that count as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from evaluation.records.base import DatasetKind, Fold, IntArray, Record, Within, digest_of

if TYPE_CHECKING:
    from PIL import Image


class DatasetSpec(Record):
    """Where the photos are and how to read them, as the study declares it."""

    kind: DatasetKind
    root: Path | None = None
    """Absolute; None when only ``--data-root`` can tell."""
    csv: str | None = None
    """``table`` and ``flipkart``: the CSV file, relative to the root."""
    images: str = ""
    """Folder of the photos, relative to the root."""
    path_column: str = "path"
    label_column: str = "label"
    subcategory_column: str | None = None
    title_column: str | None = None
    text_column: str | None = None
    """What models read as the title; None: the title that is shown."""
    delimiter: str = ""
    """Of the CSV file; "": found."""
    encoding: str = ""
    """Of the CSV file; "": found."""
    split_column: str | None = None
    """``table``: says train, validation or test of each photo."""
    group_column: str | None = None
    """``table``: patient, product, session, …: what must not lie in two parts."""
    slices: tuple[str, ...] = ()
    """``table`` and ``flipkart``: columns by whose values accuracy is told: supplier, season, …"""
    strays: str = ""
    """Folder of photos that belong to no class, relative to the root; "" for none."""
    licence: str = ""
    origin: str = ""
    follow_links: bool = False
    """Whether symbolic links may lead out of the root, and links to folders are entered."""
    bits: Annotated[int | None, Within(9, 16)] = None
    """How many bits of 16 count in grey photos whose files do not say it."""
    parts: Mapping[str, Fold] | None = None
    """``folder``: which top folders are which part; empty: all are classes; None: by name."""
    redistributable: bool = False
    """Whether the photos may be shown on a published site."""
    archive: str | None = None
    """Address of a ZIP archive of the photos, which ``veille data`` fetches."""
    rows: Annotated[int | None, Within(1)] = None
    """``table`` and ``flipkart``: how many photos the archive's CSV file lists."""


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
    """SHA-256 (hexadecimal) of the file's bytes and declared ``bits``: key of its embeddings."""
    pixels: str
    """SHA-256 (hexadecimal) of its decoded RGB pixels: equal for exact duplicates."""
    width: int
    """Pixels, after the EXIF orientation was applied; so is the height."""
    height: int
    look: str = ""
    """Its looks from afar (``data.look``), which near duplicates share; "" if not computed."""
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
    """Groups of ids whose photos look the same, copies included; empty when not looked for."""
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


class TrainingPhotos(Record, eq=False):
    """What a model may learn from: no test photo is among it."""

    classes: tuple[str, ...]
    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    """On which epochs are compared."""
    load: Callable[[Sample], Image.Image]
    """Opens a photo as RGB; called from several threads."""
    seed: int


def group_numbers(groups: Sequence[Sequence[str]], ids: Sequence[str]) -> IntArray | None:
    """(N,) one number for each of N ids, shared within a group; None when all stand alone."""
    leader = {member: group[0] for group in groups for member in group}
    return clusters(np.array([leader.get(name, name) for name in ids]))


def clusters(groups: NDArray[Any] | None) -> IntArray | None:
    """(N,) the groups numbered from 0; None when there are none, or each has one image."""
    if groups is None:
        return None
    names, members = np.unique(groups, return_inverse=True)
    return None if names.size == members.size else members
