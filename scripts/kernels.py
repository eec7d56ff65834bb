"""Runs pytest once with each OpenBLAS kernel of this processor: `tox -e kernels` calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

KERNELS = {
    "Prescott": {"pni"},
    "Nehalem": {"sse4_2"},
    "Sandybridge": {"avx"},
    "Haswell": {"avx2", "fma"},
    "Zen": {"avx2", "fma"},
    "SkylakeX": {"avx512f", "avx512bw", "avx512dq", "avx512vl"},
    "Cooperlake": {"avx512_bf16"},
}
"""Kernel to the flags of the processor that it needs."""


def main() -> int:
    """Goes through all of them; the exit code is 1 when one failed."""
    flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    failed = []
    for kernel in (name for name, needed in KERNELS.items() if needed <= flags):
        print(f"OPENBLAS_CORETYPE={kernel}", flush=True)
        environment = os.environ | {"OPENBLAS_CORETYPE": kernel}
        command = [sys.executable, "-m", "pytest", "-q", *sys.argv[1:]]
        if subprocess.call(command, env=environment):
            failed.append(kernel)
    print(f"failed with {', '.join(failed)}" if failed else "all kernels pass")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
