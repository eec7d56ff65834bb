"""Names and types that every record uses."""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, dataclass_transform

import numpy as np
from numpy.typing import NDArray

SCHEMA_VERSION = 4
"""Version of the artefact files that this program writes.

1: until November 2026; intervals of run.json and tests of texts took copies for photos of their
own, and records had no fingerprint.  2: no repeated splits, and why weights could not be had was no
code.  3: no strays, slices, people or kept states.  All are still read.
"""
OLDEST_READ = 1
"""The oldest version that is still read."""

Fold = Literal["train", "validation", "test"]
FOLDS: tuple[Fold, ...] = ("train", "validation", "test")

Status = Literal["ok", "unavailable", "failed"]
DatasetKind = Literal["flipkart", "folder", "table"]
Option = str | int | float | bool
FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.integer[Any]]
BoolArray = NDArray[np.bool_]
Groups = IntArray | None
"""(N,) equal numbers for images that count as one, near duplicates or what the data declares; None
where all stand alone.  Tests and intervals count a group as one; values do not change by it."""


@dataclass(frozen=True, slots=True)
class Within:
    """Which numbers a study file may give a field: ``Annotated[int, Within(1)]``."""

    low: float
    high: float = math.inf
    above: bool = False
    """Whether ``low`` itself is too small."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
class _Recording(type):
    """Makes data classes of a class and of all below it; ``super()`` there needs its arguments."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **how: bool
    ) -> Any:
        made = super().__new__(cls, name, bases, namespace)
        if "__slots__" in namespace:  # what ``dataclass`` itself makes of a class, with its slots
            return made
        return dataclass(frozen=True, slots=True, kw_only=True, **how)(made)


class Record(metaclass=_Recording):
    """A data class that is frozen, has slots, and takes keywords alone; of arrays, ``eq=False``."""


Progress = Callable[[int, int], None]
"""Told how much is done, of how much: photos, bytes."""


def silent(*_progress: object) -> None:
    """The progress of those who do not watch."""


def unit(rows: FloatArray) -> FloatArray:
    """(N, D) rows brought to unit length, in float64; a row of zeros stays one."""
    wide = np.asarray(rows, dtype=np.float64)
    lengths = np.linalg.norm(wide, axis=-1, keepdims=True)
    return np.asarray(wide / np.where(lengths == 0, 1.0, lengths))


def digest_of(value: object) -> str:
    """The SHA-256 (hexadecimal) of a JSON-serialisable value, whatever its key order."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Artefact(Record):
    """A file of results, and the study that it belongs to."""

    schema_version: int = SCHEMA_VERSION
    study: str


class OnSplit(Artefact):
    """One that rests on some photos and their split."""

    dataset_revision: str
    split_digest: str


class Sided(Record):
    """A gap of ``a`` over ``b``, with its interval, that may be seen from either side."""

    a: str
    b: str
    gap: float
    low: float
    high: float

    def seen_from(self, case: str) -> tuple[float, float, float]:
        """The gap of one of the two over the other, with its interval."""
        if case == self.a:
            return self.gap, self.low, self.high
        return -self.gap, -self.high, -self.low
