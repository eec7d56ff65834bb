"""Grey photos of more than 8 bits: how many of them count, and what 8 bits they become."""

import struct
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import Image

_SAMPLE_MAXIMUM = 281
"""TIFF's tag of the largest sample value."""
_ROWS = 2_000_000
"""Samples that are scaled at once."""
_SIXTEEN = 65_535
_TWELVE = 4095


@dataclass(frozen=True, slots=True)
class Depth:
    """The sample value that becomes 255."""

    top: float
    doubtful: bool = False
    """No more than 12 of 16 bits are used, and the file does not say how many count."""


def depth_of(image: Image.Image, handle: BinaryIO, bits: int | None) -> Depth:
    """The depth of a loaded image of mode I or F, as its file declares it, or else the study.

    PNG says it in ``sBIT``, TIFF in ``MaxSampleValue``; 10 and 12-bit cameras write such files.
    Without either, or where samples are larger than declared, all 16 bits count; floats are
    taken as [0, 1], or as [0, 255] when they go beyond 1.
    """
    low, high = image.getextrema()
    if not isinstance(high, int | float):
        return Depth(_SIXTEEN)
    if image.mode == "F":
        return Depth(1.0 if high <= 1 else 255.0)
    declared = _declared(image, handle) or (bits and (1 << bits) - 1)
    if declared and high <= declared:
        return Depth(declared)
    return Depth(_SIXTEEN, doubtful=low != high and high <= _TWELVE)


def _declared(image: Image.Image, handle: BinaryIO) -> int | None:
    if image.format == "TIFF":
        value = getattr(image, "tag_v2", {}).get(_SAMPLE_MAXIMUM)
        value = value[0] if isinstance(value, tuple) and value else value
        return value if isinstance(value, int) and 255 < value <= _SIXTEEN else None  # noqa: PLR2004
    if image.format == "PNG" and (bits := _significant_bits(handle)) is not None:
        # The standard has the samples scaled to all 16 bits; cameras leave them as they are.
        return (1 << bits) - 1
    return None


def _significant_bits(handle: BinaryIO) -> int | None:
    """The first number of a PNG's ``sBIT``, which stands before the pixels."""
    handle.seek(8)
    while len(head := handle.read(8)) == 8:  # noqa: PLR2004 - length and type of a chunk
        length, kind = struct.unpack(">I4s", head)
        if kind == b"sBIT":
            bits = handle.read(1)
            return bits[0] if bits and 8 < bits[0] < 16 else None  # noqa: PLR2004 - else all count
        if kind == b"IDAT":
            return None
        handle.seek(length + 4, 1)
    return None


def eight_bits(image: Image.Image, depth: Depth) -> Image.Image:
    """A grey image of 16 or 32 bits, or of floats, as 8 bits, rounded to nearest."""
    samples = np.asarray(image)
    scaled = np.empty(samples.shape, dtype=np.uint8)
    rows = max(1, _ROWS // max(1, samples.shape[1]))
    for top in range(0, len(samples), rows):
        part = np.nan_to_num(samples[top : top + rows].astype(np.float64)) * (255 / depth.top)
        scaled[top : top + rows] = np.clip(np.rint(part), 0, 255)
    return Image.fromarray(scaled)
