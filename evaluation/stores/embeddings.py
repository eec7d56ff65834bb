"""The content-keyed store of image embeddings: a photo is embedded once per model, ever.

An embedding is keyed by the photo's bytes and by the model's fingerprint (weights,
architecture, preprocessing, precision); it knows nothing of prompts.  One SQLite file holds
them all, as raw little-endian float32: no pickle, no file per photo.

SQLite keeps its default rollback journal.  Write-ahead logging needs memory shared between
the processes, which a home folder on the network lacks, and would gain nothing here: a
transaction comes every few seconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import DataError, ModelError, StoreError
from evaluation.records import EmbeddingCost, Lap, Sample

if TYPE_CHECKING:
    import torch
    from PIL import Image

    Tensor = torch.Tensor

FloatVectors = NDArray[np.float32]

FORMAT = 1
"""Of the SQLite file (its ``user_version``)."""
BUSY_SECONDS = 60.0
"""How long a process waits for another one's transaction."""
DECODERS = 2
"""Threads that decode photos while the model works on the batch before."""

_SCHEMA = """
CREATE TABLE embeddings (
    fingerprint TEXT NOT NULL, image TEXT NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (fingerprint, image)
) WITHOUT ROWID;
CREATE TABLE fillings (
    fingerprint TEXT PRIMARY KEY, dim INTEGER NOT NULL, images INTEGER NOT NULL,
    seconds REAL NOT NULL
) WITHOUT ROWID;
"""
# Came later, and is of use to no older program: its absence is no other version of the file.
_COSTS = """
CREATE TABLE IF NOT EXISTS costs (
    fingerprint TEXT NOT NULL, device TEXT NOT NULL, images INTEGER NOT NULL,
    seconds REAL NOT NULL, batch_size INTEGER NOT NULL, ms_per_image REAL,
    resident_mb REAL, device_mb REAL, scope TEXT,
    PRIMARY KEY (fingerprint, device)
) WITHOUT ROWID
"""
_VECTOR = np.dtype("<f4")
_KEYS_PER_QUERY = 500
"""Below SQLite's oldest limit of 999 variables in a statement."""


class Embedder(Protocol):
    """What a model must do to have its embeddings stored."""

    fingerprint: str
    """Changes when the embedding of a photo would."""
    dim: int
    device: str
    """As PyTorch names it."""

    def preprocess(self, image: Image.Image) -> Tensor:
        """RGB photo to (3, H, W) float32; called from several threads."""

    def embed_images(self, batch: Tensor) -> FloatVectors:
        """(B, 3, H, W) float32 to (B, D) float32."""


# ---------------------------------------------------------------------- the store


