"""`veille eval` as a user runs it, on real models."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from sklearn.metrics import accuracy_score, f1_score

from evaluation.commands.beginning import pytest_arguments
from tests.studies import tiny_model, write_study

Run = Callable[..., "Done"]


class Done(NamedTuple):
    """How a run ended."""

    returncode: int
    output: str


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """`veille eval`, in this process, in a folder of its own."""
    monkeypatch.setenv("VEILLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)

    def start(*options: object) -> Done:
        with monkeypatch.context() as patched:
            patched.delenv("PYTEST_CURRENT_TEST")
            code = pytest.main(pytest_arguments(("--color=no", *map(str, options))))
        out, err = capfd.readouterr()
        return Done(int(code), out + err)

    return start


def run_apart(tmp_path: Path, *options: object) -> Done:
    """`veille eval` in a process of its own, as tox starts it."""
    done = subprocess.run(
        [sys.executable, "-m", "veille_clip", "eval", "--color=no", *map(str, options)],
        cwd=tmp_path,
        env={**os.environ, "VEILLE_CACHE": str(tmp_path / "cache"), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Done(done.returncode, done.stdout + done.stderr)


def read(tmp_path: Path, case: str) -> dict:
    return json.loads((tmp_path / "artefacts" / case / "run.json").read_text())


def test_a_study_is_scored_and_its_numbers_can_be_recomputed(tmp_path: Path, study: Path) -> None:
    """Exit 0, a table, and run.json says what scikit-learn says of predictions.csv."""
    done = run_apart(tmp_path, "--study", study)
    assert done.returncode == 0, done.output
    assert "artefacts:" in done.output
    for case in ("essai/tiny/noms", "essai/tiny/descriptions"):
        with (tmp_path / "artefacts" / case / "predictions.csv").open() as file:
            rows = list(csv.DictReader(file))
        truth = [row["label"] for row in rows]
        guess = [max(("Lamps", "Mugs", "Rugs"), key=lambda c: float(row[c])) for row in rows]
        metrics = {m["name"]: m["value"] for m in read(tmp_path, case)["metrics"]}
        assert len(rows) == 12
        assert metrics["accuracy"] == pytest.approx(accuracy_score(truth, guess), abs=1e-9)
        assert metrics["macro_f1"] == pytest.approx(
            f1_score(truth, guess, average="macro", zero_division=0), abs=1e-9
        )
        assert "tiny" in done.output


def test_predictions_are_those_of_a_direct_computation(
    tmp_path: Path, study: Path, run: Run
) -> None:
    """The case agrees with open_clip and numpy used by hand on the same files."""
    assert run("--study", study, "--prompts", "descriptions").returncode == 0
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{study / 'tiny'}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{study / 'tiny'}")
    texts = {"Lamps": ["a lamp"], "Mugs": ["a mug", "a cup"], "Rugs": ["a rug"]}
    with torch.no_grad():
        heads = []
        for sentences in texts.values():
            rows = model.encode_text(tokenizer(sentences)).numpy()
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            mean = rows.mean(axis=0)
            heads.append(mean / np.linalg.norm(mean))
        table = tmp_path / "artefacts" / "essai" / "tiny" / "descriptions" / "predictions.csv"
        with table.open() as file:
            for row in csv.DictReader(file):
                image = Image.open(study / "photos" / row["sample_id"]).convert("RGB")
                pixels = preprocess(image).unsqueeze(0)
                vector = model.encode_image(pixels).numpy()[0]
                vector /= np.linalg.norm(vector)
                logits = float(model.logit_scale.exp()) * (np.array(heads) @ vector)
                expected = np.exp(logits - logits.max())
                expected /= expected.sum()
                assert [float(row[name]) for name in texts] == pytest.approx(expected, abs=1e-4)


def test_a_new_text_embeds_no_image(tmp_path: Path, study: Path, run: Run) -> None:
    """The second run finds every image in the store; new photos alone are embedded."""
    assert run("--study", study, "--prompts", "noms").returncode == 0
    assert read(tmp_path, "essai/tiny/noms")["timings"]["images_embedded"] == 18
    texts = study / "prompts" / "descriptions.toml"
    texts.write_text(texts.read_text().replace("a rug", "a very soft rug"))
    assert run("--study", study, "--prompts", "descriptions").returncode == 0
    timings = read(tmp_path, "essai/tiny/descriptions")["timings"]
    assert (timings["images_embedded"], timings["images_reused"]) == (0, 18)


def test_cases_are_chosen_by_expression(tmp_path: Path, study: Path, run: Run) -> None:
    """`-k` works on the readable ids, and only the chosen case is scored."""
    done = run("--study", study, "-k", "descriptions and not supervised")
    assert done.returncode == 0, done.output
    cases = sorted(path.parent.name for path in (tmp_path / "artefacts").rglob("run.json"))
    assert cases == ["descriptions"]


PROMPTS = ("noms", "descriptions")


def test_workers_share_the_work(tmp_path: Path, study: Path) -> None:
    """Under pytest-xdist a trunk's cases go to one worker, are scored once, and all tabled."""
    photos = sorted((study / "photos").glob("*/*.png"))
    rows = "".join(f"{path.parent.name}/{path.name},{path.parent.name}\n" for path in photos)
    (study / "oracle.csv").write_text(f"id,label\n{rows}")
    other = '[[models]]\nname = "oracle"\nkind = "predictions"\nfile = "oracle.csv"\n'
    write_study(study, f'{other}title = "Oracle"\n')
    done = run_apart(tmp_path, "--study", study, "-n", "2", "-v")
    assert done.returncode == 0, done.output
    places = set(re.findall(r"\[(gw\d)\].*\[essai/(\w+)", done.output))
    assert len(places) == len({model for _, model in places}) == 2
    assert done.output.count("essai ") >= 3
    runs = [read(tmp_path, f"essai/tiny/{prompts}") for prompts in PROMPTS]
    assert sorted(run["timings"]["images_embedded"] for run in runs) == [0, 18]
    assert read(tmp_path, "essai/oracle")["metrics"][0]["value"] == 1


