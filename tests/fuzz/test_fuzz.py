"""Whatever a file holds: it is read, or refused in one clear line; nothing is touched elsewhere."""

from __future__ import annotations

import io
import json
import shutil
import warnings
import zipfile
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from evaluation.data.folders import list_folder
from evaluation.data.photos import inspect_photo
from evaluation.data.table_listing import list_flipkart, list_table
from evaluation.errors import VeilleWarning
from evaluation.net import transport
from evaluation.net.archive import extract
from evaluation.net.download import Wanted, download
from evaluation.records import DatasetSpec
from evaluation.report.site.render import render
from evaluation.stores import artefacts
from evaluation.stores.embeddings import EmbeddingStore
from evaluation.stores.maps import MapCache
from evaluation.study.config import load_study
from evaluation.study.reference import load_reference
from tests.fuzz.fuzzing import REPOSITORY, VALUES, Verdict, edited, edits, fuzzed, survives
from tests.hostile_server import saying, serving
from tests.report import explained
from tests.report.conftest import TEMPLATES, placeholder, write_artefacts
from tests.report.hostile import runs

Edits = list[tuple[int, int, bytes]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder to work in, in one that must stay empty but for it."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "inside").mkdir()
    yield outside / "inside"
    assert [path.name for path in outside.iterdir()] == ["inside"]


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


STUDIES = REPOSITORY / "evaluation" / "studies"
FILES = ["demo/study.toml", "flipkart-entrainement/study.toml", "demo/prompts", "flipkart/prompts"]


@fuzzed(
    st.tuples(st.sampled_from(FILES), st.integers(0, 9), edits()),
    ("demo/study.toml", 0, [(214, 1, b"x" * 200_000)]),  # a name that no disk takes
)
def test_studies(folder: Path, case: tuple[str, int, Edits]) -> Verdict:
    """A study's file, or one of its prompt sets."""
    which, number, changes = case
    root = fresh(folder)
    ignored = shutil.ignore_patterns("*.png", "*.webp", "photos")
    for name in {which.split("/")[0], "flipkart"}:
        shutil.copytree(STUDIES / name, root / name, ignore=ignored)
    file = root / which
    if file.is_dir():
        texts = sorted(file.iterdir())
        file = texts[number % len(texts)]
    file.write_bytes(edited(file.read_bytes(), changes))
    return survives(folder, lambda: load_study(str(root / which.split("/")[0])))


SLIDES = (STUDIES / "flipkart" / "slides.toml").read_bytes()


@fuzzed(edits())
def test_published_figures(folder: Path, case: Edits) -> Verdict:
    """A file of figures that stand beside the measured ones."""
    (fresh(folder) / "slides.toml").write_bytes(edited(SLIDES, case))
    return survives(folder, lambda: load_reference(folder / "slides.toml"))


_ROW = 'u{0},p{0}.png,"[""C{1} >> S{0} >> x""]",name {0},C{0},p{0}.png\n'
CSV = (
    "uniq_id,image,product_category_tree,product_name,label,path\n"
    + "".join(_ROW.format(i, i % 2) for i in range(9))
).encode()
LINES = b"".join(b'{"path": "p%d.png", "label": "C%d", "x": [1.5, null]}\n' % (i, i) for i in "ab"
                 for i in range(4))  # fmt: skip


@fuzzed(
    st.tuples(st.sampled_from(["flipkart", "table", "lines"]), edits(),
              st.sampled_from(["utf-8", "utf-16", "cp1252"]))
)  # fmt: skip
def test_tables(folder: Path, case: tuple[str, Edits, str]) -> Verdict:
    """A table of photos, of each kind and of several encodings."""
    kind, changes, encoding = case
    name = "t.jsonl" if kind == "lines" else "t.csv"
    content = LINES if kind == "lines" else CSV.decode().encode(encoding)
    (fresh(folder) / name).write_bytes(edited(content, changes))
    spec = DatasetSpec(kind="flipkart" if kind == "flipkart" else "table", csv=name)
    listing = list_flipkart if kind == "flipkart" else list_table
    return survives(folder, lambda: listing(spec, folder))


@fuzzed(st.lists(st.tuples(st.text(min_size=1, max_size=40), st.integers(0, 3)), max_size=8))
def test_folders(folder: Path, case: list[tuple[str, int]]) -> Verdict:
    """A folder of photos whatever the names are, with links among them."""
    root = fresh(folder)
    for name, kind in case:
        place = root / name.replace("/", "_").replace("\0", "_")[:60]
        try:
            if kind == 0:
                place.symlink_to("/etc")
            elif kind == 1:
                place.symlink_to(place)
            else:
                place.mkdir(exist_ok=True)
                (place / f"{name[:20].replace('/', '_')}.png").write_bytes(b"x")
        except (OSError, ValueError):
            continue
    return survives(folder, lambda: list_folder(DatasetSpec(kind="folder"), root))


def _zip(method: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        archive.writestr("top/t.csv", CSV)
        for i in range(5):
            archive.writestr(f"top/p{i}.png", b"photo" * 40)
    return content.getvalue()


ZIPS = [_zip(method) for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2)]


@fuzzed(st.tuples(st.integers(0, 2), edits()))
def test_archives(folder: Path, case: tuple[int, Edits]) -> Verdict:
    """An archive, of each compression; what is taken out lies in its folder."""
    which, changes = case
    root = fresh(folder)
    (root / "a.zip").write_bytes(edited(ZIPS[which], changes))
    spec = DatasetSpec(kind="table", csv="t.csv")
    verdict = survives(
        folder, lambda: extract(root / "a.zip", spec, root / "out", verify=lambda: None)
    )
    assert {path.name for path in root.iterdir()} <= {"a.zip", "out"}
    return verdict


def _photo(form: str) -> bytes:
    content = io.BytesIO()
    Image.effect_noise((32, 24), 60).convert("RGB").save(content, form)
    return content.getvalue()


PHOTOS = [_photo(form) for form in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "PPM")]


