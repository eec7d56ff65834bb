"""Photos as people have them: `veille new`, then `veille check`, nothing edited.

Each case is a folder or a table as somebody has had it, and what the two commands must say of it.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from evaluation.cli import main
from evaluation.records import StudyResults
from evaluation.stores.artefacts import read_results
from evaluation.stores.prediction_tables import read_predictions

Lay = Callable[[Path], object]


def photo(path: Path, seed: int, **how: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)
    Image.fromarray(noise).convert(str(how.pop("mode", "RGB"))).save(path, **how)  # type: ignore[arg-type]


def folders(*names: str, count: int = 6, suffix: str = "png") -> Lay:
    """That many photos in each folder."""

    def lay(root: Path) -> None:
        for number, name in enumerate(names):
            for i in range(count):
                photo(root / name / f"{i}.{suffix}", 1000 * number + i)

    return lay


def pets(*more: Lay, count: int = 6) -> Lay:
    """Cats and dogs, and what else lies there."""
    return lambda root: [lay(root) for lay in (folders("cats", "dogs", count=count), *more)]


def files(contents: dict[str, bytes]) -> Lay:
    """Files of these bytes."""

    def lay(root: Path) -> None:
        for name, content in contents.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)

    return lay


def table(
    head: str, row: str, *, encoding: str = "utf-8", name: str = "t.csv", start: str = ""
) -> Lay:
    """Cats and dogs listed by a table: {path}, {label}, {i}, {root}, {part} of each photo."""

    def lay(root: Path) -> None:
        pets()(root)
        lines = [
            row.format(path=f"{label}/{i}.png", label=label, i=i, root=root, part=part)
            for label in ("cats", "dogs")
            for i, part in enumerate(("train", "val", "test") * 2)
        ]
        text = "\n".join([head, *lines]) + "\n"
        (root / name).write_bytes((start + text).encode(encoding))

    return lay


def links(root: Path) -> None:
    """Every photo is a link out of the root, as data versioning lays them."""
    folders("cats", "dogs")(root.parent / "blobs")
    for path in sorted((root.parent / "blobs").rglob("*.png")):
        link = root / path.parent.name / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)


def fixed_camera(root: Path) -> None:
    for number in range(24):
        picture = np.full((40, 40, 3), 128, np.uint8)
        picture[0, 0] = number
        path = root / ("good", "scratch")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)


def flat_seas(root: Path) -> None:
    folders("forest", count=10)(root)
    (root / "sea").mkdir()
    for i in range(300):
        colour = (10 + i % 10, 40 + i // 10 % 10, 120 + i // 100)
        Image.new("RGB", (16, 16), colour).save(root / "sea" / f"{i}.png")


def without_suffix(root: Path) -> None:
    pets(files({"cats/raw.dng": b"II*\0" + bytes(90)}))(root)
    for path in (root / "cats").glob("*.png"):
        path.rename(path.with_suffix(""))


def twelve_bits(root: Path) -> None:
    """Two grey photos of 16 bits of which 12 are used, and no word about it."""
    pets()(root)
    for name, ramp in (("cats/x.png", 4), ("dogs/y.png", 3)):
        Image.fromarray(np.arange(1024, dtype=np.uint16).reshape(32, 32) * ramp).save(root / name)


def odd_formats(root: Path) -> None:
    """CMYK, two frames in one JPEG, an animation, a palette with a transparent entry."""
    pets()(root)
    photo(root / "cats" / "print.jpg", 1, mode="CMYK")
    frames = [Image.new("RGB", (12, 12), (40 * k, 90, 10)) for k in range(3)]
    frames[0].save(root / "cats" / "phone.mpo", save_all=True, append_images=frames[1:])
    frames[1].save(root / "dogs" / "wink.gif", save_all=True, append_images=frames[:1])
    photo(root / "dogs" / "palette.png", 2, mode="P", transparency=3)
    photo(root / "dogs" / "UPPER.JPG", 3)


def damaged(root: Path) -> None:
    pets(files({"cats/empty.png": b""}))(root)
    photo(root / "dogs" / "cut.jpg", 5)
    (root / "dogs" / "cut.jpg").write_bytes((root / "dogs" / "cut.jpg").read_bytes()[:700])
    (root / "dogs" / "page.jpg").write_text("<html>404")
    (root / "dogs" / "pointer.jpg").write_text("version https://git-lfs.github.com/spec/v1\n")


def circle(root: Path) -> None:
    pets()(root)
    (root / "cats" / "again").symlink_to(root)


CASES: dict[str, tuple[Lay, list[str]]] = {
    # ------------------------------------------------ the cases of public bug reports
    "a01-train-valid": (
        folders("train/cats", "train/dogs", "valid/cats", "valid/dogs"),
        ["24 in 2 classes: 10 train, 12 validation, 2 test", "test drawn from train"],
    ),
    "a01-train-valid-test": (
        folders(*(f"{part}/{c}" for part in ("train", "valid", "test") for c in ("cats", "dogs"))),
        ["36 in 2 classes: 12 train, 12 validation, 12 test"],
    ),
    "a01-training-testing": (
        folders("Training/cats", "Training/dogs", "Testing/cats", "Testing/dogs"),
        ["24 in 2 classes: 10 train, 2 validation, 12 test", "validation drawn from train"],
    ),
    "a04-test-only": (
        folders("test/a", "test/b"),
        ["nothing is trained", "2 classes: 0 train, 0 validation, 12 test", "!supervised: would"],
    ),
    "a04-train-val": (
        folders("train/ants", "train/bees", "val/ants", "val/bees"),
        ["2 classes: 10 train, 12 validation, 2 test", "test drawn from train"],
    ),
    "a05-fixed-camera": (
        fixed_camera,
        ["1 group(s) of photos that look the same", "near_duplicates =", "group_column"],
    ),
    "a05-flat-seas": (flat_seas, ["1 group(s) of photos that look", 'near_duplicates = "report"']),
    "a06-200-classes": (
        folders(*(f"Bird species {k:03}" for k in range(200)), count=3),
        ["600 in 200 classes: 200 train, 200 validation, 200 test"],
    ),
    "a08-background-class": (folders("__background__", "cats", "dogs"), ["18 in 3 classes: 12"]),
    "a08-macosx": (
        pets(files({"__MACOSX/cats/._0.jpg": b"\0\5\x16\7"})),
        ["12 in 2 classes: 8 train", "1 file(s) that a system made", "'__MACOSX/cats/._0.jpg'"],
    ),
    "a08-macosx-beside-train-test": (
        lambda root: [
            folders("train/cats", "train/dogs", "test/cats", "test/dogs")(root),
            (root / "__MACOSX").mkdir(),
        ],
        ["24 in 2 classes: 10 train, 2 validation, 12 test"],
    ),
    "a09-absolute-csv": (table("path,label", "{root}/{path},{label}"), ["12 in 2 classes: 8"]),
    "a09-url-csv": (
        table("path,label", "https://example.com/{path},{label}"),
        ["line 2: 'https://example.com/cats/0.png' is an address", "download the photos first"],
    ),
    "a10-excel-fr": (
        table("path;label", "{path};{label} é", encoding="cp1252"),
        ["12 in 2 classes: 8 train", "was read as cp1252", "'é'"],
    ),
    "a10-shifted-row": (
        table("path,title,label", "{path},Shirt, blue,{label}"),
        ["line 2 has 4 fields for 3 columns, and 11 more lines", "between quotes"],
    ),
    "a15-heic": (
        pets(files({"dogs/IMG.HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(400)})),
        ["13 in 2 classes", "missing   dogs/IMG.HEIC (dogs): ", "HEIC"],
    ),
    "a17-links-out": (links, ["cats/0.png: a link out of the data root", "follow_links = true"]),
    "a20-loose-photos": (
        pets(*(lambda root, i=i: photo(root / f"loose{i}.png", 90 + i) for i in range(7))),
        ["12 in 2 classes", "7 photo(s) outside of the class folders", "'loose0.png'"],
    ),
    "a20-no-suffix": (
        without_suffix,
        ["12 in 2 classes: 8 train", "1 file(s) ending in .dng left out", "'cats/raw.dng'"],
    ),
    "a21-split-column": (
        table("path,label,split", "{path},{label},{part}"),
        ["as given: 4 train, 4 validation, 4 test", "2 classes: 4 train, 4 validation, 4 test"],
    ),
    "a23-long-label": (
        table("path,label", "{path},{label} " + "of a taxonomy of furnishings >> " * 9),
        ["12 in 2 classes: 8 train, 2 validation, 2 test"],
    ),
    # --------------------------------------------------------- others of these kinds
    "parts in French": (
        folders(
            *(
                f"{part}/{label}"
                for part in ("Entraînement", "Validation", "Jeu de test")
                for label in ("chats", "chiens")
            )
        ),
        ["36 in 2 classes: 12 train, 12 validation, 12 test"],
    ),
    "parts in capitals, glued": (
        folders("TRAIN_IMAGES/a", "TRAIN_IMAGES/b", "ValSet/a", "ValSet/b", "TEST/a", "TEST/b"),
        ["36 in 2 classes: 12 train, 12 validation, 12 test"],
    ),
    "parts three folders down": (
        folders(*(f"my data/dataset/images/{part}/{c}" for part in ("train", "dev") for c in "ab")),
        ["24 in 2 classes: 10 train, 12 validation, 2 test"],
    ),
    "a test part without classes": (
        lambda root: [folders("train/a", "train/b")(root), photo(root / "test" / "1.png", 7)],
        ["12 in 2 classes: 8 train", "1 photo(s) of a part without class folders left out"],
    ),
    "folders that may be either": (
        folders("north/oak", "north/ash", "south/oak", "south/ash"),
        ["which of the two are the classes?", 'parts = "none"'],
    ),
    "photos without a folder": (
        lambda root: [photo(root / f"{i}.png", i) for i in range(5)],
        ["no class folder, but 5 photos"],
    ),
    "what Windows leaves": (
        pets(files({"cats/Thumbs.db": b"x", "dogs/desktop.ini": b"x"})),
        ["2 file(s) that a system made", "'cats/Thumbs.db'", "12 in 2 classes"],
    ),
    "what Jupyter leaves": (
        pets(lambda root: photo(root / ".ipynb_checkpoints" / "0-checkpoint.png", 5)),
        ["1 hidden file(s) left out", "12 in 2 classes"],
    ),
    "tabs in a .csv": (table("path\tlabel", "{path}\t{label}"), ["12 in 2 classes: 8 train"]),
    "what Excel saves as Unicode": (
        table("path;label", "{path};{label}", encoding="utf-16", start="sep=;\n"),
        ["12 in 2 classes: 8 train"],
    ),
    "an index of pandas": (
        table(",image,target", "{i},{path},{label}"),
        ["12 in 2 classes: 8 train"],
    ),
    "lines within a cell": (
        table("path,title,label", '{path},"a ""big""\none; two",{label}'),
        ["12 in 2 classes: 8 train"],
    ),
    "a photo listed twice": (
        table("path,label", "{path},{label}\n{path},{label}"),
        ["'cats/0.png'", "listed more than once", "keep one of each"],
    ),
    "paths of another computer": (
        table("path,label", "C:\\photos\\{path},{label}"),
        ["line 2: the path 'C:\\\\photos\\\\cats/0.png' leaves the data root"],
    ),
    "backslashes": (
        lambda root: [
            pets()(root),
            (root / "t.csv").write_text(
                "path,label\n"
                + "".join(f"{c}\\{i}.png,{c}\n" for c in ("cats", "dogs") for i in range(6))
            ),
        ],
        ["12 in 2 classes: 8 train"],
    ),
    "parts spelt three ways": (
        table("file,class,Usage", "{path},{label},{part}SET"),
        ["as given: 4 train, 4 validation, 4 test"],
    ),
    "classes that may be one": (
        folders("T-shirt", "t shirt", "café", "Cafe", "rug"),
        ["30 in 5 classes", "2 classes differ by case, accents, spaces or punctuation alone"],
    ),
    "one class in two Unicode forms": (
        folders("cafe\u0301", "café", "rug", suffix="png"),
        ["'café/0.png'", "listed more than once", "keep one of each"],
    ),
    "12 bits in 16": (
        twelve_bits,
        ["14 in 2 classes", "2 photo(s) of 16 bits use 12 or fewer", "bits = 12"],
    ),
    "odd formats": (odd_formats, ["17 in 2 classes", "!missing"]),
    "damaged files": (
        damaged,
        [
            "missing   cats/empty.png (cats): empty file",
            "missing   dogs/cut.jpg (dogs): truncated photo",
            "missing   dogs/page.jpg (dogs): not a photo of a known format",
            "missing   dogs/pointer.jpg (dogs): the photo itself was not fetched",
            "12 in 2 classes",
        ],
    ),
    "a link in a circle": (circle, ["1 link(s) to a folder not entered", "12 in 2 classes"]),
    "parts in Spanish": (
        folders(
            *(f"{part}/{c}" for part in ("entrenamiento", "validación", "prueba") for c in "ab")
        ),
        ["36 in 2 classes: 12 train, 12 validation, 12 test"],
    ),
    "parts in German": (
        folders("Trainingsdaten/a", "Trainingsdaten/b", "Testdaten/a", "Testdaten/b"),
        ["24 in 2 classes: 10 train, 2 validation, 12 test"],
    ),
    "a folder beside parts": (
        folders("train/a", "val/a", "more/a", "train/b", "val/b"),
        ['parts = { "more" = "test", "train" = "train", "val" = "validation" }'],
    ),
    "as tiny ImageNet lies": (
        lambda root: [
            folders("train/n02084071/images", "train/n02124075/images")(root),
            folders("val/images")(root),
        ],
        ["12 in 2 classes: 8 train, 2 validation, 2 test", "6 photo(s) of a part without class"],
    ),
    "parts with a table each": (
        lambda root: [
            folders("train", "test")(root),
            files({"train/metadata.csv": b"file_name,label\n0.png,a\n"})(root),
        ],
        ["no photo lies in the folder of a class; give the table", "train/metadata.csv?"],
    ),
    "names without a suffix": (
        lambda root: [
            folders("train", count=12)(root),
            files(
                {"t.csv": "\n".join(["id,breed", *(f"{i},pug{i % 2}" for i in range(12))]).encode()}
            )(root),
        ],
        ["12 in 2 classes: 8 train", "!missing"],
    ),
    "lines that end as on an old Macintosh": (
        lambda root: [
            table("path;label", "{path};{label}")(root),
            (root / "t.csv").write_bytes((root / "t.csv").read_bytes().replace(b"\n", b"\r")),
        ],
        ["12 in 2 classes: 8 train"],
    ),
    "lines before the header": (
        table("path,label", "{path},{label}", start="# exported today\n\n"),
        ["12 in 2 classes: 8 train"],
    ),
    "no header": (
        table("cats/0.png,cats", "{path},{label}"),
        ["the first line is that of a photo"],
    ),
    "a column for each class": (
        table("path,cats,dogs", "{path},1,0\n{path}2,0,1"),
        ["a column for each class ('cats', 'dogs'); write one column"],
    ),
    "a flag that says a part": (
        table("path,label,is_train", "{path},{label},1"),
        ["the column 'is_train' looks like a split and is not used", "say train, validation"],
    ),
    "addresses of this disk": (
        table("path,label", "file://{root}/{path},{label}"),
        ["12 in 2 classes: 8 train"],
    ),
    "what Excel saves as text": (
        table("path\tlabel", "{path}\t{label}", encoding="utf-16", name="t.txt"),
        ["12 in 2 classes: 8 train"],
    ),
    "a class of one photo": (
        pets(lambda root: photo(root / "tiny" / "0.png", 3)),
        ["left out  too few photos: tiny (1)", "12 in 2 classes", "1 class(es) left out"],
    ),
}


def veille(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def new(folder: Path, lay: Lay, *more: str) -> tuple[int, str]:
    root = folder / "photos"
    root.mkdir()
    lay(root)
    tables = sorted(root.glob("t.*"))
    into = ("--images", tables[0] if tables else root, "--into", folder / "studies")
    return veille("new", "mine", *into, *more)


@pytest.mark.parametrize("name", CASES)
def test_what_people_have_is_understood_or_refused_in_a_line(name: str, tmp_path: Path) -> None:
    """Right classes, right parts, what is left out by its name; or the fault and its remedy."""
    lay, said = CASES[name]
    code, output = new(tmp_path, lay, "--language", "en")
    if code == 0:
        code, more = veille("check", tmp_path / "studies" / "mine", "--offline")
        output += more
    assert code in {0, 2}
    assert [line for line in output.splitlines() if line.startswith("error:")][1:] == []
    assert [words for words in said if not words.startswith("!") and words not in output] == []
    assert [words for words in said if words.startswith("!") and words[1:] in output] == []


def test_french_names_are_asked_about_and_no_placeholder_is_scored(tmp_path: Path) -> None:
    """The cases a02 and a03: the language is a question; the names are all that is read."""
    code, output = new(tmp_path, folders("montres", "linge de maison"))
    assert (code, "in which language" in output) == (2, True)
    study = tmp_path / "studies" / "mine"
    code, output = veille(
        *("new", "mine", "--images", tmp_path / "photos", "--into", study.parent),
        *("--language", "fr"),
    )
    assert code == 0
    assert "the stand-in reads English alone, not 'fr'" in output
    _, output = veille("check", study, "--offline")
    assert "embedded/noms" in output
    assert "descriptions" not in output


@pytest.mark.parametrize(
    ("lay", "table_of", "line", "said"),
    [
        (links, "dataset", "follow_links = true", "12 in 2 classes: 8 train"),
        (fixed_camera, "split", 'near_duplicates = "report"', "24 in 2 classes: 16 train"),
        (flat_seas, "split", 'near_duplicates = "off"', "310 in 2 classes: 186 train"),
        (twelve_bits, "dataset", "bits = 12", "14 in 2 classes: 10 train"),
    ],
)
def test_the_remedy_that_is_told_is_one(
    lay: Lay, table_of: str, line: str, said: str, tmp_path: Path
) -> None:
    """What the line says to write makes the study run."""
    new(tmp_path, lay, "--language", "en")
    file = tmp_path / "studies" / "mine" / "study.toml"
    text = file.read_text().replace(f"[{table_of}]\n", f"[{table_of}]\n{line}\n")
    file.write_text(text)
    code, output = veille("check", file.parent, "--offline")
    assert code == 0, output
    assert said in output
    assert "note" not in output


# ----------------------------------------------------- from photos to the sentences of a site

NAMES = ("007", "2 roues", "50%", "=1+1", "NA", "null", "1e5", "TRUE", "+33", "-5", "@home", "1,5")
"""What a table, a number, a formula, or a reader of tables would take for something else."""


def odd_names(root: Path) -> None:
    """A list as a French spreadsheet saves it, of more classes than a matrix is drawn of."""
    lines = ["fichier;classe;split"]
    for number, label in enumerate([*NAMES, *(f"étagère {n}" for n in range(20))]):
        for i in range(2):
            photo(root / "pics" / f"{number}-{i}.png", 10 * number + i)
            lines.append(f"pics/{number}-{i}.png;{label};test")
    (root / "t.csv").write_text("\n".join(lines), encoding="cp1252")


def french_shop(root: Path) -> None:
    """Two parts, a class of one photo, a photo without a class, a damaged one, and a system's."""
    classes = [f"{part}/{label}" for part in ("train", "valid") for label in ("montres", "linge")]
    folders(*classes, count=5)(root)
    photo(root / "train" / "rare" / "0.png", 77)
    photo(root / "loose.png", 78)
    files({"train/montres/cut.jpg": b"\xff\xd8\xff\xe0 short", "Thumbs.db": b"x"})(root)


