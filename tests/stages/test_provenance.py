"""What a case costs: a peak of memory that is its own, and a time without the first pass."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from evaluation.stages import provenance
from evaluation.stages.provenance import PeakMemory, seconds_of


def allocate(mebibytes: int) -> None:
    """Takes memory, touches all of it, and gives it back."""
    np.ones(mebibytes << 20, np.uint8)


def resettable() -> bool:
    return PeakMemory().lap().scope == "case"


def test_a_lap_sees_its_own_peak_and_no_earlier_one() -> None:
    """Memory that was given back before a lap does not count in it, and does in its own."""
    if not resettable():
        pytest.skip("this system does not let a process reset its peak of memory")
    memory = PeakMemory()
    allocate(200)
    high = memory.lap().resident_mb
    allocate(20)
    low = memory.lap().resident_mb
    assert high is not None
    assert low is not None
    assert 150 < high - low < 250
    peak = memory.peak()
    assert (peak.resident_mb, peak.scope) == (pytest.approx(high, abs=1), "case")


def test_without_a_reset_the_peak_is_the_process_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Elsewhere than on Linux the number is given, and said to be the process's."""
    monkeypatch.setattr(provenance, "Path", lambda *_: Path("/nonexistent/file"))
    allocate(50)
    memory = PeakMemory()
    lap = memory.lap()
    assert lap.scope == memory.peak().scope == "process"
    resource = pytest.importorskip("resource")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert lap.resident_mb == own / (2**20 if sys.platform == "darwin" else 2**10)
    assert lap.resident_mb > 50


def test_the_first_pass_does_not_count() -> None:
    """Whatever the first pass has to set up is left out; the median forgets one slow pass."""
    pauses = iter([0.2, 0.01, 0.1, 0.01, 0.01, 0.01])
    assert 0.01 <= seconds_of(lambda: time.sleep(next(pauses))) < 0.05


def test_a_slow_pass_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large model is not timed for minutes: past the budget no pass is begun."""
    made: list[int] = []
    monkeypatch.setattr(provenance, "BUDGET", 0.01)
    seconds_of(lambda: (made.append(1), time.sleep(0.02)))
    assert len(made) == 2
