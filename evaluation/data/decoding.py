"""Decoding one photo in bounded memory: every odd file becomes RGB, or a reason in one line.

What a file would take decoded is known from its header, and refused above ``DECODED_BYTES``.
Large photos are brought to RGB and reduced strip by strip.
"""

import contextlib
import functools
import math
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Literal

import PIL
from PIL import ExifTags, Image, ImageStat, TiffImagePlugin
from PIL.JpegImagePlugin import JpegImageFile

from evaluation.data.depth import depth_of, eight_bits
from evaluation.errors import one_line
from evaluation.files import LFS_POINTER

EXACT_PIXELS = 16_000_000
"""Up to this size a photo is decoded in full; above it, reduced by a whole factor."""
REDUCED_SIDE = 1024
"""The shortest side (pixels) that a reduced photo keeps at least, unless it is very long."""
DECODED_BYTES = 400_000_000
"""What decoding a photo may take, of what it stands on."""
STREAMED_PIXELS = 1_000_000_000
"""The same for a JPEG that is reduced row by row, whose memory grows with its width alone."""
LONGEST_RATIO = 200
"""Of the sides: a strip of a pixel's width shows nothing, and cannot be reduced."""
PALE = 235
"""Mean level of what a transparent picture shows, above which white would hide it."""

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "PPM")
"""What is opened, by content and whatever the suffix.  Not Pillow's whole list: its EPS reader
starts another program.  HEIF beside, with the extra "heic"."""
_COPIES = {"WEBP": 4, "AVIF": 4, "HEIF": 4, "GIF": 2, "TIFF": 2}
"""How often a decoder holds a photo, its own buffers included; 1 for the others."""

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


