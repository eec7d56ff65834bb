"""Heads from titles and photos without labels: what they gain, and when they must not move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax

from evaluation.explain.base import head_logits
from evaluation.labelfree import adapt, controls, nonsense, two_folds
from evaluation.labelfree.layers import PULL, Pairs, _slope, agreement, descend
from evaluation.labelfree.regime import SOFTENING, cluster, share_bias
from tests.conftest import effort
from tests.labelfree.world import CLASSES, DIM, World, demo, unit, world

SEEDS = range(10)


def infonce(layer: np.ndarray, pairs: Pairs, sharpness: float) -> float:
    """The loss in its plainest form, in double precision."""
    moved = pairs.photos.astype(float) @ layer.T
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    scores = sharpness * moved @ pairs.titles.T.astype(float)
    same = (pairs.names[:, None] == pairs.names).astype(float)
    target = same / same.sum(axis=1, keepdims=True)
    rows, columns = np.log(softmax(scores, axis=1)), np.log(softmax(scores.T, axis=1))
    return float(-(target * (rows + columns)).sum() / (2 * len(pairs)))


def test_the_gradient_is_that_of_infonce() -> None:
    """By finite differences, with two titles that are the same."""
    seen = world(photos=12).seen
    names = np.array([0, 0, *range(2, 12)])
    pairs = Pairs(photos=seen.photos, titles=seen.titles[names], names=names)
    layer = np.eye(DIM) + 0.05 * np.random.default_rng(0).standard_normal((DIM, DIM))
    slope = _slope(layer.astype(np.float32), pairs, np.float32(3))
    for place in ((0, 0), (3, 7), (20, 4)):
        step = np.zeros((DIM, DIM))
        step[place] = 1e-4
        up, down = infonce(layer + step, pairs, 3), infonce(layer - step, pairs, 3)
        assert slope[place] == pytest.approx((up - down) / 2e-4, rel=2e-3, abs=1e-5)


def test_looking_on_the_way_changes_nothing() -> None:
    """The layer after five epochs is the same whether the run stops there or goes on."""
    seen = world(photos=200).seen
    pairs = Pairs(photos=seen.photos, titles=seen.titles, names=seen.names)
    short = descend(pairs, 3.0, 1e-3, [5], seed=1)
    long = descend(pairs, 3.0, 1e-3, [5, 10], seed=1)
    assert np.array_equal(short[5], long[5])
    assert not np.array_equal(long[5], long[10])
    assert PULL > 0


@pytest.mark.parametrize("seed", range(3))
def test_titles_gain(seed: int) -> None:
    """What titles say of the class, photos learn; the cross-fitted heads too."""
    scene = world(seed, photos=160)
    found = adapt(scene.seen, scene.head, ["titles"])
    assert found.chosen is not None
    assert found.chosen.adopted
    before = scene.accuracy(scene.head)
    assert scene.accuracy(found.head) > before + 0.1
    predicted = np.empty(160, dtype=int)
    for fold, head in enumerate(found.crossed):
        rows = scene.seen.folds == fold
        predicted[rows] = head.logits(scene.seen.photos[rows]).argmax(axis=1)
    assert np.mean(predicted == scene.labels) > before + 0.05


def other_photos(scene: World, rng: np.random.Generator) -> np.ndarray:
    return scene.seen.titles[rng.permutation(len(scene.labels))]


def random_words(scene: World, rng: np.random.Generator) -> np.ndarray:
    return unit(rng.standard_normal(scene.seen.titles.shape))


def mostly_wrong(scene: World, rng: np.random.Generator) -> np.ndarray:
    """Four in five are those of other photos."""
    titles = scene.seen.titles.copy()
    rows = rng.permutation(len(titles))[: len(titles) * 4 // 5]
    titles[rows] = titles[rng.permutation(rows)]
    return titles


def which_photo(scene: World, rng: np.random.Generator) -> np.ndarray:
    """They tell one photo from another, and nothing of its class."""
    photos, dim = scene.seen.photos, scene.seen.photos.shape[1]
    classes = np.unique(scene.labels)
    means = np.stack([photos[scene.labels == label].mean(axis=0) for label in classes])
    turn = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
    return unit((photos - means[scene.labels]) @ turn)


def foreign_language(scene: World, rng: np.random.Generator) -> np.ndarray:
    """They tell everything, in words that the class texts do not share."""
    dim = scene.seen.photos.shape[1]
    return unit(scene.seen.photos @ np.linalg.qr(rng.standard_normal((dim, dim)))[0])


NOTHING = (other_photos, random_words, mostly_wrong, which_photo, foreign_language)
"""Kinds of titles that say nothing of the class to who reads the class texts."""


@pytest.mark.parametrize("titles", NOTHING)
def test_titles_that_say_nothing_of_the_class_are_refused(
    titles: Callable[[World, np.random.Generator], np.ndarray],
) -> None:
    """On real embeddings the head stays the zero-shot one, to the last bit: four draws, and all
    ten in `tox -e long`.
    """
    scene = demo()
    for seed in SEEDS[: min(10, effort(4))]:
        drawn = titles(scene, np.random.default_rng(seed))
        seen = replace(scene.seen, titles=drawn)
        trials = seen.trials(0)
        for sources in (["titles"], ["titles", "photos"]):
            found = adapt(seen, scene.head, sources, trials=trials)  # type: ignore[arg-type]
            assert found.chosen is not None
            assert not found.chosen.adopted, seed
            assert found.head.layer is None
            assert np.array_equal(found.head.weight, scene.head.weight)


def test_real_titles_are_adopted() -> None:
    """The same photos with their own titles: they agree far beyond chance, and gain."""
    scene = demo()
    found = adapt(scene.seen, scene.head, ["titles"])
    assert found.chosen is not None
    assert found.chosen.adopted
    assert scene.accuracy(found.head) > scene.accuracy(scene.head) + 0.1


def test_without_the_guard_shuffled_titles_do_harm() -> None:
    """The controls are fitted at the settings of the real titles, and show it."""
    scene = world(1, photos=240)
    found = adapt(scene.seen, scene.head, ["titles"])
    shown = controls(scene.head, found, nonsense(scene.seen, 0))
    assert {name: len(heads) for name, heads in shown.items()} == {"shuffled": 3, "random": 3}
    accuracies = [scene.accuracy(head) for head in shown["shuffled"]]
    assert np.mean(accuracies) < scene.accuracy(scene.head) - 0.05
    assert len(set(accuracies)) > 1


def test_empty_titles_are_left_out() -> None:
    """Whatever stands in the rows of photos without a title."""
    scene = world(2, photos=160)
    names = np.where(np.arange(160) % 5 == 0, -1, np.arange(160))
    heads = [
        adapt(replace(scene.seen, titles=titles, names=names), scene.head, ["titles"]).head
        for titles in (
            scene.seen.titles,
            np.where(names[:, None] < 0, 0, scene.seen.titles).astype(np.float32),
        )
    ]
    assert np.array_equal(heads[0].layer, heads[1].layer)


def test_agreement_against_permutations() -> None:
    """z is exact: it equals that of many drawn permutations, within their noise."""
    rng = np.random.default_rng(0)
    photos = rng.integers(0, 3, 90)
    titles = np.where(rng.random(90) < 0.4, photos, rng.choice([0, 0, 1, 2], 90))
    drawn = [np.sum(photos == rng.permutation(titles)) for _ in range(4000)]
    z = (np.sum(photos == titles) - np.mean(drawn)) / np.std(drawn)
    found = agreement(photos, titles, 3)
    assert found.z == pytest.approx(z, rel=0.05)
    assert agreement(photos, photos, 3).kappa == pytest.approx(1)
    assert agreement(np.zeros(9, dtype=int), np.zeros(9, dtype=int), 3).z == 0


def test_folds_keep_groups_together() -> None:
    """Near duplicates never judge what was learnt from them; the halves are even."""
    groups = np.repeat(np.arange(40), 3)
    folds = two_folds(groups, 0)
    assert all(len(set(folds[groups == one])) == 1 for one in range(40))
    assert abs(folds.mean() - 0.5) < 0.05


def test_clusters_follow_what_photos_have_in_common() -> None:
    """Texts that are a little wrong are put right by the photos, one by one afterwards."""
    rng = np.random.default_rng(3)
    labels = np.arange(300) % CLASSES
    centres = unit(rng.standard_normal((CLASSES, DIM)))
    photos = unit(centres[labels] + 0.18 * rng.standard_normal((300, DIM)))
    texts = unit(centres + 0.28 * rng.standard_normal((CLASSES, DIM)))
    scene = World(
        head=replace(world().head, weight=20 * texts.astype(float)),
        labels=labels,
        seen=replace(world(photos=300).seen, photos=photos),
    )
    found = cluster(photos[:200], scene.head)
    alone = np.array([found.logits(photos[row : row + 1]).argmax() for row in range(200, 300)])
    assert np.mean(alone == labels[200:]) >= np.mean(
        scene.head.logits(photos[200:]).argmax(axis=1) == labels[200:]
    )
    assert np.mean(alone == labels[200:]) > 0.95
    adapted = adapt(scene.seen, scene.head, ["photos"])
    assert adapted.clusters
    assert scene.accuracy(adapted.head) > 0.95


def test_declared_shares_are_met() -> None:
    """The mean of the softened probabilities becomes what was declared."""
    logits = 20 * np.random.default_rng(0).standard_normal((500, 3)) + [0, 4, 9]
    shares = np.array([0.5, 0.3, 0.2])
    moved = (logits + share_bias(logits, shares)) / SOFTENING
    assert softmax(moved, axis=1).mean(axis=0) == pytest.approx(shares, abs=1e-3)


def test_wrong_shares_lose_more_than_right_ones_gain() -> None:
    """Half of the classes three times rarer; shares as they are, then turned around."""
    scene, gains = demo(), []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        rare = np.isin(scene.labels, rng.permutation(8)[:4])
        kept = np.flatnonzero(~rare | (rng.random(len(rare)) < 1 / 3))
        labels = scene.labels[kept]
        seen = replace(
            scene.seen,
            photos=scene.seen.photos[kept],
            names=scene.seen.names[kept],
            folds=scene.seen.folds[kept],
        )
        counts = np.bincount(labels, minlength=8)
        right, wrong = (
            np.mean(
                adapt(seen, scene.head, [], shares=shares / shares.sum())
                .head.logits(seen.photos)
                .argmax(axis=1)
                == labels
            )
            for shares in (counts, counts.max() + counts.min() - counts)
        )
        before = np.mean(scene.head.logits(seen.photos).argmax(axis=1) == labels)
        gains.append((right - before, wrong - before))
    right_gain, wrong_gain = np.mean(gains, axis=0)
    assert right_gain > 0
    assert wrong_gain < -right_gain


def test_shares_are_imposed_and_remembered() -> None:
    """The record tells what the model gave each class before."""
    scene = world(1, photos=160)
    found = adapt(scene.seen, scene.head, [], shares=np.full(CLASSES, 1 / CLASSES))
    assert found.seen_shares is not None
    assert found.seen_shares.sum() == pytest.approx(1)
    assert not np.array_equal(found.head.bias, scene.head.bias)
    assert np.array_equal(found.head.weight, scene.head.weight)


def test_maps_see_through_the_layer() -> None:
    """What maps differentiate is the adapted head: the same logits, with a gradient."""
    scene = world(3, photos=60)
    layer = np.eye(DIM) + 0.1 * np.random.default_rng(0).standard_normal((DIM, DIM))
    head = replace(scene.head, layer=layer)
    photos = torch.from_numpy(scene.seen.photos.astype(np.float64)).requires_grad_()
    logits = head_logits(head)(photos)
    assert logits.detach().numpy() == pytest.approx(head.logits(scene.seen.photos), abs=1e-6)
    logits[0, 0].backward()
    assert photos.grad is not None
    assert float(photos.grad.abs().max()) > 0
