"""`veille publish --init`: the workflow, and what it keeps out of a public repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from evaluation.cli import main
from tests.report import builder
from tests.report.conftest import write_artefacts


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the artefacts of two studies: boutique may be published, jouets not."""
    folder = tmp_path / "mine"
    root = folder / "artefacts"
    write_artefacts(root, builder.shop(root, redistributable=True), builder.second(root))
    monkeypatch.chdir(folder)
    subprocess.run(["git", "init", "--quiet"], check=True)
    return folder


def veille(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def committed(folder: Path) -> set[str]:
    """The studies whose photos `git add` would take."""
    subprocess.run(["git", "add", "artefacts"], cwd=folder, check=True)
    names = subprocess.run(
        ["git", "ls-files"], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert "artefacts/jouets/study.json" in names
    return {name.split("/")[1] for name in names if name.endswith(".webp")}


def step(folder: Path) -> str:
    """The command that builds the site."""
    text = (folder / ".github/workflows/pages.yml").read_text(encoding="utf-8")
    (found,) = (
        one["run"]
        for one in yaml.safe_load(text)["jobs"]["build"]["steps"]
        if "veille site" in one.get("run", "")
    )
    return str(found)


def test_photos_that_may_not_be_published_stay_out(repository: Path) -> None:
    """Neither in git nor on the site; what .gitignore said before still stands."""
    (repository / ".gitignore").write_text("/mine/\n", encoding="utf-8")
    done = veille("publish", "--init")
    assert done.exit_code == 0, done.output
    assert "jouets: not declared redistributable" in done.output
    assert step(repository) == 'veille site --photos "redistributable"'
    assert committed(repository) == {"boutique"}
    assert (repository / ".gitignore").read_text(encoding="utf-8").startswith("/mine/\n")


def test_a_study_that_is_named_is_published(repository: Path) -> None:
    """Its photos are committed and shown, and the workflow's own command builds them."""
    assert veille("publish", "--init", "--photos", "jouets").exit_code == 0
    assert committed(repository) == {"boutique", "jouets"}
    assert step(repository) == 'veille site --photos "redistributable,jouets"'


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((), "--init"), (("--init", "--photos", "jouet"), "no study jouet")],
)
def test_what_cannot_be_meant_is_one_line(
    repository: Path, arguments: tuple[str, ...], said: str
) -> None:
    """An unknown study is named, and nothing is written."""
    done = veille("publish", *arguments)
    assert done.exit_code == 2
    assert said in done.output
    assert not (repository / ".github").exists()


@pytest.mark.usefixtures("repository")
def test_a_workflow_that_is_there_stays() -> None:
    """It may have been changed by hand."""
    assert veille("publish", "--init").exit_code == 0
    done = veille("publish", "--init", "--photos", "jouets")
    assert done.exit_code == 2
    assert "is there already" in done.output


def test_named_photos_are_written_and_others_withheld(repository: Path) -> None:
    """`--photos` of the report takes names; a word that is none is refused."""
    for photos, kept in (("redistributable", False), ("redistributable,jouets", True)):
        output = repository / photos
        done = veille("report", "--output", str(output), "--photos", photos)
        assert done.exit_code == 0, done.output
        assert (output / "etudes/jouets/photos").exists() is kept
    refused = veille("report", "--output", str(repository / "x"), "--photos", "some")
    assert refused.exit_code == 2
    assert "no study some" in refused.output
