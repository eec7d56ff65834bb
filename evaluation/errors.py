"""Everything that veille-clip raises on purpose.

::

    VeilleError
    ├── ConfigError           a study or prompt file is wrong (all its mistakes at once)
    ├── DataError             the photos or the table that lists them cannot be used
    ├── ModelError            a model cannot do what the study asks of it
    │   ├── WeightsUnavailable    the weights cannot be had here (case status: unavailable)
    │   └── WeightsMismatch       the checkpoint does not fit the architecture
    ├── DownloadError         a file cannot be fetched
    ├── ComparisonError       cases that were not scored on the same images
    ├── StoreError            the embeddings store cannot be read or written
    ├── ArtefactError         an artefact cannot be read or written
    │   └── SchemaVersionError    an artefact of a version that this program does not know
    └── ReportError           the pages cannot be made from the artefacts

Each error is one line: what is wrong, where, and the remedy.  The command line and the
pytest suites print that line alone; a traceback is kept for what is our own fault.  What a
file or a server says is quoted in it as text: control characters are escaped, and whatever
would fill a screen is cut.
"""

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

_HOME = Path(__file__).resolve().parents[1]
CHECKOUT = (_HOME / "tox.ini").is_file() and Path.cwd() == _HOME
"""Whether the reader of a message has tox's commands at hand; elsewhere they are veille's own."""
LONGEST = 600
"""Characters of each part of a message."""
SHOWN = 5
"""How many names an error spells out."""
MOST_MISTAKES = 20
"""Mistakes of one file that are shown: as many as a screen has lines."""
Reason = Literal[
    "offline", "unreachable", "altered", "unpublished", "no-file", "unreadable", "no-package"
]
"""Why weights cannot be had; the report says it in the language of its page."""
_JOINERS = "\u200c\u200d"
"""Invisible characters that scripts and emoji need."""


def printable(text: object, limit: int = LONGEST) -> str:
    """A text on one line, without what would command a terminal, cut at ``limit``."""
    kept = str(text)
    return "".join(map(_escaped, kept if len(kept) <= limit else f"{kept[: limit - 1]}…"))


def inert(text: str) -> str:
    """The same of a text of any number of lines, whole."""
    return "".join(character if character in "\n\t" else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    category = unicodedata.category(character)
    if (category[0] == "C" or category in ("Zl", "Zp")) and character not in _JOINERS:
        return character.encode("unicode_escape").decode("ascii")
    return character


def one_line(error: object, limit: int = 200) -> str:
    """What an error says, on one line, or its type when it says nothing."""
    reason = getattr(error, "strerror", None) or error
    return printable(" ".join(str(reason).split()) or type(error).__name__, limit)


def quoted(names: Iterable[object], shown: int = SHOWN) -> str:
    """The first names in quotes, and how many more there are."""
    every = list(names)
    text = ", ".join(repr(printable(name, 80)) for name in every[:shown])
    return text if len(every) <= shown else f"{text} and {len(every) - shown} more"


def meant(name: str, among: Iterable[str], *, most: int = 1) -> str:
    """A "did you mean" for a name that is not known, and the known names while they are few."""
    known = sorted(among)
    close = difflib.get_close_matches(name[:80], known, n=most, cutoff=0.5)
    question = f"did you mean {' or '.join(map(repr, close))}?" if close else ""
    if question and len(known) > MOST_MISTAKES:
        return question
    return f"{question} known: {quoted(known, MOST_MISTAKES) or 'none'}".strip()


def refuse_unknown(what: str, names: Iterable[str], known: Iterable[str], where: object) -> None:
    """Raises :class:`VeilleError` for names that are not known, and says which are."""
    choices = list(known)
    if unknown := sorted(set(names) - set(choices)):
        raise VeilleError(
            f"{what} {', '.join(unknown)}",
            where=where,
            remedy=f"choose among {', '.join(choices)}" if choices else None,
        )


def eval_command(study: str = "", options: str = "") -> str:
    """What scores a study (the demo without a name), with pytest's and the suites' ``options``."""
    if not CHECKOUT:
        return " ".join(filter(None, ("veille eval", study, options)))
    rest = " ".join(filter(None, (f"--study {study}" if study else "", options)))
    return f"tox -e eval -- {rest}" if rest else "tox -e eval"


def site_command(*, live: bool = False) -> str:
    """What builds the site, or serves it while it changes."""
    return f"{'tox -e' if CHECKOUT else 'veille'} {'serve' if live else 'site'}"


def extras_remedy() -> str:
    """How to have every extra."""
    if CHECKOUT:
        return 'install every extra: pip install -e ".[eval,site]", or use .tox/eval/bin/veille'
    return 'install every extra: pip install "veille-clip[eval,site]"'


SCORE_AGAIN = f"run `{eval_command()}` again to write it anew"


class VeilleError(Exception):
    """What was wrong, where it was, and what to do about it."""

    def __init__(self, what: str, *, where: object = None, remedy: str | None = None) -> None:
        self.what = printable(what)
        self.where = None if where is None else printable(where)
        self.remedy = remedy and printable(remedy)
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{place}{self.what}{remedy}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive BaseException's own pickling, and
        # pytest-xdist sends exceptions between processes.
        return (VeilleError.__new__, (type(self), str(self)), self.__dict__)


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
        key = f" [{printable(self.key, 200)}]" if self.key else ""
        file, problem, remedy = map(printable, (self.file, self.problem, self.remedy))
        return f"{file}{key}: {problem}; {remedy}"


class ConfigError(VeilleError):
    """A study cannot be read; ``mistakes`` lists everything that is wrong with it."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("the study cannot be read")

    def __str__(self) -> str:
        lines = [str(mistake) for mistake in self.mistakes[:MOST_MISTAKES]]
        more = len(self.mistakes) - len(lines)
        return "\n".join([*lines, *([f"… and {more} more mistakes"] if more else [])])


class DataError(VeilleError):
    """The data set cannot be used at all; a single bad photo is listed, not raised."""


class DownloadError(VeilleError):
    """A file cannot be fetched; ``status`` is what the server answered, where it did."""

    def __init__(self, what: str, *, status: int | None = None, **more: Any) -> None:
        super().__init__(what, **more)
        self.status = status


class ModelError(VeilleError):
    """A model cannot do what the study asks of it."""


class WeightsUnavailable(ModelError):
    """The weights cannot be had here and now: the case is recorded as unavailable."""

    def __init__(self, what: str, *, reason: Reason | None, **more: Any) -> None:
        super().__init__(what, **more)
        self.reason = reason


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
