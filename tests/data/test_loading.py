"""Data sets: listed photos become samples, bad ones are named, bad sources are one line."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.data import inspections as inspection
from evaluation.data import photos
from evaluation.data.loading import load_dataset
from evaluation.errors import DataError, StoreError
from evaluation.records import Dataset, DatasetSpec
from evaluation.study.config import load_study

Make = Callable[..., Path]
FOLDER = DatasetSpec(kind="folder")
TABLE = DatasetSpec(kind="table", csv="photos.csv", subcategory_column="sort", title_column="title")
FLIPKART = DatasetSpec(kind="flipkart", csv="products.csv", images="Images")
HEADER = "uniq_id,product_name,image,product_category_tree"


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Dataset]:
    """Loads from the folder ``root``, with a cache beside it."""

    def load(spec: DatasetSpec = FOLDER, **more: object) -> Dataset:
        arguments = {"root": tmp_path / "root", "cache": tmp_path / "cache"} | more
        return load_dataset(spec, name="essai", **arguments)  # type: ignore[arg-type]

    return load


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def shop(root: Path, make_photo: Make) -> Path:
    """A folder of two classes of three photos."""
    for seed, name in enumerate(["Mugs/a", "Mugs/b", "Mugs/c", "Rugs/a", "Rugs/b", "Rugs/c"]):
        make_photo(root / f"{name}.png", seed=seed)
    return root


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, decoding a photo fails the test."""

    def decode(*_: object) -> None:
        pytest.fail("a photo was decoded")

    monkeypatch.setattr(photos, "decode", decode)


def write_table(root: Path, text: str) -> None:
    (root / "photos.csv").write_text(text, encoding="utf-8")


