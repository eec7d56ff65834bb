"""The content-keyed store of image embeddings: a photo is embedded once per model, ever.

An embedding is keyed by the photo's bytes and by the model's fingerprint (weights,
architecture, preprocessing, precision); it knows nothing of prompts.  One SQLite file holds
them all, as raw little-endian float32: no pickle, no file per photo.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import DataError, ModelError, StoreError, one_line
from evaluation.records import EmbeddingCost, Lap, Sample
from evaluation.stores.sqlite_file import SqliteFile, Table

if TYPE_CHECKING:
    import torch
    from PIL import Image

    Tensor = torch.Tensor

FloatVectors = NDArray[np.float32]

DECODERS, MOST_DECODERS = 2, 16
"""Threads that decode photos while the model works on the batch before: on a processor, and at
most."""

_EMBEDDINGS = Table(
    name="embeddings",
    key=("fingerprint TEXT NOT NULL", "image TEXT NOT NULL"),
    values=("vector BLOB NOT NULL",),
)
_FILLINGS = Table(
    name="fillings",
    key=("fingerprint TEXT NOT NULL",),
    values=("dim INTEGER NOT NULL", "images INTEGER NOT NULL", "seconds REAL NOT NULL"),
)
_COSTS = Table(
    name="costs",
    key=("fingerprint TEXT NOT NULL", "device TEXT NOT NULL"),
    values=(
        *("images INTEGER NOT NULL", "seconds REAL NOT NULL", "batch_size INTEGER NOT NULL"),
        *("ms_per_image REAL", "resident_mb REAL", "device_mb REAL", "scope TEXT"),
    ),
)
_TABLES = (_EMBEDDINGS, _FILLINGS, _COSTS)
_VECTOR = np.dtype("<f4")


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


class EmbeddingStore(SqliteFile):
    """Embeddings of photos in one SQLite file; raises as :class:`SqliteFile` does."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path, _TABLES, what="the embeddings store", remade="photos are embedded again"
        )

    def get(self, fingerprint: str, digests: Sequence[str]) -> dict[str, FloatVectors]:
        """The stored embeddings, (D,) float32 each, of those photos that have one.

        Args:
            fingerprint: The model's.
            digests: SHA-256 (hexadecimal) of the photos' bytes, in any order.

        """
        rows = self.rows(_EMBEDDINGS, [fingerprint], digests, sound=_is_vector)
        return {image: _decoded(vector) for _, image, vector in rows}

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
        with self.transaction():
            known, images, before = self._filling(fingerprint) or (dim, 0, 0.0)
            if known != dim:
                raise StoreError(
                    f"embeddings of {dim} dimensions under a fingerprint that has {known}",
                    where=self.path,
                    remedy="this is a fault of the model's fingerprint: report it",
                )
            self.add(_EMBEDDINGS, rows)
            filling = (fingerprint, dim, images + len(rows), before + seconds)
            self.add(_FILLINGS, [filling], replace=True)

    def texts(
        self,
        fingerprint: str,
        texts: Sequence[str],
        make: Callable[[Sequence[str]], FloatVectors],
    ) -> FloatVectors:
        """(N, D) float32 embeddings of texts; those that are not there are made and stored.

        Args:
            fingerprint: The text tower's.
            texts: N texts, kept by the SHA-256 of their words.
            make: M texts to (M, D).

        """
        keys = {text: hashlib.sha256(text.encode()).hexdigest() for text in texts}
        rows = self.get(fingerprint, list(keys.values()))
        missing = [text for text, key in keys.items() if key not in rows]
        if missing:
            made = dict(zip((keys[text] for text in missing), make(missing), strict=True))
            self.put(fingerprint, made)
            rows |= made
        return np.stack([rows[keys[text]] for text in texts])

    def throughput(self, fingerprint: str) -> float | None:
        """Images per second over all fillings, decoding included; None before the first."""
        _, images, seconds = self._filling(fingerprint) or (0, 0, 0.0)
        return images / seconds if seconds > 0 else None

    def _filling(self, fingerprint: str) -> tuple[int, int, float] | None:
        """The dimension of a model's embeddings, how many were made, and their seconds."""
        return next((row[1:] for row in self.rows(_FILLINGS, [fingerprint])), None)

    def cost(self, fingerprint: str, device: str) -> EmbeddingCost | None:
        """What embedding with a model on a device took, over all fillings; None if unknown."""
        for row in self.rows(_COSTS, [fingerprint, device]):
            images, seconds, batch_size, per_image, resident, device_mb, scope = row[2:]
            memory = scope and Lap(resident_mb=resident, device_mb=device_mb, scope=scope)
            return EmbeddingCost(
                images=images,
                seconds=seconds,
                batch_size=batch_size,
                ms_per_image=per_image,
                memory=memory,
            )
        return None

    def add_cost(self, fingerprint: str, device: str, cost: EmbeddingCost) -> None:
        """Adds a filling's images and seconds to those before; the rest is replaced."""
        lap = cost.memory
        memory = (lap.resident_mb, lap.device_mb, lap.scope) if lap else (None, None, None)
        with self.transaction():
            before = self.cost(fingerprint, device)
            images = cost.images + (before.images if before else 0)
            seconds = cost.seconds + (before.seconds if before else 0.0)
            rest = (images, seconds, cost.batch_size, cost.ms_per_image, *memory)
            self.add(_COSTS, [(fingerprint, device, *rest)], replace=True)


