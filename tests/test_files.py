"""Files that are whole or absent, and what is left of processes that were killed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation import files
from evaluation.errors import (
    ConfigError,
    DataError,
    Mistake,
    meant,
    one_line,
    printable,
)

KILLED = """
import os, sys
from pathlib import Path
from evaluation import files
with files.replacing(Path(sys.argv[1]) / "new") as draft:
    draft.write_bytes(b"half")
    {middle}
"""


@pytest.fixture(autouse=True)
def _as_if_started_anew() -> None:
    files._swept.clear()


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    """An error in the middle leaves the earlier file, and nothing beside it."""
    path = tmp_path / "a" / "file"
    files.write_bytes(path, b"first")
    with contextlib.suppress(KeyError), files.replacing(path) as draft:
        draft.write_bytes(b"sec")
        raise KeyError
    assert [one.name for one in path.parent.iterdir()] == ["file"]
    assert path.read_bytes() == b"first"


def test_a_file_of_the_longest_name_is_written(tmp_path: Path) -> None:
    """Its temporary file has a name of its own that the disk takes."""
    path = tmp_path / ("é" * 127)
    files.write_bytes(path, b"x")
    assert path.read_bytes() == b"x"


def test_a_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    """Temporary files are private; what takes its place is not."""
    files.write_bytes(tmp_path / "a", b"x")
    (tmp_path / "b").write_bytes(b"x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path: Path) -> None:
    """The system has released its lock; its target was never touched."""
    script = KILLED.format(middle="os.kill(os.getpid(), 9)")
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    (left,) = tmp_path.iterdir()
    assert left.read_bytes() == b"half"
    files.write_bytes(tmp_path / "other", b"x")
    assert [one.name for one in tmp_path.iterdir()] == ["other"]


def test_what_a_living_process_writes_stays(tmp_path: Path) -> None:
    """However long it takes, and whoever sweeps meanwhile."""
    script = KILLED.format(middle="print(flush=True); sys.stdin.readline()")
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        files.sweep(tmp_path, below=True)
        process.communicate("go on\n")
    assert (tmp_path / "new").read_bytes() == b"half"


@pytest.mark.parametrize(
    "name", ["photos.part", ".hidden", "veille-holidays", ".x.part", "x.abcdefgh.part"]
)
def test_nobody_else_s_file_is_swept(tmp_path: Path, name: str) -> None:
    """Downloads that will go on and hidden files of others are none of ours."""
    (tmp_path / name).write_text("x")
    files.sweep(tmp_path)
    assert (tmp_path / name).exists()


def test_a_folder_is_whole_or_absent(tmp_path: Path) -> None:
    """And one that holds something is not replaced."""
    _write_folder(tmp_path / "new", b"first")
    with pytest.raises(OSError, match="not empty"):
        _write_folder(tmp_path / "new", b"second")
    assert [one.name for one in tmp_path.iterdir()] == ["new"]
    assert (tmp_path / "new" / "file").read_bytes() == b"first"


def _write_folder(path: Path, content: bytes) -> None:
    with files.replacing(path, folder=True) as draft:
        (draft / "file").write_bytes(content)


def test_a_scratch_folder_is_gone_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is one that a killed process left."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / ".veille.abcdefgh.part").mkdir()
    with files.scratch() as folder:
        (folder / "profile").mkdir()
        assert list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------ messages


def test_nothing_commands_the_terminal() -> None:
    """Escapes, NUL, line ends, right-to-left overrides and lone surrogates are text."""
    hostile = "a\x1b[2Jb\0c\rd\ne\u202ef\ud800g\u2028h\x9bi"
    error = DataError(hostile, where=hostile, remedy=hostile)
    for text in (str(error), error.what, str(error.where), str(error.remedy)):
        assert all(character.isprintable() for character in text)
        assert "\\x1b[2J" in text
        text.encode("utf-8")


def test_typography_stays() -> None:
    """Spaces that do not break, accents and emoji of several parts are no commands."""
    text = "Où\u00a0? L’« été\u202f» 👩\u200d🔬"
    assert printable(text) == text


def test_a_message_fits_on_a_screen() -> None:
    """A value of a megabyte is cut, and of a thousand mistakes the first are shown."""
    assert len(str(DataError("x" * 10**6, where="y" * 10**6, remedy="z" * 10**6))) < 2000
    mistake = Mistake(file="study.toml", key="k" * 10**6, problem="p", remedy="r")
    lines = str(ConfigError([mistake] * 1000)).splitlines()
    assert lines[-1] == "… and 980 more mistakes"
    assert len(lines) == 21
    assert all(len(line) < 2000 for line in lines)


def test_an_error_of_the_system_is_its_words() -> None:
    """Without its number and its path, which are told elsewhere."""
    assert one_line(OSError(28, os.strerror(28), "file")) == os.strerror(28)
    assert one_line(ValueError("a\n b")) == "a b"
    assert one_line(KeyError()) == "KeyError"


def test_the_nearest_name_is_asked_about() -> None:
    """Known names are listed while they are few, or when nothing is close."""
    assert meant("flipcart", ["demo", "flipkart"]) == (
        "did you mean 'flipkart'? known: 'demo', 'flipkart'"
    )
    many = [f"model-{number}" for number in range(1000)]
    assert meant("model-7777", many).startswith("did you mean 'model-")
    assert "known" not in meant("model-7777", many)
    assert meant("zzz", many).endswith("and 980 more")
    assert meant("x", []) == "known: none"
