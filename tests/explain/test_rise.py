"""RISE: the same masks for all, and the truth where it is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from evaluation.errors import ModelError
from evaluation.explain.base import InputMaps, Score, embedded, head_logits, plainly
from evaluation.explain.rise import RiseSettings, rise_maps, shared_masks
from evaluation.explain.towers import inspect_tower
from evaluation.records import Head
from tests.explain.models import PlainModel, class_maps, embed_masked


class Window(torch.nn.Module):
    """Sees the mean of one rectangle of the image, and nothing else."""

    def __init__(self, rows: slice, columns: slice) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels[:, :, self.rows, self.columns].mean(dim=(1, 2, 3))[:, None]


def window_model() -> tuple[PlainModel, Head]:
    model = PlainModel(Window(slice(8, 16), slice(36, 44)), 48, normalise=False)
    return model, Head(weight=np.array([[1.0], [-1.0]]), bias=np.zeros(2))


def bright_window() -> torch.Tensor:
    pixels = torch.zeros(3, 48, 48)
    pixels[:, 8:16, 36:44] = 1
    return pixels


def test_masks_are_made_once_for_each_resolution() -> None:
    """Every image and model of one input size sees the very same ones."""
    settings = RiseSettings(masks=9, seed=4)
    first = shared_masks(settings, (30, 40))
    assert shared_masks(RiseSettings(masks=9, seed=4), (30, 40)) is first
    assert first.shape == (9, 30, 40)
    assert not first.flags.writeable
    again = shared_masks(RiseSettings(masks=9, seed=5), (30, 40))
    assert (again != first).mean() > 0.5


def test_masks_show_the_share_they_are_told_to() -> None:
    masks = shared_masks(RiseSettings(masks=400, keep=0.3), (56, 56))
    assert masks.mean() / 255 == pytest.approx(0.3, abs=0.02)
    # Not one place is shown more than another.
    assert abs(masks.mean(axis=0) / 255 - 0.3).max() < 0.12


def rise(
    model: PlainModel, score: Score, pixels: torch.Tensor, settings: RiseSettings, **how: Any
) -> InputMaps:
    tower = inspect_tower(model)
    model.images = 0
    return class_maps("rise", model, tower, score, pixels, settings=settings, **how)


def test_the_map_finds_the_window_that_the_model_sees() -> None:
    """Its peak lies there, it is positive for the class and negative for the other."""
    model, head = window_model()
    maps = rise(
        model, head_logits(head), bright_window()[None], settings=RiseSettings(masks=800, cells=6)
    ).values
    y, x = np.unravel_index(maps[0, 0].argmax(), (48, 48))
    assert 6 <= y < 18
    assert 34 <= x < 46
    np.testing.assert_allclose(maps[0, 1], -maps[0, 0], atol=1e-6)
    inside = maps[0, 0, 8:16, 36:44].mean()
    away = maps[0, 0, 30:, :20]
    assert inside > 0.5
    assert abs(away.mean()) < 0.1 * inside


SIXTY = RiseSettings(masks=60)


def maps_of(masked: Any, head: Head) -> Any:
    return rise_maps(masked, head_logits(head), SIXTY, (48, 48)).values


def test_a_constant_added_to_the_scores_changes_nothing() -> None:
    """A covariance needs no baseline: logits of 100 do not drown the map in noise."""
    model, head = window_model()
    masked = embed_masked(plainly(model), bright_window(), SIXTY)
    plain = maps_of(masked, head)
    shifted = maps_of(masked, Head(weight=head.weight, bias=np.full(2, 100.0)))
    np.testing.assert_allclose(plain, shifted, atol=1e-4)


def test_each_mask_costs_one_image() -> None:
    model, _ = window_model()
    embed_masked(plainly(model), bright_window(), RiseSettings(masks=25), batch_size=10)
    assert model.images == 25


def test_batches_go_on_over_the_end_of_a_photo_and_progress_says_so() -> None:
    """Each photo has the rows it has alone, and is given before the next one is whole."""
    model, _ = window_model()
    photos = {"a": torch.rand(7, 3, 48, 48), "b": torch.rand(4, 3, 48, 48)}
    told: list[int] = []
    images = ((key, image) for key, photo in photos.items() for image in photo)
    made = embedded(plainly(model), images, 5, told.append)
    for key, photo in photos.items():
        of, rows = next(made)
        assert of == key
        np.testing.assert_allclose(rows, plainly(model)(photo), atol=1e-6)
    assert told == [5, 10, 11]


def test_another_head_costs_no_forward_pass() -> None:
    """The embeddings of the masked images do not depend on the texts."""
    model, head = window_model()
    masked = embed_masked(plainly(model), bright_window(), SIXTY)
    model.images = 0
    doubled = maps_of(masked, Head(weight=2 * head.weight, bias=head.bias))
    assert model.images == 0
    np.testing.assert_allclose(doubled, 2 * maps_of(masked, head), rtol=1e-5)


def test_what_is_hidden_shows_the_image_s_mean_colour() -> None:
    """A flat image looks the same under every mask: its map is nothing but rounding."""
    model, head = window_model()
    flat = torch.full((3, 48, 48), 0.8)
    maps = rise(model, head_logits(head), flat[None], settings=RiseSettings(masks=30))
    assert abs(maps.values).max() < 1e-5


def test_maps_of_a_large_input_are_reduced() -> None:
    model = PlainModel(Window(slice(0, 9), slice(0, 9)), (96, 192), normalise=False)
    head = Head(weight=np.array([[1.0], [-1.0]]), bias=np.zeros(2))
    maps = rise(model, head_logits(head), torch.rand(1, 3, 96, 192), settings=RiseSettings(masks=8))
    assert maps.values.shape == (1, 2, 32, 64)
    assert maps.extent == (96, 192)


def test_a_lack_of_memory_halves_the_masks_of_a_pass() -> None:
    """The maps are the same; one image that does not fit is one line."""
    model, _ = window_model()
    embed, most = plainly(model), [7]

    def scarce(pixels: torch.Tensor) -> Any:
        if len(pixels) > most[0]:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return embed(pixels)

    settings = RiseSettings(masks=60)
    whole = embed_masked(embed, bright_window(), settings)
    halved = embed_masked(scarce, bright_window(), settings)
    np.testing.assert_allclose(halved, whole, atol=1e-6)
    most[0] = 0
    with pytest.raises(ModelError, match="single photo does not fit"):
        embed_masked(scarce, bright_window(), settings)
