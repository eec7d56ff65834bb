"""What explanations cost, kept: maps and measures under the digest of all that made them.

One SQLite file of entries, each an archive of arrays or a JSON text; nothing is pickled.  A
key names its ingredients (model fingerprint, image, head, method, settings), so an entry is
never out of date, only unused.
"""

import hashlib
import io
import json
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from evaluation.records import Head, digest_of
from evaluation.stores.sqlite_file import SqliteFile, Table

ALGORITHMS = 1
"""Raised when this program changes what a method computes: older entries are then unused."""
_ENTRIES = Table(name="entries", key="key TEXT", values="content BLOB")
T = TypeVar("T")
Arrays = Mapping[str, NDArray[Any]]


def key_of(kind: str, **ingredients: object) -> str:
    """The key of an entry; the ingredients must be JSON values."""
    return digest_of({"kind": kind, "algorithms": ALGORITHMS, **ingredients})


def head_digest(head: Head) -> str:
    """SHA-256 over what a head computes with."""
    content = hashlib.sha256()
    layer = () if head.layer is None else (head.layer,)
    for array in (head.weight, head.bias, *layer):
        plain = np.ascontiguousarray(array, dtype="<f8")
        content.update(repr(plain.shape).encode() + plain.tobytes())
    return content.hexdigest()


class MapCache(SqliteFile):
    """Entries in one SQLite file; raises as :class:`SqliteFile` does.

    An entry that is damaged is removed and counts as absent.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, (_ENTRIES,), what="the cache of maps", remade="maps are made again")

    def arrays(self, key: str) -> dict[str, NDArray[Any]] | None:
        """The arrays of an entry; None when there is none."""
        return self._entry(key, _unpacked)

    def put_arrays(self, key: str, arrays: Arrays) -> None:
        """Keeps arrays under a key; an entry that is there is replaced."""
        file = io.BytesIO()
        plain: dict[str, Any] = {name: np.ascontiguousarray(part) for name, part in arrays.items()}
        np.savez(file, allow_pickle=False, **plain)
        self.add(_ENTRIES, [(key, file.getvalue())], replace=True)

    def kept_arrays(self, key: str, make: Callable[[], Arrays]) -> Arrays:
        """The arrays of an entry; made and kept when there is none."""
        if (known := self.arrays(key)) is not None:
            return known
        made = make()
        self.put_arrays(key, made)
        return made

    def kept(
        self, key: str, make: Callable[[], NDArray[Any]], name: str = "values"
    ) -> NDArray[Any]:
        """The one array of an entry; made and kept when there is none."""
        return self.kept_arrays(key, lambda: {name: make()})[name]

    def plain(self, key: str) -> Any | None:
        """The JSON value of an entry; None when there is none."""
        return self._entry(key, json.loads)

    def put_plain(self, key: str, value: object) -> None:
        """Keeps a JSON value under a key."""
        self.add(_ENTRIES, [(key, json.dumps(value, allow_nan=False).encode())], replace=True)

    def _entry(self, key: str, read: Callable[[bytes], T]) -> T | None:
        values: list[T] = []

        def sound(row: tuple[Any, ...]) -> bool:
            try:
                values.append(read(row[1]))
            except (ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error):
                return False
            return True

        deque(self.rows(_ENTRIES, [key], sound=sound), maxlen=0)
        return values[-1] if values else None


def _unpacked(content: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
