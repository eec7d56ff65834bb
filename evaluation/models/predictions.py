"""Predictions made elsewhere: the system in place, a vendor, AutoML, people.

A table (CSV, TSV, JSON lines or Parquet) with a photo a row, named by its id or its path, and
either one probability a class, or the class alone: then nothing is known of how sure it was,
and what needs probabilities is left out.  With ``options.person`` the class is in that column: one
person's labels, among those of others.  The folder of a case's artefacts is such a table
too, of its test and validation parts.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from evaluation.data.rows import Row, read_rows
from evaluation.errors import ModelError, WeightsUnavailable, meant, quoted
from evaluation.models.base import READY, Loading, Predictor
from evaluation.models.checkpoints import file_digest
from evaluation.net.archive import composed
from evaluation.records import Availability, ModelSpec, Option, Predictions, Sample

PHOTO_COLUMNS = ("sample_id", "id", "path", "image", "photo", "file", "filename")
ANSWER_COLUMNS = ("predicted", "prediction", "label", "class")
"""The first that is there holds the class, in a table without probabilities."""
COST_COLUMN = "cost"
TABLES = ("predictions.csv", "validation.csv")
"""Of a folder of artefacts."""
SUM_TOLERANCE = 1e-3
"""Of the probabilities of a photo, which were perhaps rounded on their way here."""


class _Answer(NamedTuple):
    line: str
    """File and number, for messages."""
    probabilities: tuple[float, ...]
    cost: float | None


class GivenPredictions(Predictor):
    """The role ``Predictor`` over a table of answers."""

    def __init__(self, spec: ModelSpec, classes: tuple[str, ...]) -> None:
        self.spec, self.classes = spec, classes
        self._answers: dict[str, _Answer] = {}
        files = _files(spec)
        for file in files:
            self._read(file)
        digests = "".join(file_digest(file) for file in files)
        self.weights_digest = hashlib.sha256(digests.encode()).hexdigest()

    def predict(self, samples: Sequence[Sample]) -> Predictions:
        """The answers for some photos, in their order.

        Raises :class:`ModelError` for a photo without a row.
        """
        rows = self._rows(samples)
        missing = [sample.id for sample, row in zip(samples, rows, strict=True) if row is None]
        if missing:
            raise ModelError(
                f"{len(missing)} of {len(samples)} photos have no row: {quoted(missing)}",
                where=self.spec.weights,
                remedy="add them; a photo is named by its id, or by its path below the root",
            )
        probabilities = np.array([row.probabilities for row in rows if row], dtype=np.float64)
        return Predictions.of(self.classes, samples, probabilities)

    def covers(self, samples: Sequence[Sample]) -> int:
        """See :meth:`Predictor.covers`."""
        return sum(row is not None for row in self._rows(samples))

    def others(self, samples: Sequence[Sample]) -> int:
        """See :meth:`Predictor.others`."""
        return len(self._answers.keys() - {key for sample in samples for key in _names(sample)})

    def facts(self, samples: Sequence[Sample]) -> Mapping[str, Option]:
        """The mean cost of these photos, where each of them has one."""
        costs = [row.cost for row in self._rows(samples) if row and row.cost is not None]
        whole = costs and len(costs) == len(samples)
        return {"cost_per_photo": math.fsum(costs) / len(costs)} if whole else {}

    def _rows(self, samples: Sequence[Sample]) -> list[_Answer | None]:
        known = self._answers
        return [next(filter(None, map(known.get, _names(sample))), None) for sample in samples]

    def _read(self, file: Path) -> None:
        table, person = read_rows(file, ()), self.spec.person
        photo = _column(table.columns, PHOTO_COLUMNS, file, "the photo")
        absent = [label for label in self.classes if person or label not in table.columns]
        if 0 < len(absent) < len(self.classes):
            raise ModelError(
                f"no column of probabilities for {quoted(absent)}",
                where=file,
                remedy="give every class of the study one, or the predicted class alone",
            )
        known = (person.casefold(),) if person else ANSWER_COLUMNS
        answer = _column(table.columns, known, file, "the class") if absent else ""
        for number, row in table.rows:
            line, key = f"{file}, line {number}", _key(row[photo])
            if key in self._answers:
                raise ModelError(
                    f"the photo {row[photo]!r} has a row already ({self._answers[key].line})",
                    where=line,
                    remedy="keep one row a photo",
                )
            self._answers[key] = _Answer(
                line,
                self._certain(row[answer], line) if absent else self._probabilities(row, line),
                _number(row[COST_COLUMN], line) if row.get(COST_COLUMN) else None,
            )

    def _certain(self, label: str, line: str) -> tuple[float, ...]:
        name = composed(label.strip())
        if name not in self.classes:
            raise ModelError(
                f"the class {label!r} is none of the study's",
                where=line,
                remedy=meant(name, self.classes),
            )
        return tuple(float(label == name) for label in self.classes)

    def _probabilities(self, row: Row, line: str) -> tuple[float, ...]:
        shares = tuple(_number(row[label], line) for label in self.classes)
        total = math.fsum(shares)
        if min(shares) < 0 or abs(total - 1) > SUM_TOLERANCE:
            raise ModelError(
                f"the probabilities of the classes add up to {total:.4g}, the least of them is"
                f" {min(shares):.4g}",
                where=line,
                remedy="give one number between 0 and 1 a class, 1 in all; a column that is named"
                " otherwise than a class of the study is not read",
            )
        # What was written in full stays as it is, to the last digit.
        exact = abs(total - 1) <= 1e-9  # noqa: PLR2004 - rounding of a sum
        return shares if exact else tuple(probability / total for probability in shares)


def _files(spec: ModelSpec) -> tuple[Path, ...]:
    path = Path(spec.weights)
    if not path.exists():
        raise WeightsUnavailable(
            "no such table of predictions",
            where=path,
            remedy="correct file in the study, or put it there",
            reason="no-file",
        )
    if not path.is_dir():
        return (path,)
    tables = tuple(file for name in TABLES if (file := path / name).is_file())
    if not tables:
        raise ModelError(
            f"the folder has no {TABLES[0]}",
            where=path,
            remedy="give a table, or the folder of a case in artefacts/",
        )
    return tables


def _names(sample: Sample) -> tuple[str, ...]:
    return _key(sample.id), _key(str(sample.image))


def _key(name: str) -> str:
    """A photo's name however a system writes paths."""
    return str(PurePosixPath(composed(name.strip().replace("\\", "/"))))


