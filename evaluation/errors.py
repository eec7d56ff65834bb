"""Everything that veille-clip raises on purpose.

::

    VeilleError
    ├── ConfigError           a study or prompt file is wrong (all its mistakes at once)
    ├── DataError             the photos or the table that lists them cannot be used
    ├── ModelError            a model cannot do what the study asks of it
    │   ├── WeightsUnavailable    the weights cannot be had here (case status: unavailable)
    │   └── WeightsMismatch       the checkpoint does not fit the architecture
    ├── ComparisonError       cases that were not scored on the same images
    ├── StoreError            the embeddings store cannot be read or written
    ├── ArtefactError         an artefact cannot be read or written
    │   └── SchemaVersionError    an artefact of a version that this program does not know
    └── ReportError           the pages cannot be made from the artefacts

Each error is one line: what is wrong, where, and the remedy.  The command line and the
pytest suites print that line alone; a traceback is kept for what is our own fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class VeilleError(Exception):
    """What was wrong, where it was, and what to do about it."""

    def __init__(self, what: str, *, where: object = None, remedy: str | None = None) -> None:
        self.what = what
        self.where = None if where is None else str(where)
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{place}{self.what}{remedy}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive BaseException's own pickling, and
        # pytest-xdist sends exceptions between processes.
        return (_rebuild, (type(self), self.what, self.where, self.remedy))


def _rebuild(
    kind: type[VeilleError], what: str, where: str | None, remedy: str | None
) -> VeilleError:
    return kind(what, where=where, remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake in a configuration file."""

    file: str
    """The file, as the user would open it."""
    key: str
    """The dotted key in that file, or "" for the file as a whole."""
    problem: str
    """What is wrong with it."""
    remedy: str
    """What to write instead."""

    def __str__(self) -> str:
        key = f" [{self.key}]" if self.key else ""
        return f"{self.file}{key}: {self.problem}; {self.remedy}"


class ConfigError(VeilleError):
    """A study cannot be read; ``mistakes`` lists everything that is wrong with it."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))

    def __reduce__(self) -> tuple[object, ...]:
        return (ConfigError, (self.mistakes,))


class DataError(VeilleError):
    """The data set cannot be used at all; a single bad photo is listed, not raised."""


class ModelError(VeilleError):
    """A model cannot do what the study asks of it."""


class WeightsUnavailable(ModelError):
    """The weights cannot be had here and now: the case is recorded as unavailable."""


class WeightsMismatch(ModelError):
    """The checkpoint's tensors do not fit the architecture."""


class ComparisonError(VeilleError):
    """Cases cannot be compared: they were not scored on the same images or classes."""


class StoreError(VeilleError):
    """The embeddings store cannot be read or written."""


class ArtefactError(VeilleError):
    """An artefact cannot be read or written."""


class SchemaVersionError(ArtefactError):
    """An artefact was written by a version that this program does not know."""


class ReportError(VeilleError):
    """The pages cannot be made from the artefacts."""


class VeilleWarning(UserWarning):
    """Something that the reader of a result must know: a text that was cut, for instance."""


def one_line(error: BaseException, limit: int = 200) -> str:
    """The first line of an error, shortened, with its type when it says nothing else."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"
