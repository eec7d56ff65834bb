"""A map for its reader: laid back on the photo, as a transparent picture, and told in numbers.

A photo is resized, then cropped or padded at its centre, before a model reads it.  The
inverse is plain arithmetic on pixel centres, following torchvision's and open_clip's own
rounding; nothing is stretched over what the model did not see.

Colours are inferno's, which goes from black to light yellow in steps that look equal, in
grey and to the colour-blind as well (Smith and van der Walt, released into the public domain
under CC0).  What the model did not see is hatched.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evaluation.errors import ModelError
from evaluation.models.base import input_size
from evaluation.records import BoolArray, FloatArray, MapSummary, Record

Size = tuple[int, int]
"""Width and height, pixels, as Pillow has them."""
SIDE = 320
"""Of the longer side, pixels: that of the photos' small copies."""
MAX_BYTES = 60_000
QUALITIES = (80, 60, 40, 20)
"""Tried in turn until the image is small enough; even noise is at the last one."""
_UNSEEN = (128, 128, 128)
_HATCH_PERIOD, _HATCH_WIDTH = 10, 3
_ROUNDED = 4
"""Decimals of a summary: a record that does not change is a short diff."""

INFERNO: NDArray[np.uint8] = np.frombuffer(
    bytes.fromhex(Path(__file__).with_name("inferno.txt").read_text(encoding="ascii")),
    dtype=np.uint8,
).reshape(-1, 3)
"""(256, 3): the colours from the lowest to the highest value."""