def _is_vector(row: tuple[Any, ...]) -> bool:
    """Whether a row holds finite numbers."""
    vector = row[-1]
    if not isinstance(vector, bytes) or len(vector) % _VECTOR.itemsize:
        return False
    return bool(np.isfinite(_decoded(vector)).all())


def _decoded(vector: bytes) -> FloatVectors:
    return np.frombuffer(vector, dtype=_VECTOR).astype(np.float32)


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
    workers: int | None = None,
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
        workers: Decoding threads; None for as many as pay on the model's device.
        progress: Told how many of the samples have their embedding, as it grows to N.

    Raises:
        StoreError: the store cannot be read or written.
        DataError: a photo cannot be read any more.
        ModelError: the model gives values that are not finite, or one photo alone does not
            fit into memory.

    """
    wanted = {sample.digest: sample for sample in samples}
    found = store.get(classifier.fingerprint, list(wanted))
    report = _Progress(samples, progress)
    report(found)
    embedded, seconds, forward = 0, 0.0, _Forward(classifier, batch_size)
    if len(found) < len(wanted):
        with _filling(store, classifier.fingerprint):
            # Another process may have embedded them while we waited for the lock.
            meanwhile = store.get(classifier.fingerprint, [d for d in wanted if d not in found])
            found |= meanwhile
            report(meanwhile)
            missing = [sample for digest, sample in wanted.items() if digest not in found]
            batches = _batches(missing, classifier, load, batch_size, workers)
            for vectors, taken in _timed(batches, forward):
                store.put(classifier.fingerprint, vectors, seconds=taken)
                seconds += taken
                embedded += len(vectors)
                found |= vectors
                report(vectors)
    rows = [found[sample.digest] for sample in samples]
    return EmbeddingRun(
        embeddings=np.stack(rows) if rows else np.empty((0, classifier.dim), dtype=np.float32),
        embedded=embedded,
        reused=len(wanted) - embedded,
        seconds=seconds,
        batch_size=forward.limit,
    )


def _decoders(device: str) -> int:
    """Threads that decode: a processor that also computes has none to spare, a card waits."""
    return DECODERS if device == "cpu" else max(DECODERS, min(MOST_DECODERS, os.cpu_count() or 1))


def _timed(
    batches: Iterator[list[_Decoded]], forward: _Forward
) -> Iterator[tuple[dict[str, FloatVectors], float]]:
    """The embeddings of each batch, and the seconds that decoding and embedding it took."""
    clock = time.perf_counter()
    for batch in batches:
        vectors = _embed_batch(batch, forward)
        yield vectors, time.perf_counter() - clock
        clock = time.perf_counter()


def decode(
    samples: Sequence[Sample], classifier: Embedder, *, load: Callable[[Sample], Image.Image]
) -> Tensor:
    """The samples as the model takes them, (N, 3, H, W) float32."""
    import torch

    return torch.stack([classifier.preprocess(load(sample)) for sample in samples])


class _Progress:
    """Counts the samples that have their embedding, as photos are found or embedded."""

    def __init__(self, samples: Sequence[Sample], progress: Callable[[int], None] | None) -> None:
        self._times = Counter(sample.digest for sample in samples)
        self._progress = progress
        self._done = 0

    def __call__(self, digests: Iterable[str]) -> None:
        more = sum(self._times[one] for one in digests)
        self._done += more
        if self._progress is not None and more:
            self._progress(self._done)


@contextlib.contextmanager
def _filling(store: EmbeddingStore, fingerprint: str) -> Iterator[None]:
    """One process at a time embeds with a model; a killed one frees the lock."""
    from filelock import FileLock

    name = hashlib.sha256(fingerprint.encode()).hexdigest()[:16]
    lock = FileLock(store.path.with_name(f"{store.path.stem}-{name}.lock"))
    with store.reporting():
        lock.acquire()
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
    workers: int | None,
) -> Iterator[list[_Decoded]]:
    """Batches of photos being decoded: while one is used, the next is under way."""

    def prepare(sample: Sample) -> Tensor:
        return classifier.preprocess(load(sample))

    remaining = iter(samples)
    ahead: deque[_Decoded] = deque()
    executor = ThreadPoolExecutor(
        workers or _decoders(classifier.device), thread_name_prefix="decode"
    )
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
        import torch

        try:
            return self.classifier.embed_images(torch.stack(list(tensors)))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        # Out of the handler, whose traceback holds what the pass had allocated.
        if self.classifier.device.startswith("cuda"):
            torch.cuda.empty_cache()
        return None


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory is what lacked: CUDA has an exception for it, the CPU and MPS only say so."""
    import torch

    signs = ("out of memory", "can't allocate memory", "not enough memory")
    said = any(sign in str(error) for sign in signs)
    return said or isinstance(error, (MemoryError, torch.OutOfMemoryError))


def _embed_batch(batch: Sequence[_Decoded], forward: _Forward) -> dict[str, FloatVectors]:
    tensors = []
    for sample, future in batch:
        try:
            tensors.append(future.result())
        except OSError as error:
            raise DataError(
                f"the photo can no longer be read ({one_line(error)})",
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
