"""Whatever a file holds: it is read, or refused in one clear line; nothing is written elsewhere.

Examples are drawn by Hypothesis from seeds, the same in every run.  ``VEILLE_FUZZ`` says how many
there are of each kind: few in CI, as many as one has time for by hand (`tox -e fuzz`).
"""

from __future__ import annotations

import io
import json
import os
import shutil
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from evaluation.data.photos import inspect_photo
from evaluation.data.tables import list_flipkart, list_table
from evaluation.errors import VeilleError, VeilleWarning
from evaluation.net.archive import extract
from evaluation.records import DatasetSpec
from evaluation.report.site.render import render
from evaluation.stores import artefacts
from evaluation.stores.embeddings import EmbeddingStore
from evaluation.study.config import load_study
from tests.factories import make_explanation, make_predictions, make_run, make_study

EXAMPLES = int(os.environ.get("VEILLE_FUZZ", "25"))
SLOWEST = 20.0
"""Seconds for one file, on a machine that does other things too."""
REPOSITORY = Path(__file__).parents[2]
HOSTILE = [
    "", "\x00", "\x1b[2J", "../../etc/passwd", "/etc/passwd", "<script>", "é" * 300, "x" * 200_000,
    "[" * 3000, "{" * 3000, "9" * 5000, "-1", "1e400", "nan", "NaN", "Infinity", "\ufeff", "\u202e",
    '"', "'", '"""', "\\", "\n", ",", ";", "a." * 500, "= 1", "null", "true", "\r\n\r\n",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, -1, 0, 10**18, 10**400, 1e308, 0.5, "", "\x00", "\x1b[2J", "../../x", "<script>",
    "javascript:alert(1)", "x" * 100_000, [], {}, [[]], ["a"], {"a": 1}, "2026-13-45", "\ud800",
]  # fmt: skip

fuzz = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def survives(act: Callable[[], object]) -> bool:
    """Whether it was read; what is refused is one printable line with a place or a remedy."""
    clock = time.monotonic()
    try:
        act()
    except VeilleError as error:
        for line in str(error).split("\n"):
            assert line.isprintable() or all(c.isprintable() or c in "\u00a0\u202f" for c in line)
            assert len(line) < 2500
        return False
    finally:
        assert time.monotonic() - clock < SLOWEST
    return True


@st.composite
def edits(draw: st.DrawFn) -> list[tuple[int, int, bytes]]:
    """Places (in thousandths of a file), how much is taken there, and what is put instead."""
    put = st.one_of(
        st.sampled_from([text.encode("utf-8", "surrogatepass") for text in HOSTILE]),
        st.binary(max_size=8),
    )
    one = st.tuples(st.integers(0, 999), st.sampled_from([0, 1, 2, 9, 400]), put)
    return draw(st.lists(one, min_size=1, max_size=3))


def edited(content: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for place, taken, put in changes:
        start = len(content) * place // 1000
        content = content[:start] + put + content[start + taken :]
    return content


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


DEMO = REPOSITORY / "evaluation" / "studies" / "demo"


@fuzz
@given(which=st.sampled_from(["study.toml", "prompts"]), changes=edits())
@example(which="study.toml", changes=[(214, 1, b"x" * 200_000)])  # a name that no disk takes
def test_study_files(folder: Path, which: str, changes: list[tuple[int, int, bytes]]) -> None:
    """A study's files, and those of its prompts."""
    study = fresh(folder) / "demo"
    shutil.copytree(DEMO, study, ignore=shutil.ignore_patterns("*.png", "*.webp", "photos"))
    file = study / which if which.endswith("toml") else min((study / which).iterdir())
    file.write_bytes(edited(file.read_bytes(), changes))
    survives(lambda: load_study(str(study)))


_ROW = 'u{0},p{0}.png,"[""C{1} >> S{0} >> x""]",name {0},C{0},p{0}.png\n'
CSV = (
    "uniq_id,image,product_category_tree,product_name,label,path\n"
    + "".join(_ROW.format(i, i % 2) for i in range(9))
).encode()


@fuzz
@given(kind=st.sampled_from(["flipkart", "table"]), changes=edits())
def test_tables(folder: Path, kind: Any, changes: list[tuple[int, int, bytes]]) -> None:
    """A table of photos, of both kinds."""
    root = fresh(folder)
    (root / "t.csv").write_bytes(edited(CSV, changes))
    spec = DatasetSpec(kind=kind, csv="t.csv")
    survives(lambda: (list_flipkart if kind == "flipkart" else list_table)(spec, root))


def _zip(method: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        archive.writestr("top/t.csv", CSV)
        for i in range(5):
            archive.writestr(f"top/p{i}.png", b"photo" * 40)
    return content.getvalue()


ZIPS = [_zip(method) for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2)]


@fuzz
@given(content=st.sampled_from(ZIPS), changes=edits())
def test_archives(folder: Path, content: bytes, changes: list[tuple[int, int, bytes]]) -> None:
    """An archive, of each compression; what is taken out lies in its folder."""
    root = fresh(folder)
    (root / "a.zip").write_bytes(edited(content, changes))
    spec = DatasetSpec(kind="table", csv="t.csv")
    survives(lambda: extract(root / "a.zip", spec, root / "out", verify=lambda: None))
    assert {path.name for path in root.iterdir()} <= {"a.zip", "out"}


def _photo(form: str) -> bytes:
    content = io.BytesIO()
    Image.effect_noise((32, 24), 60).convert("RGB").save(content, form)
    return content.getvalue()


PHOTOS = [_photo(form) for form in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "PPM")]