class Geometry(Record):
    """How one photo was laid into a model's input."""

    photo: Size
    resized: Size
    offset: tuple[int, int]
    """Left and top of the input within the resized photo; negative where it was padded."""
    input: Size

    @classmethod
    def of(cls, preprocessing: Mapping[str, Any], photo: Size) -> Geometry:
        """The geometry of a photo, after the EXIF orientation, under open_clip's preprocessing.

        Raises :class:`ModelError`: the resize mode is unknown.
        """
        height, width = input_size(preprocessing)
        resized = _resized(preprocessing.get("resize_mode") or "shortest", photo, (width, height))
        # torchvision's CenterCrop, open_clip's CenterCropOrPad.
        left, top = (
            round((whole - part) / 2) if whole >= part else -((part - whole) // 2)
            for whole, part in zip(resized, (width, height), strict=True)
        )
        return cls(photo=photo, resized=resized, offset=(left, top), input=(width, height))

    def to_input(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Points of the photo in input pixels; both count from the top left corner."""
        return (
            x * self.resized[0] / self.photo[0] - self.offset[0],
            y * self.resized[1] / self.photo[1] - self.offset[1],
        )

    def to_photo(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Points of the input in the photo's pixels: the inverse of :meth:`to_input`."""
        return (
            (x + self.offset[0]) * self.photo[0] / self.resized[0],
            (y + self.offset[1]) * self.photo[1] / self.resized[1],
        )

    def seen(self, extent: tuple[float, float] | None = None) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of what was read, as shares of the photo's sides.

        ``extent`` is the height and width that was read of the input, all of it when None.
        """
        height, width = extent or (self.input[1], self.input[0])
        corners = np.divide([self.to_photo(0, 0), self.to_photo(width, height)], self.photo)
        left, top, right, bottom = corners.clip(0, 1).ravel().tolist()
        return left, top, right, bottom

    def lay_out(
        self,
        values: FloatArray,
        *,
        extent: tuple[float, float] | None = None,
        size: Size | None = None,
    ) -> tuple[FloatArray, BoolArray]:
        """Maps of the input on the whole photo, bilinear between the centres of their cells.

        Of (…, h, w) values over the input, whose cells cover ``extent`` input pixels (height and
        width) from the top left: (…, height, width) values, 0 where nothing was seen, and (height,
        width) whether the pixel's centre was read by the model.  ``size`` is the width and height
        of the result; the photo's own when None.
        """
        covered = extent or (float(self.input[1]), float(self.input[0]))
        width, height = size or self.photo
        x, y = self.to_input(
            (np.arange(width) + 0.5) * self.photo[0] / width,
            (np.arange(height) + 0.5) * self.photo[1] / height,
        )
        inside, weights = [], []
        for points, cells, side in zip((y, x), values.shape[-2:], covered, strict=True):
            inside.append((points >= 0) & (points < side))
            place, centres = points * cells / side - 0.5, np.arange(cells)
            # (points, cells): how much of each cell's value a point has.
            weights.append(np.stack([np.interp(place, centres, row) for row in np.eye(cells)], 1))
        seen = inside[0][:, None] & inside[1]
        placed = weights[0] @ np.asarray(values, dtype=np.float64) @ weights[1].T
        return np.where(seen, placed, 0.0).astype(np.float32), seen


def _resized(mode: str, photo: Size, target: Size) -> Size:
    """Size of the photo once resized, with the rounding of whoever resizes it."""
    if mode == "squash":
        return target
    if mode not in {"longest", "shortest"}:
        raise ModelError(
            f'unknown resize mode "{mode}"', remedy="choose one of shortest, longest, squash"
        )
    width, height = photo
    if mode == "shortest" and target[0] == target[1]:
        # torchvision's Resize cuts the longer side down to an integer, where open_clip rounds.
        if width <= height:
            return target[0], int(target[0] * height / width)
        return int(target[0] * width / height), target[0]
    # open_clip's ResizeKeepRatio
    ratio = (max if mode == "longest" else min)(width / target[0], height / target[1])
    return round(width / ratio), round(height / ratio)


def display_size(photo: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a photo's overlay: never larger than the photo."""
    factor = min(1.0, SIDE / max(photo))
    return max(1, round(photo[0] * factor)), max(1, round(photo[1] * factor))


def colours(values: FloatArray, scale: float) -> NDArray[np.uint8]:
    """(h, w) values to (h, w, 3) colours: 0 and below is the darkest, ``scale`` the brightest."""
    shares = np.clip(values / scale, 0, 1) if scale > 0 else np.zeros_like(values)
    return INFERNO[(255 * shares).round().astype(np.intp)]


def render(values: FloatArray, seen: BoolArray, scale: float) -> bytes:
    """A WebP of at most ``MAX_BYTES``: opaque colours where the model saw, hatching elsewhere.

    ``values`` and ``seen`` are (h, w), over the whole photo; ``scale`` has the brightest colour.
    """
    rows, columns = np.indices(values.shape)
    hatching = (rows + columns) % _HATCH_PERIOD < _HATCH_WIDTH
    pixels = np.zeros((*values.shape, 4), dtype=np.uint8)
    pixels[..., :3] = np.where(seen[..., None], colours(values, scale), _UNSEEN)
    pixels[..., 3] = np.where(seen | hatching, 255, 60)
    image = Image.fromarray(pixels)
    content = b""
    for quality in QUALITIES:
        file = io.BytesIO()
        image.save(file, "WEBP", quality=quality, alpha_quality=quality, method=4)
        content = file.getvalue()
        if len(content) <= MAX_BYTES:
            break
    return content


def summarise(values: FloatArray) -> MapSummary:
    """Where the mass of an (h, w) map lies, signed, over what the model saw."""
    signed = np.asarray(values, dtype=np.float64)
    mass = np.clip(signed, 0, None)
    against, total = float(np.clip(-signed, 0, None).sum()), float(mass.sum())
    if total == 0:
        return MapSummary(
            empty=True, centre_share=0.0, top_row=1, top_column=1, top_share=0.0, half_area=0.0,
            against_share=1.0 if against else 0.0,
        )  # fmt: skip
    mass /= total
    down, along = (
        np.stack([_overlap(cells, *edges) for edges in pairwise(np.linspace(0, cells, 4))])
        for cells in mass.shape
    )
    ninths = down @ mass @ along.T
    row, column = divmod(int(ninths.argmax()), 3)
    rows, columns = (_overlap(cells, cells / 4, 3 * cells / 4) for cells in mass.shape)
    # Cells, the heaviest first, that add up to half; the last one in part.
    heaviest = np.sort(mass.ravel())[::-1]
    sums = np.cumsum(heaviest)
    last = int(np.searchsorted(sums, 0.5))
    half = last + (0.5 - (sums[last - 1] if last else 0.0)) / heaviest[last]
    return MapSummary(
        empty=False,
        centre_share=round(float(rows @ mass @ columns), _ROUNDED),
        top_row=row,
        top_column=column,
        top_share=round(float(ninths[row, column]), _ROUNDED),
        half_area=round(float(half / mass.size), _ROUNDED),
        against_share=round(against / (against + total), _ROUNDED),
    )


def _overlap(cells: int, low: float, high: float) -> FloatArray:
    """(cells,): the share of each cell that lies between two borders."""
    index = np.arange(cells)
    return np.asarray(np.clip(np.minimum(index + 1, high) - np.maximum(index, low), 0, None))
