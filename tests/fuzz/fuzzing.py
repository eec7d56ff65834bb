"""What the fuzzers share: examples in shares, a watch over the disk, and what a refusal is.

Examples are drawn by Hypothesis from seeds, the same in every run.  ``VEILLE_FUZZ`` says how many
there are of each kind: few in CI, as many as one has time for by hand (`tox -e fuzz`).  They come
in shares of at most :data:`SHARE`, each with a seed of its own, which xdist's workers take.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, seed, settings
from hypothesis import strategies as st

from evaluation.errors import VeilleError
from tests.report.hostile import ADDRESS, PAYLOAD

EXAMPLES = int(os.environ.get("VEILLE_FUZZ", "12"))
SHARE = 50
SLOWEST = 20.0
"""Seconds of the processor for one file."""
LARGEST = 500_000_000
"""Bytes that one file may add to the highest resident set so far."""
REPOSITORY = Path(__file__).parents[2]
HOSTILE = [
    "", "\x00", "\x1b[2J", "../../etc/passwd", "/etc/passwd", "<script>", "é" * 300, "x" * 200_000,
    "[" * 3000, "{" * 3000, "9" * 5000, "-1", "1e400", "nan", "NaN", "Infinity", "\ufeff", "\u202e",
    '"', "'", '"""', "\\", "\n", ",", ";", "a." * 500, "= 1", "null", "true", "\r\n\r\n",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, -1, 0, 10**18, 10**400, 1e308, 0.5, "", "\x00", "\x1b[2J", "../../x", PAYLOAD,
    ADDRESS, "x" * 100_000, [], {}, [[]], ["a"], {"a": 1}, "2026-13-45", "\ud800",
]  # fmt: skip

Case = Any
"""What a kind draws, as one value."""
Verdict = str
"""What a table counts: "read" or "refused"."""


def shares(count: int) -> list[tuple[int, int]]:
    """Each share's number, which is its seed, and how many examples it has."""
    number = -(-count // SHARE)
    return [(i, count // number + (i < count % number)) for i in range(number)]


def fuzzed(drawn: st.SearchStrategy[Case], *past: Case, of: int = 1) -> Callable[[Any], Any]:
    """Makes a test of a function that tries one case in a folder and says how it went.

    Args:
        drawn: What a case is drawn from.
        past: Cases that went wrong once: tried in every share.
        of: One in so many of the examples that other kinds have.

    """

    def test(tries: Callable[[Path, Case], Verdict]) -> Any:
        @pytest.mark.parametrize(("share", "count"), shares(max(1, EXAMPLES // of)))
        def shared(
            folder: Path, share: int, count: int, record_property: Callable[[str, object], None]
        ) -> None:
            verdicts = Counter[str]()

            @seed(share)
            @settings(
                max_examples=count,
                deadline=None,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(drawn)
            def one(case: Case) -> None:
                verdicts[tries(folder, case)] += 1

            for case in past:
                one = example(case)(one)
            one()
            record_property(f"tried {tries.__name__.removeprefix('test_')}", dict(verdicts))

        shared.__name__, shared.__doc__ = tries.__name__, tries.__doc__
        shared.__module__ = tries.__module__
        return shared

    return test


def survives(folder: Path, act: Callable[[], object]) -> Verdict:
    """How it went: read, or refused in one printable line; bounded, nothing elsewhere touched."""
    clock, peak = time.process_time(), _peak()
    verdict = "read"
    with watched(folder) as touched:
        try:
            act()
        except VeilleError as error:
            verdict = "refused"
            for line in str(error).split("\n"):
                assert all(c.isprintable() or c in "\u00a0\u202f" for c in line), line
                assert len(line) < 2500
    assert time.process_time() - clock < SLOWEST
    assert _peak() - peak < LARGEST
    assert touched == []
    return verdict


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@st.composite
def edits(draw: st.DrawFn) -> list[tuple[int, int, bytes]]:
    """Places (in thousandths of a file), how much is taken there, and what is put instead."""
    put = st.one_of(
        st.sampled_from([text.encode("utf-8", "surrogatepass") for text in HOSTILE]),
        st.binary(max_size=8),
    )
    one = st.tuples(st.integers(0, 999), st.sampled_from([0, 1, 2, 9, 400]), put)
    return draw(st.lists(one, min_size=1, max_size=3))


def edited(content: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for place, taken, put in changes:
        start = len(content) * place // 1000
        content = content[:start] + put + content[start + taken :]
    return content


# ------------------------------------------------------------------------ the watch

_READ = (REPOSITORY, Path(sys.prefix), Path(sys.base_prefix), Path("/usr/share/zoneinfo"))
_HARMLESS = ("/proc", "/dev/null", "/etc/localtime", "/etc/mime.types")
_WRITING = {
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.chmod",
    "os.truncate", "sqlite3.connect", "shutil.rmtree",
}  # fmt: skip
_STARTING = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.startfile"}
_watching: list[tuple[Path, list[str]]] = []


@contextlib.contextmanager
def watched(folder: Path) -> Iterator[list[str]]:
    """What is read or written outside the folder, and what programs are started, meanwhile.

    The program's own files, Python's and those of its scratch folders are not outside.
    """
    if not _hooked:
        sys.addaudithook(_hear)
        _hooked.append(True)
    touched: list[str] = []
    _watching.append((folder.resolve(), touched))
    try:
        yield touched
    finally:
        _watching.pop()


_hooked: list[bool] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching:
        return
    folder, touched = _watching[-1]
    if event in _STARTING:
        touched.append(f"{event} {arguments[:1]!r}")
    elif event == "open" or event in _WRITING:
        named = [name for name in arguments[:2] if isinstance(name, (str, bytes, os.PathLike))]
        named = named[:1] if event == "open" else named
        writes = event in _WRITING or bool(
            arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        )
        touched += [f"{event} {name!r}" for name in named if _is_outside(name, folder, writes)]


def _is_outside(name: Any, folder: Path, writes: bool) -> bool:
    text = os.fsdecode(name)
    if text == ":memory:" or "__pycache__" in text:
        return False
    try:
        path = Path(os.path.realpath(text))
    except ValueError:  # a NUL: no file has such a name
        return False
    if path.is_relative_to(folder) or ".veille." in text:
        return False
    if writes:
        return str(path) != os.devnull
    places = (*_READ, *map(Path, filter(None, sys.path)))
    return not str(path).startswith(_HARMLESS) and not any(
        path.is_relative_to(place) or path.is_relative_to(place.resolve()) for place in places
    )