@fuzz
@given(content=st.sampled_from(PHOTOS), changes=edits())
def test_photos(content: bytes, changes: list[tuple[int, int, bytes]]) -> None:
    """A photo is read, or the reason is one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        facts = inspect_photo(io.BytesIO(edited(content, changes)))
    assert facts.reason is None or "\n" not in facts.reason


@fuzz
@given(
    changes=st.lists(st.tuples(st.integers(0, 999), st.integers(1, 255)), min_size=1, max_size=4)
)
def test_stores(folder: Path, changes: list[tuple[int, int]]) -> None:
    """Flipped bytes: what is given is what was put, or it is made again."""
    root = fresh(folder)
    vectors = {f"d{i}": np.full(16, i, np.float32) for i in range(40)}
    with EmbeddingStore(root / "e.sqlite") as store:
        store.put("m", vectors, seconds=1.0)
    content = bytearray((root / "e.sqlite").read_bytes())
    for place, mask in changes:
        content[len(content) * place // 1000] ^= mask
    (root / "e.sqlite").write_bytes(content)

    def use() -> None:
        with EmbeddingStore(root / "e.sqlite") as store:
            found = store.get("m", list(vectors))
            assert all(np.array_equal(found[name], vectors[name]) for name in found)
            store.put("m", vectors)
            again = store.get("m", list(vectors))
            assert all(np.array_equal(again[name], vectors[name]) for name in vectors)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VeilleWarning)
        survives(use)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a JSON value with each of its keys."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])


@fuzz
@given(
    name=st.sampled_from(
        ["study.json", "m/p/run.json", "m/p/attention.json", "m/p/predictions.csv"]
    ),
    place=st.integers(0, 10**6),
    value=st.sampled_from(VALUES),
    changes=st.one_of(st.none(), edits()),
)
def test_artefacts(
    folder: Path, name: str, place: int, value: Any, changes: list[tuple[int, int, bytes]] | None
) -> None:
    """A record whose values were replaced, or its bytes; what is read can be shown."""
    root = fresh(folder)
    artefacts.write_study(root, make_study(cases=("s/m/p",)))
    artefacts.write_run(root, make_run(), make_predictions())
    explanation = make_explanation(predictions_digest=artefacts.predictions_digest(root, "s/m/p"))
    artefacts.write_explanation(root, explanation, {})
    file = root / "s" / name
    if changes is None and name.endswith(".json"):
        content = json.loads(file.read_bytes())
        places = list(_places(content))
        owner, key = places[place % len(places)]
        owner[key] = value
        file.write_text(json.dumps(content), encoding="utf-8")
    else:
        file.write_bytes(edited(file.read_bytes(), changes or [(place % 1000, 1, b"\xff")]))

    def show() -> None:
        results = artefacts.read_results(root)
        pages = render(
            results, None, templates=REPOSITORY / "templates", draw=lambda _: "<svg></svg>"
        )
        assert all(not isinstance(one, Path) or one.is_relative_to(root) for one in pages.values())

    survives(show)