def line_of(error: pytest.ExceptionInfo[DataError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


# ---------------------------------------------------------------------------- folder


def test_folder_of_class_folders(shop: Path, load: Callable[..., Dataset]) -> None:
    """A class is a folder; an id is the path below the root; other files are not photos."""
    (shop / "Mugs" / "Thumbs.db").write_text("x")
    (shop / "Mugs" / "._a.png").write_text("x")
    (shop / "README.md").write_text("x")
    (shop / ".git").mkdir()
    (shop / "__MACOSX").mkdir()
    dataset = load()
    assert dataset.classes == ("Mugs", "Rugs")
    assert [sample.id for sample in dataset.samples] == [
        *("Mugs/a.png", "Mugs/b.png", "Mugs/c.png"),
        *("Rugs/a.png", "Rugs/b.png", "Rugs/c.png"),
    ]
    first = dataset.samples[0]
    assert (first.label, first.fold, first.subcategory) == ("Mugs", None, None)
    assert (first.width, first.height) == (40, 30)
    assert first.image == shop / "Mugs" / "a.png"
    assert first.image.is_absolute()
    assert dataset.missing == ()


def test_folder_inside_a_class_is_a_subcategory(
    shop: Path, make_photo: Make, load: Callable[..., Dataset]
) -> None:
    """Nested photos belong to the class of the outermost folder."""
    make_photo(shop / "Mugs" / "Tea" / "x.png", seed=9)
    sample = next(one for one in load().samples if one.id == "Mugs/Tea/x.png")
    assert (sample.label, sample.subcategory) == ("Mugs", "Tea")


@pytest.mark.parametrize("validation", ["val", "Validation"])
def test_folder_with_its_own_split(
    root: Path, make_photo: Make, load: Callable[..., Dataset], validation: str
) -> None:
    """train, val and test above the classes are the photos' parts of the split."""
    for seed, part in enumerate(("train", validation, "test")):
        for label in ("Mugs", "Rugs"):
            make_photo(root / part / label / "a.png", seed=seed)
    dataset = load()
    assert dataset.classes == ("Mugs", "Rugs")
    assert {sample.id: sample.fold for sample in dataset.samples} == {
        "train/Mugs/a.png": "train",
        "train/Rugs/a.png": "train",
        f"{validation}/Mugs/a.png": "validation",
        f"{validation}/Rugs/a.png": "validation",
        "test/Mugs/a.png": "test",
        "test/Rugs/a.png": "test",
    }


def test_class_may_be_called_train(
    root: Path, make_photo: Make, load: Callable[..., Dataset]
) -> None:
    """Among other classes, ``train`` is a vehicle."""
    for seed, label in enumerate(("train", "plane")):
        make_photo(root / label / "a.png", seed=seed)
    assert load().classes == ("plane", "train")


def test_split_beside_class_folders_is_refused(
    root: Path, make_photo: Make, load: Callable[..., Dataset]
) -> None:
    """train and test beside another folder: nobody can tell what is meant."""
    for part in ("train", "test", "extra"):
        make_photo(root / part / "Mugs" / "a.png")
    with pytest.raises(DataError) as caught:
        load()
    assert "'extra'" in line_of(caught)


def test_empty_class_folder_is_refused(shop: Path, load: Callable[..., Dataset]) -> None:
    """Every empty folder is named."""
    for name in ("Lamps", "Vases"):
        (shop / name).mkdir()
    (shop / "Vases" / "notes.txt").write_text("x")
    with pytest.raises(DataError) as caught:
        load()
    assert "no photo in the class folder 'Lamps', 'Vases'" in line_of(caught)


def test_folder_without_classes_is_refused(
    root: Path, make_photo: Make, load: Callable[..., Dataset]
) -> None:
    """Photos at the top have no class."""
    make_photo(root / "a.png")
    with pytest.raises(DataError, match="no class folder"):
        load()


def test_one_class_is_refused(root: Path, make_photo: Make, load: Callable[..., Dataset]) -> None:
    """There is nothing to tell apart."""
    make_photo(root / "Mugs" / "a.png")
    with pytest.raises(DataError, match="only one class, 'Mugs'"):
        load()


def test_absent_root_says_data_root(tmp_path: Path, load: Callable[..., Dataset]) -> None:
    """The remedy is an option of the command."""
    with pytest.raises(DataError, match="--data-root"):
        load()
    (tmp_path / "root").write_text("")
    with pytest.raises(DataError, match="not a folder"):
        load()


def test_unreadable_photos_are_listed(shop: Path, load: Callable[..., Dataset]) -> None:
    """A truncated photo and one of an unknown format are named, and the rest goes on."""
    content = (shop / "Mugs" / "a.png").read_bytes()
    (shop / "Mugs" / "a.png").write_bytes(content[: len(content) // 2])
    (shop / "Rugs" / "phone.heic").write_bytes(b"\x00\x00\x00\x18ftypheic")
    dataset = load()
    assert [(one.id, one.label, one.path) for one in dataset.missing] == [
        ("Mugs/a.png", "Mugs", "Mugs/a.png"),
        ("Rugs/phone.heic", "Rugs", "Rugs/phone.heic"),
    ]
    assert "truncated" in dataset.missing[0].reason
    assert "HEIC" in dataset.missing[1].reason
    assert len(dataset.samples) == 5


def test_class_whose_photos_are_all_unreadable_is_refused(
    shop: Path, load: Callable[..., Dataset]
) -> None:
    """A class may not vanish from the results."""
    for file in (shop / "Rugs").iterdir():
        file.write_bytes(b"")
    with pytest.raises(DataError, match=r"no readable photo in the class 'Rugs' \(3 missing"):
        load()


def test_data_without_any_photo_is_refused(shop: Path, load: Callable[..., Dataset]) -> None:
    """The first photo and its reason are told."""
    for file in shop.rglob("*.png"):
        file.write_bytes(b"")
    with pytest.raises(DataError, match=r"none of the 6 photos .*Mugs/a.png: empty file"):
        load()


def test_link_out_of_the_root_makes_that_photo_missing(
    tmp_path: Path, shop: Path, make_photo: Make, load: Callable[..., Dataset]
) -> None:
    """A symbolic link may point to a photo below the root; outside, only when the study says so."""
    (shop / "Mugs" / "inside.png").symlink_to(shop / "Rugs" / "a.png")
    assert len(load().samples) == 7
    make_photo(tmp_path / "secret.png")
    (shop / "Mugs" / "link.png").symlink_to(tmp_path / "secret.png")
    [missing] = load().missing
    assert missing.path == "Mugs/link.png"
    assert "follow_links = true" in missing.reason
    assert len(load(replace(FOLDER, follow_links=True)).samples) == 8


def test_dangling_and_circular_links_are_listed(shop: Path, load: Callable[..., Dataset]) -> None:
    """A link to nothing is a missing photo, as is a link to itself."""
    (shop / "Mugs" / "gone.png").symlink_to(shop / "Mugs" / "nothing.png")
    (shop / "Mugs" / "loop.png").symlink_to(shop / "Mugs" / "loop.png")
    missing = {one.id: one.reason for one in load().missing}
    assert missing["Mugs/gone.png"] == "file not found"
    assert missing["Mugs/loop.png"].startswith("cannot be read")


def test_root_may_itself_be_a_link(
    tmp_path: Path, shop: Path, load: Callable[..., Dataset]
) -> None:
    """Only links below the root are judged; ids and revision are the same."""
    (tmp_path / "link").symlink_to(shop)
    assert load(root=tmp_path / "link").revision == load().revision


def test_ids_are_composed(root: Path, make_photo: Make, load: Callable[..., Dataset]) -> None:
    """A folder that macOS spells with combining accents has the ids it has elsewhere."""
    for seed, label in enumerate(("Caf\u00e9s", "Th\u00e9s")):
        make_photo(root / unicodedata.normalize("NFD", label) / "\u00e9.png", seed=seed)
    dataset = load()
    assert dataset.classes == ("Caf\u00e9s", "Th\u00e9s")
    assert dataset.samples[0].id == "Caf\u00e9s/\u00e9.png"
    assert dataset.samples[0].image.is_file()


# ------------------------------------------------------------------------- revision


def test_revision_follows_ids_labels_and_bytes(
    tmp_path: Path, shop: Path, make_photo: Make, load: Callable[..., Dataset]
) -> None:
    """A renamed, relabelled or changed photo changes it; another place does not."""
    seen = [load().revision]
    shop.rename(tmp_path / "moved")
    assert load(root=tmp_path / "moved").revision == seen[0]
    (tmp_path / "moved").rename(shop)
    (shop / "Mugs" / "a.png").rename(shop / "Mugs" / "z.png")
    seen.append(load().revision)
    (shop / "Mugs" / "z.png").rename(shop / "Rugs" / "z.png")
    seen.append(load().revision)
    make_photo(shop / "Rugs" / "z.png", seed=99)
    seen.append(load().revision)
    assert len(set(seen)) == 4


# ----------------------------------------------------------------------------- table


def test_table_gives_everything(root: Path, make_photo: Make, load: Callable[..., Dataset]) -> None:
    """Ids are the paths of the table; sub-category and title come from their columns."""
    write_table(
        root,
        "title,path,label,sort\n"
        "Red mug,in/a.png,Mugs,Tea\n"
        '"Rug, large",./in//b.png, Rugs ,\n'
        "\n"
        "Gone,in/c.png,Rugs,\n",
    )
    make_photo(root / "pics" / "in" / "a.png", seed=1)
    make_photo(root / "pics" / "in" / "b.png", seed=2)
    spec = DatasetSpec(
        kind="table",
        csv="photos.csv",
        images="pics",
        subcategory_column="sort",
        title_column="title",
    )
    dataset = load(spec)
    assert [(s.id, s.label, s.subcategory, s.title) for s in dataset.samples] == [
        ("in/a.png", "Mugs", "Tea", "Red mug"),
        ("in/b.png", "Rugs", None, "Rug, large"),
    ]
    [missing] = dataset.missing
    assert (missing.id, missing.path, missing.reason) == (
        "in/c.png",
        "pics/in/c.png",
        "file not found",
    )


def test_models_may_read_another_column(shop: Path, load: Callable[..., Dataset]) -> None:
    """``text_column`` is what models read; without it, the title that is shown."""
    lines = ["path,label,sort,title,english", "Mugs/a.png,Mugs,x,Tasse,A mug"]
    lines += [f"{name}.png,{name[:4]},x,Titre," for name in ("Mugs/b", "Rugs/a", "Rugs/b")]
    (shop / "photos.csv").write_text("\n".join(lines), encoding="utf-8")
    other = load(replace(TABLE, text_column="english")).samples
    assert [(one.title, one.text) for one in other[:2]] == [("Tasse", "A mug"), ("Titre", None)]
    assert [one.text for one in load(TABLE).samples[:2]] == ["Tasse", "Titre"]


def test_table_may_begin_with_a_byte_order_mark(shop: Path, load: Callable[..., Dataset]) -> None:
    """Spreadsheets write one; it is not part of the first column's name."""
    text = "\ufeffpath,label,sort,title\r\nMugs/a.png,M,,\r\nRugs\\a.png,R,,\r\n"
    (shop / "photos.csv").write_bytes(text.encode())
    assert [sample.id for sample in load(TABLE).samples] == ["Mugs/a.png", "Rugs/a.png"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("path,lable,sort,title\nMugs/a.png,M,,\n", "no column 'label'; it has 'path', 'lable'"),
        ("path,lable,sort,title\nMugs/a.png,M,,\n", "did you mean 'lable'?"),
        ("path,label\nMugs/a.png,M\n", "no column 'sort', 'title'"),
        ("path,label,sort,title\nMugs/a.png,M,blue, big,x\n", "line 2 has 5 fields for 4 columns"),
        ("path,label,sort,title\nhttps://x.org/a.png,M,,\n", "is an address"),
        ("path,label,sort,title\ns3://x/a.png,M,,\n", "line 2: 's3://x/a.png' is an address"),
        ("path,path,label,sort,title\na,b,c,d,e\n", "column 'path' comes twice"),
        ("", "the file is empty"),
        ("path,label,sort,title\n", "no line below the header"),
        ("path,label,sort,title\nMugs/a.png,,,\nRugs/a.png,R,,\n", "column 'label' at line 2"),
        ("path,label,sort,title\nMugs/a.png\nRugs/a.png,R,,\n", "column 'label' at line 2"),
        ("path,label,sort,title\n ,M,,\n", "nothing in column 'path' at line 2"),
        ("path,label,sort,title\nMugs/a.png,M,,\n./Mugs/a.png,R,,\n", "'Mugs/a.png' listed more"),
        ('path,label,sort,title\nMugs/a.png,"M,,\n', "not a CSV file"),
        ("path,label,sort,title\n../up.png,M,,\n", "line 2: the path '../up.png' leaves"),
        ("path,label,sort,title\na/../../up.png,M,,\n", "leaves the data root"),
        ("path,label,sort,title\n..\\up.png,M,,\n", "leaves the data root"),
        ("path,label,sort,title\n/etc/passwd,M,,\n", "leaves the data root"),
        ("path,label,sort,title\nMugs/\0.png,M,,\n", "NUL"),
        ("path,label,sort,title\nC:\\a.png,M,,\n", "leaves the data root"),
    ],
)
def test_bad_table_is_one_line(
    shop: Path, load: Callable[..., Dataset], text: str, problem: str
) -> None:
    """The file, what is wrong in it and where."""
    write_table(shop, text)
    with pytest.raises(DataError) as caught:
        load(TABLE)
    assert problem in line_of(caught)
    assert "photos.csv" in line_of(caught)


def test_climbing_path_that_stays_inside_is_tidied(
    shop: Path, load: Callable[..., Dataset]
) -> None:
    """``..`` is refused where it leaves the root, not as such."""
    write_table(shop, "path,label,sort,title\nRugs/../Mugs/a.png,M,,\nRugs/a.png,R,,\n")
    assert load(TABLE).samples[0].id == "Mugs/a.png"


PLAIN = "path,label,sort,title\nMugs/a.png,Th\u00e9,,\nRugs/a.png,R,,\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-16-le"),
        PLAIN.replace(",", ";").encode("cp1252"),
        PLAIN.replace(",", "\t").encode(),
        PLAIN.replace(",", "|").replace("\n", "\r\n").encode(),
        ("sep=;\n" + PLAIN.replace(",", ";")).encode(),
        PLAIN.replace("\n", "\n0,").replace("path", ",path").removesuffix("0,").encode(),
        PLAIN.replace("/", "\\").encode(),
        PLAIN.replace(",,", ",,,,").encode(),
        PLAIN.replace("label", " label ").encode(),
    ],
    ids=lambda content: repr(content[:24]),
)
def test_table_comes_as_it_may(shop: Path, load: Callable[..., Dataset], content: bytes) -> None:
    """Any usual encoding, delimiter, index column and slash gives the same photos."""
    (shop / "photos.csv").write_bytes(content)
    dataset = load(TABLE)
    assert [one.id for one in dataset.samples] == ["Mugs/a.png", "Rugs/a.png"]
    assert dataset.classes == ("R", "Th\u00e9")


