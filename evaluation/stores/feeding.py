"""How a model is fed: photos are decoded ahead of it, as many at a time as fit into memory."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import DataError, ModelError, one_line
from evaluation.records import Sample
from evaluation.records.base import Record, silent
from evaluation.stores.embeddings import Embedder, EmbeddingStore, FloatVectors

if TYPE_CHECKING:
    import torch
    from PIL import Image

    Load = Callable[[Sample], Image.Image]

T = TypeVar("T")
Made = TypeVar("Made")
DECODERS, MOST_DECODERS = 2, 16
"""Threads that decode photos while the model works on the batch before, at least and at most."""


class EmbeddingRun(Record, eq=False):
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
    """Photos per forward pass: what was asked for, what fitted, or what a card was fastest with."""

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
    load: Load,
    batch_size: int = 32,
    most: int = 0,
    progress: Callable[[int], None] = silent,
) -> EmbeddingRun:
    """The embeddings of the samples, from the store where it has them.

    Photos that are missing are opened as RGB by ``load`` and decoded one batch ahead of the model,
    those of equal bytes once.  Each batch is stored at once: a kill loses one.  A batch that does
    not fit into memory is halved, and so are those that follow.  A device other than the processor
    takes up to ``most`` photos in a pass, where more are measured to go faster.  When two processes
    need the same embeddings, one makes them and the other waits.  ``progress`` is told how many of
    the samples have their embedding, as it grows to N.

    Raises :class:`StoreError`: the store cannot be read or written; :class:`DataError`: a photo
    cannot be read any more; :class:`ModelError`: the model gives values that are not finite, or one
    photo alone does not fit into memory.
    """
    key, wanted = classifier.fingerprint, {sample.digest: sample for sample in samples}
    times, done = Counter(sample.digest for sample in samples), 0
    rows_of: dict[str, FloatVectors] = {}

    def keep(vectors: Mapping[str, FloatVectors]) -> None:
        nonlocal done
        rows_of.update(vectors)
        done += sum(times[digest] for digest in vectors)
        if vectors:
            progress(done)

    keep(store.get(key, list(wanted)))
    missing, seconds = list[Sample](), 0.0
    slow = classifier.device == "cpu"
    read = batch_size if slow else max(batch_size, most)
    forward = AsFits(classifier.embed_images, limit=batch_size, most=read, device=classifier.device)
    # A processor that also computes has no threads to spare, a card waits.
    workers = DECODERS if slow else max(DECODERS, min(MOST_DECODERS, os.cpu_count() or 1))
    if len(rows_of) < len(wanted):
        with store.filling(key):
            # Another process may have embedded them while we waited for the lock.
            keep(store.get(key, [digest for digest in wanted if digest not in rows_of]))
            missing = [sample for digest, sample in wanted.items() if digest not in rows_of]
            batches = batched(missing, read)
            ahead = in_advance(batches, lambda own: classifier.preprocess(load(own)), workers)
            for vectors, taken in _embedded(ahead, forward):
                store.put(key, vectors)
                seconds += taken
                keep(vectors)
    rows = [rows_of[sample.digest] for sample in samples]
    return EmbeddingRun(
        embeddings=np.stack(rows) if rows else np.empty((0, classifier.dim), dtype=np.float32),
        embedded=len(missing),
        reused=len(wanted) - len(missing),
        seconds=seconds,
        batch_size=forward.limit,
    )


def _embedded(
    batches: Iterator[tuple[Sequence[Sample], list[Future[torch.Tensor]]]], forward: AsFits
) -> Iterator[tuple[dict[str, FloatVectors], float]]:
    """The embeddings of each batch, and the seconds that decoding and embedding it took."""
    import torch

    clock = time.perf_counter()
    for batch, ready in batches:
        vectors = forward(torch.stack(list(map(_opened, batch, ready))))
        bad = ~np.isfinite(vectors).all(axis=1)
        if bad.any():
            raise ModelError(
                "the model gives values that are not finite",
                where=batch[int(bad.argmax())].image,
                remedy="check the checkpoint, or use --precision fp32",
            )
        digests = [sample.digest for sample in batch]
        yield dict(zip(digests, vectors, strict=True)), time.perf_counter() - clock
        clock = time.perf_counter()


def _opened(sample: Sample, future: Future[torch.Tensor]) -> torch.Tensor:
    try:
        return future.result()
    except OSError as error:
        raise DataError(
            f"the photo can no longer be read ({one_line(error)})",
            where=sample.image,
            remedy="put it back, then run again: what is embedded is kept",
        ) from error


def batched(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """The items in their order, so many at a time; the last ones may be fewer."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def in_advance(
    batches: Iterable[Sequence[T]], prepare: Callable[[T], Made], workers: int = DECODERS
) -> Iterator[tuple[Sequence[T], list[Future[Made]]]]:
    """Batches with what threads make of each item: while one is used, the next is under way."""
    ahead: deque[tuple[Sequence[T], list[Future[Made]]]] = deque()
    executor = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    try:
        for batch in (*batches, ()):
            ahead.append((batch, [executor.submit(prepare, item) for item in batch]))
            if len(ahead) > 1:
                yield ahead.popleft()
    finally:
        executor.shutdown(cancel_futures=True)


PASSES, GAIN = 3, 1.05
"""Passes by which a number of rows is judged, and the speed-up for which twice as many are kept."""


class AsFits:
    """Some work on rows of tensors, done with as many at a time as have fitted so far.

    With ``most`` above the limit, twice as many are tried as long as that goes faster.
    """

    def __init__(
        self,
        work: Callable[[Any], NDArray[Any]],
        *,
        limit: int,
        most: int = 0,
        device: str = "its device",
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.limit = limit
        """Rows at a time: what was asked for, what fitted, or what was fastest."""
        self._work, self._most, self._device, self._clock = work, most, device, clock
        self._undecided, self._fastest, self._speeds = most > limit, 0.0, list[float]()

    def __call__(self, rows: Any) -> NDArray[Any]:
        """(N, ...) rows through the work; raises :class:`ModelError` when one does not fit."""
        import torch

        parts, done = [], 0
        while done < len(rows):
            few, made = rows[done : done + self.limit], None
            before = self._clock()
            try:
                made = self._work(few)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
            if made is not None:
                parts.append(made)
                done += len(few)
                if self._undecided and len(few) == self.limit:
                    self._compare(len(few) / (self._clock() - before))
                continue
            # Out of the handler, whose traceback holds what the pass had allocated.
            if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
                torch.cuda.empty_cache()
            if len(few) == 1:
                raise ModelError(
                    f"a single photo does not fit into the memory of {self._device}",
                    remedy="free some of it, or choose a smaller model, --device cpu or"
                    " --precision bf16",
                )
            self.limit, self._undecided = len(few) // 2, False
        return np.concatenate(parts)

    def _compare(self, speed: float) -> None:
        """Doubles the rows of a pass after some, or goes back to half of them and stays there."""
        self._speeds.append(speed)
        if len(self._speeds) < PASSES:
            return
        # The first pass of a size may wait for what the device prepares.
        best, self._speeds = max(self._speeds), []
        faster = best > GAIN * self._fastest
        self._undecided = faster and self.limit < self._most
        if self._undecided:
            self._fastest, self.limit = best, min(2 * self.limit, self._most)
        elif not faster:
            self.limit //= 2


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory is what lacked: CUDA has an exception for it, the CPU and MPS only say so."""
    import torch

    signs = ("out of memory", "can't allocate memory", "not enough memory")
    lacking = any(sign in str(error) for sign in signs)
    return lacking or isinstance(error, (MemoryError, torch.OutOfMemoryError))
