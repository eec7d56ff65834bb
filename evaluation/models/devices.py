"""Where a model computes, and in which precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation.errors import ModelError

if TYPE_CHECKING:
    import torch

PRECISIONS = ("fp32", "bf16", "fp16")


def pick_device(name: str) -> torch.device:
    """The device of that name; "auto" takes the best one that is there.

    Raises :class:`ModelError` for an unknown or absent device.
    """
    import torch  # noqa: PLC0415 - slow to import

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


def dtype_of(precision: str) -> torch.dtype:
    """PyTorch's type of that precision."""
    import torch  # noqa: PLC0415 - slow to import

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def check_precision(name: str) -> str:
    """The precision itself; raises :class:`ModelError` when it is unknown."""
    if name not in PRECISIONS:
        raise ModelError(
            f'unknown precision "{name}"', remedy=f"choose one of {', '.join(PRECISIONS)}"
        )
    return name