def test_a_guessed_encoding_is_told(shop: Path, load: Callable[..., Dataset]) -> None:
    """With the words that it may have spelt wrong; a declared one is taken at its word."""
    (shop / "photos.csv").write_bytes(PLAIN.encode("latin-1"))
    [note] = load(TABLE).notes
    assert (note.kind, note.what) == ("encoding", "cp1252")
    assert "Th\u00e9" in note.names[0]
    assert load(replace(TABLE, encoding="latin-1")).notes == ()
    with pytest.raises(DataError, match="not ascii text"):
        load(replace(TABLE, encoding="ascii"))


def test_absolute_paths_below_the_root_will_do(shop: Path, load: Callable[..., Dataset]) -> None:
    """Ids are the same as if they were relative."""
    write_table(shop, f"path,label,sort,title\n{shop}/Mugs/a.png,M,,\n{shop}/Rugs/a.png,R,,\n")
    assert [one.id for one in load(TABLE).samples] == ["Mugs/a.png", "Rugs/a.png"]


def test_a_split_column_is_used_when_declared_and_told_when_seen(
    shop: Path, load: Callable[..., Dataset]
) -> None:
    """A value that is no part is refused with its line."""
    rows = ("Mugs/a.png,M,train", "Mugs/b.png,M,val", "Rugs/a.png,R,Test", "Rugs/b.png,R,dev")
    write_table(shop, "\n".join(("path,label,split", *rows)))
    plain = DatasetSpec(kind="table", csv="photos.csv")
    [note] = load(plain).notes
    assert (note.kind, note.what) == ("split-column", "split")
    declared = replace(plain, split_column="split")
    assert [one.fold for one in load(declared).samples] == [
        *("train", "validation", "test", "validation")
    ]
    assert load(declared).notes == ()
    write_table(shop, "\n".join(("path,label,split", *rows[:3], "Rugs/b.png,R,perhaps")))
    with pytest.raises(DataError, match=r"line 5: 'perhaps' in column 'split' is no part"):
        load(declared)