def _column(columns: Sequence[str], known: Sequence[str], file: Path, what: str) -> str:
    by_name = {name.casefold(): name for name in reversed(columns)}
    column = next((by_name[name] for name in known if name in by_name), None)
    if column is None:
        raise ModelError(
            f"no column says {what}; it has {quoted(columns, 20) or 'none'}",
            where=file,
            remedy=f"name it {' or '.join(known[:3])}",
        )
    return column


def _number(text: str, line: str) -> float:
    try:
        number = float(text if "." in text else text.replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ModelError(f"{text!r} is no number", where=line, remedy="write 0.25 or 0,25")
    return number


def availability(spec: ModelSpec, *, offline: bool) -> Availability:  # noqa: ARG001
    """Whether the table is there; see :class:`evaluation.models.base.Maker`."""
    _files(spec)
    return READY


def fetch(spec: ModelSpec, _loading: Loading) -> Path:
    """The table: there is nothing to fetch."""
    return _files(spec)[0]


def load(spec: ModelSpec, loading: Loading) -> GivenPredictions:
    """Reads the table; see :func:`evaluation.models.load_model`.

    Raises :class:`ModelError` for a table that does not fit the study's classes.
    """
    if loading.photos is None:
        raise ModelError("predictions need a study to belong to", where=spec.name)
    return GivenPredictions(spec, loading.photos.classes)
