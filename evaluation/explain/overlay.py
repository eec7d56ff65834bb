"""Maps as images: a transparent picture to lay over the photo, as strong as the reader wants.

Colours are inferno's, which goes from black to light yellow in steps that look equal, in
grey and to the colour-blind as well (Smith and van der Walt, released into the public domain
under CC0).  What the model did not see is hatched.
"""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evaluation.records import FloatArray

SIDE = 320
"""Of the longer side, pixels: that of the photos' small copies."""
MAX_BYTES = 60_000
QUALITIES = (80, 60, 40, 20)
"""Tried in turn until the image is small enough; even noise is at the last one."""
_UNSEEN = (128, 128, 128)
_HATCH_PERIOD, _HATCH_WIDTH = 10, 3

INFERNO: NDArray[np.uint8] = np.frombuffer(
    bytes.fromhex(Path(__file__).with_name("inferno.txt").read_text(encoding="ascii")),
    dtype=np.uint8,
).reshape(-1, 3)
"""(256, 3): the colours from the lowest to the highest value."""


def display_size(photo: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a photo's overlay: never larger than the photo."""
    factor = min(1.0, SIDE / max(photo))
    return max(1, round(photo[0] * factor)), max(1, round(photo[1] * factor))


def colours(values: FloatArray, scale: float) -> NDArray[np.uint8]:
    """(h, w) values to (h, w, 3) colours: 0 and below is the darkest, ``scale`` the brightest."""
    shares = np.clip(values / scale, 0, 1) if scale > 0 else np.zeros_like(values)
    return INFERNO[(255 * shares).round().astype(np.intp)]


def render(values: FloatArray, seen: NDArray[np.bool_], scale: float) -> bytes:
    """A WebP of at most ``MAX_BYTES``: opaque colours where the model saw, hatching elsewhere.

    ``values`` and ``seen`` are (h, w), over the whole photo; ``scale`` has the brightest colour.
    """
    height, width = values.shape
    pixels = np.zeros((height, width, 4), dtype=np.uint8)
    pixels[..., :3] = np.where(seen[..., None], colours(values, scale), _UNSEEN)
    pixels[..., 3] = np.where(seen | _hatching(height, width), 255, 60)
    image = Image.fromarray(pixels)
    content = b""
    for quality in QUALITIES:
        content = _webp(image, quality)
        if len(content) <= MAX_BYTES:
            break
    return content


def _webp(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "WEBP", quality=quality, alpha_quality=quality, method=4)
    return file.getvalue()


def _hatching(height: int, width: int) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[:height, :width]
    return np.asarray((rows + columns) % _HATCH_PERIOD < _HATCH_WIDTH)