def test_a_group_column_is_read(shop: Path, load: Callable[..., Dataset]) -> None:
    """An empty cell is a photo that belongs to no group."""
    write_table(shop, "path,label,patient\nMugs/a.png,M,p1\nRugs/a.png,R,\n")
    samples = load(DatasetSpec(kind="table", csv="photos.csv", group_column="patient")).samples
    assert [one.group for one in samples] == ["p1", None]


def test_labels_that_differ_by_case_alone_are_told(
    shop: Path, load: Callable[..., Dataset]
) -> None:
    """They stay two classes: only a person knows whether they are one."""
    write_table(shop, "path,label\nMugs/a.png,T Shirt\nRugs/a.png,t-shirt\n")
    dataset = load(DatasetSpec(kind="table", csv="photos.csv"))
    assert len(dataset.classes) == 2
    assert [(one.kind, one.names) for one in dataset.notes] == [
        ("labels-alike", ("T Shirt", "t-shirt"))
    ]


def test_json_lines_are_a_table(shop: Path, load: Callable[..., Dataset]) -> None:
    """As the metadata of an image folder; a damaged line has its number."""
    lines = ['{"file_name": "Mugs/a.png", "label": 0}', '{"file_name": "Rugs/a.png", "label": 1}']
    (shop / "metadata.jsonl").write_text("\n".join(lines))
    spec = DatasetSpec(kind="table", csv="metadata.jsonl", path_column="file_name")
    assert load(spec).classes == ("0", "1")
    for damaged in ("[" * 5000, '{"label": "\\ud800"}'):
        (shop / "metadata.jsonl").write_text("\n".join([*lines, damaged]))
        with pytest.raises(DataError, match=r"metadata.jsonl, line 3: not JSON"):
            load(spec)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_json_lines_come_in_any_encoding(
    shop: Path, load: Callable[..., Dataset], encoding: str
) -> None:
    """And a text may hold what other readers take for the end of a line."""
    odd = "é" if encoding == "cp1252" else "é\u2028è"
    lines = [
        json.dumps({"path": f"{label}/a.png", "label": f"{label} {odd}"}, ensure_ascii=False)
        for label in ("Mugs", "Rugs")
    ]
    (shop / "photos.jsonl").write_bytes("\n".join(lines).encode(encoding))
    assert load(DatasetSpec(kind="table", csv="photos.jsonl")).classes[0] == f"Mugs {odd}"