class EmbeddingStore:
    """Embeddings of photos in one SQLite file, safe to share between processes.

    Every :meth:`put` is one transaction: a process killed at any moment leaves either all of
    it or nothing.  All methods raise :class:`StoreError` when the file is damaged, read-only,
    of another version, or when the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._reporting():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            self._open()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Closes the file; the store cannot be used afterwards."""
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

    def get(self, fingerprint: str, digests: Sequence[str]) -> dict[str, FloatVectors]:
        """The stored embeddings, (D,) float32 each, of those photos that have one.

        Args:
            fingerprint: The model's.
            digests: SHA-256 (hexadecimal) of the photos' bytes, in any order.

        """
        found: dict[str, FloatVectors] = {}
        with self._reporting():
            dim = self._dim(fingerprint)
            remaining = iter(dict.fromkeys(digests))
            while dim is not None and (keys := list(islice(remaining, _KEYS_PER_QUERY))):
                marks = ",".join("?" * len(keys))
                rows = self._connection.execute(
                    "SELECT image, vector FROM embeddings"  # noqa: S608 - marks are only "?"
                    f" WHERE fingerprint = ? AND image IN ({marks})",
                    (fingerprint, *keys),
                )
                for image, vector in rows:
                    found[image] = self._decode(vector, dim)
        return found

    def put(
        self, fingerprint: str, vectors: Mapping[str, FloatVectors], *, seconds: float = 0.0
    ) -> None:
        """Stores embeddings in one transaction; those that are already there stay.

        Args:
            fingerprint: The model's.
            vectors: (D,) float32 by SHA-256 (hexadecimal) of the photo's bytes.
            seconds: What they took, decoding included: for :meth:`throughput`.

        """
        if not vectors:
            return
        (dim,) = {len(vector) for vector in vectors.values()}
        rows = [
            (fingerprint, image, np.asarray(vector, dtype=_VECTOR).tobytes())
            for image, vector in vectors.items()
        ]
        with self._reporting(), self._transaction():
            known = self._dim(fingerprint)
            if known not in (None, dim):
                raise StoreError(
                    f"embeddings of {dim} dimensions under a fingerprint that has {known}",
                    where=self.path,
                    remedy="this is a fault of the model's fingerprint: report it",
                )
            self._connection.executemany("INSERT OR IGNORE INTO embeddings VALUES (?, ?, ?)", rows)
            self._connection.execute(
                "INSERT INTO fillings VALUES (?, ?, ?, ?) ON CONFLICT (fingerprint) DO UPDATE"
                " SET images = images + excluded.images, seconds = seconds + excluded.seconds",
                (fingerprint, dim, len(rows), seconds),
            )

    def throughput(self, fingerprint: str) -> float | None:
        """Images per second over all fillings, decoding included; None before the first."""
        with self._reporting():
            row = self._connection.execute(
                "SELECT images, seconds FROM fillings WHERE fingerprint = ?", (fingerprint,)
            ).fetchone()
        return row[0] / row[1] if row and row[1] > 0 else None

    def cost(self, fingerprint: str, device: str) -> EmbeddingCost | None:
        """What embedding with a model on a device took, over all fillings; None if unknown."""
        with self._reporting():
            if not self._has_costs():
                return None
            row = self._connection.execute(
                "SELECT images, seconds, batch_size, ms_per_image, resident_mb, device_mb, scope"
                " FROM costs WHERE fingerprint = ? AND device = ?",
                (fingerprint, device),
            ).fetchone()
        if row is None:
            return None
        memory = None if row[6] is None else Lap(resident_mb=row[4], device_mb=row[5], scope=row[6])
        return EmbeddingCost(
            images=row[0], seconds=row[1], batch_size=row[2], ms_per_image=row[3], memory=memory
        )

    def add_cost(self, fingerprint: str, device: str, cost: EmbeddingCost) -> None:
        """Adds a filling's images and seconds to those before; the rest is replaced."""
        memory = cost.memory or Lap(resident_mb=None, device_mb=None, scope="process")
        with self._reporting(), self._transaction():
            self._connection.execute(_COSTS)
            self._connection.execute(
                "INSERT INTO costs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (fingerprint, device) DO UPDATE"
                " SET images = images + excluded.images, seconds = seconds + excluded.seconds,"
                " batch_size = excluded.batch_size, ms_per_image = excluded.ms_per_image,"
                " resident_mb = excluded.resident_mb, device_mb = excluded.device_mb,"
                " scope = excluded.scope",
                (
                    *(fingerprint, device, cost.images, cost.seconds, cost.batch_size),
                    *(cost.ms_per_image, memory.resident_mb, memory.device_mb),
                    memory.scope if cost.memory else None,
                ),
            )

    def _has_costs(self) -> bool:
        query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'costs'"
        return self._connection.execute(query).fetchone() is not None

    def _open(self) -> None:
        with self._reporting():
            if self._version() == 0:
                self._create()
            if self._version() != FORMAT:
                raise StoreError(
                    f"the store has version {self._version()}, this program knows {FORMAT}",
                    where=self.path,
                    remedy="delete the file (photos are embedded again), or upgrade veille-clip",
                )

    def _create(self) -> None:
        with self._transaction():
            if self._version() == 0:  # another process may have created it since
                for statement in _SCHEMA.split(";"):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {FORMAT:d}")

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def _dim(self, fingerprint: str) -> int | None:
        row = self._connection.execute(
            "SELECT dim FROM fillings WHERE fingerprint = ?", (fingerprint,)
        ).fetchone()
        return None if row is None else int(row[0])

    def _decode(self, vector: Any, dim: int) -> FloatVectors:
        if not isinstance(vector, bytes) or len(vector) != dim * _VECTOR.itemsize:
            raise sqlite3.DatabaseError("an embedding has the wrong length")
        return np.frombuffer(vector, dtype=_VECTOR).astype(np.float32)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        # IMMEDIATE takes the write lock at once: a transaction that reads first and upgrades
        # later can be refused by SQLite whatever the busy timeout.
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # SQLite has already rolled back after some errors, such as a full disk.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise _store_error(error, self.path) from error