@fuzzed(st.tuples(st.integers(0, len(PHOTOS) - 1), edits()))
def test_photos(folder: Path, case: tuple[int, Edits]) -> Verdict:
    """A photo is read, or the reason is one line."""
    which, changes = case
    reasons: list[str | None] = []

    def inspect() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = io.BytesIO(edited(PHOTOS[which], changes))
            reasons.append(inspect_photo(content).reason)

    survives(folder, inspect)
    assert reasons[0] is None or reasons[0].isprintable()
    return "read" if reasons[0] is None else "refused"


FLIPS = st.lists(st.tuples(st.integers(0, 999), st.integers(1, 255)), min_size=1, max_size=4)


@fuzzed(FLIPS)
def test_embeddings(folder: Path, case: list[tuple[int, int]]) -> Verdict:
    """Flipped bytes: what is given is what was put, or it is made again."""
    vectors = {f"d{i}": np.full(16, i, np.float32) for i in range(40)}
    file = fresh(folder) / "e.sqlite"
    with EmbeddingStore(file) as store:
        store.put("m", vectors)
    _flip(file, case)

    def use() -> None:
        with EmbeddingStore(file) as store:
            found = store.get("m", list(vectors))
            assert all(np.array_equal(found[name], vectors[name]) for name in found)
            store.put("m", vectors)
            again = store.get("m", list(vectors))
            assert all(np.array_equal(again[name], vectors[name]) for name in vectors)

    return _healed(folder, use)


@fuzzed(FLIPS)
def test_maps(folder: Path, case: list[tuple[int, int]]) -> Verdict:
    """The same of the store of maps."""
    file = fresh(folder) / "m.sqlite"
    with MapCache(file) as cache:
        for i in range(9):
            cache.put_arrays(f"k{i}", {"a": np.full(40, i)})
    _flip(file, case)

    def use() -> None:
        with MapCache(file) as cache:
            for i in range(9):
                entry = cache.arrays(f"k{i}")
                assert entry is None or (entry["a"] == i).all()
                cache.put_arrays(f"k{i}", {"a": np.full(40, i)})
            assert all((cache.arrays(f"k{i}") or {})["a"].sum() == 40 * i for i in range(9))

    return _healed(folder, use)


