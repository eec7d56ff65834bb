"""What explanations cost, kept: maps and measures under the digest of all that made them.

One SQLite file of entries, each an archive of arrays or a JSON text; nothing is pickled.  A
key names its ingredients (model fingerprint, image, head, method, settings), so an entry is
never out of date, only unused.
"""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import StoreError
from evaluation.records import Head, digest_of

FORMAT = 1
"""Of the SQLite file (its ``user_version``)."""
ALGORITHMS = 1
"""Raised when this program changes what a method computes: older entries are then unused."""
BUSY_SECONDS = 60.0
Arrays = Mapping[str, NDArray[Any]]


def key_of(kind: str, **ingredients: object) -> str:
    """The key of an entry; the ingredients must be JSON values."""
    return digest_of({"kind": kind, "algorithms": ALGORITHMS, **ingredients})


def head_digest(head: Head) -> str:
    """SHA-256 over what a head computes with."""
    import hashlib  # noqa: PLC0415 - next to its one use

    content = hashlib.sha256()
    for array in (head.weight, head.bias):
        plain = np.ascontiguousarray(array, dtype="<f8")
        content.update(repr(plain.shape).encode() + plain.tobytes())
    return content.hexdigest()


class MapCache:
    """Entries in one SQLite file, safe to share between processes.

    All methods raise :class:`StoreError` when the file is damaged, read-only, of another
    version, or when the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._reporting():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            with self._reporting():
                self._create()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Closes the file; the cache cannot be used afterwards."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def arrays(self, key: str) -> dict[str, NDArray[Any]] | None:
        """The arrays of an entry; None when there is none."""
        content = self._get(key)
        if content is None:
            return None
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except (ValueError, OSError, zipfile.BadZipFile) as error:
            raise self._damaged(error) from error

    def put_arrays(self, key: str, arrays: Arrays) -> None:
        """Keeps arrays under a key; an entry that is there is replaced."""
        file = io.BytesIO()
        plain: dict[str, Any] = {name: np.ascontiguousarray(one) for name, one in arrays.items()}
        np.savez(file, allow_pickle=False, **plain)
        self._put(key, file.getvalue())

    def plain(self, key: str) -> Any | None:
        """The JSON value of an entry; None when there is none."""
        content = self._get(key)
        try:
            return None if content is None else json.loads(content)
        except ValueError as error:
            raise self._damaged(error) from error

    def put_plain(self, key: str, value: object) -> None:
        """Keeps a JSON value under a key."""
        self._put(key, json.dumps(value, allow_nan=False).encode())

    def _get(self, key: str) -> bytes | None:
        with self._reporting():
            row = self._connection.execute(
                "SELECT content FROM entries WHERE key = ?", (key,)
            ).fetchone()
        return None if row is None else bytes(row[0])

    def _put(self, key: str, content: bytes) -> None:
        with self._reporting():
            # One statement is one transaction: a killed process leaves all of it or nothing.
            self._connection.execute("INSERT OR REPLACE INTO entries VALUES (?, ?)", (key, content))

    def _create(self) -> None:
        # IMMEDIATE waits for another process that creates it at the same time.
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
            if version == 0:
                self._connection.execute(
                    "CREATE TABLE entries (key TEXT PRIMARY KEY, content BLOB NOT NULL)"
                )
                self._connection.execute(f"PRAGMA user_version = {FORMAT:d}")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")
        if version not in (0, FORMAT):
            raise StoreError(
                f"the cache of maps has version {version}, this program knows {FORMAT}",
                where=self.path,
                remedy="delete the file (maps are made again), or upgrade veille-clip",
            )

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise StoreError(
                    f"the cache of maps cannot be used ({error})",
                    where=self.path,
                    remedy="free some space, make its folder writable, or choose another"
                    " with VEILLE_CACHE",
                ) from error
            raise self._damaged(error) from error
        except OSError as error:
            raise StoreError(
                f"the cache of maps cannot be used ({error.strerror or error})",
                where=self.path,
                remedy="make its folder writable, or choose another with VEILLE_CACHE",
            ) from error

    def _damaged(self, error: Exception) -> StoreError:
        return StoreError(
            f"the cache of maps is damaged ({str(error).splitlines()[0]})",
            where=self.path,
            remedy="delete the file: maps are made again",
        )