def test_parquet_is_a_table(shop: Path, load: Callable[..., Dataset]) -> None:
    """Numbers and missing cells become texts; a file that is something else is one line."""
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pytest.importorskip("pyarrow").table(
        {"path": ["Mugs/a.png", "Rugs/a.png"], "label": [7, 8], "title": ["x", None]}
    )
    parquet.write_table(table, shop / "photos.parquet")
    spec = DatasetSpec(kind="table", csv="photos.parquet", title_column="title")
    assert [(one.label, one.title) for one in load(spec).samples] == [("7", "x"), ("8", None)]
    (shop / "photos.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="not a Parquet file"):
        load(spec)


def test_absent_table_is_named(shop: Path, load: Callable[..., Dataset]) -> None:
    """A table that is not there, or is a folder, is one line."""
    with pytest.raises(DataError, match=r"photos\.csv: file not found"):
        load(TABLE)
    (shop / "photos.csv").mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        load(TABLE)


def test_path_is_found_in_either_unicode_form(
    root: Path, make_photo: Make, load: Callable[..., Dataset]
) -> None:
    """A table written here lists a photo that macOS has named there."""
    make_photo(root / unicodedata.normalize("NFD", "th\u00e9.png"), seed=1)
    make_photo(root / "b.png", seed=2)
    write_table(root, "path,label,sort,title\nth\u00e9.png,T,,\nb.png,B,,\n")
    assert load(TABLE).missing == ()


# -------------------------------------------------------------------------- flipkart


def test_flipkart_rows(root: Path, make_photo: Make, load: Callable[..., Dataset]) -> None:
    """The class is the first level of the tree, the sub-category the second, if any."""
    make_photo(root / "Images" / "1.png", seed=1)
    make_photo(root / "Images" / "2.png", seed=2)
    (root / "products.csv").write_text(
        f'{HEADER}\nu1,A mug,1.png,"[""Kitchen >> Mugs >> A mug""]"\n'
        "u2,A watch,2.png,['Watches']\nu3,Lost,3.png,['Watches >> Wrist']\n"
    )
    dataset = load(FLIPKART)
    assert [(s.id, s.label, s.subcategory, s.title) for s in dataset.samples] == [
        ("u1", "Kitchen", "Mugs", "A mug"),
        ("u2", "Watches", None, "A watch"),
    ]
    assert [(m.id, m.path) for m in dataset.missing] == [("u3", "Images/3.png")]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("u1,A,1.png,Kitchen", "line 2: product_category_tree holds no category: 'Kitchen'"),
        ("u1,A,1.png,[]", "holds no category"),
        ("u1,A,1.png,[1]", "holds no category"),
        ("u1,A,1.png,['>> Mugs']", "holds no category"),
        ("u1,A,1.png,__import__('os')", "holds no category"),
        ("u1,A,1.png,['K']\nu1,A,1.png,['K']", "'u1' listed more than once"),
        ("u1,A,../1.png,['K']", "leaves the data root"),
        ("u1,A,,['K']", "nothing in column 'image' at line 2"),
    ],
)
def test_bad_flipkart_row_is_one_line(
    root: Path, load: Callable[..., Dataset], lines: str, problem: str
) -> None:
    """The line is named, and nothing in it is executed."""
    (root / "products.csv").write_text(f"{HEADER}\n{lines}\n")
    with pytest.raises(DataError) as caught:
        load(FLIPKART)
    assert problem in line_of(caught)


