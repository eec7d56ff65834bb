"""Method C: RISE, the method for any model, and the reference for the others.

Half of the image is hidden by a random soft mask, many times over, and a class's score is
compared with what was left to see (Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling
for Explanation of Black-box Models", BMVC 2018).  Nothing of the model is looked at, so a
CLIP and a CNN can be compared; every image and model of one resolution sees the same masks.

Two choices of ours.  The map is the covariance of score and mask over the variance of the
mask, in place of their mean product: the same expectation but for a constant and a scale,
without the noise that the score's mean would bring.  What is hidden shows the image's own
mean colour: zero would paint a frame of grey into the white of product photos.

The embeddings of the masked images do not depend on the texts: they are what costs, and what
is worth keeping.  Another prompt set costs a matrix product.
"""

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from evaluation.explain.base import InputMaps, Score
from evaluation.records import FloatArray, Record

MAP_SIDE = 64
"""Cells of a map at most, on the longer side: masks are much smoother."""


class RiseSettings(Record):
    """What makes the masks; equal settings and resolution give equal masks."""

    masks: int = 300
    """Forward passes an image."""
    cells: int = 7
    """Cells of a mask on each side, before it is enlarged and shifted."""
    keep: float = 0.5
    """Probability that a cell is shown."""
    seed: int = 0


@lru_cache(maxsize=2)
def shared_masks(settings: RiseSettings, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(N, H, W) masks, 0 (hidden) to 255 (shown), for images of ``size`` (height, width).

    Made once for each resolution; one byte a pixel: 300 masks of 260 x 260 take 20 MB.
    """
    cells, rng = settings.cells, np.random.default_rng(settings.seed)
    height, width = size
    step = (math.ceil(height / cells), math.ceil(width / cells))
    large = ((cells + 1) * step[0], (cells + 1) * step[1])
    masks = np.empty((settings.masks, height, width), dtype=np.uint8)
    for mask in masks:
        shown = rng.random((1, 1, cells, cells)) < settings.keep
        smooth = torch.nn.functional.interpolate(
            torch.from_numpy(shown.astype(np.float32)), size=large, mode="bilinear"
        )
        top, left = int(rng.integers(step[0])), int(rng.integers(step[1]))
        shifted = smooth[0, 0, top : top + height, left : left + width]
        mask[:] = (255 * shifted).round().to(torch.uint8).numpy()
    masks.setflags(write=False)
    return masks


@lru_cache(maxsize=2)
def _variance(settings: RiseSettings, size: tuple[int, int]) -> FloatArray:
    """(H, W): how much each pixel varies over the masks."""
    total, squares = np.zeros((2, *size))
    for mask in shared_masks(settings, size):
        shown = mask.astype(np.float32) / 255
        total += shown
        squares += shown**2
    return np.asarray(squares / settings.masks - (total / settings.masks) ** 2)


def masked_images(pixels: torch.Tensor, settings: RiseSettings) -> Iterator[torch.Tensor]:
    """One image, (3, H, W), under every mask: all that the model is run for."""
    hidden = pixels.mean(dim=(-2, -1), keepdim=True)
    for mask in shared_masks(settings, (pixels.shape[-2], pixels.shape[-1])):
        # copied: PyTorch warns of arrays that may not be written to
        yield hidden + torch.from_numpy(mask.copy()).to(pixels) / 255 * (pixels - hidden)


def rise_maps(
    masked: FloatArray, score: Score, settings: RiseSettings, size: tuple[int, int]
) -> InputMaps:
    """The maps of one image, (1, C, h, w): how a class's score goes with what is shown.

    ``masked`` has the (N, D) embeddings of :func:`masked_images`, ``size`` is the input's.  In
    units of the score: the gain expected of showing that place rather than hiding it.
    """
    with torch.no_grad():
        scores = score(torch.from_numpy(masked)).double().numpy()
    weights = ((scores - scores.mean(axis=0)) / len(scores)).astype(np.float32)
    masks = shared_masks(settings, size)
    height, width = size
    covariance = np.zeros((scores.shape[1], height, width), dtype=np.float32)
    for start in range(0, len(masks), 64):
        shown = masks[start : start + 64].astype(np.float32) / 255
        covariance += np.tensordot(weights[start : start + 64].T, shown, axes=1)
    values = (covariance / np.maximum(_variance(settings, size), 1e-6)).astype(np.float32)
    # Averaged over equal cells, at most ``MAP_SIDE`` on the longer side.
    factor = max(height, width) / MAP_SIDE
    if factor > 1:
        cells = (max(1, round(height / factor)), max(1, round(width / factor)))
        pool = torch.nn.functional.adaptive_avg_pool2d
        values = pool(torch.from_numpy(values), cells).numpy()
    return InputMaps(values=values[None], extent=(float(height), float(width)))
