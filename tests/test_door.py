"""The door: what enters pytest, MkDocs and the shell, beside another package called evaluation."""

from __future__ import annotations

import subprocess
import sys
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

import veille_clip

THEIRS = "WHOSE = 'theirs'\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Another project, which has a package called evaluation, options of its own and a test."""
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "__init__.py").write_text(THEIRS, encoding="utf-8")
    (tmp_path / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--device')\n", encoding="utf-8"
    )
    (tmp_path / "test_theirs.py").write_text(
        "import sys\n\ndef test_theirs():\n"
        "    assert 'evaluation' not in sys.modules and 'numpy' not in sys.modules\n"
        "    import evaluation\n    assert evaluation.WHOSE == 'theirs'\n",
        encoding="utf-8",
    )
    return tmp_path


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python in that folder, which is then first on its path."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_tests_of_another_project_have_its_package_and_its_options(project: Path) -> None:
    """With the plugin installed, nothing of ours is imported, and no option of theirs clashes."""
    done = python(project, "-m", "pytest", "-q", "-p", "veille_clip", "--device=x")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_command_works_beside_a_package_of_its_name(project: Path) -> None:
    """In a folder that comes first on the path, `veille` is still ours; theirs is not touched."""
    done = python(project, "-m", "veille_clip", "studies")
    assert done.returncode == 0, done.stderr
    assert "demo" in done.stdout


def test_a_package_of_its_name_that_came_first_is_told(
    monkeypatch: pytest.MonkeyPatch, project: Path
) -> None:
    """One line names the other package, and the way out."""
    spec = spec_from_file_location("evaluation", project / "evaluation" / "__init__.py")
    assert spec is not None
    monkeypatch.setitem(sys.modules, "evaluation", module_from_spec(spec))
    with pytest.raises(veille_clip.NameTaken, match="veille eval") as raised:
        veille_clip.ours("cli")
    assert str(project) in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["--study", "demo"], True),
        (["--study=demo", "-x"], True),
        (["--pyargs", "evaluation.suites"], True),
        ([str(veille_clip.HERE / "evaluation" / "suites" / "test_cases.py::test_x")], True),
        (["tests", "--studying", "-k", "study"], False),
        (["elsewhere/evaluation/suites"], False),
        ([], False),
    ],
)
def test_a_study_is_asked_for_by_option_path_or_name(arguments: list[str], *, asked: bool) -> None:
    """Nothing else lets our options in."""
    assert veille_clip.asks_for_a_study(arguments) is asked


def test_the_door_costs_other_runs_nothing() -> None:
    """Loading it, and asking it, take less than 20 ms of the processor."""
    spec = spec_from_file_location("door", veille_clip.__file__)
    assert spec is not None
    assert spec.loader is not None
    start = time.process_time()
    door = module_from_spec(spec)
    spec.loader.exec_module(door)
    door.asks_for_a_study(["tests", "-x"])
    assert time.process_time() - start < 0.02
