"""Deletion, insertion and randomisation: right where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from evaluation.explain.faithfulness import (
    BASELINES,
    CONTROLS,
    MEASURES,
    Curves,
    areas_under,
    control_map,
    curve_passes,
    mean_metric,
    randomised,
    ranking,
    similarity,
    summarise_curves,
)
from evaluation.records import Head
from tests.explain.models import ATTENTION, PlainModel, curves_of

HEAD = Head(weight=np.array([[40.0], [-40.0]]), bias=np.array([-20.0, 20.0]))
"""The first class is sure when what is seen is more than half bright, else the second."""


class Quarter(torch.nn.Module):
    """Sees how bright the upper left quarter is."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels[:, :, :8, :8].mean(dim=(1, 2, 3))[:, None]


def quarter_model() -> tuple[PlainModel, torch.Tensor]:
    pixels = torch.zeros(3, 16, 16)
    pixels[:, :8, :8] = 1
    return PlainModel(Quarter(), 16, normalise=False), pixels


def curves_for(values: np.ndarray, steps: int = 16) -> Curves:
    model, pixels = quarter_model()
    order = ranking(values.astype(np.float32), (16, 16))
    return curves_of(model, HEAD, pixels, 0, order, steps=steps)


TRUE = np.zeros((16, 16))
TRUE[:8, :8] = 1


def test_the_true_map_makes_the_class_fall_and_rise_at_once() -> None:
    """With the mean colour (0.25) in its place, two thirds of the quarter must go to flip it.

    That is a sixth of the image; a third of the quarter flips it back, a twelfth of the image.
    """
    curves = curves_for(TRUE, steps=64)
    assert areas_under(curves["deletion", "mean"]) == pytest.approx(1 / 6, abs=0.02)
    assert areas_under(curves["insertion", "mean"]) == pytest.approx(1 - 1 / 12, abs=0.02)
    wrong = curves_for(-TRUE, steps=64)
    assert areas_under(wrong["deletion", "mean"]) == pytest.approx(3 / 4 + 1 / 6, abs=0.02)
    assert areas_under(wrong["insertion", "mean"]) == pytest.approx(1 / 4 - 1 / 12, abs=0.02)


def test_a_blur_leaves_what_it_cannot_remove() -> None:
    """Colours outlive it where shapes do not: hence two baselines."""
    curves = curves_for(TRUE)
    assert areas_under(curves["deletion", "blur"]) > 0.9 > areas_under(curves["deletion", "mean"])


def test_curves_begin_and_end_with_the_photo_and_without_it() -> None:
    """Deletion ends where insertion begins, and the other way round."""
    curves = curves_for(np.random.default_rng(0).random((4, 4)), steps=5)
    for baseline in BASELINES:
        deletion = curves["deletion", baseline]
        insertion = curves["insertion", baseline]
        assert len(deletion) == len(insertion) == 6
        assert deletion[0] == insertion[-1] == pytest.approx(1, abs=1e-6)
        assert deletion[-1] == insertion[0]
    assert curves["deletion", "mean"][-1] < 0.01


def test_curves_take_the_forward_passes_that_are_announced() -> None:
    model, pixels = quarter_model()
    curves_of(model, HEAD, pixels, 0, ranking(TRUE, (16, 16)), steps=7)
    assert model.images == curve_passes(1, 7)


def test_the_area_is_the_trapezoidal_rule() -> None:
    rng = np.random.default_rng(0)
    values = {(m, b): rng.random(9) for m in MEASURES for b in BASELINES}
    area = areas_under(values["deletion", "blur"])
    assert area == pytest.approx(np.trapezoid(values["deletion", "blur"], dx=1 / 8))