@pytest.mark.data
def test_flipkart_sample(flipkart_root: Path, tmp_path: Path) -> None:
    """1 050 products, three photos missing, seven classes of 150; ids are those of the CSV."""
    study = load_study("flipkart", data_root=flipkart_root)
    dataset = load_dataset(study.dataset, name="flipkart", root=flipkart_root, cache=tmp_path)
    assert len(dataset.samples) == 1047
    assert [(one.id[:8], one.reason) for one in dataset.missing] == [
        ("22ac36ba", "file not found"),
        ("994f1d8a", "file not found"),
        ("c4ac93e1", "file not found"),
    ]
    counts = Counter(one.label for one in (*dataset.samples, *dataset.missing))
    assert set(counts.values()) == {150}
    assert dataset.classes == (
        "Baby Care",
        "Beauty and Personal Care",
        "Computers",
        "Home Decor & Festive Needs",
        "Home Furnishing",
        "Kitchen & Dining",
        "Watches",
    )
    assert len({one.subcategory for one in dataset.samples}) == 62


def test_demo_study_is_complete(tmp_path: Path) -> None:
    """Every photo of the demo is readable, different, titled and in a sub-category."""
    study = load_study("demo")
    assert study.dataset.root is not None
    dataset = load_dataset(study.dataset, name="demo", root=study.dataset.root, cache=tmp_path)
    assert dataset.missing == ()
    assert len(dataset.samples) == 166
    assert len(dataset.classes) == 8
    assert len({sample.pixels for sample in dataset.samples}) == 166
    assert all(sample.title and sample.subcategory for sample in dataset.samples)
    assert {(sample.width, sample.height) for sample in dataset.samples} == {(256, 256)}
    files = [file for file in study.file.parent.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 3_000_000
    assert {"LICENCE", "ORIGINE.md"} <= {file.name for file in files}


# ------------------------------------------------------------------------ inspection


@pytest.mark.usefixtures("shop")
def test_progress_counts_every_photo(load: Callable[..., Dataset]) -> None:
    """It is told after each photo, of how many."""
    told: list[tuple[int, int]] = []
    load(progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 6) for done in range(1, 7)]


