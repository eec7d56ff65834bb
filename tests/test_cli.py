"""The `veille` command, as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from evaluation.cli import main
from evaluation.commands.options import say
from evaluation.errors import VeilleWarning, eval_command
from evaluation.stages.settings import Settings
from tests.stages.opened import opened_study
from tests.studies import write_study


def veille(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_help_says_what_each_command_does() -> None:
    """Every command has its line, uncut, and the usual way is shown."""
    done = veille("--help")
    assert done.exit_code == 0
    assert not any(line.endswith("...") for line in done.output.splitlines()[1:])
    for word in ("check", "new", "report", "studies", "veille eval", "veille site"):
        assert word in done.output


def test_studies_lists_the_shipped_ones() -> None:
    """The demo and the slides' study can always be run."""
    done = veille("studies")
    assert done.exit_code == 0
    assert "demo" in done.output
    assert "flipkart" in done.output


def test_check_says_what_would_run(study: Path) -> None:
    """Photos, parts, texts and models of a sound study, a checkpoint opened once; exit 0."""
    twice = '[[models]]\nname = "again"\nkind = "clip"\nweights = "./tiny"\ntitle = "Encore"\n'
    write_study(study, twice)
    done = veille("check", study)
    assert done.output.count("opened  safetensors: ") == 1
    assert done.output.count("would run") == 2
    assert done.exit_code == 0, done.output
    assert "30 in 3 classes" in done.output
    assert "tiny: would run" in done.output
    assert "tiny/descriptions" in done.output


def test_what_a_file_holds_commands_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters are spelt out; lines and tabs stay."""
    say("a\x07b\x9bc\n\td\u202ee")
    assert capsys.readouterr().out == "a\\x07b\\x9bc\n\td\\u202ee\n"


def test_check_names_what_is_unavailable(study: Path) -> None:
    """Weights that are not there are no mistake: they are named with the reason."""
    write_study(
        study,
        '[[models]]\nname = "gone"\nkind = "clip"\narchitecture = "ViT-B-32"\n'
        'weights = "gone.safetensors"\ntitle = "Absent"\n',
    )
    done = veille("check", study)
    assert done.exit_code == 0
    assert "gone: unavailable" in done.output


def test_check_refuses_data_that_cannot_be_used(study: Path) -> None:
    """An empty class folder: the models are still listed, then one line and exit 2."""
    (study / "photos" / "Vases").mkdir()
    done = veille("check", study)
    assert done.exit_code == 2
    assert "Vases" in done.output
    assert "tiny" in done.output


def test_an_unknown_study_is_one_line() -> None:
    """The line names the studies that there are."""
    done = veille("check", "flipcart")
    assert done.exit_code == 2
    assert "flipkart" in done.output
    assert len(done.output.splitlines()) == 1


def test_flipkart_without_a_data_root_says_how_to_give_it() -> None:
    """The photos are not shipped: the remedy is the option."""
    done = veille("check", "flipkart")
    assert done.exit_code == 2
    assert "--data-root" in done.output


def test_new_writes_a_study_that_check_accepts(
    tmp_path: Path, make_photo: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder of class folders to a checked study in two commands."""
    for c, label in enumerate("AB"):
        for i in range(6):
            make_photo(tmp_path / "images" / label / f"{i}.png", seed=10 * c + i)
    monkeypatch.chdir(tmp_path)
    assert veille("new", "mine", "--images", "images", "--language", "en").exit_code == 0
    done = veille("check", "mine")
    assert done.exit_code == 0, done.output
    assert "12 in 2 classes" in done.output


def test_report_writes_pages(tmp_path: Path) -> None:
    """Without a result the pages are still written, with the slides' figures."""
    done = veille("report", "--output", tmp_path / "pages", "--artefacts", tmp_path / "none")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "pages" / "index.md").is_file()


def test_report_speaks_english(tmp_path: Path) -> None:
    """`--language en` writes the same pages in English."""
    for language in ("fr", "en"):
        folder = tmp_path / language
        options = ("--artefacts", tmp_path / "none", "--language", language)
        assert veille("report", "--output", folder, *options).exit_code == 0
    french, english = (
        {
            path.relative_to(tmp_path / one): path.read_text()
            for path in (tmp_path / one).rglob("*.md")
        }
        for one in ("fr", "en")
    )
    index = Path("index.md")
    assert french.keys() == english.keys()
    assert "Exactitude" in french[index]
    assert "Accuracy" in english[index]
    assert "Exactitude" not in english[index]


