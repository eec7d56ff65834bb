"""Batch norms folded into convolutions: where they can be, and only then."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import timm
import torch
from torch import nn

from evaluation.models.devices import keep_freed_memory
from evaluation.models.fusing import TOLERANCE, fused


def lively(tower: nn.Module) -> nn.Module:
    """Norms that do something, as trained ones do: those of a new tower are the identity."""
    torch.manual_seed(1)
    for one in tower.modules():
        if isinstance(one, nn.BatchNorm2d):
            nn.init.uniform_(one.weight, 0.5, 1.5)
            nn.init.normal_(one.bias, std=0.1)
            nn.init.normal_(one.running_mean, std=0.1)
            nn.init.uniform_(one.running_var, 0.5, 1.5)
    return tower.eval()


def _norms(tower: nn.Module) -> int:
    return sum(isinstance(one, nn.BatchNorm2d) for one in tower.modules())


class Shared(nn.Module):
    """A convolution whose output a norm and the sum after it both read."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        plain = self.conv(pixels)
        return (plain + self.norm(plain)).mean(dim=(2, 3))


class Twice(nn.Module):
    """A convolution that two norms read."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.one, self.other = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.BatchNorm2d(8)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        plain = self.conv(pixels)
        return (self.one(plain) + self.other(plain)).mean(dim=(2, 3))


@pytest.mark.parametrize(
    ("build", "left"),
    [
        (lambda: timm.create_model("tf_efficientnet_lite0", num_classes=0), 0),
        (lambda: timm.create_model("resnet18", num_classes=0), 0),
        # Half of its norms stand before no convolution of theirs: 58 layers, 3 transitions, the
        # end.
        (lambda: timm.create_model("densenet121", num_classes=0), 58 + 3 + 1),
    ],
)
def test_a_fused_tower_says_the_same(build: Callable[[], nn.Module], left: int) -> None:
    """To within the tolerance, on other photos than it was tried on; the tower is left alone."""
    tower = lively(build())
    before = _norms(tower)
    result = fused(tower, (64, 64))
    assert result is not None
    assert _norms(tower) == before
    assert _norms(result) == left
    pixels = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(7))
    with torch.inference_mode():
        one, other = (nn.functional.normalize(net(pixels), dim=-1) for net in (tower, result))
    assert 0 < float((one - other).abs().max()) < TOLERANCE


@pytest.mark.parametrize("build", [Shared, Twice])
def test_a_convolution_that_others_read_is_left_alone(build: Callable[[], nn.Module]) -> None:
    """Folding the norm into it would change what the others get."""
    assert fused(lively(build()), (16, 16)) is None


def test_a_vision_transformer_is_left_alone() -> None:
    """It has nothing to fuse, and no copy of it is made."""
    tower = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=32).eval()
    assert fused(tower, (32, 32)) is None


def test_freed_memory_is_kept_once() -> None:
    """It changes nothing but speed, wherever it is called."""
    keep_freed_memory()
    assert keep_freed_memory.cache_info().currsize == 1