def patients(root: Path) -> None:
    """Six patients a class, of two photos each."""
    pets(count=12)(root)
    rows = [f"{c}/{i}.png,{c},{c}-{i // 2}" for c in ("cats", "dogs") for i in range(12)]
    (root / "t.csv").write_text("\n".join(["image,label,patient_id", *rows]))


def parquet(root: Path) -> None:
    pytest.importorskip("pyarrow")
    import pyarrow as pa
    from pyarrow.parquet import write_table

    pets()(root)
    named = [(f"{c}/{i}.png", c) for c in ("cats", "dogs") for i in range(6)]
    paths, labels = zip(*named, strict=True)
    write_table(pa.table({"file_name": paths, "label": labels}), root / "t.parquet")


def image_folder(root: Path) -> None:
    """As Hugging Face has it: photos side by side, and what they are in metadata.csv."""
    rows = []
    for i in range(12):
        photo(root / f"{i:03}.jpg", i)
        rows.append(f"{i:03}.jpg,{('cat', 'dog')[i % 2]}")
    (root / "metadata.csv").write_text("\n".join(["file_name,label", *rows]))


def saved(root: Path) -> None:
    """As `save_to_disk` of Hugging Face's datasets leaves it."""
    pa = pytest.importorskip("pyarrow")
    for part in ("train", "test"):
        cells = []
        for i in range(8):
            photo(root / "x.png", i + 50 * (part == "test"))
            cells.append({"bytes": (root / "x.png").read_bytes(), "path": None})
        (root / "x.png").unlink()
        rows = pa.table({"image": cells, "label": [i % 2 for i in range(8)]})
        (root / part).mkdir()
        with pa.ipc.new_stream(root / part / "data-00000-of-00001.arrow", rows.schema) as out:
            out.write_table(rows)
        names = {"_type": "ClassLabel", "names": ["cat", "sea lion"]}
        info = {"features": {"image": {"_type": "Image"}, "label": names}}
        (root / part / "dataset_info.json").write_text(json.dumps(info))
    (root / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')


PETS = ("cats", "dogs")
WHOLE = ("boutique",)
"""What is trained too; elsewhere zero-shot alone, to save time."""
LAYOUTS: dict[str, tuple[Lay, tuple[str, ...], tuple[int, int, int]]] = {
    "folders": (
        folders("05_tea_pots", "06_HomeFurnishing", count=10),
        ("05_tea_pots", "06_HomeFurnishing"),
        (12, 4, 4),
    ),
    "given": (
        folders(*(f"{part}/{c}" for part in ("Training", "Validation", "Testing") for c in PETS)),
        PETS,
        (12, 12, 12),
    ),
    "deeper": (
        folders(*(f"my set/data/{part}/{c}" for part in ("train", "dev") for c in PETS)),
        PETS,
        (10, 12, 2),
    ),
    "boutique": (french_shop, ("linge", "montres"), (8, 10, 2)),
    "column": (table("path;label;split", "{path};{label};{part}"), PETS, (4, 4, 4)),
    "patients": (patients, PETS, (16, 4, 4)),
    "tabs": (table("path\tlabel", "{path}\t{label}", name="t.tsv"), PETS, (8, 2, 2)),
    "parquet": (parquet, PETS, (8, 2, 2)),
    "image-folder": (image_folder, ("cat", "dog"), (8, 2, 2)),
    "saved": (saved, ("cat", "sea lion"), (6, 2, 8)),
    "wordnet": (folders("n02084071", "n02121620"), ("n02084071", "n02121620"), (8, 2, 2)),
    "rare": (pets(lambda root: photo(root / "tiny" / "0.png", 3)), PETS, (8, 2, 2)),
    "test-only": (folders("test/a", "test/b"), ("a", "b"), (0, 0, 12)),
    "names": (odd_names, (*NAMES, *(f"étagère {n}" for n in range(20))), (0, 0, 64)),
}
"""What lies there, its classes, and how many photos are to train, validate and test."""
SAID = {
    "boutique": [
        "elles ont été tirées parmi celles d’apprentissage",
        "1 photo hors des dossiers de catégorie est laissée de côté. loose.png",
        "train/montres/cut.jpg montres photo tronquée",
        "elle a trop peu de photos. rare",
    ],
    "rare": ["elle a trop peu de photos. tiny"],
}
PARTS = {
    "fr": ("photos d’apprentissage", "photos de validation", "photos de test", "et"),
    "en": ("training photos", "validation photos", "test photos", "and"),
}


def plain(page: Path) -> str:
    """The words of a page, in one line, spaces made ordinary."""
    text = re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8"))
    return re.sub(r"\s+", " ", unescape(text))


def counted(sizes: tuple[int, int, int], language: str) -> str:
    """How a page says the sizes of the parts."""
    *names, last = PARTS[language]
    said = [f"{size} {name}" for size, name in zip(sizes, names, strict=True) if size]
    return f"{', '.join(said[:-1])} {last} {said[-1]}" if said[1:] else said[0]


@pytest.fixture(scope="module")
def laid(
    tmp_path_factory: pytest.TempPathFactory, models_cache: Path
) -> Iterator[dict[str, StudyResults]]:
    """The results of every layout: new, eval, and the pages in both languages, nothing edited."""
    top = tmp_path_factory.mktemp("layouts")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("VEILLE_CACHE", str(models_cache))
        patched.chdir(top)
        for name, (lay, *_) in LAYOUTS.items():
            (top / "photos" / name).mkdir(parents=True)
            lay(top / "photos" / name)
            tables = sorted((top / "photos" / name).glob("t.*"))
            images = tables[0] if tables else top / "photos" / name
            language = "fr" if name in {"boutique", "names"} else "en"
            code, output = veille("new", name, "--images", images, "--language", language)
            assert code == 0, output
        others = [name for name in LAYOUTS if name not in WHOLE]
        for words in (WHOLE, (*others, "--models", "embedded")):
            code, output = veille("eval", *words, "--no-maps", "-q")
            assert code == 0, output
            assert "this tower reads English alone" in output
        for language in ("fr", "en"):
            assert veille("report", "--output", language, "--language", language)[0] == 0
        yield {results.study.name: results for results in read_results(top / "artefacts")}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_scored_and_told_truly(name: str, laid: dict[str, StudyResults]) -> None:
    """Right classes, right parts, true sentences in French and in English."""
    _, classes, sizes = LAYOUTS[name]
    results = laid[name]
    study = results.study
    folds = Counter(card.fold for card in study.samples)
    assert tuple(study.classes) == tuple(sorted(classes))
    assert tuple(folds[fold] for fold in ("train", "validation", "test")) == sizes
    assert len(results.runs) == (2 if name in WHOLE else 1)
    for run in results.runs:
        assert (run.status, sum(map(sum, run.confusion))) == ("ok", sizes[2])
    top = results.folder.parent.parent
    for language in ("fr", "en"):
        page = plain(top / language / "etudes" / name / "donnees.md")
        assert f"{sum(sizes)} photos" in page
        assert counted(sizes, language) in page
        assert [label for label in classes if label not in page] == []
        if language == "fr":
            assert [words for words in SAID.get(name, []) if words not in page] == []


def test_declared_groups_are_seen_and_never_straddle(laid: dict[str, StudyResults]) -> None:
    """Photos of one patient are in one part, and the page says so."""
    parts = defaultdict(set)
    for card in laid["patients"].study.samples:
        parts[card.id.split("/")[0], int(Path(card.id).stem) // 2].add(card.fold)
    assert len(parts) == 12
    assert all(len(folds) == 1 for folds in parts.values())


def test_names_of_classes_are_never_parsed(laid: dict[str, StudyResults]) -> None:
    """From the user's table to what the site offers, whatever a name looks like.

    Artefacts read back exactly; a spreadsheet runs nothing of what is taken away.
    """
    results = laid["names"]
    run = next(iter(results.runs))
    top = results.folder.parent.parent
    labels = [*NAMES, *(f"étagère {n}" for n in range(20))]
    said = read_predictions(top / "artefacts" / "names" / "embedded" / "noms" / "predictions.csv")
    assert sorted(said.classes) == sorted(labels)
    truth = [said.classes[number] for number in said.labels]
    assert sorted(truth) == sorted(label for label in labels for _ in range(2))
    with (results.folder / "embedded" / "noms" / "predictions.csv").open(encoding="utf-8") as file:
        assert set(next(csv.reader(file))[3:]) == set(labels)
    for language, delimiter in (("fr", ";"), ("en", ",")):
        (table,) = (top / language / "etudes" / "names").rglob("*.csv")
        head, *rows = csv.reader(
            table.read_text(encoding="utf-8-sig").splitlines(), delimiter=delimiter
        )
        safe = [f"'{label}" if label[0] in "=+-@" else label for label in run.classes]
        assert head == ["", *safe]
        assert [row[0] for row in rows] == safe
        assert [[int(cell) for cell in row[1:]] for row in rows] == [*map(list, run.confusion)]