def _store_error(error: Exception, path: Path) -> StoreError:
    reason = (str(error) or type(error).__name__).splitlines()[0]
    what = f"the embeddings store cannot be used ({reason})"
    if isinstance(error, sqlite3.OperationalError):
        if "locked" in reason:
            remedy = "another process holds it: wait for its end, or stop it"
        elif "full" in reason:
            remedy = "free some space on its disk"
        else:
            remedy = "make its folder writable, or choose another with VEILLE_CACHE"
    elif isinstance(error, sqlite3.Error):
        remedy = "the file is damaged: delete it, photos are embedded again"
    else:
        remedy = "make its folder writable, or choose another with VEILLE_CACHE"
    return StoreError(what, where=path, remedy=remedy)


# ------------------------------------------------------------------------ filling


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmbeddingRun:
    """The embeddings that were asked for, and what they cost."""

    embeddings: FloatVectors
    """(N, D) float32, in the order of the samples."""
    embedded: int
    """Photos embedded now; photos of equal bytes count once."""
    reused: int
    """Photos whose embedding was there, or was made by another process meanwhile."""
    seconds: float
    """Decoding and embedding, without the wait for another process."""
    batch_size: int
    """Photos per forward pass: what was asked for, or what fitted into memory."""

    def and_also(self, other: EmbeddingRun) -> EmbeddingRun:
        """These embeddings, with what another run cost added."""
        return replace(
            self,
            embedded=self.embedded + other.embedded,
            reused=self.reused + other.reused,
            seconds=self.seconds + other.seconds,
        )


def embed(
    samples: Sequence[Sample],
    classifier: Embedder,
    store: EmbeddingStore,
    *,
    load: Callable[[Sample], Image.Image],
    batch_size: int = 32,
    workers: int = DECODERS,
    progress: Callable[[int], None] | None = None,
) -> EmbeddingRun:
    """The embeddings of the samples, from the store where it has them.

    Photos that are missing are decoded by ``workers`` threads while the model works, one
    batch ahead of it; each batch is stored at once, so that a kill loses one batch.  A batch
    that does not fit into memory is halved, and so are those that follow.  When two processes
    need the same model's embeddings, one makes them and the other waits.

    Args:
        samples: N photos; photos of equal bytes are decoded once.
        classifier: The model.
        store: Where embeddings are kept.
        load: Opens a photo as RGB; called from several threads.
        batch_size: Photos per forward pass, at most.
        workers: Decoding threads.
        progress: Told how many of the samples have their embedding, as it grows to N.

    Raises:
        StoreError: the store cannot be read or written.
        DataError: a photo cannot be read any more.
        ModelError: the model gives values that are not finite, or one photo alone does not
            fit into memory.

    """
    wanted: dict[str, Sample] = {}
    for sample in samples:
        wanted.setdefault(sample.digest, sample)
    found = store.get(classifier.fingerprint, list(wanted))
    report = _Progress(samples, progress)
    report(found)
    embedded, seconds = 0, 0.0
    forward = _Forward(classifier, batch_size)
    if len(found) < len(wanted):
        with _filling(store, classifier.fingerprint):
            # Another process may have embedded them while we waited for the lock.
            found |= store.get(classifier.fingerprint, [d for d in wanted if d not in found])
            report(found)
            missing = [sample for digest, sample in wanted.items() if digest not in found]
            clock = time.perf_counter()
            for batch in _batches(missing, classifier, load, batch_size, workers):
                vectors = _embed_batch(batch, forward)
                now = time.perf_counter()
                store.put(classifier.fingerprint, vectors, seconds=now - clock)
                seconds += now - clock
                clock = time.perf_counter()
                embedded += len(vectors)
                found |= vectors
                report(found)
    rows = [found[sample.digest] for sample in samples]
    return EmbeddingRun(
        embeddings=np.stack(rows) if rows else np.empty((0, classifier.dim), dtype=np.float32),
        embedded=embedded,
        reused=len(wanted) - embedded,
        seconds=seconds,
        batch_size=forward.limit,
    )


def decode(
    samples: Sequence[Sample], classifier: Embedder, *, load: Callable[[Sample], Image.Image]
) -> Tensor:
    """The samples as the model takes them, (N, 3, H, W) float32."""
    import torch  # noqa: PLC0415 - reading the store needs no torch

    return torch.stack([classifier.preprocess(load(sample)) for sample in samples])


