"""Where a model computes, and in which precision."""

from __future__ import annotations

import ctypes
import platform
import sys
import warnings
from functools import cache
from typing import TYPE_CHECKING

from evaluation.errors import ModelError, VeilleWarning

if TYPE_CHECKING:
    import torch

PRECISIONS = ("fp32", "bf16", "fp16")


def pick_device(name: str) -> torch.device:
    """The device of that name; "auto" takes the best one that is there.

    Raises :class:`ModelError` for an unknown or absent device.
    """
    import torch

    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind, there in present.items() if there)
    kind, _, number = name.partition(":")
    if kind not in present or not (number == "" or number.isdecimal()):
        raise ModelError(f'unknown device "{name}"', remedy="choose auto, cpu, cuda or mps")
    if not present[kind] or (kind == "cuda" and int(number or 0) >= torch.cuda.device_count()):
        raise ModelError(f'no device "{name}" here', remedy="choose another with --device")
    if kind == "cuda":
        return torch.device("cuda", int(number or 0))
    return torch.device(kind)


_MALLOPT = {-3: 1 << 30, -1: (1 << 31) - 1, -2: 64 << 20}
"""M_MMAP_THRESHOLD, M_TRIM_THRESHOLD and M_TOP_PAD (mallopt(3)), bytes."""


@cache
def keep_freed_memory() -> None:
    """Lets glibc keep the memory of freed activations instead of giving it back each time.

    Every large tensor would be mapped anew, page by page: 41 % of the CPU time of an
    EfficientNet-Lite2 (batch 32, 2 cores) was spent in the kernel; without it 24.5 photos a
    second become 42.9.  Other allocators are left as they are.
    """
    if sys.platform != "linux" or not platform.libc_ver()[0].startswith("glibc"):
        return
    libc = ctypes.CDLL(None)
    for parameter, value in _MALLOPT.items():
        libc.mallopt(parameter, value)


def dtype_of(precision: str) -> torch.dtype:
    """PyTorch's type of that precision."""
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def warn_of_emulation(device: torch.device, precision: str) -> None:
    """Says in one line that a device computes bf16 in other arithmetic than its own.

    Nothing here chooses bf16: it turns embeddings further (0.01, one minus the cosine) than what
    counts as the same.
    """
    import torch

    # PyTorch before 2.9 does not tell what a processor can do.
    told: dict[str, bool] = dict(getattr(torch.cpu, "get_capabilities", dict)())
    own = any(there for name, there in told.items() if name.endswith("bf16"))
    if device.type == "cuda":
        own = torch.cuda.is_bf16_supported(including_emulation=False)
    if precision == "bf16" and not own and (told or device.type == "cuda"):
        warnings.warn(
            f"{device} has no bf16 arithmetic: it is emulated, and fp32 may be the faster",
            VeilleWarning,
            stacklevel=2,
        )


def check_precision(name: str) -> str:
    """The precision itself; raises :class:`ModelError` when it is unknown."""
    if name not in PRECISIONS:
        raise ModelError(
            f'unknown precision "{name}"', remedy=f"choose one of {', '.join(PRECISIONS)}"
        )
    return name
