"""From the pixels that a model read back to the photo's own, exactly.

A photo is resized, then cropped or padded at its centre, before a model reads it.  The
inverse is plain arithmetic on pixel centres, following torchvision's and open_clip's own
rounding; nothing is stretched over what the model did not see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.errors import ModelError
from evaluation.models.base import input_size
from evaluation.records import BoolArray, FloatArray

Size = tuple[int, int]
"""Width and height, pixels, as Pillow has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
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
        left, top = self.to_photo(0, 0)
        right, bottom = self.to_photo(width, height)
        return (
            max(0.0, left / self.photo[0]),
            max(0.0, top / self.photo[1]),
            min(1.0, right / self.photo[0]),
            min(1.0, bottom / self.photo[1]),
        )

    def lay_out(
        self,
        values: FloatArray,
        *,
        extent: tuple[float, float] | None = None,
        size: Size | None = None,
    ) -> tuple[FloatArray, BoolArray]:
        """Maps of the input on the whole photo, bilinear between the centres of their cells.

        Args:
            values: (…, h, w) over the input.
            extent: Height and width in input pixels that the cells cover, from the top left.
            size: Width and height of the result; the photo's own when None.

        Returns:
            (…, height, width) values, 0 where nothing was seen, and (height, width) whether
            the pixel's centre was read by the model.

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
