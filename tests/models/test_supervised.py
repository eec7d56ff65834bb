"""Supervised baselines: the trunk's features, and the logistic regression on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from evaluation.errors import ModelError, VeilleError, WeightsMismatch, WeightsUnavailable
from evaluation.models import availability, embedded, load_model, supervised
from evaluation.records import Head, ModelSpec, Support

SMALL = "mobilenetv3_small_050"


def _support(seed: int, n: int, classes: int, dim: int = 20, noise: float = 1.5) -> Support:
    """Gaussian clouds around fixed centres, on features of very different scales."""
    centres = np.random.default_rng(99).normal(size=(classes, dim))
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    rows = centres[labels] + noise * rng.normal(size=(n, dim))
    return Support(
        embeddings=(rows * np.logspace(-2, 2, dim) + 5).astype(np.float32), labels=labels
    )


def _names(classes: int) -> tuple[str, ...]:
    return tuple(f"class {c}" for c in range(classes))


def _fit(train: Support, validation: Support | None, classes: int, **more: Any) -> Head:
    return supervised.fit_logistic_regression(_names(classes), train, validation, seed=0, **more)


# ----------------------------------------------------------- logistic regression


@pytest.mark.parametrize(("classes", "n"), [(2, 40), (5, 200), (5, 15)])
def test_it_is_scikit_learn_s_regression_on_standardised_features(classes: int, n: int) -> None:
    """Same probabilities as a plain pipeline, for more photos than features and for fewer."""
    train, test = _support(1, n, classes), _support(2, 50, classes)
    head = _fit(train, None, classes)
    plain = make_pipeline(
        StandardScaler(),
        LogisticRegression(C=supervised.DEFAULT_STRENGTH, tol=1e-8, max_iter=10000),
    ).fit(train.embeddings.astype(float), train.labels)
    expected = plain.predict_proba(test.embeddings.astype(float))
    found = softmax(head.logits(test.embeddings), axis=1)
    assert np.abs(found - expected).max() < 1e-5
    assert expected.max() - expected.min() > 0.05


def test_the_regularisation_is_chosen_on_validation() -> None:
    """The best C on validation, the most regularised of equals, as trying each one shows."""
    train, validation = _support(1, 60, 4, noise=3), _support(2, 80, 4, noise=3)
    head = _fit(train, validation, 4)
    scores = {}
    for strength in supervised.STRENGTHS:
        plain = make_pipeline(
            StandardScaler(), LogisticRegression(C=strength, tol=1e-8, max_iter=10000)
        ).fit(train.embeddings.astype(float), train.labels)
        scores[strength] = plain.score(validation.embeddings.astype(float), validation.labels)
    best = max(scores.values())
    assert len(set(scores.values())) > 1
    assert head.chosen["C"] == min(c for c, score in scores.items() if score == best)
    assert head.chosen["validation_accuracy"] == pytest.approx(best)
    assert head.chosen["validation_images"] == 80
    assert head.chosen["train_images"] == 60
    assert head.warnings == ()


def test_the_head_is_fitted_on_the_training_part_alone() -> None:
    """With the same choice of C, the validation photos leave no trace in the weights."""
    train, validation = _support(1, 60, 3), _support(2, 30, 3)
    with_validation = _fit(train, validation, 3)
    chosen = with_validation.chosen["C"]
    fits = supervised._fit_all(train, 3, (float(chosen),), seed=0, max_iterations=2000)
    assert np.array_equal(with_validation.weight, fits[float(chosen)].head.weight)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_the_order_of_the_photos_does_not_matter(seed: int, classes: int) -> None:
    """The optimum is unique: shuffled photos give the same logits."""
    train = _support(seed, 24, classes)
    order = np.random.default_rng(seed).permutation(24)
    shuffled = Support(embeddings=train.embeddings[order], labels=train.labels[order])
    one, other = _fit(train, None, classes), _fit(shuffled, None, classes)
    difference = one.logits(train.embeddings) - other.logits(train.embeddings)
    assert np.abs(difference).max() < 1e-4


def test_two_fits_are_equal_to_the_bit() -> None:
    """Nothing is random."""
    train, validation = _support(1, 60, 3), _support(2, 30, 3)
    one, other = _fit(train, validation, 3), _fit(train, validation, 3)
    assert np.array_equal(one.weight, other.weight)
    assert np.array_equal(one.bias, other.bias)


def test_a_constant_feature_counts_for_nothing() -> None:
    """It is neither divided by zero nor given a weight."""
    train = _support(1, 30, 3)
    rows = np.concatenate([train.embeddings, np.full((30, 1), 7.0, np.float32)], axis=1)
    head = _fit(Support(embeddings=rows, labels=train.labels), None, 3)
    assert np.isfinite(head.weight).all()
    assert head.weight[:, -1] == pytest.approx([0, 0, 0], abs=1e-12)


def test_without_validation_the_record_says_so() -> None:
    """C is then a default, and a warning tells it."""
    empty = Support(embeddings=np.empty((0, 20), np.float32), labels=np.empty(0, np.int64))
    for validation in (None, empty):
        head = _fit(_support(1, 30, 3), validation, 3)
        assert head.chosen["C"] == supervised.DEFAULT_STRENGTH
        assert "validation_accuracy" not in head.chosen
        assert "not chosen" in head.warnings[0]


def test_a_fit_that_does_not_converge_is_a_warning() -> None:
    """Too few iterations: the head is given, with a line that says so."""
    head = _fit(_support(1, 60, 4), _support(2, 20, 4), 4, max_iterations=1)
    assert any("did not converge in 1 iterations" in line for line in head.warnings)


def test_what_cannot_be_learnt_is_refused() -> None:
    """A class without training photo is named; one class alone is no choice."""
    train = _support(1, 20, 2)
    with pytest.raises(ModelError, match='no training photo of the class "class 2"'):
        _fit(train, None, 3)
    lonely = Support(embeddings=train.embeddings, labels=np.zeros(20, np.int64))
    with pytest.raises(ModelError, match="at least two classes"):
        _fit(lonely, None, 1)


def test_one_photo_a_class_is_enough_to_fit() -> None:
    """The smallest training part that means something."""
    head = _fit(_support(1, 3, 3, noise=0.1), None, 3)
    assert head.weight.shape == (3, 20)
    assert (head.logits(_support(1, 3, 3, noise=0.1).embeddings).argmax(axis=1) == range(3)).all()


# ---------------------------------------------------------------------- the trunk


def _spec(weights: object, architecture: str = "", **options: Any) -> ModelSpec:
    return ModelSpec(
        name="essai",
        kind="supervised",
        architecture=architecture,
        weights=str(weights),
        title="Essai",
        options=options,
    )


def _load(spec: ModelSpec) -> Any:
    return load_model(spec, cache=Path("never-used"), device="cpu", offline=True)


def test_the_embedded_trunk_gives_its_pooled_features() -> None:
    """1280 raw features, as timm pools them, the same in any batch."""
    model = _load(_spec("embedded"))
    trunk = timm.create_model(embedded.TRUNK).eval()
    trunk.load_state_dict(embedded.load_classifier_state(embedded.trunk_file()))
    images = torch.randn(3, 3, 260, 260, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = trunk.forward_head(trunk.forward_features(images), pre_logits=True).numpy()
    found = model.embed_images(images)
    alone = np.concatenate([model.embed_images(image[None]) for image in images])
    assert found.dtype == np.float32
    assert found.shape == (3, model.dim) == (3, 1280)
    assert np.abs(found - expected).max() < 1e-5
    assert np.abs(found - alone).max() < 1e-5
    assert model.needs_training


@pytest.fixture(scope="module")
def small() -> Any:
    torch.manual_seed(0)
    return timm.create_model(SMALL, num_classes=10).eval()


def test_a_local_checkpoint_with_a_head_is_a_trunk(small: Any, tmp_path: Path) -> None:
    """The classifier in the file, whatever its number of classes, is left out."""
    path = tmp_path / "small.safetensors"
    save_file(small.state_dict(), path)
    model = _load(_spec(path, SMALL))
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = small.forward_head(small.forward_features(images), pre_logits=True).numpy()
    assert np.abs(model.embed_images(images) - expected).max() < 1e-5
    head = model.head(
        _names(2),
        prompts=None,
        train=Support(embeddings=model.embed_images(images), labels=np.arange(2)),
        validation=None,
        seed=0,
    )
    assert head.weight.shape == (2, model.dim)


def test_its_forward_pass_is_differentiable_and_gives_the_embeddings(
    small: Any, tmp_path: Path
) -> None:
    """What attention maps are made of: the same numbers, with a graph back to the pixels."""
    path = tmp_path / "small.safetensors"
    save_file(small.state_dict(), path)
    model = _load(_spec(path, SMALL))
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    images.requires_grad_()
    found = model.forward(images)
    assert np.abs(found.detach().numpy() - model.embed_images(images.detach())).max() < 1e-5
    found[0].sum().backward()
    assert images.grad is not None
    assert images.grad[0].any()
    assert not images.grad[1].any()
    assert {"size", "resize_mode", "mean", "std"} <= set(model.preprocessing)


def test_two_files_have_two_fingerprints(small: Any, tmp_path: Path) -> None:
    """Other weights, another key."""
    save_file(small.state_dict(), tmp_path / "one.safetensors")
    other = {name: value * 2 for name, value in small.state_dict().items()}
    save_file(other, tmp_path / "other.safetensors")
    prints = [
        _load(_spec(tmp_path / f"{n}.safetensors", SMALL)).fingerprint for n in ("one", "other")
    ]
    assert prints[0] != prints[1]


def _refused(kind: type[VeilleError], spec: ModelSpec) -> str:
    with pytest.raises(kind) as caught:
        _load(spec)
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    assert caught.value.remedy
    return str(caught.value)


def test_trouble_is_one_line(small: Any, tmp_path: Path) -> None:
    """Another architecture, an unknown one, no file, half a file, an unknown option."""
    path = tmp_path / "small.safetensors"
    save_file(small.state_dict(), path)
    assert "does not fit resnet18" in _refused(WeightsMismatch, _spec(path, "resnet18"))
    assert "timm has no" in _refused(ModelError, _spec(path, "resnet18000"))
    assert "no such" in _refused(WeightsUnavailable, _spec(tmp_path / "absent.pt", SMALL))
    assert "max_iterations" in _refused(ModelError, _spec(path, SMALL, max_iteration=3))
    assert "embedded weights" in _refused(ModelError, _spec("embedded", "resnet18"))
    path.write_bytes(path.read_bytes()[:100])
    assert "plain tensors" in _refused(ModelError, _spec(path, SMALL))


def test_weights_that_cannot_be_had_are_unavailable(tmp_path: Path) -> None:
    """Asking first and loading say the same."""
    spec = _spec(tmp_path / "absent.pt", SMALL)
    found = availability(spec, cache=tmp_path, offline=True)
    assert not found.ready
    assert "absent.pt" in found.reason
    assert availability(_spec("embedded"), cache=tmp_path, offline=True).ready


def test_a_supervised_model_needs_a_training_part(small: Any, tmp_path: Path) -> None:
    """It says so rather than guessing."""
    path = tmp_path / "small.safetensors"
    save_file(small.state_dict(), path)
    with pytest.raises(ModelError, match="needs a training part"):
        _load(_spec(path, SMALL)).head(_names(2), prompts=None, train=None, validation=None, seed=0)
