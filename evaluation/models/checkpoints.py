"""Checkpoint files: their digest, and what is told when one does not fit."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from evaluation.errors import ModelError, one_line

SUFFIXES = (".pt", ".pth", ".bin", ".safetensors")


def is_path(weights: str) -> bool:
    """Whether the weights are meant as a file or folder, existing or not."""
    return Path(weights).is_absolute() or weights.endswith(SUFFIXES)


def file_digest(path: Path) -> str:
    """SHA-256 (hexadecimal) of a file's bytes; raises :class:`ModelError` if it has none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"the checkpoint cannot be read ({error.strerror})",
            where=path,
            remedy="check that it is a file, and its permissions",
        ) from error


def describe_mismatch(text: str) -> str:
    """PyTorch's account of a state dict that does not fit, in a few words."""
    missing = re.search(r"Missing key\(s\) in state_dict: (.*?)\. *(?:\n|$)", text, re.DOTALL)
    unexpected = re.search(r"Unexpected key\(s\) in state_dict: (.*?)\. *(?:\n|$)", text, re.DOTALL)
    shapes = re.findall(r"size mismatch for ([^:]+):", text)
    names = [re.findall(r'"([^"]+)"', found[1]) if found else [] for found in (missing, unexpected)]
    counts = [
        f"{len(found)} {what} ({found[0]}…)"
        for found, what in zip(
            (*names, shapes), ("tensors missing", "unexpected", "of another shape"), strict=True
        )
        if found
    ]
    return ", ".join(counts) or one_line(ValueError(text))
