"""Augmented views: random, and always the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from evaluation.models import embedded
from evaluation.models.supervised.augmentation import Augmentation, AugmentedViews
from evaluation.records import AugmentationSpec

PREPROCESS = {**embedded.PREPROCESS, "size": [32, 32]}
ALL = AugmentationSpec(
    flip=True, crop=0.5, rotation=15, colour=0.4, randaugment=2, magnitude=9, erasing=0.5
)


def _photo(seed: int = 0, size: tuple[int, int] = (50, 40)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(pixels)


def _augmentation(spec: AugmentationSpec = ALL, seed: int = 3) -> Augmentation:
    return Augmentation(spec, PREPROCESS, seed=seed)


def test_a_view_depends_on_photo_number_and_seed_alone() -> None:
    """The same in any order, in any thread and after other draws; another number is another."""
    photos = [_photo(i) for i in range(6)]
    wanted = [(photo, number) for photo in photos for number in range(3)]
    expected = [_augmentation().view(*one) for one in wanted]
    torch.manual_seed(99)
    augmentation = _augmentation()
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda one: augmentation.view(*one), reversed(wanted)))
    for one, other in zip(expected, reversed(found), strict=True):
        assert torch.equal(one, other)
    views = {one.numpy().tobytes() for one in expected}
    assert len(views) == len(wanted)
    assert not torch.equal(_augmentation(seed=4).view(photos[0], 0), expected[0])


def test_torch_s_own_draws_are_untouched() -> None:
    """Making a view leaves the global generator as it was."""
    torch.manual_seed(5)
    before = torch.rand(3)
    torch.manual_seed(5)
    _augmentation().view(_photo(), 0)
    assert torch.equal(torch.rand(3), before)


def test_without_a_declared_change_a_view_is_the_photo() -> None:
    """An empty table resizes, crops the centre and normalises, as the model itself does."""
    from open_clip.transform import PreprocessCfg, image_transform_v2

    plain = image_transform_v2(PreprocessCfg(**PREPROCESS), is_train=False)(_photo())
    view = _augmentation(AugmentationSpec()).view(_photo(), 0)
    assert view.shape == (3, 32, 32)
    assert torch.abs(view - plain).max() < 0.02


@pytest.mark.parametrize(
    "change",
    [
        {"crop": 0.3},
        {"rotation": 20.0},
        {"colour": 0.5},
        {"randaugment": 2},
        {"erasing": 1.0},
        {"flip": True},
    ],
)
def test_each_declared_change_changes_something(change: dict[str, Any]) -> None:
    """Over a few views, each key of the table makes views that differ from the photo."""
    plain = _augmentation(AugmentationSpec()).view(_photo(), 0)
    augmentation = _augmentation(AugmentationSpec(**change))
    assert any(not torch.equal(augmentation.view(_photo(), n), plain) for n in range(6))


def test_a_flip_is_a_mirror() -> None:
    """Alone, it gives the photo or its mirror image, each about as often."""
    plain = _augmentation(AugmentationSpec()).view(_photo(), 0)
    augmentation = _augmentation(AugmentationSpec(flip=True))
    mirrored = 0
    for number in range(20):
        view = augmentation.view(_photo(), number)
        mirror = torch.equal(view, plain.flip(2))
        assert mirror or torch.equal(view, plain)
        mirrored += mirror
    assert 4 <= mirrored <= 16


def _views(spec: AugmentationSpec = ALL, views: int = 3, seed: int = 3) -> AugmentedViews:
    return AugmentedViews(
        _augmentation(spec, seed),
        views,
        trunk="trunk",
        dim=2,
        device="cpu",
        embed=lambda batch: batch.mean(dim=(2, 3))[:, :2].numpy(),
    )


def test_views_are_embedded_side_by_side() -> None:
    """(B, K, 3, H, W) to (B, K x D): the embedding of each view in its place."""
    views = _views()
    photos = [_photo(1), _photo(2)]
    rows = views.embed_images(torch.stack([views.preprocess(one) for one in photos]))
    assert rows.shape == (2, views.dim) == (2, 6)
    for row, photo in zip(rows, photos, strict=True):
        for number in range(3):
            view = _augmentation().view(photo, number)
            expected = view.mean(dim=(1, 2))[:2].numpy()
            assert row[2 * number : 2 * number + 2] == pytest.approx(expected, abs=1e-6)


def test_what_changes_a_view_changes_the_key() -> None:
    """Augmentation, number of views and seed are part of the store's key."""
    prints = {
        _views().fingerprint,
        _views(AugmentationSpec(flip=True)).fingerprint,
        _views(views=4).fingerprint,
        _views(seed=4).fingerprint,
    }
    assert len(prints) == 4
    assert _views().fingerprint in prints