def test_second_load_decodes_nothing(
    shop: Path, load: Callable[..., Dataset], request: pytest.FixtureRequest
) -> None:
    """Not even photos that could not be decoded, nor one that was renamed."""
    (shop / "Mugs" / "bad.png").write_bytes(b"bad")
    first = load()
    request.getfixturevalue("no_decoding")
    assert load() == first
    (shop / "Mugs" / "a.png").rename(shop / "Mugs" / "z.png")
    assert len(load().samples) == 6


@pytest.mark.parametrize("side", [32, 300])
def test_pixels_are_compared_whatever_the_format(
    shop: Path, load: Callable[..., Dataset], request: pytest.FixtureRequest, side: int
) -> None:
    """The same photo in another format is a copy; that is remembered as well.

    Above some size a JPEG is decoded smaller than a copy of it that is none.
    """
    noise = np.random.default_rng(1).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(noise).resize((side, side)).save(shop / "Mugs" / "a.jpg", quality=60)
    with Image.open(shop / "Mugs" / "a.jpg") as image:
        image.save(shop / "Rugs" / "copy.bmp")
    first = load()
    pixels = {sample.id: sample.pixels for sample in first.samples}
    assert pixels["Mugs/a.jpg"] == pixels["Rugs/copy.bmp"]
    assert len(set(pixels.values())) == len(pixels) - 1
    request.getfixturevalue("no_decoding")
    assert load() == first


