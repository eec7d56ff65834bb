"""Photos and class texts in the plane."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.records import Projection
from evaluation.scoring.embeddings import project

Rows = NDArray[np.float64]
CLASSES = ("un", "deux", "trois")


def cones(seed: int = 0, gap: float = 3.0) -> tuple[Rows, Rows]:
    """Three groups of photos, and a text near each; the texts lie ``gap`` away on one axis."""
    draw = np.random.default_rng(seed)
    middles = np.eye(6)[:3]
    photos = np.repeat(middles, 8, axis=0) + draw.normal(0, 0.05, (24, 6))
    texts = middles.copy()
    photos[:, 5] += gap
    texts[:, 5] -= gap
    return photos, texts


def of(photos: Rows, texts: Rows | None = None) -> Projection:
    ids = tuple(f"p{i}" for i in range(len(photos)))
    found = project("s/m/p", ids, CLASSES, photos, texts)
    assert found is not None
    return found


def test_a_text_falls_in_the_group_it_describes_however_wide_the_modality_gap() -> None:
    """The nearest group of each text, by direction, is its own; the gap is reported."""
    photos, texts = cones(gap=3.0)
    found = of(photos, texts)
    middles = np.array(found.photos).reshape(3, 8, 2).mean(axis=1)
    assert (np.array(found.texts) @ middles.T).argmax(axis=1).tolist() == [0, 1, 2]
    assert found.gap is not None
    assert found.gap > 1.5


def test_photos_and_texts_are_centred_apart() -> None:
    """Both means are the origin."""
    found = of(*cones())
    assert np.allclose(np.mean(found.photos, axis=0), 0, atol=1e-6)
    assert np.allclose(np.mean(found.texts, axis=0), 0, atol=1e-6)


def test_the_shares_are_those_of_a_principal_component_analysis() -> None:
    """The variance of the coordinates over that of the embeddings, largest first."""
    photos, _ = cones(seed=1)
    found = of(photos)
    unit = photos / np.linalg.norm(photos, axis=1, keepdims=True)
    whole = unit.var(axis=0).sum()
    told = np.array(found.photos).var(axis=0) / whole
    assert found.explained == pytest.approx(tuple(told), abs=1e-5)
    assert found.explained[0] >= found.explained[1]


def test_a_model_that_reads_no_text_has_photos_only() -> None:
    """No text, no gap."""
    found = of(cones()[0])
    assert (found.texts, found.texts_shown, found.gap) == ((), None, None)


def test_the_length_of_an_embedding_does_not_matter() -> None:
    """Features of any length, and a head times its logit scale, give the same plane."""
    photos, texts = cones()
    lengths = np.random.default_rng(2).uniform(0.5, 40, (len(photos), 1))
    one, other = of(photos, texts), of(photos * lengths, texts * 100)
    assert np.allclose(one.photos, other.photos, atol=2e-6)
    assert np.allclose(one.texts, other.texts, atol=2e-6)


def test_photos_on_a_line_span_no_plane() -> None:
    """Two distinct embeddings have one axis; two photos are too few."""
    line = np.repeat(np.eye(4)[:2], 5, axis=0)
    ids = tuple(map(str, range(10)))
    assert project("c", ids, CLASSES, line) is None
    assert project("c", ids[:2], CLASSES, np.eye(4)[:2]) is None