def test_pixels_are_ranked_by_the_enlarged_map_and_equals_at_random() -> None:
    """A flat map's order favours no side; a seed gives one order."""
    order = ranking(np.zeros((4, 4), dtype=np.float32), (20, 20), seed=3)
    assert sorted(order) == list(range(400))
    assert abs((order[:200] // 20).mean() - 9.5) < 1
    assert (order == ranking(np.zeros((4, 4), dtype=np.float32), (20, 20), seed=3)).all()
    ramp = ranking(np.arange(4, dtype=np.float32)[None].repeat(4, 0), (20, 20))
    assert (ramp[:40] % 20 >= 17).all()


def test_the_controls_know_nothing_of_the_model() -> None:
    """The centre falls off towards the corners; noise is smooth, and follows its seed."""
    centre = control_map("centre", seed=0)
    assert np.unravel_index(centre.argmax(), centre.shape) == (16, 16)
    assert (centre == control_map("centre", seed=1)).all()
    assert control_map("random", seed=0).shape == (7, 7)
    assert (control_map("random", seed=0) == control_map("random", seed=0)).all()
    assert (control_map("random", seed=0) != control_map("random", seed=1)).any()


def constant_curves(level: float) -> Curves:
    return {(m, b): np.full(5, level) for m in MEASURES for b in BASELINES}


def test_a_method_beats_a_control_when_the_paired_interval_says_so() -> None:
    """On every photo a little better is better; better on average with noise is not."""
    rng = np.random.default_rng(0)
    photos = rng.uniform(0.3, 0.7, size=20)
    curves = {
        "rise": [constant_curves(p - 0.02) for p in photos],
        "chefer": [constant_curves(p) for p in photos + rng.normal(-0.02, 0.3, size=20)],
        "random": [constant_curves(p) for p in photos],
        "centre": [constant_curves(p - 0.05) for p in photos],
    }
    rows = {(r.method, r.measure, r.baseline): r for r in summarise_curves(curves)}
    assert len(rows) == 4 * 4
    # Low is good in deletion, high in insertion.
    assert rows["rise", "deletion", "blur"].beats == ("random",)
    assert not rows["rise", "deletion", "blur"].faithful
    assert rows["rise", "insertion", "blur"].beats == ("centre",)
    assert rows["chefer", "deletion", "mean"].beats == ()
    assert rows["random", "insertion", "mean"].beats == ()
    assert rows["rise", "deletion", "mean"].area.value == pytest.approx(photos.mean() - 0.02)


def test_a_method_that_beats_both_controls_is_faithful() -> None:
    curves = {
        name: [constant_curves(level)] * 3
        for name, level in (("rise", 0.8), ("random", 0.5), ("centre", 0.6))
    }
    found = {(r.measure, r.method): r for r in summarise_curves(curves)}
    assert found["insertion", "rise"].faithful
    assert set(found["insertion", "rise"].beats) == set(CONTROLS)
    assert not found["deletion", "rise"].faithful


def test_one_photo_proves_nothing() -> None:
    """It has a mean, no interval, and beats no control."""
    metric = mean_metric("x", np.array([0.3]))
    assert (metric.value, metric.low, metric.high, metric.n) == (0.3, None, None, 1)
    curves = {name: [constant_curves(1)] for name in ("rise", "random", "centre")}
    assert all(row.beats == () for row in summarise_curves(curves))


def test_an_interval_of_means_covers_them() -> None:
    """In 95 of 100 samples of a known distribution, give or take."""
    rng = np.random.default_rng(0)
    metrics = [mean_metric("x", rng.exponential(size=40)) for _ in range(200)]
    covered = np.mean([m.low <= 1 <= m.high for m in metrics if m.low and m.high])
    assert 0.86 < covered < 0.98


# -------------------------------------------------------------------- randomisation


def test_shuffled_weights_come_back() -> None:
    """Even after an exception; meanwhile the values are the same, elsewhere."""
    tower = ATTENTION["open_clip ViT"][0]()
    before = [p.detach().clone() for p in tower.parameters()]

    def shuffle_and_fail() -> None:
        with randomised(tower, 1.0):
            for old, new in zip(before, tower.parameters(), strict=True):
                torch.testing.assert_close(old.flatten().sort()[0], new.flatten().sort()[0])
                assert old.flatten().unique().numel() == 1 or not torch.equal(old, new)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        shuffle_and_fail()
    for old, new in zip(before, tower.parameters(), strict=True):
        assert torch.equal(old, new)


def test_the_last_weights_are_shuffled_first() -> None:
    tower = torch.nn.Sequential(*(torch.nn.Linear(8, 8, bias=False) for _ in range(4)))
    for share, expected in ((0.25, [0, 0, 0, 1]), (0.5, [0, 0, 1, 1]), (1.0, [1, 1, 1, 1])):
        before = [p.detach().clone() for p in tower.parameters()]
        with randomised(tower, share):
            changed = [
                int(not torch.equal(old, new))
                for old, new in zip(before, tower.parameters(), strict=True)
            ]
        assert changed == expected


def test_similarity_is_spearman_s_correlation() -> None:
    rng = np.random.default_rng(0)
    one = rng.integers(0, 5, size=(4, 6, 6)).astype(np.float32)
    other = (one + rng.normal(size=one.shape)).astype(np.float32)
    expected = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(similarity(one, other), expected, atol=1e-12)
    assert similarity(one, np.zeros_like(one)).tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(similarity(one, one**3), 1)
