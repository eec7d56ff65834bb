"""The embeddings store: exact, shared between processes, and safe to kill."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from evaluation.errors import DataError, ModelError, StoreError, VeilleWarning
from evaluation.records import EmbeddingCost, Lap, Sample
from evaluation.stores.embeddings import EmbeddingStore
from evaluation.stores.feeding import AsFits, embed

DIM = 4


class FakeEmbedder:
    """Embeds a photo as its colour; counts what it was given."""

    dim = DIM
    device = "cpu"

    def __init__(self, fingerprint: str = "model", pause: float = 0.0) -> None:
        self.fingerprint = fingerprint
        self.pause = pause
        self.batches: list[int] = []

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        colour = torch.tensor(image.getpixel((0, 0)), dtype=torch.float32)
        return colour[:, None, None].expand(3, 2, 2)

    def embed_images(self, batch: torch.Tensor) -> np.ndarray:
        time.sleep(self.pause)
        self.batches.append(len(batch))
        colours = batch[:, :, 0, 0].numpy()
        return np.concatenate([colours, colours.sum(axis=1, keepdims=True)], axis=1) / 3


def make_samples(n: int, start: int = 0) -> list[Sample]:
    return [
        Sample(
            id=f"photo-{i}", image=Path(f"{i}.jpg"), label="x", digest=f"digest-{i}",
            pixels=f"pixels-{i}", width=2, height=2,
        )
        for i in range(start, start + n)
    ]  # fmt: skip


class Loader:
    """Opens a sample as a photo of one colour; remembers which."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def __call__(self, sample: Sample) -> Image.Image:
        self.opened.append(sample.digest)
        return Image.new("RGB", (2, 2), colour(sample))


