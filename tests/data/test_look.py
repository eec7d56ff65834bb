"""Near duplicates: the same photo again, and not another print of the same mug."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from evaluation.data.loading import load_dataset
from evaluation.data.look import alike, look_of
from evaluation.data.split import split_dataset
from evaluation.records import Dataset, Sample, Split, SplitSpec
from evaluation.study.config import load_study


def scene(seed: int) -> Image.Image:
    """A smooth picture of its own: eight random blocks, blurred by the enlargement."""
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return Image.fromarray(pixels).resize((240, 160), Image.Resampling.BICUBIC)


def test_a_resized_and_recompressed_photo_is_the_same(tmp_path: Path) -> None:
    """Half the size and JPEG at quality 70: still the same photo, among fifty others."""
    scene(3).resize((120, 80)).save(tmp_path / "again.jpg", quality=70)
    with Image.open(tmp_path / "again.jpg") as again:
        looks = [look_of(scene(seed)) for seed in range(50)] + [look_of(again)]
    assert alike(looks) == [(3, 50)]


def test_another_colour_is_another_product() -> None:
    """Red and blue in the same shape have equal hashes, and are not near duplicates."""
    pictures = []
    for colour in ((200, 30, 30), (30, 30, 200)):
        picture = Image.new("RGB", (200, 200), "white")
        ImageDraw.Draw(picture).ellipse((40, 40, 160, 160), fill=colour)
        pictures.append(look_of(picture))
    assert pictures[0][:16] == pictures[1][:16]
    assert alike(pictures) == []


def test_small_products_on_white_are_told_apart() -> None:
    """The page is nine tenths white: neither another colour nor a dial more is lost in it."""

    def page(*shapes: tuple[str, tuple[int, int, int, int], tuple[int, int, int]]) -> str:
        picture = Image.new("RGB", (200, 200), "white")
        for shape, box, colour in shapes:
            getattr(ImageDraw.Draw(picture), shape)(box, fill=colour)
        return look_of(picture)

    dot, strap = (85, 85, 115, 115), ("rectangle", (95, 20, 105, 180), (60, 60, 60))
    red, blue = page(("ellipse", dot, (200, 30, 30))), page(("ellipse", dot, (30, 30, 200)))
    assert alike([red, blue]) == []
    assert alike([page(strap), page(strap, ("ellipse", dot, (120, 60, 20)))]) == []


def test_a_photo_without_a_look_is_like_none() -> None:
    """Samples of other sources may have no look."""
    assert alike(["", "", look_of(scene(1))]) == []


def sample(number: int, label: str, look: str) -> Sample:
    return Sample(
        id=f"{label}{number}",
        image=Path("x"),
        label=label,
        digest=f"{label}{number}",
        pixels=f"{label}{number}",
        width=1,
        height=1,
        look=look,
    )


@pytest.mark.parametrize("seed", range(5))
def test_near_duplicates_never_straddle_the_parts(seed: int) -> None:
    """Pairs and a group of three stay together; the class sizes stay exact."""
    looks = [look_of(scene(i // 2)) for i in range(40)]
    looks[10] = looks[9]
    samples = [sample(i, "ab"[i >= 20], look) for i, look in enumerate(looks)]
    dataset = Dataset(
        name="d", kind="folder", classes=("a", "b"), samples=tuple(samples), revision="r"
    )
    split = split_dataset(dataset, SplitSpec(seed=seed, test_per_class=6, validation_per_class=4))
    assert ("a10", "a8", "a9") in split.near_duplicates
    assert split.duplicates == ()
    for group in split.near_duplicates:
        assert sum(bool(set(group) & set(part)) for part in parts(split)) == 1
    assert Counter(one[0] for one in split.test) == {"a": 6, "b": 6}
    without = replace(dataset, samples=tuple(replace(one, look="") for one in samples))
    assert split_dataset(without, SplitSpec(seed=seed)).near_duplicates == ()


def parts(split: Split) -> tuple[tuple[str, ...], ...]:
    return split.train, split.validation, split.test


@pytest.mark.data
def test_the_product_photos_hold_few_near_duplicates(flipkart_root: Path, tmp_path: Path) -> None:
    """Besides the exact copies, one pair: a photo that was compressed twice."""
    study = load_study("flipkart", data_root=flipkart_root)
    dataset = load_dataset(study.dataset, name="x", root=flipkart_root, cache=tmp_path)
    split = split_dataset(dataset, study.split)
    assert set(split.near_duplicates) > set(split.duplicates)
    assert len(split.near_duplicates) == len(split.duplicates) + 1
