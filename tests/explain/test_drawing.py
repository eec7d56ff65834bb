"""Overlays and their words: colours, sizes, and what a map is said to show."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from evaluation.explain.drawing import (
    INFERNO,
    MAX_BYTES,
    colours,
    display_size,
    render,
    summarise,
)


def opened(content: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(content))
    assert (image.format, image.mode) == ("WEBP", "RGBA")
    return np.asarray(image).astype(int)


def lightness(rgb: np.ndarray) -> np.ndarray:
    """CIE L* of sRGB colours."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    y = linear @ np.array([0.2126, 0.7152, 0.0722])
    return np.where(y > 0.008856, 116 * np.cbrt(y) - 16, 903.3 * y)


def test_the_colours_grow_lighter_in_even_steps() -> None:
    """From black to pale yellow: a map can be read in grey."""
    steps = np.diff(lightness(INFERNO / 255))
    assert INFERNO.shape == (256, 3)
    assert steps.min() > -0.2  # rounding to whole bytes
    sixteenths = np.diff(lightness(INFERNO[::16] / 255))
    assert sixteenths.min() > 3
    assert sixteenths.max() < 8


def test_zero_is_the_darkest_and_the_scale_the_brightest() -> None:
    values = np.array([[-3.0, 0.0, 1.0, 2.0, 9.0]], dtype=np.float32)
    shown = colours(values, 2.0)[0]
    assert (shown[0] == INFERNO[0]).all()
    assert (shown[1] == INFERNO[0]).all()
    assert (shown[2] == INFERNO[128]).all()
    assert (shown[3] == INFERNO[255]).all()
    assert (shown[4] == INFERNO[255]).all()


def test_a_map_of_nothing_is_dark_all_over() -> None:
    assert (colours(np.full((2, 2), -1.0), 0.0) == INFERNO[0]).all()


def test_what_was_not_seen_is_hatched_grey() -> None:
    """Opaque colours where the model saw; grey, in part transparent, where it did not."""
    seen = np.zeros((60, 80), dtype=bool)
    seen[:, 20:60] = True
    pixels = opened(render(np.ones((60, 80), dtype=np.float32), seen, 1.0))
    assert (pixels[:, 25:55, 3] == 255).all()
    assert abs(pixels[:, 25:55, :3] - INFERNO[255]).max() < 12
    outside = np.concatenate([pixels[:, :15], pixels[:, 65:]], axis=1)
    assert abs(outside[..., :3][outside[..., 3] > 200] - 128).max() < 20
    assert 0.2 < (outside[..., 3] > 160).mean() < 0.5
    assert outside[..., 3].min() > 0


@pytest.mark.parametrize("photo", [(320, 320), (4000, 3000), (30, 900)])
def test_an_overlay_is_small_even_if_it_is_noise(photo: tuple[int, int]) -> None:
    width, height = display_size(photo)
    assert max(width, height) == 320
    assert width / height == pytest.approx(photo[0] / photo[1], rel=0.06)
    noise = np.random.default_rng(0).random((height, width)).astype(np.float32)
    content = render(noise, noise > 0.5, 1.0)
    assert len(content) <= MAX_BYTES
    assert opened(content).shape == (height, width, 4)


def test_a_small_photo_is_not_enlarged() -> None:
    assert display_size((100, 40)) == (100, 40)


# ------------------------------------------------------------------------- in words


def test_a_flat_map_is_everywhere_alike() -> None:
    found = summarise(np.ones((30, 60), dtype=np.float32))
    assert not found.empty
    assert found.centre_share == pytest.approx(0.25)
    assert found.top_share == pytest.approx(1 / 9, abs=1e-3)
    assert found.half_area == pytest.approx(0.5, abs=1e-3)
    assert found.against_share == 0


@pytest.mark.parametrize(
    ("row", "column", "place"),
    [(2, 2, (0, 0)), (2, 27, (0, 2)), (15, 15, (1, 1)), (28, 14, (2, 1))],
)
def test_a_spot_is_where_it_is(row: int, column: int, place: tuple[int, int]) -> None:
    values = np.zeros((30, 30), dtype=np.float32)
    values[row, column] = 5
    found = summarise(values)
    assert (found.top_row, found.top_column) == place
    assert found.top_share == 1
    assert found.centre_share == (1.0 if place == (1, 1) else 0.0)
    assert found.half_area == pytest.approx(0.5 / 900, abs=1e-4)


def test_sides_that_do_not_divide_are_shared_between_regions() -> None:
    """Seven cells hold three thirds of two and a third cells each."""
    values = np.zeros((7, 7), dtype=np.float32)
    values[3, 2] = 1  # a third of it lies in the left third, the rest in the middle one
    found = summarise(values)
    assert (found.top_row, found.top_column) == (1, 1)
    assert found.top_share == pytest.approx(2 / 3, abs=1e-3)


def test_what_speaks_against_is_counted_apart() -> None:
    found = summarise(np.array([[3.0, -1.0], [0.0, 0.0]], dtype=np.float32))
    assert found.against_share == pytest.approx(0.25)
    assert found.half_area == pytest.approx(0.5 / 4)


def test_a_map_without_anything_for_the_class_is_empty() -> None:
    assert summarise(np.full((4, 4), -2.0)).empty
    assert summarise(np.full((4, 4), -2.0)).against_share == 1
    assert summarise(np.zeros((4, 4))).against_share == 0


@given(
    values=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 12), st.integers(1, 12)),
        elements=st.floats(-1, 1, width=32),
    ),
    factor=st.floats(0.5, 1000),
)
def test_the_words_do_not_depend_on_the_scale(values: np.ndarray, factor: float) -> None:
    """Shares lie between 0 and 1, and a map counted in other units says the same."""
    found = summarise(values)
    for share in (found.centre_share, found.top_share, found.half_area, found.against_share):
        assert 0 <= share <= 1
    other = summarise(values.astype(np.float64) * factor)
    assert other.empty == found.empty
    if not found.empty and values.max() > 1e-3:
        assert other.half_area == pytest.approx(found.half_area, abs=2e-4)
        assert other.against_share == pytest.approx(found.against_share, abs=2e-4)


def test_a_mirrored_map_has_a_mirrored_summary() -> None:
    values = np.random.default_rng(1).random((9, 12)).astype(np.float32) ** 6
    plain, mirrored = summarise(values), summarise(values[:, ::-1])
    assert mirrored.top_column == 2 - plain.top_column
    assert mirrored.centre_share == plain.centre_share
    assert summarise(np.flipud(values)).top_row == 2 - plain.top_row