def test_one_trunk_needs_one_process(study: Path, run: Run) -> None:
    """Prompt sets of one model gain nothing from `-n 2`: no worker is started for them."""
    done = run("--study", study, "-n", "2", "-v", "-k", "predicted and noms")
    assert done.returncode == 0, done.output
    assert "1 passed" in done.output
    # A worker names itself so; a temporary folder may have "gw0" in its name.
    assert "[gw" not in done.output


def test_a_floor_that_is_missed_fails_the_run(study: Path, run: Run) -> None:
    """A declared threshold is an assertion: exit 1, one line with both numbers, no traceback."""
    write_study(study, '[[thresholds]]\ncase = "tiny/noms"\nmetric = "accuracy"\nminimum = 0.999\n')
    done = run("--study", study)
    assert done.returncode == 1
    assert "below the declared 0.999" in done.output
    assert "Traceback" not in done.output


def one_line(done: Done, *words: str) -> None:
    """The run was refused, in a line that has these words, without a traceback."""
    text = done.output
    assert done.returncode != 0
    assert any(all(word in line for word in words) for line in text.splitlines()), text
    assert "Traceback" not in text
    assert "INTERNALERROR" not in text


def test_mistakes_in_a_study_are_said_in_one_line_each(
    tmp_path: Path, study: Path, run: Run
) -> None:
    """Unknown study, unknown key, unknown name: named with the remedy, nothing is written."""
    one_line(run("--study", "nowhere"), "nowhere", "demo")
    one_line(run("--study", study, "--prompts", "nom"), "nom", "descriptions")
    write_study(study, "[splitt]\nseed = 1\n")
    one_line(run("--study", study), "study.toml", "splitt", "split")
    assert not (tmp_path / "artefacts").exists()


MISFITS = (
    ('Lamps = ["a lamp"]\nMugs = ["a mug"]\n', ("Rugs",)),
    ('Lamps = ["l"]\nMugs = ["m"]\nRugs = ["r"]\nLamp = ["x"]\n', ("Lamp", "Lamps")),
)
"""Texts that do not fit the classes, and what is named then."""


def misfit(study: Path, text: str) -> None:
    head = 'title = "D"\nlanguage = "en"\n[texts]\n'
    (study / "prompts" / "descriptions.toml").write_text(head + text)


@pytest.mark.parametrize(("text", "words"), MISFITS)
def test_texts_that_do_not_fit_the_classes_are_refused(
    tmp_path: Path, study: Path, run: Run, text: str, words: tuple[str, ...]
) -> None:
    """A class without a text, or a text for an unknown class, ends the run before scoring."""
    misfit(study, text)
    one_line(run("--study", study), *words)
    assert not (tmp_path / "artefacts").exists()


def test_workers_refuse_what_one_process_does(tmp_path: Path, study: Path) -> None:
    """In the same single line."""
    text, words = MISFITS[1]
    misfit(study, text)
    one_line(run_apart(tmp_path, "--study", study, "-n", "2"), *words)
    assert not (tmp_path / "artefacts").exists()


