"""Every method on every family of towers, against formulas written out plainly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from evaluation.errors import ModelError
from evaluation.explain import base as module
from evaluation.explain.attention_gradient import attention_gradient, chefer
from evaluation.explain.base import Score, head_logits, margin_score, margins
from evaluation.explain.methods import METHODS, own_method, resolve_methods
from evaluation.explain.recorder import recording
from evaluation.explain.rise import RiseSettings
from evaluation.explain.towers import inspect_tower, token_layout
from evaluation.records import EXPLAIN_METHODS, ExplainMethod, ExplainSpec, Head
from tests.explain.models import (
    ATTENTION,
    CASCADE,
    HYBRID,
    SPATIAL,
    VIT,
    PlainModel,
    class_maps,
    open_clip_tower,
    random_head,
    timm_trunk,
)

EVERY = ATTENTION | HYBRID | SPATIAL
LAYERS = {
    "CLIP ResNet": "layer4",
    "MobileCLIP-S0 (FastViT)": "trunk.final_conv",
    "EfficientNet-Lite": "trunk.bn2",
    "EfficientNet": "bn2",
    "DenseNet": "features",
    "DenseNet201 of torchvision": "features",
    "ConvNeXt": "trunk.norm_pre",
    "ResNet": "layer4",
    "Swin": "norm",
}


def some_pixels(size: int, n: int = 2, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(3), dtype=dtype)


# ------------------------------------------------------------------- the families


@pytest.mark.parametrize("family", EVERY)
def test_each_family_has_maps_by_each_method_that_applies(family: str) -> None:
    """(B, C, h, w) maps, finite and not flat, in one forward pass; a refusal names another."""
    build, size = EVERY[family]
    model = PlainModel(build(), size)
    head, pixels = random_head(model, size), some_pixels(size)
    tower = inspect_tower(model)
    assert own_method(tower) != "rise"
    for method in tuple(EXPLAIN_METHODS)[:-1]:
        model.calls = 0
        refused = METHODS[method].refuse(tower)
        if refused is not None:
            assert own_method(tower) in refused.remedy
            with pytest.raises(ModelError, match="use "):
                class_maps(method, model, tower, margin_score(head), pixels)
            continue
        maps = class_maps(method, model, tower, margin_score(head), pixels)
        assert model.calls == 1
        assert maps.values.shape[:2] == (2, 3)
        assert min(maps.values.shape[2:]) > 1
        assert np.isfinite(maps.values).all()
        assert maps.values.std(axis=(2, 3)).min() > 0
        assert maps.extent == (size, size)


@pytest.mark.parametrize("family", EVERY)
def test_the_right_layer_is_found_in_each_family(family: str) -> None:
    """The last feature map of those that pool one; none in those that read tokens."""
    build, size = EVERY[family]
    tower = inspect_tower(PlainModel(build(), size))
    assert (tower.spatial.name if tower.spatial else None) == LAYERS.get(family)
    assert (tower.layout is not None) == (family not in SPATIAL)


def test_rise_needs_nothing_but_the_embeddings() -> None:
    """It explains a model without a single layer."""
    model = PlainModel(torch.nn.Flatten(), 8, normalise=False)
    tower = inspect_tower(model)
    assert own_method(tower) == "rise"
    assert resolve_methods(ExplainSpec(), tower) == ("rise",)
    maps = class_maps(
        "rise",
        model,
        tower,
        margin_score(random_head(model, 8)),
        some_pixels(8),
        settings=RiseSettings(masks=10),
    )
    assert maps.values.shape == (2, 3, 8, 8)


def test_each_name_that_a_study_may_give_has_its_row() -> None:
    """In the same order."""
    assert tuple(METHODS) == tuple(EXPLAIN_METHODS)


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("open_clip ViT", "chefer"),
        ("CoCa", "attention-gradient"),
        ("SigLIP (attention pool)", "attention-gradient"),
        ("CLIP ResNet", "hirescam"),
        ("EfficientNet-Lite", "hirescam"),
    ],
)
def test_a_tower_is_explained_by_its_own_method_then_rise(family: str, expected: str) -> None:
    build, size = EVERY[family]
    tower = inspect_tower(PlainModel(build(), size))
    assert resolve_methods(ExplainSpec(), tower) == (expected, "rise")
    assert resolve_methods(ExplainSpec(methods=("rise", "rise")), tower) == ("rise",)


# ----------------------------------------------------------------------- the cost


def operations(work: Callable[[], object]) -> int:
    """Floating-point operations of what is called, backward passes included.

    With gradients: the counter sees nothing of PyTorch's native path of attention.
    """
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


@pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 13),
    reason="older versions of PyTorch count the batched gradient of attention twice",
)
@pytest.mark.parametrize("family", sorted(set(EVERY) - {"SigLIP (attention pool)", "PE"}))
def test_the_maps_of_a_photo_cost_four_forward_passes_at_most(family: str) -> None:
    """Those of the predicted and the true class, by any gradient method; counted, not timed.

    PyTorch's counter cannot follow the attention pools of timm.
    """
    build, size = EVERY[family]
    model = PlainModel(build(), size)
    tower, pixels = inspect_tower(model), some_pixels(size, n=1)
    score = margin_score(random_head(model, size, classes=2))
    once = operations(lambda: model.forward(pixels.requires_grad_()))
    for method in tuple(EXPLAIN_METHODS)[:-1]:
        if METHODS[method].refuse(tower) is None:
            cost = operations(lambda m=method: class_maps(m, model, tower, score, pixels))
            assert cost <= 4 * once, method


@pytest.mark.parametrize(
    ("method", "family"),
    [("attention-gradient", "toy"), ("hirescam", "EfficientNet-Lite"), ("gradcam", "DenseNet")],
)
def test_more_classes_hardly_cost_more(
    method: ExplainMethod, family: str, toys: Mapping[str, tuple[PlainModel, Head]]
) -> None:
    """All maps of seven classes: still within four passes where one layer is differentiated."""
    if family == "toy":
        model, size = toys["cls"][0], 64
    else:
        build, size = EVERY[family]
        model = PlainModel(build(), size)
    tower, pixels = inspect_tower(model), some_pixels(size, n=1)
    score = margin_score(random_head(model, size, classes=7))
    once = operations(lambda: model.forward(pixels.requires_grad_()))
    assert operations(lambda: class_maps(method, model, tower, score, pixels)) <= 4 * once


# --------------------------------------------------------------------- the tokens


def test_patches_that_do_not_fill_the_input_leave_its_border_unread() -> None:
    """384 pixels hold 27 patches of 14: 378 pixels are read."""
    trunk = timm_trunk("test_vit", img_size=62, patch_size=14)
    assert token_layout(trunk, 17, (62, 62)).extent == (56.0, 56.0)


def test_a_grid_follows_the_input_s_proportions() -> None:
    tower = torch.nn.Identity()
    assert token_layout(tower, 32, (64, 128)).grid == (4, 8)
    with pytest.raises(ModelError, match="no grid"):
        token_layout(tower, 31, (64, 64))


def test_a_pooling_of_a_pooling_is_explained_through_all_layers_only() -> None:
    """CoCa's cascade: what its last attention reads lies nowhere on the image."""
    model = PlainModel(open_clip_tower(CASCADE, embed_dim=32), 32)
    score, pixels = margin_score(random_head(model, 32)), some_pixels(32)
    assert chefer(model, score, pixels).values.shape == (2, 3, 4, 4)
    with pytest.raises(ModelError, match="chefer"):
        attention_gradient(model, score, pixels)