def colour(sample: Sample) -> tuple[int, int, int]:
    number = int(sample.digest.split("-")[1])
    return (number % 256, number // 256, 7)


def expected(samples: Sequence[Sample]) -> np.ndarray:
    rows = [[*colour(sample), sum(colour(sample))] for sample in samples]
    return np.array(rows, dtype=np.float32) / 3


@pytest.fixture
def store(tmp_path: Path) -> EmbeddingStore:
    return EmbeddingStore(tmp_path / "cache" / "embeddings.sqlite")


# ---------------------------------------------------------------------- the store


def test_vectors_come_back_to_the_bit(store: EmbeddingStore) -> None:
    """float32 in, the same float32 out, also after the file was closed."""
    rng = np.random.default_rng(0)
    vectors = {f"d{i}": rng.normal(size=7).astype(np.float32) for i in range(1200)}
    store.put("model", vectors)
    store.close()
    again = EmbeddingStore(store.path).get("model", list(vectors))
    assert all(np.array_equal(again[key], vectors[key]) for key in vectors)
    assert all(row.dtype == np.float32 for row in again.values())


def test_models_do_not_share_embeddings(store: EmbeddingStore) -> None:
    """The same photo has another vector, even of another length, under another fingerprint."""
    store.put("a", {"d": np.ones(3, np.float32)})
    store.put("b", {"d": np.zeros(5, np.float32)})
    assert store.get("a", ["d", "absent"])["d"].tolist() == [1, 1, 1]
    assert store.get("b", ["d"])["d"].tolist() == [0, 0, 0, 0, 0]
    assert store.get("c", ["d"]) == {}


def test_what_is_stored_first_stays(store: EmbeddingStore) -> None:
    """A second process that embeds the same photo changes nothing."""
    store.put("a", {"d": np.ones(3, np.float32)})
    store.put("a", {"d": np.full(3, 2, np.float32)})
    assert store.get("a", ["d"])["d"].tolist() == [1, 1, 1]


def _line(act: Callable[[], object]) -> str:
    with pytest.raises(StoreError) as caught:
        act()
    assert "\n" not in str(caught.value)
    assert caught.value.remedy
    return str(caught.value)


def test_a_file_that_is_no_store_is_one_line(tmp_path: Path) -> None:
    """Garbage is neither read nor overwritten; the remedy is to delete it."""
    path = tmp_path / "embeddings.sqlite"
    path.write_bytes(b"this is not a database, it is a text" * 100)
    assert "delete the file" in _line(lambda: EmbeddingStore(path))
    assert path.read_bytes().startswith(b"this is not")


def test_a_damaged_page_is_one_line(store: EmbeddingStore) -> None:
    """A file overwritten in its middle is said to be damaged."""
    keys = [f"d{i}" for i in range(2000)]
    store.put("a", dict.fromkeys(keys, np.ones(64, np.float32)))
    store.close()
    size = store.path.stat().st_size
    with store.path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * (size // 2))
    assert "damaged" in _line(lambda: EmbeddingStore(store.path).get("a", keys))


DAMAGE = {
    "shortened": "UPDATE embeddings SET vector = x'00000000' WHERE image = 'd'",
    "one bit": "UPDATE embeddings SET vector = x'0100803f0000803f0000803f' WHERE image = 'd'",
    "NaN": "UPDATE embeddings SET vector = x'0000c07f0000c07f0000c07f' WHERE image = 'd'",
    "no bytes": "UPDATE embeddings SET vector = 'text' WHERE image = 'd'",
    "another key": "UPDATE embeddings SET image = 'd' WHERE image = 'c'",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_row_is_told_of_once_and_made_again(store: EmbeddingStore, damage: str) -> None:
    """Its neighbour stays, and what is put in its place is what is read."""
    good = np.ones(3, np.float32)
    kept = {"e": good} if damage == "another key" else {"e": good, "d": good}
    store.put("a", kept | ({"c": good * 2} if damage == "another key" else {}))
    with sqlite3.connect(store.path) as other:
        other.execute(DAMAGE[damage])
    with pytest.warns(VeilleWarning, match="1 row was damaged and removed.*embedded again"):
        assert list(store.get("a", ["d", "e"])) == ["e"]
    store.put("a", {"d": good})
    assert store.get("a", ["d", "e"])["d"].tolist() == [1, 1, 1]


def test_a_damaged_cost_is_forgotten(store: EmbeddingStore) -> None:
    """One that was altered is not told; the embeddings stay."""
    cost = EmbeddingCost(images=1, seconds=2.0, batch_size=1)
    store.put("a", {"d": np.ones(3, np.float32)})
    store.add_cost("a", "cpu", cost)
    with sqlite3.connect(store.path) as other:
        other.execute("UPDATE costs SET images = 4, seconds = 1e-9")
    with pytest.warns(VeilleWarning, match="damaged"):
        assert store.cost("a", "cpu") is None
    store.add_cost("a", "cpu", cost)
    assert store.cost("a", "cpu") == cost
    assert list(store.get("a", ["d"])) == ["d"]


def test_another_program_s_database_is_left_alone(tmp_path: Path) -> None:
    """A file of some other program's tables is named as such, and not touched."""
    path = tmp_path / "embeddings.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (title TEXT)")
    before = path.read_bytes()
    assert "another program" in _line(lambda: EmbeddingStore(path))
    assert path.read_bytes() == before


FIRST_VERSION = """
CREATE TABLE embeddings (
    fingerprint TEXT NOT NULL, image TEXT NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (fingerprint, image)
) WITHOUT ROWID;
CREATE TABLE fillings (
    fingerprint TEXT PRIMARY KEY, dim INTEGER NOT NULL, images INTEGER NOT NULL,
    seconds REAL NOT NULL
) WITHOUT ROWID;
INSERT INTO embeddings VALUES ('a', 'd', x'0000803f0000803f0000803f');
INSERT INTO embeddings VALUES ('a', 'n', x'0000c07f0000803f0000803f');
INSERT INTO fillings VALUES ('a', 3, 2, 4.0);
PRAGMA user_version = 1;
"""


def test_a_store_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    """It has neither checksums nor costs: nothing but its NaN is embedded again."""
    path = tmp_path / "embeddings.sqlite"
    with sqlite3.connect(path) as other:
        other.executescript(FIRST_VERSION)
    with EmbeddingStore(path) as store:
        with pytest.warns(VeilleWarning, match="1 row"):
            found = store.get("a", ["d", "n"])
        assert {name: row.tolist() for name, row in found.items()} == {"d": [1, 1, 1]}
        store.add_cost("a", "cpu", EmbeddingCost(images=1, seconds=1.0, batch_size=1))
    assert list(EmbeddingStore(path).get("a", ["d"])) == ["d"]


def test_a_store_of_another_version_is_refused(store: EmbeddingStore) -> None:
    """A newer program's file is left as it is."""
    with sqlite3.connect(store.path) as other:
        other.execute("PRAGMA user_version = 99")
    assert "version 99" in _line(lambda: EmbeddingStore(store.path))


def test_a_full_disk_is_one_line_and_loses_nothing(store: EmbeddingStore) -> None:
    """The batch that did not fit is rolled back whole; what was there stays readable."""
    store.put("a", {"before": np.ones(3, np.float32)})
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    batch = {f"d{i}": np.ones(3, np.float32) for i in range(5000)}
    assert "space" in _line(lambda: store.put("a", batch))
    assert list(store.get("a", ["before", *batch])) == ["before"]


def test_a_read_only_store_is_read_but_not_written(store: EmbeddingStore) -> None:
    """What is there is still given; what would be added is refused in one line."""
    store.put("a", {"d": np.ones(3, np.float32)})
    store._connection.execute("PRAGMA query_only = ON")
    assert list(store.get("a", ["d"])) == ["d"]
    line = _line(lambda: store.put("a", {"e": np.ones(3, np.float32)}))
    assert "VEILLE_CACHE" in line


def test_a_cache_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    """The folder cannot be made: said with the remedy."""
    (tmp_path / "cache").write_text("")
    assert "VEILLE_CACHE" in _line(lambda: EmbeddingStore(tmp_path / "cache" / "e.sqlite"))


def test_processes_write_at_the_same_time(store: EmbeddingStore) -> None:
    """Eight connections that write at once all succeed, and nothing is lost."""
    errors: list[Exception] = []

    def write(worker: int) -> None:
        try:
            with EmbeddingStore(store.path) as mine:
                for i in range(10):
                    mine.put("a", {f"{worker}-{i}": np.full(3, worker, np.float32)})
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(store.get("a", [f"{w}-{i}" for w in range(8) for i in range(10)])) == 80


def test_a_store_made_by_many_at_once_is_one_store(tmp_path: Path) -> None:
    """Connections that create the file at the same moment do not trip over each other."""
    path = tmp_path / "embeddings.sqlite"
    barrier, errors = threading.Barrier(6), []

    def create() -> None:
        barrier.wait()
        try:
            EmbeddingStore(path).close()
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=create) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert EmbeddingStore(path).get("a", ["d"]) == {}


# ------------------------------------------------------------------------ filling


def test_embeddings_follow_the_samples(store: EmbeddingStore) -> None:
    """Row i is sample i, whatever the batches; photos are decoded once each."""
    samples, model, load = make_samples(23), FakeEmbedder(), Loader()
    run = embed(samples, model, store, load=load, batch_size=5)
    assert run.embeddings.dtype == np.float32
    assert np.array_equal(run.embeddings, expected(samples))
    assert (run.embedded, run.reused) == (23, 0)
    assert model.batches == [5, 5, 5, 5, 3]
    assert sorted(load.opened) == sorted(sample.digest for sample in samples)
    assert run.seconds > 0


def test_a_second_run_opens_no_photo(store: EmbeddingStore) -> None:
    """Other prompts, another day: nothing is decoded, and the order may differ."""
    samples = make_samples(12)
    embed(samples, FakeEmbedder(), store, load=Loader())
    model, load = FakeEmbedder(), Loader()
    backwards = samples[::-1]
    run = embed(backwards, model, EmbeddingStore(store.path), load=load)
    assert (run.embedded, run.reused, run.seconds) == (0, 12, 0.0)
    assert (load.opened, model.batches) == ([], [])
    assert np.array_equal(run.embeddings, expected(backwards))


def test_ten_new_photos_embed_ten(store: EmbeddingStore) -> None:
    """Only what is new is decoded."""
    embed(make_samples(20), FakeEmbedder(), store, load=Loader())
    load = Loader()
    run = embed(make_samples(30), FakeEmbedder(), store, load=load)
    assert (run.embedded, run.reused) == (10, 20)
    assert sorted(load.opened) == [f"digest-{i}" for i in range(20, 30)]
    assert np.array_equal(run.embeddings, expected(make_samples(30)))


def test_photos_of_equal_bytes_are_embedded_once(store: EmbeddingStore) -> None:
    """Two samples with the same digest share one decoding and one embedding."""
    samples = make_samples(3) + make_samples(3)
    load = Loader()
    seen: list[int] = []
    run = embed(samples, FakeEmbedder(), store, load=load, batch_size=2, progress=seen.append)
    assert (run.embedded, len(load.opened)) == (3, 3)
    assert run.embeddings.shape == (6, DIM)
    assert seen == [4, 6]


def test_another_model_embeds_again(store: EmbeddingStore) -> None:
    """A fingerprint never answers for another."""
    samples = make_samples(4)
    embed(samples, FakeEmbedder("one"), store, load=Loader())
    assert embed(samples, FakeEmbedder("two"), store, load=Loader()).embedded == 4


def test_progress_grows_to_the_number_of_samples(store: EmbeddingStore) -> None:
    """What the store had is told first, then each batch."""
    embed(make_samples(4), FakeEmbedder(), store, load=Loader())
    seen: list[int] = []
    embed(
        make_samples(10), FakeEmbedder(), store, load=Loader(), batch_size=3, progress=seen.append
    )
    assert seen == [4, 7, 10]


def test_no_sample_gives_no_row(store: EmbeddingStore) -> None:
    """An empty part of a split has an empty array of the right width."""
    run = embed([], FakeEmbedder(), store, load=Loader())
    assert run.embeddings.shape == (0, DIM)


def test_decoding_stays_one_batch_ahead(store: EmbeddingStore) -> None:
    """Memory is bounded by the batch: photos far ahead are not decoded yet."""
    load, ahead = Loader(), []

    class Watching(FakeEmbedder):
        def embed_images(self, batch: torch.Tensor) -> np.ndarray:
            time.sleep(0.05)  # decoders have the time to run away, were they allowed to
            ahead.append(len(load.opened) - sum(self.batches))
            return super().embed_images(batch)

    embed(make_samples(40), Watching(), store, load=load, batch_size=4)
    assert max(ahead) <= 8
    assert ahead[0] > 4  # and it does work ahead


def test_an_unreadable_photo_stops_and_keeps_the_rest(store: EmbeddingStore) -> None:
    """The batches before it are stored; the line names the photo."""
    samples = make_samples(12)

    def load(sample: Sample) -> Image.Image:
        if sample.digest == "digest-9":
            raise FileNotFoundError(2, "No such file or directory")
        return Image.new("RGB", (2, 2), colour(sample))

    with pytest.raises(DataError, match=r"9\.jpg: the photo can no longer be read") as caught:
        embed(samples, FakeEmbedder(), store, load=load, batch_size=4)
    assert "\n" not in str(caught.value)
    assert len(store.get("model", [sample.digest for sample in samples])) == 8
    assert embed(samples, FakeEmbedder(), store, load=Loader(), batch_size=4).embedded == 4


def test_values_that_are_not_finite_are_never_stored(store: EmbeddingStore) -> None:
    """A broken model stops, and names a photo."""

    class Broken(FakeEmbedder):
        def embed_images(self, batch: torch.Tensor) -> np.ndarray:
            rows = super().embed_images(batch)
            rows[1, 2] = np.nan
            return rows

    with pytest.raises(ModelError, match=r"1\.jpg: .*not finite"):
        embed(make_samples(3), Broken(), store, load=Loader())
    assert store.get("model", ["digest-0", "digest-1"]) == {}


class Small(FakeEmbedder):
    """A model on a device where only so many photos fit."""

    def __init__(self, fits: int, error: Callable[[], Exception]) -> None:
        super().__init__()
        self.fits, self.error = fits, error
        self.refused: list[int] = []

    def embed_images(self, batch: torch.Tensor) -> np.ndarray:
        if len(batch) > self.fits:
            self.refused.append(len(batch))
            raise self.error()
        return super().embed_images(batch)


@pytest.mark.parametrize(("seconds_each", "kept"), [({}, 64), ({64: 1.0, 32: 0.5}, 16)])
def test_a_card_takes_as_many_photos_as_go_fastest(
    seconds_each: dict[int, float], kept: int
) -> None:
    """From 8 on, twice as many are taken while a pass takes no longer; 64 are the most."""
    now, passes = 0.0, list[int]()

    def work(rows: np.ndarray) -> np.ndarray:
        nonlocal now
        now += seconds_each.get(len(rows), 0.25)
        passes.append(len(rows))
        return rows

    rows = np.arange(400)
    fitted = AsFits(work, limit=8, most=64, clock=lambda: now)
    np.testing.assert_array_equal(fitted(rows), rows)
    assert fitted.limit == kept
    assert passes[:6] == [8, 8, 8, 16, 16, 16]
    assert max(passes) <= 64


@pytest.mark.parametrize(
    "error",
    [
        lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        lambda: RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        lambda: RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        MemoryError,
    ],
    ids=["CUDA", "MPS", "CPU", "Python"],
)
def test_a_batch_that_does_not_fit_is_halved(
    store: EmbeddingStore, error: Callable[[], Exception]
) -> None:
    """The same photos are tried again by halves; what fitted is remembered and reported."""
    samples, model, load = make_samples(40), Small(5, error), Loader()
    run = embed(samples, model, store, load=load, batch_size=16)
    assert np.array_equal(run.embeddings, expected(samples))
    assert model.refused == [16, 8]
    assert model.batches == [4] * 10
    assert run.batch_size == 4
    assert len(load.opened) == 40  # nothing is decoded twice


def test_a_photo_that_does_not_fit_is_one_line(store: EmbeddingStore) -> None:
    """Down to one, then a line that names the device and what may help."""
    model = Small(0, lambda: torch.OutOfMemoryError("CUDA out of memory."))
    model.device = "cpu"
    with pytest.raises(ModelError, match=r"a single photo does not fit .* of cpu") as caught:
        embed(make_samples(9), model, store, load=Loader(), batch_size=8)
    assert model.refused == [8, 4, 2, 1]
    assert "--precision bf16" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_errors_of_the_model_are_no_lack_of_memory(store: EmbeddingStore) -> None:
    """A fault of the model's own is not tried again with half of it."""
    model = Small(0, lambda: RuntimeError("expected scalar type Half"))
    with pytest.raises(RuntimeError, match="Half"):
        embed(make_samples(4), model, store, load=Loader(), batch_size=4)
    assert model.refused == [4]


def test_costs_are_kept_by_model_and_device(store: EmbeddingStore) -> None:
    """Images and seconds add up over fillings; what the last one measured replaces the rest."""
    assert store.cost("a", "cpu") is None
    first = EmbeddingCost(images=10, seconds=2.0, batch_size=8, ms_per_image=90.0)
    lap = Lap(resident_mb=900.0, device_mb=None, scope="case")
    last = EmbeddingCost(images=30, seconds=2.0, batch_size=4, ms_per_image=80.0, memory=lap)
    store.add_cost("a", "cpu", first)
    assert store.cost("a", "cpu") == first
    store.add_cost("a", "cpu", last)
    found = EmbeddingStore(store.path).cost("a", "cpu")
    assert found == replace(last, images=40, seconds=4.0)
    assert found is not None
    assert found.images_per_second == pytest.approx(10)
    assert store.cost("a", "cuda:0") is None
    assert store.cost("b", "cpu") is None


def test_two_at_once_embed_each_photo_once(store: EmbeddingStore) -> None:
    """The second waits for the first, then finds its embeddings."""
    samples, models = make_samples(30), [FakeEmbedder(pause=0.02) for _ in range(2)]
    runs = []

    def work(model: FakeEmbedder) -> None:
        with EmbeddingStore(store.path) as mine:
            runs.append(embed(samples, model, mine, load=Loader(), batch_size=5))

    threads = [threading.Thread(target=work, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(run.embedded for run in runs) == [0, 30]
    assert sum(sum(model.batches) for model in models) == 30
    assert all(np.array_equal(run.embeddings, expected(samples)) for run in runs)


KILLED = """
import sys
from pathlib import Path
from evaluation.stores.embeddings import EmbeddingStore
from evaluation.stores.feeding import AsFits, embed
from tests.test_embeddings import FakeEmbedder, Loader, make_samples

store = EmbeddingStore(Path(sys.argv[1]))
embed(make_samples(200), FakeEmbedder(pause=0.1), store, load=Loader(), batch_size=4)
"""


def test_a_killed_run_is_resumed(store: EmbeddingStore) -> None:
    """After a SIGKILL in the middle, whole batches are there, and only the rest is embedded."""
    samples = make_samples(200)
    digests = [sample.digest for sample in samples]
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(store.path)],
        cwd=Path(__file__).parent.parent,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 120
    while len(store.get("model", digests)) < 8:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    kept = len(store.get("model", digests))
    assert kept % 4 == 0
    assert 8 <= kept < 200
    model, load = FakeEmbedder(), Loader()
    run = embed(samples, model, store, load=load, batch_size=50)
    assert (run.embedded, run.reused) == (200 - kept, kept)
    assert len(load.opened) == 200 - kept
    assert np.array_equal(run.embeddings, expected(samples))
