"""Recording attention changes nothing, keeps everything, and leaves no trace."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

import pytest
import torch
from torch.nn import functional

from evaluation.explain.base import margin_score
from evaluation.explain.recorder import recording
from evaluation.records import Head
from tests.explain.models import ATTENTION, HYBRID, PlainModel, random_head, toy

FAMILIES = ATTENTION | HYBRID


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    """Whatever a test does, PyTorch is afterwards what it was when it was imported."""
    plain = functional.scaled_dot_product_attention
    torch.backends.mha.set_fastpath_enabled(True)
    yield
    assert torch.backends.mha.get_fastpath_enabled()
    assert functional.scaled_dot_product_attention is plain


@pytest.mark.parametrize("family", FAMILIES)
def test_a_recorded_forward_pass_is_the_plain_one(family: str) -> None:
    """The embeddings differ by rounding at most, and every row of attention sums to 1."""
    build, size = FAMILIES[family]
    model = PlainModel(build(), size)
    pixels = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        plain = model.forward(pixels)
        with recording() as records:
            recorded = model.forward(pixels)
    assert (plain - recorded).abs().max() <= 1e-5
    assert records
    for record in records:
        assert len(record.weights) == 2
        torch.testing.assert_close(
            record.weights.sum(-1), torch.ones(record.weights.shape[:-1]), atol=1e-5, rtol=0
        )
        torch.testing.assert_close(record.output, record.weights @ record.values)


@pytest.mark.parametrize("name", ["cls", "map"])
def test_a_frozen_model_without_gradients_is_recorded_too(name: str) -> None:
    """PyTorch's native path of multi-head attention is off while recording, then on again."""
    model, _ = toy(name)
    for parameter in model.image_tower.parameters():
        parameter.requires_grad_(requires_grad=False)
    layers = 4 + (name == "map")
    with torch.inference_mode(), recording() as records:
        assert not torch.backends.mha.get_fastpath_enabled()
        model.forward(torch.zeros(1, 3, 64, 64))
    assert len(records) == layers
    assert torch.backends.mha.get_fastpath_enabled()


def test_torch_s_functions_are_restored_after_an_exception() -> None:
    plain = functional.scaled_dot_product_attention

    def fail_while_recording() -> None:
        with recording():
            assert functional.scaled_dot_product_attention is not plain
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_while_recording()
    assert functional.scaled_dot_product_attention is plain
    assert torch.backends.mha.get_fastpath_enabled()


def test_recordings_within_a_recording_are_their_own() -> None:
    plain = functional.scaled_dot_product_attention
    q = torch.randn(1, 1, 3, 4)
    with recording() as outer:
        functional.scaled_dot_product_attention(q, q, q)
        with recording() as inner:
            functional.scaled_dot_product_attention(q, q, q)
            functional.scaled_dot_product_attention(q, q, q)
    assert (len(outer), len(inner)) == (1, 2)
    assert functional.scaled_dot_product_attention is plain


def test_another_thread_s_attention_is_left_alone() -> None:
    """It is neither recorded nor computed otherwise."""
    q = torch.randn(1, 2, 3, 4)
    result: list[torch.Tensor] = []

    def work() -> None:
        result.append(functional.scaled_dot_product_attention(q, q, q))

    with recording() as records:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert records == []
    torch.testing.assert_close(result[0], functional.scaled_dot_product_attention(q, q, q))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"is_causal": True},
        {"scale": 0.3},
        {"attn_mask": torch.rand(2, 1, 5, 5) > 0.3},
        {"attn_mask": torch.randn(5, 5)},
        {"enable_gqa": True},
    ],
    ids=["plain", "causal", "scale", "boolean mask", "additive mask", "grouped queries"],
)
def test_every_form_of_attention_is_computed_as_torch_does(options: dict[str, object]) -> None:
    torch.manual_seed(0)
    heads = 2 if options.get("enable_gqa") else 4
    q, k, v = torch.randn(2, 4, 5, 8), torch.randn(2, heads, 5, 8), torch.randn(2, heads, 5, 8)
    if isinstance(mask := options.get("attn_mask"), torch.Tensor) and mask.dtype == torch.bool:
        mask |= torch.eye(5, dtype=torch.bool)  # every query may look somewhere
    plain = functional.scaled_dot_product_attention(q, k, v, **options)
    with recording() as records:
        recorded = functional.scaled_dot_product_attention(q, k, v, **options)
    torch.testing.assert_close(recorded, plain, atol=1e-6, rtol=1e-5)
    assert records[0].weights.shape == (2, 4, 5, 5)


@pytest.mark.parametrize("name", ["cls", "map"])
def test_the_gradient_by_the_weights_follows_from_the_one_by_the_output(
    name: str, toys: Mapping[str, tuple[PlainModel, Head]]
) -> None:
    """dS/dA[i, j] = <dS/do[i], v[j]>, in double precision to 1e-12, in every layer."""
    tower = toy(name)[0].image_tower
    model = PlainModel(tower, 64, dtype=torch.float64)
    _, head = toys[name]
    pixels = torch.rand(2, 3, 64, 64, dtype=torch.float64, requires_grad=True)
    with recording() as records:
        score = margin_score(head)(model.forward(pixels))[:, 2].sum()
    outputs = torch.autograd.grad(score, [r.output for r in records], retain_graph=True)
    weights = torch.autograd.grad(score, [r.weights for r in records])
    for record, by_output, by_weights in zip(records, outputs, weights, strict=True):
        assert by_weights.abs().max() > 0
        difference = record.weight_gradient(by_output) - by_weights
        assert difference.abs().max() < 1e-12


def test_a_head_of_one_class_has_no_margin() -> None:
    model = PlainModel(torch.nn.Flatten(), 4, normalise=False)
    head = random_head(model, 4, classes=1)
    with pytest.raises(Exception, match="two classes"):
        margin_score(head)(model.forward(torch.zeros(1, 3, 4, 4)))
