"""The demo's photos: exactly those that the script chooses, and the bytes that it makes."""

from __future__ import annotations

import csv
import importlib.util
import os
from collections import Counter
from pathlib import Path
from types import ModuleType

import PIL
import pytest
from PIL import Image

from evaluation.study.config import SHIPPED

DEMO = SHIPPED / "demo"
SCRIPT = Path(__file__).parents[2] / "scripts" / "build_demo.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_demo", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def stamps() -> Path:
    folder = Path(os.environ.get("VEILLE_STAMPS", "/usr/share/tuxpaint/stamps"))
    if not folder.is_dir():
        pytest.skip(f"Tux Paint's stamps are not at {folder} (set VEILLE_STAMPS)")
    return folder


def rows() -> list[dict[str, str]]:
    with (DEMO / "photos.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_table_lists_what_the_script_chooses(script: ModuleType) -> None:
    """Nothing was added or taken away by hand, neither in the table nor in the folder."""
    listed = {
        (row["label"], row["subcategory"], row["stamp"].removesuffix(".png")) for row in rows()
    }
    assert listed == set(script.chosen())
    files = {file.relative_to(DEMO / "photos").as_posix() for file in DEMO.rglob("*.jpg")}
    assert files == {row["path"] for row in rows()}


def test_no_class_is_small() -> None:
    """Each class leaves enough photos to train on, beside 7 for test and 4 for validation."""
    counts = Counter(row["label"] for row in rows())
    assert len(counts) == 8
    assert min(counts.values()) >= 16


def test_no_drawing_is_chosen() -> None:
    """Folders and names of drawings and of mirrored copies do not occur."""
    stamps = [row["stamp"] for row in rows()]
    assert not [
        s for s in stamps if any(w in s for w in ("cartoon", "_mirror", "_flip", "symbols"))
    ]


def test_cut_out_is_laid_in_the_middle_of_white(script: ModuleType) -> None:
    """It is enlarged twice at most, and its transparent pixels leave no fringe."""
    image = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    image.paste((200, 0, 0, 255), (10, 10, 50, 30))
    square = script.on_white(image)
    assert square.size == (256, 256)
    inside = (128 - 40, 128 - 20, 128 + 40, 128 + 20)
    assert square.crop(inside).getcolors() == [(80 * 40, (200, 0, 0))]
    assert (256 * 256 - 80 * 40, (255, 255, 255)) in square.getcolors()


def test_absent_stamp_stops_the_script(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is written from a folder that lacks a stamp."""
    output = tmp_path / "out"
    monkeypatch.setattr("sys.argv", ["build_demo.py", str(tmp_path), "--output", str(output)])
    with pytest.raises(SystemExit, match="2"):
        script.main()
    assert "166 absent" in capsys.readouterr().err
    assert not output.exists()


def test_script_makes_the_shipped_bytes(
    script: ModuleType, stamps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the same stamps the same table, and with the same Pillow the same photos."""
    (tmp_path / "photos").mkdir()
    monkeypatch.setattr("sys.argv", ["build_demo.py", str(stamps), "--output", str(tmp_path)])
    script.main()
    assert (tmp_path / "photos.csv").read_bytes() == (DEMO / "photos.csv").read_bytes()
    if PIL.__version__.startswith("13."):
        for row in rows():
            name = Path("photos") / row["path"]
            assert (tmp_path / name).read_bytes() == (DEMO / name).read_bytes(), name