def test_an_empty_class_is_refused(study: Path, run: Run) -> None:
    """A class folder without a photo is named."""
    (study / "photos" / "Vases").mkdir()
    one_line(run("--study", study), "Vases")


def test_a_truncated_photo_is_listed_and_the_rest_is_scored(
    tmp_path: Path, study: Path, run: Run
) -> None:
    """A broken photo is in study.json with its reason; the run ends well."""
    photo = study / "photos" / "Mugs" / "3.png"
    photo.write_bytes(photo.read_bytes()[:400])
    done = run("--study", study)
    assert done.returncode == 0, done.output
    card = json.loads((tmp_path / "artefacts" / "essai" / "study.json").read_text())
    assert [one["path"] for one in card["missing"]] == ["Mugs/3.png"]
    assert card["missing"][0]["reason"]


def test_a_wrong_checkpoint_fails_and_harms_no_result(
    tmp_path: Path, study: Path, run: Run
) -> None:
    """The failure is recorded beside the earlier result, which stays byte for byte."""
    assert run("--study", study).returncode == 0
    folder = tmp_path / "artefacts" / "essai" / "tiny" / "noms"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    weights = (study / "tiny" / "open_clip_model.safetensors").read_bytes()
    tiny_model(study / "tiny", width=64)
    (study / "tiny" / "open_clip_model.safetensors").write_bytes(weights)

    one_line(run("--study", study), "tiny", "architecture")
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert json.loads(after.pop("failure.json"))["status"] == "failed"
    assert after == before


def test_artefacts_that_cannot_be_written_end_the_run(
    tmp_path: Path, study: Path, run: Run
) -> None:
    """A file where the artefacts should be: one line that names it and the option."""
    (tmp_path / "artefacts").write_text("I am a file")
    one_line(run("--study", study), "artefacts", "--artefacts")


def test_a_missing_weights_file_is_unavailable_and_skipped(
    tmp_path: Path, study: Path, run: Run
) -> None:
    """The case is recorded as unavailable with its reason; the other model's cases run."""
    more = '[[models]]\nname = "gone"\nkind = "clip"\narchitecture = "ViT-B-32"\n'
    write_study(study, more + 'weights = "gone.safetensors"\ntitle = "Absent"\n')
    done = run("--study", study)
    assert done.returncode == 0, done.output
    assert "gone.safetensors" in done.output
    assert read(tmp_path, "essai/gone/noms")["status"] == "unavailable"
    assert read(tmp_path, "essai/tiny/noms")["status"] == "ok"


def test_scoring_makes_the_maps_that_the_study_declares(
    tmp_path: Path, study: Path, run: Run
) -> None:
    """Once: an unchanged case is left alone, and --no-maps makes none."""
    write_study(study, "[explain]\nmasks = 4\nfaithfulness_photos = 2\ncurve_steps = 2\ncap = 4\n")
    one = ("--study", study, "--prompts", "noms")
    folder = tmp_path / "artefacts" / "essai" / "tiny" / "noms"
    assert run(*one, "--no-maps").returncode == 0
    assert not (folder / "attention.json").exists()
    assert run(*one).returncode == 0
    record = json.loads((folder / "attention.json").read_text())
    names = {m["overlay"] for photo in record["photos"] for m in photo["maps"]}
    assert names == {f"attention/{path.name}" for path in (folder / "attention").iterdir()}
    written = (folder / "attention.json").stat().st_mtime_ns
    assert run(*one).returncode == 0
    assert (folder / "attention.json").stat().st_mtime_ns == written


def test_maps_that_fail_are_one_line_and_harm_no_score(
    tmp_path: Path, study: Path, run: Run
) -> None:
    """The suite passes; the reason is in the summary and beside the result."""
    write_study(study, "[explain]\nmasks = 4\n")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "maps.sqlite").write_bytes(b"no database at all" * 100)
    done = run("--study", study, "--prompts", "noms")
    assert done.returncode == 0, done.output
    (line,) = (one for one in done.output.splitlines() if "maps failed" in one)
    assert "essai/tiny/noms was scored" in line
    assert "is not a database" in line
    assert read(tmp_path, "essai/tiny/noms")["status"] == "ok"
    folder = tmp_path / "artefacts" / "essai" / "tiny" / "noms"
    assert (
        "is not a database" in json.loads((folder / "attention-failure.json").read_text())["error"]
    )
