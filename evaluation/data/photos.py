"""Opening one photo: every odd file becomes an RGB image of bounded size, or a clear error.

A photo of at most ``EXACT_PIXELS`` pixels without an EXIF orientation or transparency is
exactly ``PIL.Image.open(path).convert("RGB")``, so that anybody can repeat our numbers.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import PIL
from PIL import Image, JpegImagePlugin

from evaluation.data.look import look_of
from evaluation.errors import ArtefactError, DataError, one_line
from evaluation.files import replacing, writing
from evaluation.records import Sample

EXACT_PIXELS = 16_000_000
"""Up to this size a photo is decoded in full; above it, reduced by a whole factor."""
REDUCED_SIDE = 1024
"""The shortest side (pixels) that a reduced photo keeps at least."""
BOMB_PIXELS = 200_000_000
"""Above this size nothing is decoded in full."""
BOMB_PIXELS_STREAMED = 1_000_000_000
"""The same for a JPEG that is reduced row by row, whose memory grows with its width alone."""
THUMBNAIL_SIDE = 320
"""Longest side (pixels) of the small copies that the site shows."""
THUMBNAIL_QUALITY = 80

DECODER = f"2/{PIL.__version__}"
"""Changes when the pixels of a photo may: facts found by another decoder are found again."""

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "PPM")
"""What is opened, by content and whatever the suffix.  Not Pillow's whole list: its EPS reader
starts another program."""

_ORIENTATION = 0x0112
_TRANSPOSED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_header_lock = threading.Lock()
_large_photo_lock = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFacts:
    """What decoding a photo once has told; ``reason`` is set when it could not be decoded."""

    pixels: str = ""
    """SHA-256 (hexadecimal) of the size and the RGB pixels."""
    width: int = 0
    """Of the photo as stored, after its EXIF orientation, before any reduction."""
    height: int = 0
    look: str = ""
    """What it looks like from afar: see ``data.look``."""
    reason: str | None = None


class _Unreadable(Exception):
    """Why a photo cannot be decoded, in one line."""


def open_photo(path: Path) -> Image.Image:
    """Decode a photo.

    The EXIF orientation is applied, transparency laid on white, the first frame of an
    animation taken, 16-bit greys brought to 8 bits; colour profiles are ignored, as usual in
    zero-shot evaluation.  A photo of more than ``EXACT_PIXELS`` is reduced by a whole factor
    (a JPEG while it is decoded) that leaves its shortest side at least ``REDUCED_SIDE``.

    Returns:
        An RGB image.

    Raises:
        DataError: The file is absent, damaged, of an unknown format, or too large.

    """
    try:
        with path.open("rb") as handle:
            image, _ = _decode(handle)
            return image
    except OSError as error:
        raise DataError(_reason_of(error), where=path) from error
    except _Unreadable as error:
        raise DataError(str(error), where=path, remedy="replace the file or leave it out") from None


def inspect_photo(handle: BinaryIO) -> PhotoFacts:
    """Decode a photo for its facts; a photo that cannot be decoded has a ``reason``.

    Raises:
        OSError: The file cannot be read (not: cannot be decoded).

    """
    try:
        image, (width, height) = _decode(handle)
    except _Unreadable as error:
        return PhotoFacts(reason=str(error))
    content = hashlib.sha256(f"{image.width}x{image.height}\n".encode())
    content.update(image.tobytes())
    return PhotoFacts(pixels=content.hexdigest(), width=width, height=height, look=look_of(image))


def write_thumbnail(sample: Sample, folder: Path) -> str:
    """Write the small WebP copy of a photo, unless it is there, and return its file name.

    The name comes from the photo's bytes: the same photo is written once, a changed one anew.

    Raises:
        DataError: The photo cannot be decoded.
        ArtefactError: The copy cannot be written.

    """
    name = f"{sample.digest[:16]}.webp"
    target = folder / name
    if target.exists():
        return name
    image = open_photo(sample.image)
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    with (
        writing(target, ArtefactError, elsewhere="choose a writable folder with --artefacts"),
        replacing(target) as draft,
    ):
        image.save(draft, "WEBP", quality=THUMBNAIL_QUALITY, method=4)
    return name


def _decode(handle: BinaryIO) -> tuple[Image.Image, tuple[int, int]]:
    """The RGB image, and the size of the photo before any reduction."""
    try:
        image = _open_header(handle)
        width, height = image.size
        with _one_large_photo_at_a_time(width * height):
            rgb, turned = _to_rgb(_reduced_while_decoding(image))
            rgb = _reduced(rgb)
    except _Unreadable:
        raise
    except MemoryError:
        raise OSError("not enough memory to decode it") from None
    except Exception as error:
        raise _Unreadable(_damage(error, handle)) from error
    return rgb, ((height, width) if turned else (width, height))


def _open_header(handle: BinaryIO) -> Image.Image:
    # Pillow's guard against decompression bombs is a module-wide number that warns at 89
    # megapixels; ours is the check below.  It is read while the header is, and only then.
    with _header_lock:
        pillows, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(handle, formats=_readable_formats())
        finally:
            Image.MAX_IMAGE_PIXELS = pillows
    width, height = image.size
    streamed = _is_jpeg(image) and not image.info.get("progressive")
    limit = BOMB_PIXELS_STREAMED if streamed else BOMB_PIXELS
    if width * height > limit:
        size, most = round(width * height / 1e6), limit // 10**6
        raise _Unreadable(f"too large: {size} megapixels, at most {most} are decoded")
    return image


@functools.cache
def _readable_formats() -> tuple[str, ...]:
    Image.init()  # an older Pillow, or one built without a codec, knows fewer of them
    return tuple(name for name in FORMATS if name in Image.OPEN)


@contextlib.contextmanager
def _one_large_photo_at_a_time(pixels: int) -> Iterator[None]:
    """Keep the memory of many decoding threads bounded by one large photo."""
    with _large_photo_lock if pixels > EXACT_PIXELS else contextlib.nullcontext():
        yield


def _is_jpeg(image: Image.Image) -> bool:
    return isinstance(image, JpegImagePlugin.JpegImageFile)


def _reduced_while_decoding(image: Image.Image) -> Image.Image:
    if image.width * image.height > EXACT_PIXELS and _is_jpeg(image):
        image.draft(None, (REDUCED_SIDE, REDUCED_SIDE))  # by 1, 2, 4 or 8, never below
    return image


def _reduced(image: Image.Image) -> Image.Image:
    factor = min(image.size) // REDUCED_SIDE
    if image.width * image.height > EXACT_PIXELS and factor > 1:
        return image.reduce(factor)
    return image


def _to_rgb(image: Image.Image) -> tuple[Image.Image, bool]:
    """The upright RGB image, and whether its width and height have changed places."""
    image.load()
    orientation = _orientation(image)
    if image.mode.startswith(("I", "F")):
        rgb = _eight_bits(image).convert("RGB")
    elif image.has_transparency_data:
        rgb = _on_white(image)
    else:
        rgb = image.convert("RGB")
    if orientation in _TRANSPOSED:
        rgb = rgb.transpose(_TRANSPOSED[orientation])
    return rgb, orientation >= 5  # noqa: PLR2004 - EXIF: 5 to 8 swap the sides


def _orientation(image: Image.Image) -> int:
    # Read after loading: Pillow turns a TIFF itself, and then forgets its orientation.
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - damaged metadata is no reason to refuse a photo
        return 1
    return value if isinstance(value, int) else 1


def _on_white(image: Image.Image) -> Image.Image:
    layer = image.convert("RGBA")
    ground = Image.new("RGBA", layer.size, "white")
    ground.alpha_composite(layer)
    return ground.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """A grey image of 16 or 32 bits, or of floats, as 8 bits.

    16 bits are scaled by 1/257 (65535 becomes 255), as are 32 bits, which hold 16-bit data in
    Pillow; floats are taken as [0, 1], or as [0, 255] when they go beyond 1.
    """
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    if image.mode == "F":
        scaled = values * 255 if values.max(initial=0) <= 1 else values
    else:
        scaled = values / 257
    return Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))


def _damage(error: Exception, handle: BinaryIO) -> str:
    text = one_line(error)
    if handle.seek(0, os.SEEK_END) == 0:
        return "empty file"
    if isinstance(error, PIL.UnidentifiedImageError):
        return f"not a photo of a known format ({', '.join(FORMATS)})"
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return f"truncated photo ({text})"
    return f"damaged photo ({text})"


def _reason_of(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "file not found"
    return f"cannot be read ({error.strerror or error})"
