"""Retrieval between photos and titles."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.scoring.embeddings import median, ranks, retrieve


def test_ranks_by_hand() -> None:
    """Right candidate first, second, and behind two."""
    queries = np.eye(3)
    candidates = np.array([[0.9, 0.8, 0.7], [0.1, 0.5, 0.8], [0.0, 0.1, 0.6]])
    each = np.arange(3)
    assert ranks(queries, candidates, each, each).tolist() == [1, 2, 3]


def test_a_model_that_says_the_same_of_everything_ranks_in_the_middle() -> None:
    """11 equal candidates: rank 6, and no recall."""
    same = np.ones((11, 4))
    image_to_title, title_to_image = retrieve("m", same, same, [str(i) for i in range(11)])
    for one in (image_to_title, title_to_image):
        assert one.median_rank.value == 6
        assert (one.recall_at_1.value, one.recall_at_5.value) == (0.0, 0.0)


def test_perfect_embeddings_are_found_both_ways() -> None:
    """Every rank is 1, with Wilson's interval of 20 of 20."""
    embeddings = np.random.default_rng(0).normal(size=(20, 8))
    for one in retrieve("m", embeddings, 3 * embeddings, [str(i) for i in range(20)]):
        assert (one.recall_at_1.value, one.recall_at_1.n, one.candidates) == (1.0, 20, 20)
        assert one.recall_at_1.low == pytest.approx(0.8389, abs=1e-4)
        assert (one.median_rank.value, one.median_rank.low, one.median_rank.high) == (1, 1, 1)


def test_photos_with_the_same_title_are_equally_right() -> None:
    """Two photos of "mug": either answers its title, and the title is one candidate."""
    images = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    texts = np.array([[1.0, 0.1], [1.0, 0.1], [0.1, 1.0]])
    image_to_title, title_to_image = retrieve("m", images, texts, ["mug", "mug", "pan"])
    assert (image_to_title.candidates, title_to_image.candidates) == (2, 3)
    assert (image_to_title.recall_at_1.n, title_to_image.recall_at_1.n) == (3, 2)
    # "mug" finds photo 0 first; "pan" finds photo 1, a mug, before its own.
    assert title_to_image.recall_at_1.value == 0.5
    assert title_to_image.recall_at_5.value == 1.0


def test_many_queries_are_ranked_in_blocks() -> None:
    """1500 queries give the same ranks as one at a time."""
    generator = np.random.default_rng(0)
    queries, candidates = generator.normal(size=(1500, 4)), generator.normal(size=(40, 4))
    wanted, found = generator.integers(0, 40, 1500), np.arange(40)
    alone = [ranks(queries[i : i + 1], candidates, wanted[i : i + 1], found)[0] for i in (3, 1400)]
    assert ranks(queries, candidates, wanted, found)[[3, 1400]].tolist() == alone


def test_the_median_s_interval_is_exact() -> None:
    """n = 10: the 2nd and 9th values hold the median with 97.9 %; the 3rd and 8th with 89.1 %."""
    metric = median("m", np.arange(1.0, 11.0))
    assert (metric.value, metric.low, metric.high) == (5.5, 2.0, 9.0)


def test_six_values_have_an_interval_and_five_have_none() -> None:
    """1 − 2 / 2⁶ = 96.9 %; 1 − 2 / 2⁵ = 93.8 %."""
    assert median("m", np.arange(6.0)).low == 0.0
    assert median("m", np.arange(5.0)).low is None


def test_the_median_s_interval_covers() -> None:
    """Exponential values, n = 25: at least 95 % of 2000 intervals hold log 2."""
    generator = np.random.default_rng(0)
    intervals = [median("m", generator.exponential(size=25)) for _ in range(2000)]
    covered = np.mean([one.low <= np.log(2) <= one.high for one in intervals])
    assert 0.94 <= covered <= 0.98