def _flip(file: Path, flips: list[tuple[int, int]]) -> None:
    content = bytearray(file.read_bytes())
    for place, mask in flips:
        content[len(content) * place // 1000] ^= mask
    file.write_bytes(content)


def _healed(folder: Path, use: Any) -> Verdict:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VeilleWarning)
        return survives(folder, use)


ANSWER = (
    b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\nETag: "v1"\r\nAccept-Ranges: bytes\r\n'
    b"Content-Type: application/zip\r\n\r\n" + b"x" * 20
)
MOVED = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/a\r\nContent-Length: 0\r\n\r\n"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"


@fuzzed(st.tuples(st.sampled_from([ANSWER, MOVED, CHUNKS]), edits()), of=5)
def test_servers(folder: Path, case: tuple[bytes, Edits]) -> Verdict:
    """What a server answers; nothing but the file that was wanted is there."""
    answer, changes = case
    target = fresh(folder) / "a.zip"
    with pytest.MonkeyPatch.context() as patch, serving(saying(edited(answer, changes))) as url:
        patch.setattr(transport, "PATIENCE", 0.3)
        patch.setattr(transport, "TIMEOUT", 2.0)
        wanted = Wanted(url=f"{url}/a.zip", target=target)
        verdict = survives(folder, lambda: download(wanted, pauses=()))
    assert {path.name for path in folder.iterdir()} <= {
        "a.zip", "a.zip.part", "a.zip.part.json"
    }  # fmt: skip
    return verdict


# ------------------------------------------------------------------------ artefacts


def _shop(folder: Path) -> Path:
    """The artefacts of a study that has every record."""
    if not (folder / "boutique").exists():
        write_artefacts(fresh(folder), explained.shop(folder))
    return folder / "boutique"


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a JSON value with each of its keys."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])


def _changed(content: bytes, how: str, place: int, value: Any) -> bytes:
    """A JSON text with one place of it changed."""
    found = json.loads(content)
    places = list(_places(found))
    owner, key = places[place % len(places)]
    old = owner[key]
    alike = [one for one in VALUES if type(one) is type(old)]
    others = [box[name] for box, name in places if type(box[name]) is type(old)]
    if how == "value":
        owner[key] = value
    elif how == "alike":
        owner[key] = alike[place % len(alike)] if alike else value
    elif how == "another's":
        owner[key] = deepcopy(others[place // 7 % len(others)])
    elif how == "gone":
        del owner[key]
    elif isinstance(old, list):
        owner[key] = old[1:] if place % 2 else [*old, *old[:1]]
    else:
        owner[key] = [old]
    return json.dumps(found).encode()


HOW = ["value", "alike", "alike", "another's", "another's", "gone", "length"]
RECORDS = [
    "study.json", "comparison.json",
    *(f"embedded/descriptions/{name}" for name in (
        "run.json", "attention.json", "suggestion.json", "projection.json", "predictions.csv")),
    "embedded-supervised/run.json", "embedded-supervised/attention.json",
]  # fmt: skip


@fuzzed(
    st.tuples(
        st.sampled_from(RECORDS),
        st.sampled_from(HOW),
        st.integers(0, 10**6),
        st.sampled_from(VALUES),
        st.one_of(st.none(), st.none(), edits()),
    )
)
def test_artefacts(folder: Path, case: tuple[str, str, int, Any, Edits | None]) -> Verdict:
    """A record of which a value was replaced, or its bytes: what is read can be shown, inert."""
    name, how, place, value, changes = case
    file = _shop(folder) / name
    whole = file.read_bytes()
    if changes is None and name.endswith(".json"):
        file.write_bytes(_changed(whole, how, place, value))
    else:
        file.write_bytes(edited(whole, changes or [(place % 1000, 1, b"\xff")]))

    def show() -> None:
        pages = render(
            artefacts.read_results(folder), None,
            templates=TEMPLATES, draw=placeholder, language="en" if place % 2 else "fr",
        )  # fmt: skip
        for uri, content in pages.items():
            if isinstance(content, Path):
                assert content.is_relative_to(folder)
            elif isinstance(content, str):
                assert runs(content) == "", uri

    try:
        return survives(folder, show)
    finally:
        file.write_bytes(whole)
