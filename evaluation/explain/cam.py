"""Method B: class activation maps on a spatial layer.

- ``hirescam``: the sum over channels of activation * gradient (Draelos and Carin 2020).  On
  a tower that ends in an average pool and a linear head it is exact: the map adds up to the
  score, but for the bias.
- ``gradcam``: the gradient is averaged over positions first (Selvaraju et al., ICCV 2017);
  the same map where the gradient is uniform, as behind an average pool.

Maps are signed: Grad-CAM's ReLU is left to whoever draws them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from evaluation.errors import ModelError
from evaluation.explain.base import Explainable, InputMaps, Score, class_gradients, to_array
from evaluation.explain.towers import SpatialLayer, inspect_tower, token_layout

_SEQUENCE, _SPATIAL = 3, 4
"""Dimensions of a batch of token sequences, and of feature maps."""


def class_activation(
    model: Explainable,
    score: Score,
    pixels: torch.Tensor,
    *,
    kind: Literal["hirescam", "gradcam"] = "hirescam",
    layer: SpatialLayer | None = None,
) -> InputMaps:
    """Maps of every class on one layer, in one forward and one batched backward pass.

    Raises :class:`ModelError`: the tower has no such layer, or its gradient is zero everywhere: the
    output of the last block of a ViT whose class token alone is read, for instance.

    ``pixels`` are (B, 3, H, W).  The layer is the tower's last feature map unless one is named; one
    of tokens is fine as well: that of a ViT's last block where the patches still count is its first
    norm (``ln_1``, ``norm1``).
    """
    layer = layer or inspect_tower(model).spatial
    if layer is None:
        raise no_spatial_layer()
    inputs = pixels.detach().clone().requires_grad_()
    with torch.enable_grad(), _output_of(model.image_tower, layer.name) as seen:
        scores = score(model.forward(inputs))
    size = (pixels.shape[-2], pixels.shape[-1])
    parts, reached = [], False
    # The product with the activation is as large as the gradient.
    bytes_a_class = 2 * seen[-1].numel() * seen[-1].element_size()
    for (raw,) in class_gradients(scores, seen[-1:], bytes_a_class):
        if raw is None:
            raise _zero_gradient(layer)
        activation, gradient, extent = _channels_first(
            model.image_tower, layer, seen[-1].detach(), raw, size
        )
        reached = reached or bool(gradient.any())
        if kind == "gradcam":
            gradient = gradient.mean(dim=(-2, -1), keepdim=True)
        parts.append((gradient * activation).sum(dim=-3))
    if not reached:
        raise _zero_gradient(layer)
    return InputMaps(values=to_array(torch.cat(parts).transpose(0, 1)), extent=extent)


def no_spatial_layer() -> ModelError:
    """What is told of a tower that turns its feature maps into tokens."""
    return ModelError(
        "the image tower reads tokens and ends in no feature map",
        remedy="use attention-gradient, chefer or rise",
    )


def _zero_gradient(layer: SpatialLayer) -> ModelError:
    return ModelError(
        f'the scores have no gradient by the layer "{layer.name}": a map of it would be empty',
        remedy="name an earlier layer (the last block's first norm), or use rise",
    )


@contextmanager
def _output_of(tower: torch.nn.Module, name: str) -> Iterator[list[torch.Tensor]]:
    """What a module returns at each of its calls."""
    try:
        module = tower.get_submodule(name)
    except AttributeError:
        raise ModelError(
            f'the image tower has no layer "{name}"', remedy="name none: the last one is found"
        ) from None
    seen: list[torch.Tensor] = []
    hook = module.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    try:
        yield seen
    finally:
        hook.remove()


def _channels_first(
    tower: torch.nn.Module,
    layer: SpatialLayer,
    activation: torch.Tensor,
    gradient: torch.Tensor,
    size: tuple[int, int],
) -> tuple[torch.Tensor, torch.Tensor, tuple[float, float]]:
    """Both as (…, K, h, w), and the input pixels that h x w covers."""
    whole = (float(size[0]), float(size[1]))
    if activation.ndim == _SPATIAL:
        if layer.channels_last:
            return activation.movedim(-1, -3), gradient.movedim(-1, -3), whole
        return activation, gradient, whole
    if activation.ndim != _SEQUENCE:
        raise ModelError(
            f'the layer "{layer.name}" returns neither a feature map nor tokens',
            remedy="name another layer, or none",
        )
    layout = token_layout(tower, activation.shape[1], size)
    activation, gradient = (
        tokens[..., layout.prefix :, :].transpose(-1, -2) for tokens in (activation, gradient)
    )
    return (
        activation.reshape(*activation.shape[:-1], *layout.grid),
        gradient.reshape(*gradient.shape[:-1], *layout.grid),
        layout.extent,
    )
