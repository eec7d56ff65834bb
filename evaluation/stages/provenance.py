"""What it takes to explain or repeat a number: commit, versions, hardware; and what it cost."""

import contextlib
import ctypes
import os
import platform
import subprocess
import sys
import timeit
from collections.abc import Callable
from functools import cache
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

from evaluation.records import Lap

REPETITIONS = 5
BUDGET = 0.5
"""Seconds after which no further repetition is begun."""
_CLEAR_PEAK = "5"
"""What resets ``VmHWM`` when written to ``/proc/self/clear_refs`` (proc(5), Linux 4.0)."""
_PACKAGES = (
    *("veille-clip", "torch", "torchvision", "open_clip_torch", "timm", "transformers"),
    *("scikit-learn", "scipy", "numpy", "pillow"),
)


@cache
def commit() -> tuple[str | None, bool | None]:
    """Git commit of the program and whether its files were changed since; (None, None)
    outside a checkout or without git.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None, None
    head = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    return head, None if changes is None else bool(changes)


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments, no shell
            ["git", "-C", str(root), *arguments],  # noqa: S607 - git is found like any tool
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


@cache
def versions() -> dict[str, str]:
    """Package to version, for Python and each package that can change a number."""
    known = {"python": platform.python_version(), "system": platform.platform(terse=True)}
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            known[name] = metadata.version(name)
    return known


def numeric_versions() -> dict[str, str]:
    """The same of the packages that can change a number, the program itself left out: its
    stages have versions of their own.
    """
    return {name: version for name, version in versions().items() if name in _PACKAGES[1:]}


@cache
def processor() -> str:
    """The processor's name and the number of cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = _said_by("cpuinfo", "model name") or platform.processor() or platform.machine()
    return f"{name}, {cores} cores"


def _said_by(file: str, name: str) -> str | None:
    """The first value under a name in a file of /proc; None elsewhere than on Linux."""
    with contextlib.suppress(OSError):
        for line in Path("/proc", file).read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return None


class PeakMemory:
    """The peak of memory since it was made, lap by lap.

    Where the system lets a process reset its own peak (Linux), a lap's is its own.  Elsewhere
    it is the peak of the process so far, which an earlier case may have reached; ``scope``
    says which of the two it is.  What a model that is no longer used left to the process is
    counted too, until it is given back to the system.
    """

    def __init__(self) -> None:
        self._laps: list[Lap] = []
        self._resettable = _reset_peak()

    def lap(self) -> Lap:
        """The peak since the last lap."""
        cuda, peak, resident = _cuda(), _said_by("self/status", "VmHWM"), None
        if peak is not None:
            resident = int(peak.split()[0]) / 2**10  # the kernel counts KiB
        else:
            with contextlib.suppress(ImportError):
                import resource

                # Linux counts KiB, macOS bytes.
                unit = 2**20 if sys.platform == "darwin" else 2**10
                resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
        lap = Lap(
            resident_mb=resident,
            # What PyTorch has allocated there.
            device_mb=float(cuda.max_memory_allocated()) / 2**20 if cuda else None,
            scope="case" if self._resettable else "process",
        )
        self._laps.append(lap)
        self._resettable = _reset_peak() and self._resettable
        return lap

    def peak(self) -> Lap:
        """The peak of all laps, the present one included."""
        scope = self.lap().scope
        return Lap(
            resident_mb=max(lap.resident_mb or 0.0 for lap in self._laps) or None,
            device_mb=max(lap.device_mb or 0.0 for lap in self._laps) or None,
            scope=scope,
        )


def _cuda() -> Any:
    """``torch.cuda`` where it has been used, or else None."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None


def _reset_peak() -> bool:
    """Starts a new peak; False where the system does not let a process do so."""
    if sys.platform == "linux":
        # What glibc keeps for later (models/devices) is no memory of the next lap; musl keeps none.
        with contextlib.suppress(AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
    if cuda := _cuda():
        cuda.reset_peak_memory_stats()
    try:
        Path("/proc/self/clear_refs").write_text(_CLEAR_PEAK, encoding="ascii")
    except OSError:
        return False
    return _said_by("self/status", "VmHWM") is not None


def seconds_of(work: Callable[[], object]) -> float:
    """The median time of some work, seconds, after one repetition that does not count.

    The work must not return before its result is there.
    """
    timeit.timeit(work, number=1)  # kernels are chosen and memory is taken the first time
    times: list[float] = []
    while len(times) < REPETITIONS and sum(times) < BUDGET:
        times.append(timeit.timeit(work, number=1))
    return median(times)
