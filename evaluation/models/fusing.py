"""A tower made faster for inference alone: batch norms folded into the convolutions before them.

In inference a batch norm is a scale and a shift of each channel, which the convolution whose
output it reads can do itself (Markuš 2018; ``torch.nn.utils.fusion``).  Which norm reads which
convolution is seen in one forward pass, whatever the architecture; a norm that stands before
its convolution, as most of DenseNet's do, is left alone.  Maps and training keep the tower as
it is, and so does a tower whose fused copy would not agree with it.
"""

from __future__ import annotations

import copy
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

TOLERANCE = 1e-4
"""Largest difference of two embeddings of unit length that count as the same."""


def fused(tower: nn.Module, size: tuple[int, int]) -> nn.Module | None:
    """A copy of a tower for inference; None where nothing can be fused, or not faithfully.

    It is on its device, in evaluation mode and single precision; the size of the pixels that it
    reads is their height and width.
    """
    import torch
    from torch import nn
    from torch.nn.utils import fuse_conv_bn_eval

    probe = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
    probe = probe.to(next(tower.parameters()).device)
    with torch.inference_mode():
        pairs, expected = _pairs(tower, probe)
        if not pairs:
            return None
        result = copy.deepcopy(tower)
        for conv, norm in pairs:
            before, after = result.get_submodule(conv), result.get_submodule(norm)
            result.set_submodule(conv, fuse_conv_bn_eval(before, after))  # type: ignore[arg-type, type-var]
            # timm's norms hold the activation that follows them.
            rest = [layer for name in ("drop", "act") if (layer := getattr(after, name, None))]
            result.set_submodule(norm, nn.Sequential(*rest) if rest else nn.Identity())
        difference = (_unit(result(probe)) - expected).abs().max()
    return result if float(difference) < TOLERANCE else None


def _pairs(tower: nn.Module, probe: torch.Tensor) -> tuple[list[tuple[str, str]], torch.Tensor]:
    """Names of convolutions and of the norms that read them, and the embeddings of a probe."""
    from torch import nn

    made: dict[int, tuple[str, torch.Tensor]] = {}
    pairs: list[tuple[str, str]] = []

    def note(name: str, _module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        # The tensor is kept as well: its id may be taken again once it is gone.
        made[id(output)] = (name, output)

    def meet(name: str, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if inputs and id(inputs[0]) in made:
            pairs.append((made[id(inputs[0])][0], name))

    with ExitStack() as stack:
        for name, module in tower.named_modules():
            if isinstance(module, nn.Conv2d):
                stack.enter_context(module.register_forward_hook(partial(note, name)))
            elif isinstance(module, nn.BatchNorm2d) and module.track_running_stats:
                stack.enter_context(module.register_forward_pre_hook(partial(meet, name)))
        expected = _unit(tower(probe))
    names = [name for pair in pairs for name in pair]
    # A convolution that two norms read, or a module that runs twice, is no pair.
    return [pair for pair in pairs if all(names.count(name) == 1 for name in pair)], expected


def _unit(features: Any) -> torch.Tensor:
    import torch

    rows = features[0] if isinstance(features, tuple) else features
    return torch.nn.functional.normalize(rows.float(), dim=-1)