# ------------------------------------------------------- attention against a loop


def plain_gradients(
    model: PlainModel, head: Head, pixels: torch.Tensor, c: int
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(weights, gradient) of every attention for one class: no batching, no identity."""
    pixels = pixels.clone().requires_grad_()
    with recording() as records:
        score = margin_score(head)(model.forward(pixels))[:, c].sum()
    gradients = torch.autograd.grad(score, [record.weights for record in records])
    return [(r.weights.detach(), g) for r, g in zip(records, gradients, strict=True)]


@pytest.mark.parametrize("name", ["cls", "map"])
def test_chefer_is_the_paper_s_loop(name: str, toys: Mapping[str, tuple[PlainModel, Head]]) -> None:
    """Class by class, image by image, as in the authors' own code."""
    model, head = toys[name]
    pixels = some_pixels(64)
    maps = chefer(model, margin_score(head), pixels).values
    for i in range(2):
        for c in range(7):
            relevance = torch.eye(65)
            for weights, gradient in plain_gradients(model, head, pixels[i : i + 1], c):
                cam = (weights * gradient)[0].clamp(min=0).mean(0)
                relevance = cam @ relevance if len(cam) == 1 else relevance + cam @ relevance
            expected = relevance[0, 1:].view(8, 8).numpy()
            np.testing.assert_allclose(maps[i, c], expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", ["cls", "map"])
def test_attention_gradient_is_the_signed_sum_over_heads_at_the_pooling_attention(
    name: str, toys: Mapping[str, tuple[PlainModel, Head]]
) -> None:
    model, head = toys[name]
    pixels = some_pixels(64)
    maps = attention_gradient(model, margin_score(head), pixels).values
    assert maps.min() < 0 < maps.max()
    for c in range(7):
        weights, gradient = plain_gradients(model, head, pixels, c)[-1]
        expected = (weights * gradient)[:, :, 0, 1:].sum(1).view(2, 8, 8).numpy()
        np.testing.assert_allclose(maps[:, c], expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("method", ["attention-gradient", "chefer"])
def test_classes_in_several_passes_have_the_same_maps(
    method: ExplainMethod,
    toys: Mapping[str, tuple[PlainModel, Head]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A tower too large for one backward pass of all classes takes them one by one."""
    model, head = toys["cls"]
    in_several_passes(method, model, margin_score(head), some_pixels(64), monkeypatch)


def in_several_passes(
    method: ExplainMethod,
    model: PlainModel,
    score: Score,
    pixels: torch.Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The maps are the same where memory is bounded, and where it lacks."""
    tower, grad = inspect_tower(model), torch.autograd.grad
    at_once = class_maps(method, model, tower, score, pixels).values

    def scarce(*args: Any, grad_outputs: Any = None, **options: Any) -> Any:
        if grad_outputs is not None and len(grad_outputs) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return grad(*args, grad_outputs=grad_outputs, **options)

    for lack in ((module, "GRADIENT_BYTES", 1), (torch.autograd, "grad", scarce)):
        with monkeypatch.context() as patch:
            patch.setattr(*lack)
            one_by_one = class_maps(method, model, tower, score, pixels).values
        np.testing.assert_allclose(at_once, one_by_one, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("method", ["attention-gradient", "chefer", "hirescam", "gradcam", "rise"])
def test_a_map_does_not_depend_on_the_rest_of_the_batch(
    method: ExplainMethod, toys: Mapping[str, tuple[PlainModel, Head]]
) -> None:
    """map(batch)[i] = map(single), whatever the batch size of RISE."""
    if method.endswith("cam"):
        build, size = HYBRID["CLIP ResNet"]
        model = PlainModel(build(), size)
        head = random_head(model, size)
    else:
        (model, head), size = toys["cls"], 64
    tower, pixels = inspect_tower(model), some_pixels(size, 3)
    settings, score = RiseSettings(masks=23), margin_score(head)
    batch = class_maps(method, model, tower, score, pixels, settings=settings, batch_size=10)
    for i in range(3):
        single = class_maps(
            method, model, tower, score, pixels[i : i + 1], settings=settings, batch_size=7
        )
        scale = abs(batch.values[i]).max()
        np.testing.assert_allclose(batch.values[i], single.values[0], atol=1e-4 * scale)


@pytest.mark.parametrize("kind", ["hirescam", "gradcam"])
def test_a_feature_map_in_several_passes_gives_the_same_maps(
    kind: ExplainMethod, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A layer too large for the gradients of all classes takes them one by one."""
    build, size = EVERY["CLIP ResNet"]
    model = PlainModel(build(), size)
    score = margin_score(random_head(model, size))
    in_several_passes(kind, model, score, some_pixels(size), monkeypatch)


def test_a_model_that_ignores_its_attention_is_refused() -> None:
    """A map of zeros is no map."""

    class Blind(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tower = open_clip_tower(VIT)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            self.tower(pixels)
            return pixels.flatten(1)

    model = PlainModel(Blind(), 32)
    score = margin_score(random_head(model, 32))
    for method in (attention_gradient, chefer):
        with pytest.raises(ModelError, match="use rise"):
            method(model, score, some_pixels(32))


# --------------------------------------------------- class activation against sums


def linear_score(head: Head) -> Score:
    """Logits without bias: what a CAM adds up to on average pool and linear head."""
    return head_logits(Head(weight=head.weight, bias=np.zeros_like(head.bias)))


@pytest.mark.parametrize(
    "name", ["tf_efficientnet_lite0", "fastvit_mci0", "densenet121", "test_resnet"]
)
@pytest.mark.parametrize("kind", ["hirescam", "gradcam"])
def test_a_map_adds_up_to_the_score_behind_an_average_pool(
    name: str, kind: Literal["hirescam", "gradcam"]
) -> None:
    """In double precision, to 1e-10."""
    size = 128 if name == "fastvit_mci0" else 96
    model = PlainModel(timm_trunk(name), size, normalise=False, dtype=torch.float64)
    score = linear_score(random_head(model, size))
    pixels = some_pixels(size, dtype=torch.float64)
    with torch.no_grad():
        expected = score(model.forward(pixels)).numpy()
    maps = class_maps(kind, model, inspect_tower(model), score, pixels).values
    assert abs(expected).max() > 0.01
    np.testing.assert_allclose(maps.sum(axis=(2, 3)), expected, rtol=0, atol=1e-10)


def test_a_cam_is_the_product_of_activation_and_gradient() -> None:
    """Written out for one class and image, on a tower where the two kinds differ."""
    build, size = HYBRID["CLIP ResNet"]
    model = PlainModel(build(), size)
    head = random_head(model, size)
    pixels = some_pixels(size, 1)
    seen: list[torch.Tensor] = []
    hook = model.image_tower.get_submodule("layer4").register_forward_hook(
        lambda _module, _inputs, output: seen.append(output)
    )
    score = margin_score(head)(model.forward(pixels.clone().requires_grad_()))[0, 1]
    hook.remove()
    (gradient,) = torch.autograd.grad(score, seen[0])
    activation = seen[0].detach()
    expected = {
        "hirescam": (gradient * activation).sum(1),
        "gradcam": (gradient.mean((2, 3), keepdim=True) * activation).sum(1),
    }
    assert not torch.allclose(expected["hirescam"], expected["gradcam"], rtol=1e-3)
    for kind in ("hirescam", "gradcam"):
        maps = class_maps(kind, model, inspect_tower(model), margin_score(head), pixels)
        np.testing.assert_allclose(maps.values[0, 1], expected[kind][0].numpy(), rtol=1e-4)


def test_a_layer_beside_the_way_to_the_embedding_is_refused() -> None:
    """The scores do not depend on it."""

    class Aside(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.aside = torch.nn.Conv2d(3, 2, 3)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            self.aside(pixels)
            return pixels.flatten(1)

    model = PlainModel(Aside(), 8)
    score = margin_score(random_head(model, 8))
    with pytest.raises(ModelError, match="no gradient"):
        class_maps("hirescam", model, inspect_tower(model), score, some_pixels(8))


# ------------------------------------------------------------------------ the score


def test_the_margin_is_the_log_odds_of_the_class() -> None:
    """z_c - logsumexp(others) = log p_c / (1 - p_c)."""
    logits = torch.tensor([[2.0, -1.0, 0.5], [30.0, 0.0, -30.0]], dtype=torch.float64)
    p = logits.softmax(-1)
    torch.testing.assert_close(margins(logits)[0], torch.log(p / (1 - p))[0])
    assert torch.isfinite(margins(logits)).all()
