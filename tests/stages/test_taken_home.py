"""`veille predict` and `veille export`: the case that was chosen, at work on other photos."""

from __future__ import annotations

import csv
import json
import runpy
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from evaluation.cli import main
from evaluation.errors import ModelError
from evaluation.stages import predict
from evaluation.stages.predict import predict_folder, ready_case
from evaluation.stages.settings import Settings
from tests.stages.opened import Opened, opened_study
from tests.studies import write_study

TITLED = """
[[models]]
name = "lu"
kind = "clip"
weights = "./tiny"
title = "Lu"
reads = ["photo", "title"]
"""
ALONE = """
import runpy, sys
sys.modules["evaluation"] = None
sys.argv[0] = "predict.py"
runpy.run_path("predict.py", run_name="__main__")
"""

export = partial(predict.export, target=0.95, onnx=False)


@pytest.fixture
def opened(tmp_path: Path, study: Path) -> Opened:
    settings = Settings(artefacts=tmp_path / "artefacts", cache=tmp_path / "cache", device="cpu")
    return opened_study(study, settings)


@pytest.fixture
def photos(opened: Opened, tmp_path: Path) -> Path:
    """A folder of the study's own test photos under other names, and of what is not one."""
    folder = tmp_path / "à classer"
    (folder / "lot 1").mkdir(parents=True)
    for number, sample in enumerate(opened.data.samples(opened.data.split.test)):
        shutil.copyfile(sample.image, folder / "lot 1" / f"{number:03}.png")
    (folder / "cassée.png").write_bytes(b"\x89PNG\r\n")
    (folder / "liste.txt").write_text("rien")
    return folder


def test_the_folder_is_classified_as_the_study_was(opened: Opened, photos: Path) -> None:
    """The same photos have the probabilities of the case, and are known as the study's."""
    case = opened.data.case("tiny/noms")
    found = predict_folder(case, opened.data, opened.engine, photos)
    ready = ready_case(case, opened.data, opened.engine)
    np.testing.assert_array_equal(found.probabilities, ready.test.probabilities)
    assert [one.path for one in found.unread] == ["cassée.png"]
    assert [(one.kind, one.what) for one in found.notes] == [("suffix", ".txt")]
    assert {one.like.partition(": ")[0] for one in found.answers} == {"essai"}
    expected = [
        ready.threshold is not None and p >= ready.threshold for p in found.probabilities.max(1)
    ]
    assert [one.kept for one in found.answers] == expected
    assert [one.probability for one in found.left] == sorted(one.probability for one in found.left)


def test_nothing_is_embedded_twice(opened: Opened, photos: Path) -> None:
    """A second run finds every photo in the store, whatever its name."""
    case = opened.data.case("tiny/noms")
    predict_folder(case, opened.data, opened.engine, photos)
    model = opened.engine.model(case.model, opened.data)
    model.embed_images = None  # type: ignore[assignment, method-assign]
    (photos / "lot 1" / "000.png").rename(photos / "autre.png")
    found = predict_folder(case, opened.data, opened.engine, photos)
    assert found.answers[0].path == "autre.png"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


def test_the_command_writes_a_table_and_a_page(
    opened: Opened, photos: Path, study: Path, tmp_path: Path
) -> None:
    """The table reads back as predictions made elsewhere; a name of a photo is never markup."""
    (photos / "lot 1" / "000.png").rename(photos / "lot 1" / "<script>a&b.png")
    table = tmp_path / "out" / "l.csv"
    done = run("predict", study, "tiny/noms", photos, "-o", table, "--language", "en")
    assert done.exit_code == 0, done.output
    assert "note      1 file" in done.output
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(opened.data.split.test)
    page = table.with_suffix(".html").read_text(encoding="utf-8")
    assert '<html lang="en">' in page
    assert "<script" not in page
    left = [row for row in rows if row["decision"] == "person"]
    assert page.count("data:image/webp;base64,") == len(left)
    more = f'\n[[models]]\nname = "dossier"\ntitle = "d"\nkind = "predictions"\nfile = "{table}"\n'
    write_study(study, more=more)
    record = opened_study(study, opened.engine.settings).score("dossier")
    assert "have no row" in (record.error or "")


@pytest.mark.parametrize("command", ["predict", "export"])
def test_an_unknown_case_is_named_with_those_that_there_are(
    command: str, study: Path, tmp_path: Path
) -> None:
    """One line, and nothing is written."""
    done = run(command, study, "tiny/nom", tmp_path)
    assert done.exit_code == 2
    assert "no case tiny/nom" in done.output
    assert "tiny/noms" in done.output


