"""Grey photos of more than 8 bits: how many of them count, and what 8 bits they become."""

import struct
from typing import BinaryIO

import numpy as np
from PIL import Image

_SAMPLE_MAXIMUM = 281
"""TIFF's tag of the largest sample value."""
_AT_ONCE = 2_000_000
"""Samples that are scaled at once."""
_SIXTEEN = 65_535
_TWELVE = 4095


def depth_of(image: Image.Image, handle: BinaryIO, bits: int | None) -> tuple[float, bool]:
    """The sample value that becomes 255, of a loaded image of mode I or F, and whether it is a
    guess: no more than 12 of 16 bits are used, and the file does not say how many count.

    PNG says it in ``sBIT``, TIFF in ``MaxSampleValue``; 10 and 12-bit cameras write such files.
    Without either, those of the study count, or, as where samples are larger than declared, all
    16; floats are taken as [0, 1], or as [0, 255] when they go beyond 1.
    """
    low, high = image.getextrema()
    if not isinstance(high, int | float):
        return _SIXTEEN, False
    if image.mode == "F":
        return 1.0 if high <= 1 else 255.0, False
    declared = bits and (1 << bits) - 1
    if image.format == "TIFF":
        value = getattr(image, "tag_v2", {}).get(_SAMPLE_MAXIMUM)
        value = value[0] if isinstance(value, tuple) and value else value
        if isinstance(value, int) and 255 < value <= _SIXTEEN:  # noqa: PLR2004 - 8 bits
            declared = value
    elif image.format == "PNG" and (significant := _significant_bits(handle)) is not None:
        # The standard has the samples scaled to all 16 bits; cameras leave them as they are.
        declared = (1 << significant) - 1
    if declared and high <= declared:
        return declared, False
    return _SIXTEEN, low != high and high <= _TWELVE


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


def eight_bits(image: Image.Image, top: float) -> Image.Image:
    """A grey image of 16 or 32 bits, or of floats, as RGB; ``top`` becomes 255, the rest is rounded
    to nearest.
    """
    samples = np.asarray(image)
    scaled = np.empty(samples.shape, dtype=np.uint8)
    rows = max(1, _AT_ONCE // max(1, samples.shape[1]))
    for row in range(0, len(samples), rows):
        part = np.nan_to_num(samples[row : row + rows].astype(np.float64)) * (255 / top)
        scaled[row : row + rows] = np.clip(np.rint(part), 0, 255)
    return Image.fromarray(scaled).convert("RGB")