def test_new_photo_alone_is_decoded(
    shop: Path, make_photo: Make, load: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten new photos cost ten decodings."""
    load()
    decoded = []
    real = inspection.inspect_photo
    monkeypatch.setattr(
        inspection, "inspect_photo", lambda handle, _: decoded.append(handle) or real(handle)
    )
    for seed in range(10):
        make_photo(shop / "Mugs" / f"new{seed}.png", seed=50 + seed)
    load()
    assert len(decoded) == 10


def test_changed_photo_is_decoded_again(
    shop: Path, make_photo: Make, load: Callable[..., Dataset]
) -> None:
    """What is remembered belongs to the bytes, not to the name."""
    before = load().samples[0]
    make_photo(shop / "Mugs" / "a.png", seed=77, size=(11, 12))
    after = load().samples[0]
    assert (after.width, after.height) == (11, 12)
    assert (before.digest, before.pixels) != (after.digest, after.pixels)


def test_other_decoder_decodes_again(
    shop: Path, load: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Facts that another version of Pillow found are not mixed with ours."""
    load()
    monkeypatch.setattr(inspection, "DECODER", "0/0")
    decoded = []
    real = inspection.inspect_photo
    monkeypatch.setattr(
        inspection, "inspect_photo", lambda handle, _: decoded.append(handle) or real(handle)
    )
    load()
    assert len(decoded) == len(list(shop.rglob("*.png")))


@pytest.mark.parametrize("former", ["photos", "looks"])
def test_a_cache_of_an_earlier_version_is_not_misread(
    tmp_path: Path, shop: Path, load: Callable[..., Dataset], former: str
) -> None:
    """Its table is left alone: every photo is decoded anew, and gets its look."""
    digests = [sample.digest for sample in load().samples]
    file = tmp_path / "cache" / "photos.sqlite"
    file.unlink()
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute(
            f"CREATE TABLE {former} (decoder TEXT NOT NULL, digest TEXT NOT NULL, "
            "pixels TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, reason TEXT, "
            "PRIMARY KEY (decoder, digest)) WITHOUT ROWID"
        )
        database.executemany(
            f"INSERT INTO {former} VALUES (?, ?, 'old', 1, 1, NULL)",  # noqa: S608 - two names
            [(photos.DECODER, digest) for digest in digests],
        )
    samples = load().samples
    assert [sample.digest for sample in samples] == digests
    assert len(samples) == len(list(shop.rglob("*.png")))
    assert all(len(sample.look) == 2 * (8 + 8 * 8 * 3) for sample in samples)
    assert {(sample.width, sample.height) for sample in samples} == {(40, 30)}


def test_what_was_decoded_before_an_interruption_is_kept(
    tmp_path: Path, shop: Path, load: Callable[..., Dataset]
) -> None:
    """Ctrl-C loses no finished photo."""

    def interrupt(done: int, _total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(progress=interrupt)
    with sqlite3.connect(tmp_path / "cache" / "photos.sqlite") as database:
        [(count,)] = database.execute("SELECT count(*) FROM facts")
    assert count == 3
    assert len(load().samples) == len(list(shop.rglob("*.png")))


def test_several_processes_may_load_at_once(tmp_path: Path, shop: Path) -> None:
    """They share one cache; none fails, and none waits for another to end."""
    code = (
        "import sys; from pathlib import Path; from evaluation.data.loading import load_dataset\n"
        "from evaluation.records import DatasetSpec\n"
        "d = load_dataset(DatasetSpec(kind='folder'), name='x', root=Path(sys.argv[1]),"
        " cache=Path(sys.argv[2]))\n"
        "print(d.revision)"
    )
    command = [sys.executable, "-c", code, str(shop), str(tmp_path / "cache")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    out = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0] * 4
    assert len(set(out)) == 1


@pytest.mark.usefixtures("shop")
def test_damaged_cache_is_one_line(tmp_path: Path, load: Callable[..., Dataset]) -> None:
    """The remedy is to delete it."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "photos.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match=r"photos\.sqlite: .*delete the file"):
        load()


@pytest.mark.usefixtures("shop")
def test_cache_that_cannot_be_made_is_one_line(
    tmp_path: Path, load: Callable[..., Dataset]
) -> None:
    """A cache folder that is a file cannot be used."""
    (tmp_path / "cache").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        load()


def test_overlong_path_is_listed(shop: Path, load: Callable[..., Dataset]) -> None:
    """A name that no file can have is a missing photo."""
    write_table(shop, f"path,label,sort,title\n{'x' * 5000},M,,\nMugs/a.png,M,,\nRugs/a.png,R,,\n")
    [missing] = load(TABLE).missing
    assert "cannot be read" in missing.reason


def test_error_of_the_progress_is_not_the_caches(shop: Path, load: Callable[..., Dataset]) -> None:
    """A closed terminal is reported as what it is."""

    def closed(_done: int, _total: int) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        load(progress=closed)
    assert len(load().samples) == len(list(shop.rglob("*.png")))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything")
def test_class_folder_without_permission_is_refused(
    shop: Path, load: Callable[..., Dataset]
) -> None:
    """Its photos cannot even be listed."""
    (shop / "Mugs").chmod(0)
    with pytest.raises(DataError, match="cannot list the folder"):
        load()
    (shop / "Mugs").chmod(0o755)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_photo_without_permission_is_listed_and_not_remembered(
    shop: Path, load: Callable[..., Dataset]
) -> None:
    """It is of this day: once it may be read, it is a sample again."""
    (shop / "Mugs" / "a.png").chmod(0)
    [missing] = load().missing
    assert "cannot be read" in missing.reason
    (shop / "Mugs" / "a.png").chmod(0o644)
    assert load().missing == ()
