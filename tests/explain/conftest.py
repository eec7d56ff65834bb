"""The toys, and their maps: made once for all tests that look at them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from evaluation.explain.base import head_logits, margin_score
from evaluation.explain.rise import RiseSettings
from evaluation.explain.towers import inspect_tower
from evaluation.records import ExplainMethod, Head
from tests.explain.models import PlainModel, class_maps, toy
from tests.explain.shapes import SIDE, Scenes, make_scenes

SCENES = 24
RISE = RiseSettings(masks=500, cells=8)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explained:
    """A toy, some scenes of two objects, and the maps of every class by one method."""

    model: PlainModel
    head: Head
    scenes: Scenes
    pixels: torch.Tensor
    probabilities: NDArray[np.float64]
    maps: NDArray[np.float32]
    """(N, 7, h, w)"""

    @property
    def targets(self) -> NDArray[np.intp]:
        """(N,) predicted classes."""
        return self.probabilities.argmax(axis=1)

    def enlarged(self, i: int, colour: int) -> NDArray[np.float32]:
        """One map on the scene's own pixels."""
        small = torch.from_numpy(self.maps[i, colour])[None, None]
        return torch.nn.functional.interpolate(small, size=(SIDE, SIDE), mode="bilinear")[
            0, 0
        ].numpy()

    def pairs(self) -> list[tuple[int, int, int]]:
        """(scene, colour, the other colour) of every object."""
        found = [np.flatnonzero(row) for row in self.scenes.present]
        return [(i, int(a), int(b)) for i, (x, y) in enumerate(found) for a, b in ((x, y), (y, x))]


@pytest.fixture(scope="session")
def explained() -> Callable[[str, ExplainMethod], Explained]:
    """Maps of a toy by a method, on the same scenes."""
    scenes = make_scenes(SCENES, seed=5, objects=2)

    @cache
    def explain(name: str, method: ExplainMethod) -> Explained:
        model, head = toy(name)
        pixels = torch.stack([model.preprocess(scenes.image(i)) for i in range(SCENES)])
        with torch.no_grad():
            logits = head_logits(head)(model.forward(pixels))
        maps = class_maps(
            method,
            model,
            inspect_tower(model),
            margin_score(head),
            pixels,
            settings=RISE,
            batch_size=125,
        )
        return Explained(
            model=model,
            head=head,
            scenes=scenes,
            pixels=pixels,
            probabilities=logits.double().softmax(-1).numpy(),
            maps=maps.values,
        )

    return explain


@pytest.fixture(scope="session")
def toys() -> Mapping[str, tuple[PlainModel, Head]]:
    """The two trained toys, to be left as they are."""
    return {name: toy(name) for name in ("cls", "map")}