class _Progress:
    """Turns a growing set of digests into a number of samples."""

    def __init__(self, samples: Sequence[Sample], progress: Callable[[int], None] | None) -> None:
        self._digests = [sample.digest for sample in samples]
        self._progress = progress
        self._last = 0

    def __call__(self, found: Mapping[str, FloatVectors]) -> None:
        done = sum(digest in found for digest in self._digests)
        if self._progress is not None and done > self._last:
            self._progress(done)
        self._last = done


@contextlib.contextmanager
def _filling(store: EmbeddingStore, fingerprint: str) -> Iterator[None]:
    """One process at a time embeds with a model; a killed one frees the lock."""
    from filelock import FileLock  # noqa: PLC0415 - not in the site's environment

    name = hashlib.sha256(fingerprint.encode()).hexdigest()[:16]
    lock = FileLock(store.path.with_name(f"{store.path.stem}-{name}.lock"))
    try:
        lock.acquire()
    except OSError as error:
        raise _store_error(error, store.path) from error
    try:
        yield
    finally:
        lock.release()


_Decoded = tuple[Sample, "Future[Tensor]"]


def _batches(
    samples: Sequence[Sample],
    classifier: Embedder,
    load: Callable[[Sample], Image.Image],
    batch_size: int,
    workers: int,
) -> Iterator[list[_Decoded]]:
    """Batches of photos being decoded: while one is used, the next is under way."""

    def prepare(sample: Sample) -> Tensor:
        return classifier.preprocess(load(sample))

    remaining = iter(samples)
    ahead: deque[_Decoded] = deque()
    executor = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    try:
        while True:
            wanted = 2 * batch_size - len(ahead)
            ahead.extend(
                (sample, executor.submit(prepare, sample)) for sample in islice(remaining, wanted)
            )
            if not ahead:
                return
            yield [ahead.popleft() for _ in range(min(batch_size, len(ahead)))]
    finally:
        executor.shutdown(cancel_futures=True)


class _Forward:
    """The model, given as many photos at a time as fit into memory."""

    def __init__(self, classifier: Embedder, limit: int) -> None:
        self.classifier = classifier
        self.limit = limit

    def __call__(self, tensors: Sequence[Tensor]) -> FloatVectors:
        rows: list[FloatVectors] = []
        done = 0
        while done < len(tensors):
            few = tensors[done : done + self.limit]
            vectors = self._tried(few)
            if vectors is not None:
                rows.append(vectors)
                done += len(few)
            elif len(few) > 1:
                self.limit = len(few) // 2
            else:
                raise ModelError(
                    f"a single photo does not fit into the memory of {self.classifier.device}",
                    remedy="free some of it, or choose a smaller model, --device cpu or"
                    " --precision bf16",
                )
        return np.concatenate(rows)

    def _tried(self, tensors: Sequence[Tensor]) -> FloatVectors | None:
        """The embeddings; None when they do not fit into memory."""
        import torch  # noqa: PLC0415 - reading the store needs no torch

        try:
            return self.classifier.embed_images(torch.stack(list(tensors)))
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
        # Out of the handler, whose traceback holds what the pass had allocated.
        if self.classifier.device.startswith("cuda"):
            torch.cuda.empty_cache()
        return None


def _is_out_of_memory(error: Exception) -> bool:
    """Whether memory is what lacked: CUDA has an exception for it, the CPU and MPS only say so."""
    import torch  # noqa: PLC0415 - reading the store needs no torch

    signs = ("out of memory", "can't allocate memory", "not enough memory")
    said = any(sign in str(error) for sign in signs)
    return said or isinstance(error, (MemoryError, torch.OutOfMemoryError))


def _embed_batch(batch: Sequence[_Decoded], forward: _Forward) -> dict[str, FloatVectors]:
    tensors = []
    for sample, future in batch:
        try:
            tensors.append(future.result())
        except OSError as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise DataError(
                f"the photo can no longer be read ({reason})",
                where=sample.image,
                remedy="put it back, then run again: what is embedded is kept",
            ) from error
    vectors = forward(tensors)
    bad = ~np.isfinite(vectors).all(axis=1)
    if bad.any():
        raise ModelError(
            "the model gives values that are not finite",
            where=batch[int(bad.argmax())][0].image,
            remedy="check the checkpoint, or use --precision fp32",
        )
    return {sample.digest: vectors[i] for i, (sample, _) in enumerate(batch)}