def test_a_case_that_reads_titles_is_refused(study: Path, opened: Opened) -> None:
    """A folder of photos has no titles to read."""
    write_study(study, more=TITLED)
    again = opened_study(study, opened.engine.settings)
    with pytest.raises(ModelError, match="titles too"):
        ready_case(again.data.case("lu/noms"), again.data, again.engine)


def test_an_exported_case_runs_alone(opened: Opened, tmp_path: Path) -> None:
    """Its script, in a process that cannot import this program, says what the study does."""
    case, folder = opened.data.case("tiny/noms"), tmp_path / "chez moi"
    assert export(case, opened.data, opened.engine, folder) < 1e-6
    described = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    assert described["classes"] == list(opened.data.dataset.classes)
    samples = opened.data.samples(opened.data.split.test)
    done = subprocess.run(
        [sys.executable, "-c", ALONE, *(str(sample.image) for sample in samples)],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = [line.split("\t") for line in done.stdout.splitlines()]
    test = ready_case(case, opened.data, opened.engine).test
    assert [line[1] for line in said] == [test.classes[label] for label in test.predicted]
    np.testing.assert_allclose(
        [float(line[2]) for line in said], test.probabilities.max(axis=1), atol=6e-5
    )
    with pytest.raises(ModelError, match="exists"):
        export(case, opened.data, opened.engine, folder)


def test_the_layer_of_an_adapted_case_goes_with_it(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was learnt in another precision than the weights, and turns what they see."""
    case = opened.data.case("tiny/noms")
    ready = ready_case(case, opened.data, opened.engine)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(16, 16)))
    head = replace(
        ready.head, layer=turn.astype(np.float32), weight=np.asarray(ready.head.weight) @ turn.T
    )
    turned = replace(ready, head=head)
    monkeypatch.setattr("evaluation.stages.predict.ready_case", lambda *_: turned)
    assert export(case, opened.data, opened.engine, tmp_path / "x") < 1e-4


def test_a_folder_that_disagrees_is_not_given_out(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left of it."""
    monkeypatch.setattr("evaluation.stages.predict.TOLERANCE", -1.0)
    with pytest.raises(ModelError, match="disagrees"):
        export(opened.data.case("tiny/noms"), opened.data, opened.engine, tmp_path / "x")
    assert not [path.name for path in tmp_path.iterdir() if "x" in path.name]


def test_photos_are_read_as_here(opened: Opened, tmp_path: Path) -> None:
    """Upright, and transparency on white."""
    case = opened.data.case("tiny/noms")
    export(case, opened.data, opened.engine, tmp_path / "x")
    classifier = runpy.run_path(str(tmp_path / "x" / "predict.py"))["Classifier"]()
    layer = Image.new("RGBA", (40, 40), (200, 30, 30, 0))
    layer.paste((10, 200, 60, 255), (0, 0, 20, 40))
    plain = Image.new("RGB", (40, 40), "white")
    plain.paste((10, 200, 60), (0, 0, 20, 40))
    np.testing.assert_array_equal(classifier.predict(layer), classifier.predict(plain))
    exif = Image.Exif()
    exif[0x0112] = 6
    plain.save(tmp_path / "turned.png", exif=exif)
    upright = plain.transpose(Image.Transpose.ROTATE_270)
    turned = classifier.predict(Image.open(tmp_path / "turned.png"))
    np.testing.assert_array_equal(turned, classifier.predict(upright))


def test_one_graph_of_onnx(opened: Opened, tmp_path: Path) -> None:
    """Any number of photos at once, as the script says."""
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package)
    runtime = pytest.importorskip("onnxruntime")
    case = opened.data.case("tiny/noms")
    export(case, opened.data, opened.engine, tmp_path / "x", onnx=True)
    classifier = runpy.run_path(str(tmp_path / "x" / "predict.py"))["Classifier"]()
    pixels = np.random.default_rng(0).random((5, 3, 32, 32), np.float32)
    import torch

    session = runtime.InferenceSession(tmp_path / "x" / "model.onnx")
    (found,) = session.run(None, {"pixels": pixels})
    np.testing.assert_allclose(found, classifier(torch.from_numpy(pixels)).detach(), atol=1e-5)
