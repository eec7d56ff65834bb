"""How a model is fed: photos are made ready ahead of it, and come as many at a time as fit."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import ModelError

T = TypeVar("T")
Made = TypeVar("Made")


def in_advance(
    batches: Iterable[Sequence[T]], prepare: Callable[[T], Made], workers: int
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


class AsFits:
    """Some work on rows of tensors, done with as many at a time as have fitted so far."""

    def __init__(
        self, work: Callable[[Any], NDArray[Any]], *, limit: int, device: str = "its device"
    ) -> None:
        self.limit = limit
        """Rows at a time: what was asked for, or what fitted."""
        self._work, self._device = work, device

    def __call__(self, rows: Any) -> NDArray[Any]:
        """(N, ...) rows through the work; raises :class:`ModelError` when one does not fit."""
        parts, done = [], 0
        while done < len(rows):
            few = rows[done : done + self.limit]
            made = self._tried(few)
            if made is not None:
                parts.append(made)
                done += len(few)
            elif len(few) > 1:
                self.limit = len(few) // 2
            else:
                raise ModelError(
                    f"a single photo does not fit into the memory of {self._device}",
                    remedy="free some of it, or choose a smaller model, --device cpu or"
                    " --precision bf16",
                )
        return np.concatenate(parts)

    def _tried(self, few: Any) -> NDArray[Any] | None:
        """What is made of some; None when they do not fit into memory."""
        import torch

        try:
            return self._work(few)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        # Out of the handler, whose traceback holds what the pass had allocated.
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.empty_cache()
        return None


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory is what lacked: CUDA has an exception for it, the CPU and MPS only say so."""
    import torch

    signs = ("out of memory", "can't allocate memory", "not enough memory")
    said = any(sign in str(error) for sign in signs)
    return said or isinstance(error, (MemoryError, torch.OutOfMemoryError))
