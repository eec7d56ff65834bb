"""Scenes of coloured shapes whose evidence is known: where a colour is, nothing else tells it.

The background and its noise are grey, the shape says nothing of the colour, and a scene holds
one or two objects of different colours (or none), so a map of a colour must lie on its object.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 64
"""Of a scene, pixels."""
COLOURS = {
    "red": (0.86, 0.12, 0.12),
    "green": (0.10, 0.68, 0.20),
    "blue": (0.14, 0.24, 0.88),
    "yellow": (0.93, 0.88, 0.12),
    "purple": (0.58, 0.12, 0.70),
    "orange": (0.97, 0.53, 0.06),
    "cyan": (0.10, 0.82, 0.88),
}
NAMES = tuple(COLOURS)
SHAPES = ("circle", "square", "triangle")
TEMPLATES = ("a {} shape", "a photo of a {} shape", "a {} object on a grey ground")
PROMPTS = tuple(TEMPLATES[0].format(name) for name in NAMES)
_ROWS, _COLUMNS = np.mgrid[:SIDE, :SIDE]
_RADII = (6, 11)
"""Smallest and largest half-size of an object, pixels."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scenes:
    """N scenes, with the truth about where each colour is."""

    pixels: NDArray[np.float32]
    """(N, 64, 64, 3) in [0, 1]."""
    objects: NDArray[np.bool_]
    """(N, 7, 64, 64): the pixels of each colour's object; empty where there is none."""

    @property
    def present(self) -> NDArray[np.bool_]:
        """(N, 7): whether the scene has an object of that colour."""
        return self.objects.any(axis=(2, 3))

    def image(self, i: int) -> Image.Image:
        """One scene as an RGB photo."""
        return Image.fromarray((255 * self.pixels[i]).round().astype(np.uint8))


def make_scenes(n: int, *, seed: int, objects: int | None = None) -> Scenes:
    """N scenes; ``objects`` in each, or none (8 %), one or two when it is None."""
    rng = np.random.default_rng(seed)
    pixels = _backgrounds(n, rng)
    masks = np.zeros((n, len(NAMES), SIDE, SIDE), dtype=bool)
    counts = rng.choice(3, size=n, p=(0.08, 0.36, 0.56)) if objects is None else [objects] * n
    for i, count in enumerate(counts):
        _place(pixels[i], masks[i], int(count), rng)
    noise = rng.normal(0, 0.02, size=pixels.shape[:3])[..., None]
    return Scenes(pixels=np.clip(pixels + noise, 0, 1).astype(np.float32), objects=masks)


def _backgrounds(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Grey slopes: a scene without objects is no flat image."""
    level = rng.uniform(0.35, 0.75, size=(n, 1, 1))
    slopes = rng.uniform(-0.2, 0.2, size=(2, n, 1, 1))
    axis = np.linspace(-0.5, 0.5, SIDE)
    grey = level + slopes[0] * axis[None, :, None] + slopes[1] * axis[None, None, :]
    return np.repeat(grey[..., None], 3, axis=3)


def _place(
    pixels: NDArray[np.float64], masks: NDArray[np.bool_], count: int, rng: np.random.Generator
) -> None:
    colours = rng.permutation(len(NAMES))[:count]
    taken: list[tuple[int, int, int]] = []
    for colour in colours:
        x, y, radius = _free_place(taken, rng)
        taken.append((x, y, radius))
        mask = _shape(str(rng.choice(SHAPES)), x, y, radius)
        shade = rng.uniform(0.85, 1.1)
        pixels[mask] = np.clip(np.array(COLOURS[NAMES[colour]]) * shade, 0, 1)
        masks[colour] = mask


def _free_place(
    taken: list[tuple[int, int, int]], rng: np.random.Generator
) -> tuple[int, int, int]:
    while True:
        radius = int(rng.integers(*_RADII, endpoint=True))
        x, y = (int(v) for v in rng.integers(radius, SIDE - radius, size=2))
        # Two objects never touch: two pixels at least lie between their squares.
        if all(max(abs(x - a), abs(y - b)) > radius + r + 2 for a, b, r in taken):
            return x, y, radius


def _shape(kind: str, x: int, y: int, radius: int) -> NDArray[np.bool_]:
    dx, dy = _COLUMNS - x, _ROWS - y
    if kind == "circle":
        return dx**2 + dy**2 <= radius**2
    if kind == "square":
        return np.maximum(abs(dx), abs(dy)) <= 0.85 * radius
    return (abs(dy) <= radius) & (2 * abs(dx) <= dy + radius)
