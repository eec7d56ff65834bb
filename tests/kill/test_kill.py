"""Runs that are killed at any moment: nothing that was done is lost, nothing stays behind.

``VEILLE_KILLS`` says how many are killed: 20 in CI, 500 by hand (`tox -e kill`).  They come in
chains of some thirty, of which each run goes on from the one before; xdist's workers take a
chain each.  The last line of the output is the row of docs/reliability.md.
"""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.stores import artefacts
from evaluation.stores.embeddings import EmbeddingStore
from evaluation.stores.maps import MapCache
from tests.data.archive_server import ArchiveServer, serving

ROUNDS = int(os.environ.get("VEILLE_KILLS", "20"))
_COUNT = max(1, ROUNDS // 30)
CHAINS = [(seed, ROUNDS // _COUNT + (seed < ROUNDS % _COUNT)) for seed in range(_COUNT)]
BESIDE = 0.25
"""How often another run works in the same folders meanwhile."""
REPOSITORY = Path(__file__).parents[2]


def _archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        rows = "".join(f"p{i}.png,z\n" for i in range(4))
        archive.writestr("t.csv", f"path,label\n{rows}")
        for i in range(4):
            photo = io.BytesIO()
            Image.effect_noise((300, 300), 90 + i).convert("RGB").save(photo, "PNG")
            archive.writestr(f"p{i}.png", photo.getvalue())
    return content.getvalue()


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    with serving(_archive()) as running:
        yield running


def _start(root: Path, url: str, generation: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.kill.worker", str(root), url, str(generation)],
        cwd=REPOSITORY, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def _seconds(process: subprocess.Popen[str]) -> float:
    """How long a run takes from its first line to its end."""
    assert process.stdout is not None
    process.stdout.readline()
    clock = time.monotonic()
    assert process.wait() == 0
    return time.monotonic() - clock


def _check(root: Path, done: set[str]) -> None:
    """What was said to be done is there, and whole; what is there can be read."""
    store_file, maps_file = (root / "cache" / f"{name}.sqlite" for name in ("embeddings", "maps"))
    if store_file.exists():
        with EmbeddingStore(store_file) as store:
            for number in (int(word.split()[1]) for word in done if word.startswith("batch")):
                keys = [f"d{number}-{i}" for i in range(8)]
                found = store.get("m", keys)
                assert list(found) == keys
                assert all(np.array_equal(row, np.full(64, number)) for row in found.values())
    if maps_file.exists():
        with MapCache(maps_file) as cache:
            for number in (int(word.split()[1]) for word in done if word.startswith("map ")):
                entry = cache.arrays(f"k{number}")
                assert entry is not None
                assert (entry["a"] == number).all()
    runs = [int(word.split()[1]) for word in done if word.startswith("run")]
    results = artefacts.read_results(root / "artefacts")
    if runs:
        # Of two runs at once, an even one and the next, either may have written last.
        assert results[0].runs[0].seed >= max(runs) // 2 * 2
        assert len(results[0].predictions) == 1
    for picture in (root / "artefacts").rglob("*.webp"):
        if not picture.name.startswith("."):
            with Image.open(picture) as image:
                image.load()
    if "data" in done:
        assert {path.name for path in (root / "data").glob("p*.png")} == {
            f"p{i}.png" for i in range(4)
        }


def _left(root: Path) -> list[str]:
    kept = {".veille-data.json"}
    return [
        path.name
        for path in root.rglob("*")
        if path.name not in kept and (path.name.startswith(".") or ".part" in path.name)
    ]


@pytest.mark.parametrize(("seed", "rounds"), CHAINS)
def test_killed_runs_lose_nothing_and_leave_nothing(
    tmp_path: Path,
    server: ArchiveServer,
    seed: int,
    rounds: int,
    record_property: Callable[[str, object], None],
) -> None:
    """Each is killed at a random moment, beside another or alone, and the next one goes on."""
    draw = random.Random(16 + seed)  # noqa: S311 - moments, not secrets
    whole = tmp_path / "whole"
    longest = _seconds(_start(whole, server.url, 0))
    root, done, where = tmp_path / "killed", set[str](), Counter[str]()
    for generation in range(0, 2 * rounds, 2):
        process = _start(root, server.url, generation)
        beside = _start(root, server.url, generation + 1) if draw.random() < BESIDE else None
        assert process.stdout is not None
        started = draw.random() < 0.8
        first = process.stdout.readline() if started else ""
        time.sleep(draw.uniform(0, longest))
        process.kill()
        said = (first + process.communicate()[0]).split("\n")[:-1]
        where[f"after {said[-1].split()[0]}" if said else "before its first word"] += 1
        done |= set(said)
        if beside is not None:  # what is killed beside it does not harm a run that lives
            done |= set(beside.communicate()[0].split("\n")[:-1])
            assert beside.returncode == 0
        _check(root, done)
    assert _start(root, server.url, 2 * rounds).wait() == 0
    _check(root, done)
    assert _left(root) == []
    record_property("tried kills", dict(where))
