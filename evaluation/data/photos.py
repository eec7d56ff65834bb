"""Opening one photo: every odd file becomes an RGB image of bounded size, or a clear error.

A photo of at most ``EXACT_PIXELS`` pixels without an EXIF orientation or transparency is
exactly ``PIL.Image.open(path).convert("RGB")``, so that anybody can repeat our numbers.
"""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import PIL
from PIL import Image

from evaluation.data.decoding import PhotoFacts, Unreadable, decode
from evaluation.data.look import SIDE, look_of
from evaluation.errors import ArtefactError, DataError
from evaluation.files import replacing, writing
from evaluation.records import Sample

THUMBNAIL_SIDE = 320
"""Longest side (pixels) of the small copies that the site shows."""
THUMBNAIL_QUALITY = 80

DECODER = f"6/{PIL.__version__}"
"""Changes when the pixels of a photo may: facts found by another decoder are found again."""


def open_photo(path: Path, bits: int | None = None, enough: int | None = None) -> Image.Image:
    """Decode a photo; where sides of ``enough`` pixels are, a JPEG of any size is reduced too.

    It becomes RGB: the EXIF orientation is applied, transparency laid on white (on grey, when it is
    nearly white itself), the first frame of an animation taken, deep greys brought to 8 bits (of
    ``bits``, where the file does not say how many count); colour profiles are ignored, as usual in
    zero-shot evaluation.  A photo of more than ``EXACT_PIXELS`` is reduced by a whole factor (a
    JPEG while it is decoded) that leaves its shortest side at least ``REDUCED_SIDE``, unless it is
    very long.

    Raises :class:`DataError`: the file is absent, damaged, of an unknown format, or too large.
    """
    try:
        with path.open("rb") as handle:
            return decode(handle, bits, enough)[0]
    except OSError as error:
        raise DataError(refusal_of(error), where=path) from error
    except Unreadable as error:
        raise DataError(str(error), where=path, remedy="replace the file or leave it out") from None


def inspect_photo(handle: BinaryIO, bits: int | None = None) -> PhotoFacts:
    """Decode a photo for its facts; a photo that cannot be decoded has a ``reason``.

    A JPEG is read whole, and brought to no more pixels than its look takes.

    Raises :class:`OSError`: the file cannot be read (not: cannot be decoded).
    """
    try:
        image, facts = decode(handle, bits, SIDE)
    except Unreadable as error:
        return PhotoFacts(reason=str(error))
    return replace(facts, look=look_of(image))


def pixels_of(path: Path, bits: int | None = None) -> str:
    """SHA-256 (hexadecimal) of a photo's size and RGB pixels.

    Raises :class:`DataError`: the file is no longer a photo.
    """
    image = open_photo(path, bits)
    content = hashlib.sha256(f"{image.width}x{image.height}\n".encode())
    rows = max(1, 1_000_000 // image.width)
    for top in range(0, image.height, rows):  # a copy of all pixels would take as much again
        strip = (0, top, image.width, min(image.height, top + rows))
        content.update(image.crop(strip).tobytes())
    return content.hexdigest()


def write_thumbnail(sample: Sample, folder: Path) -> str:
    """Write the small WebP copy of a photo, unless it is there, and return its file name.

    The name comes from the photo's bytes: the same photo is written once, a changed one anew.

    Raises :class:`DataError`: the photo cannot be decoded; :class:`ArtefactError`: the copy cannot
    be written.
    """
    name = f"{sample.digest[:16]}.webp"
    target = folder / name
    if target.exists():
        return name
    image = open_photo(sample.image, sample.bits, 2 * THUMBNAIL_SIDE)
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    with (
        writing(target, ArtefactError, elsewhere="choose a writable folder with --artefacts"),
        replacing(target) as draft,
    ):
        # Method 4 takes twice the time for 3 % fewer bytes.
        image.save(draft, "WEBP", quality=THUMBNAIL_QUALITY, method=2)
    return name


def refusal_of(error: OSError) -> str:
    """Why a disk does not give a file."""
    if isinstance(error, FileNotFoundError):
        return "file not found"
    return f"cannot be read ({error.strerror or error})"