def test_report_refuses_artefacts_of_another_version(tmp_path: Path) -> None:
    """One line with the file and the remedy."""
    folder = tmp_path / "artefacts" / "s"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text(json.dumps({"schema_version": 99}))
    done = veille("report", "--output", tmp_path / "pages", "--artefacts", folder.parent)
    assert done.exit_code == 2
    assert "update veille-clip" in done.output


@pytest.fixture
def scored(tmp_path: Path, study: Path) -> Path:
    """Artefacts of the tests' study, every case scored."""
    settings = Settings(artefacts=tmp_path / "artefacts", cache=tmp_path / "cache")
    opened_study(study, settings).score_all()
    return settings.artefacts


def test_compare_shows_ranks_and_pairs(scored: Path) -> None:
    """From artefacts alone: who is tied with whom, and each pair's gap with its interval."""
    done = veille("compare", "essai", "--artefacts", scored)
    assert done.exit_code == 0, done.output
    assert "share a letter are tied" in done.output
    assert "p (Holm)" in done.output
    assert (scored / "essai" / "comparison.json").is_file()


def test_compare_of_two_cases_shows_their_pair(scored: Path) -> None:
    """Cases may be named with their study or without."""
    done = veille("compare", "essai", "tiny/noms", "essai/tiny/descriptions", "--artefacts", scored)
    assert done.exit_code == 0, done.output
    refused = veille("compare", "essai", "tiny/nom", "--artefacts", scored)
    assert refused.exit_code == 2
    assert "essai/tiny/noms" in refused.output


def test_compare_needs_scored_cases(tmp_path: Path, study: Path) -> None:
    """Nothing was scored: one line with the command that scores."""
    done = veille("compare", study.name, "--artefacts", tmp_path / "artefacts")
    assert done.exit_code == 2
    assert eval_command() in done.output
    assert len(done.output.splitlines()) == 1


def test_explain_says_what_it_costs_and_what_it_found(tmp_path: Path, study: Path) -> None:
    """Forward passes first; then the areas under the curves beside the two controls."""
    common = ("--artefacts", tmp_path / "artefacts", "--device", "cpu")
    done = veille("explain", study, *common)
    assert done.exit_code == 2
    assert "no case was scored yet" in done.output
    settings = Settings(artefacts=tmp_path / "artefacts", device="cpu")
    opened = opened_study(study, settings)
    assert opened.score("tiny/noms").status == "ok"
    few = ("--masks=4", "--rise-photos=2", "--faithfulness-photos=2", "--steps=2", "--photos=4")
    done = veille("explain", study, *few, *common)
    assert done.exit_code == 0, done.output
    assert "essai/tiny/noms: 122 forward passes at most" in done.output
    assert "descriptions" not in done.output
    for word in ("chefer", "rise", "random", "centre", "control", "deletion, blur"):
        assert word in done.output
    done = veille("explain", study, "tiny/nom", *common)
    assert done.exit_code == 2
    assert "choose among tiny/noms, tiny/descriptions" in done.output


def test_a_deep_comparison_reuses_the_embeddings_of_its_precision(
    tmp_path: Path, study: Path
) -> None:
    """What an evaluation in bf16 embedded is asked for in bf16, and only in it."""
    settings = Settings(artefacts=tmp_path / "artefacts", precision="bf16")
    opened = opened_study(study, settings)
    for case in opened.data.study.cases():
        assert opened.score(case).provenance.precision == "bf16"
    asked = "SELECT DISTINCT fingerprint FROM embeddings"
    models = opened.engine.store._connection.execute(asked).fetchall()
    options = ("--deep", "--precision", "bf16", "--artefacts", settings.artefacts)
    done = veille("compare", study, *options)
    assert done.exit_code == 0, done.output
    assert opened.engine.store._connection.execute(asked).fetchall() == models
    assert "fp32" in veille("compare", study, "--precision", "fp8").output


def test_a_missing_extra_is_one_line(tmp_path: Path) -> None:
    """Where the report's packages are not installed, the command says which extra to install."""
    script = (
        "import sys; sys.modules['babel.messages.pofile'] = None\n"
        "from evaluation.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "report", "--output", str(tmp_path / "pages")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "babel" in done.stderr
    assert "eval,site" in done.stderr


def test_a_warning_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged row is told of without the place in the program that found it."""

    def warned() -> tuple[()]:
        warnings.warn("1 row was damaged\x1b[2J", VeilleWarning, stacklevel=1)
        return ()

    monkeypatch.setattr("evaluation.cli.list_studies", warned)
    done = CliRunner().invoke(main, ["studies"])
    assert "warning: 1 row was damaged\\x1b[2J\n" in done.output
    assert "VeilleWarning" not in done.output
