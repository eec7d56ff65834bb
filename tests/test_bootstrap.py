"""`python3 run.py`: what it says where something lacks, and what it starts."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import REPOSITORY


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The functions of run.py, whose environment is an empty folder; what they start is kept."""
    names: dict[str, Any] = runpy.run_path(str(REPOSITORY / "run.py"))
    started: list[list[str]] = []
    monkeypatch.setitem(names["main"].__globals__, "TOX", tmp_path / "bootstrap" / "bin" / "tox")
    monkeypatch.setitem(names["main"].__globals__, "HOME", tmp_path / "bootstrap")

    def call(command: list[object], **_options: object) -> int:
        started.append([str(part) for part in command])
        return 0

    monkeypatch.setattr(subprocess, "call", call)
    return SimpleNamespace(**names, started=started, home=tmp_path / "bootstrap")


def with_tox(bootstrap: SimpleNamespace) -> None:
    (bootstrap.home / "bin").mkdir(parents=True)
    (bootstrap.home / "bin" / "tox").touch()


def test_a_python_without_venv_names_the_package_that_brings_it(
    bootstrap: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Debian's bare python3 has no ensurepip: one line with the package, exit 2."""
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert bootstrap.main(["eval"]) == 2
    said = capsys.readouterr().err
    assert f"apt install python3.{sys.version_info[1]}-venv" in said
    assert said.count("\n") == 1
    assert bootstrap.started == []


def test_an_old_python_is_told_so(
    bootstrap: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both versions are named."""
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert bootstrap.main(["eval"]) == 2
    assert "Python 3.9 is too old" in capsys.readouterr().err


def test_arguments_after_the_name_reach_pytest(bootstrap: SimpleNamespace) -> None:
    """`run.py eval --study x` is `tox -e eval -- --study x`; alone, the name is all of it."""
    with_tox(bootstrap)
    assert bootstrap.main(["eval", "--study", "x"]) == bootstrap.main(["eval"]) == 0
    first, second = bootstrap.started
    assert first[1:] == ["-e", "eval", "--", "--study", "x"]
    assert second[1:] == ["-e", "eval"]


@pytest.mark.parametrize(("user", "said"), [(0, ""), (1000, "sudo bash")])
def test_the_browser_is_brought_where_it_may_be(
    bootstrap: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    user: int,
    said: str,
) -> None:
    """Root on Debian installs it; anybody else reads what is skipped and how to get it."""
    with_tox(bootstrap)
    monkeypatch.delenv("VEILLE_CHROMIUM", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    globals_ = bootstrap.bring_browser.__globals__
    found = SimpleNamespace(which=lambda name: None if name == "chromium" else f"/usr/bin/{name}")
    monkeypatch.setitem(globals_, "shutil", found)
    bootstrap.main(["tests"])
    assert [command[0] for command in bootstrap.started][:-1] == (["bash"] if user == 0 else [])
    assert said in capsys.readouterr().err
