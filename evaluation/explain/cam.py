"""Method B: class activation maps on a spatial layer.

- ``hirescam``: the sum over channels of activation * gradient (Draelos and Carin 2020).  On
  a tower that ends in an average pool and a linear head it is exact: the map adds up to the
  score, but for the bias.
- ``gradcam``: the gradient is averaged over positions first (Selvaraju et al., ICCV 2017);
  the same map where the gradient is uniform, as behind an average pool.

Maps are signed: Grad-CAM's ReLU is left to whoever draws them.
"""

from typing import Literal

import torch

from evaluation.errors import ModelError
from evaluation.explain.base import Explainable, InputMaps, Score, class_gradients, to_array
from evaluation.explain.towers import SpatialLayer


def class_activation(
    model: Explainable,
    score: Score,
    pixels: torch.Tensor,
    layer: SpatialLayer | None,
    *,
    kind: Literal["hirescam", "gradcam"],
) -> InputMaps:
    """Maps of every class on the tower's last feature map, of (B, 3, H, W) pixels.

    In one forward and one batched backward pass, which goes no deeper than the layer: before it,
    nothing is kept for gradients.  Raises :class:`ModelError`: the tower has no such layer, or the
    scores of an image have no gradient by it.
    """
    if layer is None:
        raise no_spatial_layer()
    scores, features = _scored_through(model, score, pixels, layer)
    parts, reached = [], torch.zeros(len(pixels), dtype=torch.bool, device=features.device)
    activation = _channels_first(features.detach(), layer)
    # The product with the activation is as large as the gradient.
    bytes_a_class = 2 * activation.numel() * activation.element_size()
    for (raw,) in class_gradients(scores, [features], bytes_a_class):
        if raw is None:
            break
        gradient = _channels_first(raw, layer)
        reached |= (gradient != 0).flatten(2).any(-1).any(0)
        if kind == "gradcam":
            gradient = gradient.mean(dim=(-2, -1), keepdim=True)
        parts.append((gradient * activation).sum(dim=-3))
    if not reached.all():
        raise ModelError(
            f'the scores have no gradient by the layer "{layer.name}": a map of it would be empty',
            remedy="use rise",
        )
    extent = (float(pixels.shape[-2]), float(pixels.shape[-1]))
    return InputMaps(values=to_array(torch.cat(parts).transpose(0, 1)), extent=extent)


def _scored_through(
    model: Explainable, score: Score, pixels: torch.Tensor, layer: SpatialLayer
) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, C) scores, and the layer's output, at which their graph begins."""
    seen: list[torch.Tensor] = []

    def begin(_module: object, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        torch.set_grad_enabled(True)
        # A copy: what follows may write into it, and into no leaf.
        seen.append(output.detach().requires_grad_().clone())
        return seen[-1]

    hook = model.image_tower.get_submodule(layer.name).register_forward_hook(begin)
    try:
        with torch.no_grad():
            scores = score(model.forward(pixels))
    finally:
        hook.remove()
    # Scores that do not depend on the layer have a gradient all the same, of zero.
    return scores + 0 * seen[-1].sum(), seen[-1]


def no_spatial_layer() -> ModelError:
    """What is told of a tower that turns its feature maps into tokens."""
    return ModelError(
        "the image tower reads tokens and ends in no feature map",
        remedy="use attention-gradient, chefer or rise",
    )


def _channels_first(features: torch.Tensor, layer: SpatialLayer) -> torch.Tensor:
    """(…, K, h, w)"""
    return features.movedim(-1, -3) if layer.channels_last else features
