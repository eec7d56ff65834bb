"""A study as it was, beside what it is now: the same photos, one paired test a case."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from evaluation.cli import main
from evaluation.errors import ArtefactError, VeilleError
from evaluation.records import StudyResults
from evaluation.stages.baseline import changes, save, state
from evaluation.stores.artefacts import read_study_results, write_run
from tests.report import builder
from tests.report.conftest import write_artefacts

NAME = "jouets"
"""The builder's second study."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Artefacts of a scored study."""
    write_artefacts(tmp_path / "artefacts", builder.second(tmp_path / "artefacts"))
    return tmp_path / "artefacts"


@pytest.fixture
def worsen(root: Path) -> Callable[[], tuple[str, tuple[str, ...]]]:
    """Turns the first two right answers of the first case into wrong ones."""

    def turn() -> tuple[str, tuple[str, ...]]:
        results: StudyResults = read_study_results(root / NAME)
        case, table = next(iter(results.predictions.items()))
        right = np.flatnonzero(table.predicted == table.labels)[:2]
        probabilities = table.probabilities.copy()
        probabilities[right] = np.roll(probabilities[right], 1, axis=1)
        run = next(one for one in results.runs if one.case == case)
        write_run(root, run, replace(table, probabilities=probabilities))
        return case, tuple(table.sample_ids[i] for i in right)

    return turn


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


def test_photos_that_were_lost_are_named(
    root: Path, worsen: Callable[[], tuple[str, tuple[str, ...]]]
) -> None:
    """Against a saved name: the counts, the gap, and the very photos; other cases stand."""
    save(root, NAME, "avril")
    case, lost = worsen()
    with state(root, NAME, "avril") as then:
        found = {one.case: one for one in changes(root, NAME, then)}
    worse = found.pop(case)
    assert (set(worse.lost), worse.won) == (set(lost), ())
    assert worse.gap.value == pytest.approx(-2 / worse.gap.n)
    assert worse.now - worse.then == pytest.approx(worse.gap.value)
    assert {one.gap.value for one in found.values()} == {0.0}


def test_a_folder_and_a_git_ref_are_states_too(
    root: Path, worsen: Callable[[], tuple[str, tuple[str, ...]]]
) -> None:
    """Artefacts are files: as they lie elsewhere, or as they were committed."""
    shutil.copytree(root, root.with_name("autre"))
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "-q"], ["add", "artefacts"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], cwd=root.parent, check=True)
    case, lost = worsen()
    for against in (str(root.with_name("autre")), "HEAD"):
        with state(root, NAME, against) as then:
            found = {one.case: one.lost for one in changes(root, NAME, then)}
        assert set(found[case]) == set(lost), against


@pytest.mark.parametrize("against", ["avril", "--output=x", "HEAD"])
def test_what_is_no_state_is_one_line(root: Path, against: str) -> None:
    """The remedy names the command that saves one."""
    with pytest.raises(VeilleError, match="no saved state"), state(root, NAME, against):
        pass
    assert not (root.parent / "x").exists()


def test_a_state_is_not_written_over(root: Path) -> None:
    """And a name that leads elsewhere is none."""
    save(root, NAME, "avril")
    with pytest.raises(VeilleError, match="exists"):
        save(root, NAME, "avril")
    with pytest.raises(VeilleError, match="no name"):
        save(root, NAME, "../avril")
    with pytest.raises(ArtefactError, match="not scored"):
        save(root, "absente", "mai")


def test_the_commands_say_it_in_a_table(
    root: Path, worsen: Callable[[], tuple[str, tuple[str, ...]]]
) -> None:
    """Plain on the terminal, and as Markdown for a pull request."""
    assert run("baseline", NAME, "--save", "avril", "--artefacts", root).exit_code == 0
    case, lost = worsen()
    plain = run("compare", NAME, "--against", "avril", "--artefacts", root)
    assert plain.exit_code == 0, plain.output
    assert repr(lost[0]) in plain.output
    short = case.partition("/")[2]
    arguments = ("compare", NAME, short, "--against", "avril", "--markdown", "--artefacts", root)
    lines = run(*arguments).output.splitlines()
    assert lines[2].startswith("| case | n | then | now |")
    assert [line.split(" | ")[0] for line in lines[4:]] == [f"| {short}"]
    missing = run("compare", NAME, "x/y", "--against", "avril", "--artefacts", root)
    assert missing.exit_code == 2
    assert "not scored both times: x/y" in missing.output


def test_a_table_of_many_photos_is_kept_too(
    root: Path, worsen: Callable[[], tuple[str, tuple[str, ...]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is Parquet, in the place of the CSV."""
    pytest.importorskip("pyarrow")
    monkeypatch.setattr("evaluation.stores.prediction_tables.ROWS", 1)
    case, _ = worsen()
    saved = save(root, NAME, "avril")
    assert (saved / case.partition("/")[2] / "predictions.parquet").is_file()
    with state(root, NAME, "avril") as then:
        assert {one.gap.value for one in changes(root, NAME, then)} == {0.0}


def test_the_comparison_holds_the_history(
    root: Path, worsen: Callable[[], tuple[str, tuple[str, ...]]]
) -> None:
    """Each kept state beside what the study is now; a state more makes the comparison anew."""
    from evaluation.stages.compare import compare_cases
    from evaluation.stages.standing import standing_comparison

    assert run("baseline", NAME, "--save", "avril", "--artefacts", root).exit_code == 0
    kept = read_study_results(root / NAME).comparison
    assert kept is not None
    assert [state.name for state in kept.history] == ["avril"]
    assert {change.p for change in kept.history[0].changes} == {1.0}
    assert standing_comparison(root, NAME) is not None
    case, lost = worsen()
    found = compare_cases(root, NAME)
    assert found is not None
    (change,) = [one for one in found.history[0].changes if one.case == case]
    assert set(change.lost) == set(lost)
    assert change.accuracy.value is not None
    save(root, NAME, "mai")
    assert standing_comparison(root, NAME) is None
    (root.with_name("baselines") / "mai" / NAME / "study.json").write_text("{")
    again = compare_cases(root, NAME)
    assert again is not None
    assert [state.name for state in again.history] == ["avril"]
