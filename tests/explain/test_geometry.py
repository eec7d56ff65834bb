"""A map lies where the model looked: the inverse of resize and crop, on real transforms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from evaluation.errors import ModelError
from evaluation.explain.drawing import Geometry
from tests.conftest import effort

MODES = ("shortest", "longest", "squash")
PHOTOS = {"portrait": (300, 480), "landscape": (533, 211), "square": (400, 400)}


def prepared(image: Image.Image, size: int | tuple[int, int], mode: str) -> np.ndarray:
    """What a model reads of a grey photo, 0 to 1."""
    cfg = PreprocessCfg(size=size, resize_mode=mode, mean=(0.0,) * 3, std=(1.0,) * 3)
    tensor: torch.Tensor = image_transform_v2(cfg, is_train=False)(image)
    return tensor.mean(0).numpy()


def dot(photo: tuple[int, int], x: int, y: int, radius: int = 6) -> Image.Image:
    """A white dot on black, its middle at the centre of the pixel (x, y)."""
    columns, rows = np.arange(photo[0]), np.arange(photo[1])[:, None]
    disc = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
    return Image.fromarray(np.repeat(disc[..., None], 3, axis=2).astype(np.uint8) * 255)


def middle_of(mass: np.ndarray) -> tuple[float, float]:
    """x and y of the centre of mass, in pixels from the top left corner."""
    mass = np.clip(mass, 0, None)
    x = (mass.sum(0) * (np.arange(mass.shape[1]) + 0.5)).sum() / mass.sum()
    y = (mass.sum(1) * (np.arange(mass.shape[0]) + 0.5)).sum() / mass.sum()
    return float(x), float(y)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [64, (48, 96)], ids=["square input", "wide input"])
@pytest.mark.parametrize("shape", PHOTOS)
def test_a_dot_comes_back_to_its_pixel(shape: str, size: int | tuple[int, int], mode: str) -> None:
    """Drawn at a known pixel, read by a model, laid out again: half a pixel off at most."""
    photo = PHOTOS[shape]
    geometry = Geometry.of({"size": size, "resize_mode": mode}, photo)
    for share_x, share_y in ((0.5, 0.5), (0.45, 0.58), (0.55, 0.42)):
        x, y = int(share_x * photo[0]), int(share_y * photo[1])
        read = prepared(dot(photo, x, y), size, mode)
        placed, seen = geometry.lay_out(read.astype(np.float32))
        assert placed.shape == seen.shape == (photo[1], photo[0])
        found = middle_of(placed)
        assert found == pytest.approx((x + 0.5, y + 0.5), abs=0.5)
        there = geometry.to_input(x + 0.5, y + 0.5)
        assert middle_of(read) == pytest.approx(there, abs=0.1)


@given(
    photo=st.tuples(st.integers(20, 900), st.integers(20, 900)),
    size=st.sampled_from([32, 224, (40, 64)]),
    mode=st.sampled_from(MODES),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
)
def test_there_and_back_is_where_we_were(
    photo: tuple[int, int], size: int | tuple[int, int], mode: str, x: float, y: float
) -> None:
    geometry = Geometry.of({"size": size, "resize_mode": mode}, photo)
    point = (x * photo[0], y * photo[1])
    assert geometry.to_photo(*geometry.to_input(*point)) == pytest.approx(point, abs=1e-6)


@settings(max_examples=effort(60), deadline=None)
@given(
    photo=st.tuples(st.integers(20, 200), st.integers(20, 200)),
    size=st.sampled_from([32, (24, 40)]),
    mode=st.sampled_from(MODES),
)
def test_sizes_and_offsets_are_those_of_the_library(
    photo: tuple[int, int], size: int | tuple[int, int], mode: str
) -> None:
    """A photo whose pixels tell their place: the input's middle shows the expected one."""
    width, height = photo
    ramp = np.zeros((height, width, 3), dtype=np.uint8)
    ramp[..., 0] = np.linspace(0, 255, width).round()
    ramp[..., 1] = np.linspace(0, 255, height).round()[:, None]
    cfg = PreprocessCfg(size=size, resize_mode=mode, mean=(0.0,) * 3, std=(1.0,) * 3)
    read = image_transform_v2(cfg, is_train=False)(Image.fromarray(ramp)).numpy()
    geometry = Geometry.of({"size": size, "resize_mode": mode}, photo)
    rows, columns = read.shape[1] // 2, read.shape[2] // 2
    x, y = geometry.to_photo(columns + 0.5, rows + 0.5)
    # The ramp is linear between the centres of the first and the last pixel.
    assert read[0, rows, columns] * (width - 1) == pytest.approx(x - 0.5, abs=1.0)
    assert read[1, rows, columns] * (height - 1) == pytest.approx(y - 0.5, abs=1.0)


@pytest.mark.parametrize(
    ("mode", "photo", "expected"),
    [
        ("shortest", (400, 200), (0.25, 0.0, 0.75, 1.0)),
        ("shortest", (200, 400), (0.0, 0.25, 1.0, 0.75)),
        ("longest", (400, 200), (0.0, 0.0, 1.0, 1.0)),
        ("squash", (400, 200), (0.0, 0.0, 1.0, 1.0)),
    ],
)
def test_what_the_crop_cuts_off_is_unseen(
    mode: str, photo: tuple[int, int], expected: tuple[float, ...]
) -> None:
    geometry = Geometry.of({"size": 100, "resize_mode": mode}, photo)
    assert geometry.seen() == pytest.approx(expected)
    placed, seen = geometry.lay_out(np.ones((7, 7), dtype=np.float32))
    left, top, right, bottom = (round(v) for v in np.array(expected) * (*photo, *photo))
    assert seen[top:bottom, left:right].all()
    assert seen.sum() == (bottom - top) * (right - left)
    assert placed[seen] == pytest.approx(1.0)
    assert (placed[~seen] == 0).all()


def test_pixels_that_no_patch_covers_are_unseen() -> None:
    """A grid of 378 pixels in an input of 384 leaves the right and lower border out."""
    geometry = Geometry.of({"size": 384}, (384, 384))
    extent = (378.0, 378.0)
    _, seen = geometry.lay_out(np.ones((27, 27), dtype=np.float32), extent=extent)
    assert seen[:378, :378].all()
    assert seen.sum() == 378**2
    assert geometry.seen(extent) == pytest.approx((0, 0, 378 / 384, 378 / 384))


def test_a_small_copy_shows_the_same_map() -> None:
    """Laid out at another size, the map keeps its place."""
    geometry = Geometry.of({"size": 64}, (640, 320))
    values = np.zeros((8, 8), dtype=np.float32)
    values[2, 5] = 1
    large, _ = geometry.lay_out(values)
    small, seen = geometry.lay_out(values, size=(160, 80))
    assert small.shape == seen.shape == (80, 160)
    assert np.array(middle_of(small)) * 4 == pytest.approx(np.array(middle_of(large)), abs=1)


def test_cells_keep_their_value_at_their_centre() -> None:
    geometry = Geometry.of({"size": 8, "resize_mode": "squash"}, (24, 24))
    values = np.arange(64, dtype=np.float32).reshape(8, 8)
    placed, _ = geometry.lay_out(values)
    np.testing.assert_allclose(placed[1::3, 1::3], values, atol=1e-5)


def test_an_unknown_resize_mode_is_refused() -> None:
    with pytest.raises(ModelError, match="shortest, longest, squash"):
        Geometry.of({"size": 8, "resize_mode": "fit"}, (10, 10))
