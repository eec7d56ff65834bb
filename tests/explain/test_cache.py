"""The cache of maps: what goes in comes out, and nothing else does."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from evaluation.errors import StoreError, VeilleWarning
from evaluation.records import Head
from evaluation.stores import maps
from evaluation.stores.maps import MapCache, head_digest, key_of


def test_entries_come_back_as_they_were(tmp_path: Path) -> None:
    arrays = {"values": np.random.default_rng(0).random((2, 3)), "extent": np.array([1, 2])}
    with MapCache(tmp_path / "deep" / "maps.sqlite") as cache:
        assert cache.arrays("k") is None
        assert cache.plain("k") is None
        cache.put_arrays("k", arrays)
        cache.put_plain("p", {"a": [1, None, "é"]})
    with MapCache(tmp_path / "deep" / "maps.sqlite") as cache:
        found = cache.arrays("k")
        assert found is not None
        assert set(found) == set(arrays)
        for name, array in arrays.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)
        assert cache.plain("p") == {"a": [1, None, "é"]}


def test_a_key_changes_with_each_ingredient_and_not_with_their_order() -> None:
    base = key_of("maps", model="m", image="i", settings={"a": 1, "b": 2})
    assert base == key_of("maps", image="i", settings={"b": 2, "a": 1}, model="m")
    others = {
        key_of("curves", model="m", image="i", settings={"a": 1, "b": 2}),
        key_of("maps", model="n", image="i", settings={"a": 1, "b": 2}),
        key_of("maps", model="m", image="i", settings={"a": 1, "b": 3}),
    }
    assert len(others | {base}) == 4


def test_a_head_s_digest_is_of_its_numbers() -> None:
    head = Head(weight=np.eye(2), bias=np.zeros(2))
    same = Head(weight=np.eye(2, dtype=np.float32), bias=np.zeros(2), chosen={"C": 1})
    assert head_digest(head) == head_digest(same)
    assert head_digest(head) != head_digest(Head(weight=np.eye(2), bias=np.array([0.0, 1e-9])))
    assert head_digest(head) != head_digest(Head(weight=np.eye(2).reshape(1, 4), bias=head.bias))


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    """An entry that holds one is reported as damaged."""
    with MapCache(tmp_path / "maps.sqlite") as cache:
        with pytest.raises(ValueError, match="allow_pickle"):
            cache.put_arrays("k", {"values": np.array([object()])})
        assert cache.arrays("k") is None


@pytest.mark.parametrize("content", [b"no archive", b"PK\x03\x04 cut short"])
def test_a_damaged_entry_is_told_of_and_made_again(tmp_path: Path, content: bytes) -> None:
    """It counts as absent, whether or not its checksum is right."""
    with MapCache(tmp_path / "maps.sqlite") as cache:
        for read in (cache.arrays, cache.plain):
            cache.add(maps._ENTRIES, [("k", content)])
            with pytest.warns(VeilleWarning, match="1 row was damaged.*maps are made again"):
                assert read("k") is None
        cache.put_plain("k", 1)
        assert cache.plain("k") == 1


def test_a_file_that_is_no_cache_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "maps.sqlite"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(StoreError, match=r"maps\.sqlite.*delete the file"):
        MapCache(path)


def test_a_cache_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "maps.sqlite"
    MapCache(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="version 99"):
        MapCache(path)


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="VEILLE_CACHE"):
        MapCache(tmp_path / "file" / "maps.sqlite")


def test_several_writers_do_not_lose_entries(tmp_path: Path) -> None:
    """Each with its own connection, some on the same keys, from the file's creation on."""

    def work(worker: int) -> None:
        with MapCache(tmp_path / "maps.sqlite") as cache:
            for i in range(20):
                cache.put_plain(f"{worker}-{i}", i)
                cache.put_plain(f"shared-{i}", i)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    with MapCache(tmp_path / "maps.sqlite") as cache:
        for name in ("0", "1", "2", "3", "shared"):
            assert [cache.plain(f"{name}-{i}") for i in range(20)] == list(range(20))
