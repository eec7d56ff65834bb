"""What a case costs: its peak of memory, and the time of a forward pass."""

import contextlib
import ctypes
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from evaluation.records import Lap
from evaluation.stages.provenance import said_by

REPETITIONS = 5
BUDGET = 1.0
"""Seconds after which no further repetition is begun."""
_CLEAR_PEAK = "5"
"""What resets ``VmHWM`` when written to ``/proc/self/clear_refs`` (proc(5), Linux 4.0)."""


class PeakMemory:
    """The peak of memory since it was made, lap by lap.

    Where the system lets a process reset its own peak (Linux), a lap's is its own.  Elsewhere
    it is the peak of the process so far, which an earlier case may have reached; ``scope``
    says which of the two it is.  What a model that is no longer used left to the process is
    counted too, until it is given back to the system.
    """

    def __init__(self) -> None:
        self._laps: list[Lap] = []
        self._resettable = _reset()

    def lap(self) -> Lap:
        """The peak since the last lap."""
        lap = Lap(
            resident_mb=_resident_peak_mb(),
            device_mb=_device_peak_mb(),
            scope="case" if self._resettable else "process",
        )
        self._laps.append(lap)
        self._resettable = _reset() and self._resettable
        return lap

    def peak(self) -> Lap:
        """The peak of all laps, the present one included."""
        self.lap()
        return Lap(
            resident_mb=max((lap.resident_mb or 0.0 for lap in self._laps), default=0.0) or None,
            device_mb=max((lap.device_mb or 0.0 for lap in self._laps), default=0.0) or None,
            scope=self._laps[-1].scope,
        )


def _reset() -> bool:
    """Starts a new peak; False where the system does not let a process do so."""
    if sys.platform == "linux":
        # What glibc keeps for later (models/devices) is no memory of the next lap; musl keeps none.
        with contextlib.suppress(AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
    if "torch" in sys.modules and sys.modules["torch"].cuda.is_initialized():
        sys.modules["torch"].cuda.reset_peak_memory_stats()
    try:
        Path("/proc/self/clear_refs").write_text(_CLEAR_PEAK, encoding="ascii")
    except OSError:
        return False
    return said_by("self/status", "VmHWM") is not None


def _resident_peak_mb() -> float | None:
    """Peak resident memory since the last reset, or of this process so far, MiB, if known."""
    peak = said_by("self/status", "VmHWM")
    if peak is not None:
        return int(peak.split()[0]) / 2**10  # the kernel counts KiB
    try:
        import resource
    except ImportError:
        return None
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts KiB, macOS bytes.
    return own / 2**20 if sys.platform == "darwin" else own / 2**10


def _device_peak_mb() -> float | None:
    """Peak of what PyTorch has allocated on CUDA, MiB; None when it has not been used."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    return float(torch.cuda.max_memory_allocated()) / 2**20


def seconds_of(work: Callable[[], object], *, budget: float = BUDGET) -> float:
    """The median time of some work, seconds, after one repetition that does not count.

    The work must not return before its result is there.  After ``budget`` seconds no further
    repetition is begun; one is always made.
    """
    work()  # kernels are chosen and memory is taken the first time
    times: list[float] = []
    start = time.perf_counter()
    while len(times) < REPETITIONS and (not times or time.perf_counter() - start < budget):
        clock = time.perf_counter()
        work()
        times.append(time.perf_counter() - clock)
    return median(times)