class Unreadable(Exception):
    """Why a photo cannot be decoded, in one line."""


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What decoding a photo once has told; ``reason`` is set when it could not be decoded."""

    digest: str = ""
    """SHA-256 (hexadecimal) of its bytes, and of declared ``bits``; "" when it was not read."""
    pixels: str = ""
    """See ``photos.pixels_of``; "" as long as no other photo has its size and looks like it."""
    width: int = 0
    """Of the photo as stored, after its EXIF orientation, before any reduction."""
    height: int = 0
    look: str = ""
    """What it looks like from afar: see ``data.look``."""
    reason: str | None = None
    doubt: Literal["", "pale", "depth"] = ""
    """"pale": transparent and nearly white, so laid on grey; "depth": 16 bits of which few are
    used, and nothing says how many count."""


def decode(
    handle: BinaryIO, bits: int | None = None, enough: int | None = None
) -> tuple[Image.Image, PhotoFacts]:
    """Decode a photo to an upright RGB image; its facts are its size and whether it is in doubt.

    ``bits`` are those of 16 that count where the file does not say it.  Where sides of ``enough``
    pixels are, a JPEG is decoded to an eighth at the smallest.

    Raises :class:`Unreadable`: it is damaged, of an unknown format, or too large; :class:`OSError`:
    there is not enough memory.
    """
    try:
        image = _open_header(handle)
        # The memory of many decoding threads is bounded by one large photo.
        large = image.width * image.height > EXACT_PIXELS
        with _large_photo_lock if large else contextlib.nullcontext():
            return _decoded(image, handle, bits, enough or (REDUCED_SIDE if large else 0))
    except Unreadable:
        raise
    except MemoryError:
        raise OSError("not enough memory to decode it") from None
    except Exception as error:
        raise Unreadable(_damage(error, handle)) from error


def _decoded(
    image: Image.Image, handle: BinaryIO, bits: int | None, side: int
) -> tuple[Image.Image, PhotoFacts]:
    width, height = image.size
    if side and isinstance(image, JpegImageFile):
        image.draft(None, (side, side))  # by 1, 2, 4 or 8, never below
    image.load()
    orientation = 1
    with contextlib.suppress(Exception):  # damaged metadata is no reason to refuse a photo
        # Read after loading: Pillow turns a TIFF itself, and then forgets its orientation.
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    doubt: Literal["", "pale", "depth"] = ""
    to_rgb: Callable[[Image.Image], Image.Image] = _plain
    if image.mode.startswith(("I", "F")):
        top, guessed = depth_of(image, handle, bits)
        doubt = "depth" if guessed else ""
        to_rgb = functools.partial(eight_bits, top=top)
    elif image.has_transparency_data:
        ground = _ground(image)
        doubt = "pale" if ground == _GREY else ""
        to_rgb = functools.partial(_laid_on, ground=ground)
    rgb = _reduced(image, to_rgb)
    if orientation in _TRANSPOSED:
        rgb = rgb.transpose(_TRANSPOSED[orientation])
        if orientation >= 5:  # noqa: PLR2004 - EXIF: 5 to 8 swap the sides
            width, height = height, width
    return rgb, PhotoFacts(width=width, height=height, doubt=doubt)


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
    pixels, megapixels = width * height, round(width * height / 1e6)
    if max(width, height) > LONGEST_RATIO * min(width, height) and pixels > EXACT_PIXELS:
        raise Unreadable(f"too long: {width} x {height} pixels, sides of 1 to {LONGEST_RATIO}")
    jpeg = isinstance(image, JpegImageFile)
    if jpeg and not image.info.get("progressive"):
        if pixels > STREAMED_PIXELS:
            most = STREAMED_PIXELS // 10**6
            raise Unreadable(f"too large: {megapixels} megapixels, at most {most} are decoded")
        return image
    bytes_a_pixel = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}.get(image.mode, 4)
    bytes_a_pixel *= _COPIES.get(image.format or "", 1)
    if jpeg:  # progressive: its coefficients are kept until the last scan
        bytes_a_pixel = 2 * len(image.getbands())
    if (needed := pixels * bytes_a_pixel) > DECODED_BYTES:
        raise Unreadable(
            f"too large: {megapixels} megapixels take {needed // 10**6} MB decoded, "
            f"at most {DECODED_BYTES // 10**6} are"
        )
    return image


@functools.cache
def _readable_formats() -> tuple[str, ...]:
    Image.init()  # an older Pillow, or one built without a codec, knows fewer of them
    with contextlib.suppress(ModuleNotFoundError):
        from pillow_heif import register_heif_opener

        register_heif_opener()
    return tuple(name for name in (*FORMATS, "HEIF") if name in Image.OPEN)


def _reduced(image: Image.Image, to_rgb: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """The RGB image, above ``EXACT_PIXELS`` reduced by a whole factor, strip by strip."""
    pixels = image.width * image.height
    if pixels <= EXACT_PIXELS:
        return to_rgb(image)
    factor = max(
        1, min(image.size) // REDUCED_SIDE, math.ceil(math.sqrt(pixels / EXACT_PIXELS / 1.2))
    )
    whole = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    rows = max(1, 4_000_000 // image.width // factor) * factor
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(image.height, top + rows)))
        whole.paste(to_rgb(strip).reduce(factor), (0, top // factor))
    return whole


def _plain(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")


def _laid_on(image: Image.Image, ground: int) -> Image.Image:
    layer = image.convert("RGBA")
    under = Image.new("RGBA", layer.size, (ground, ground, ground, 255))
    under.alpha_composite(layer)
    return under.convert("RGB")


_GREY = 128
_OPAQUE = 128
"""Transparency below which a pixel shows its ground."""


def _ground(image: Image.Image) -> int:
    """The level that transparency is laid on: white, or grey when white would hide the rest."""
    small = image.resize((min(64, image.width), min(64, image.height)), Image.Resampling.NEAREST)
    layer = small.convert("RGBA")
    shown = layer.getchannel("A").point(lambda level: 255 * (level >= _OPAQUE))
    if shown.getextrema() != (0, 255):
        return 255
    return _GREY if ImageStat.Stat(layer.convert("L"), shown).mean[0] > PALE else 255


def _damage(error: Exception, handle: BinaryIO) -> str:
    if handle.seek(0, os.SEEK_END) == 0:
        return "empty file"
    if isinstance(error, PIL.UnidentifiedImageError):
        return _unknown(handle)
    text = one_line(error)
    truncated = "truncated" in text.lower() or isinstance(error, EOFError)
    return f"{'truncated' if truncated else 'damaged'} photo ({text})"


def _unknown(handle: BinaryIO) -> str:
    handle.seek(0)
    start = handle.read(32)
    if start.startswith(LFS_POINTER):
        return "the photo itself was not fetched, only its pointer of Git LFS: git lfs pull"
    if start[4:8] == b"ftyp" and start[8:12] in {b"heic", b"heix", b"hevc", b"mif1", b"msf1"}:
        if "HEIF" in _readable_formats():
            return "damaged photo (HEIC)"
        return 'HEIC photo: to read it, pip install "veille-clip[heic]", or export it as JPEG'
    if start[:4] in {b"II*\0", b"MM\0*"}:
        with contextlib.suppress(Exception):
            directory = TiffImagePlugin.ImageFileDirectory_v2(start[:8])
            handle.seek(directory.next)
            directory.load(handle)
            bands = int(directory.get(ExifTags.Base.SamplesPerPixel, 1))
            if bands > 4:  # noqa: PLR2004 - red, green, blue and transparency
                return f"TIFF of {bands} bands: a photo has one, three or four; export it as RGB"
    return f"not a photo of a known format ({', '.join(_readable_formats())})"
