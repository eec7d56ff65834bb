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

    In one forward and one batched backward pass.  Raises :class:`ModelError`: the tower has no such
    layer, or the scores have no gradient by it.
    """
    if layer is None:
        raise no_spatial_layer()
    inputs = pixels.detach().clone().requires_grad_()
    seen: list[torch.Tensor] = []
    module = model.image_tower.get_submodule(layer.name)
    hook = module.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    try:
        with torch.enable_grad():
            scores = score(model.forward(inputs))
    finally:
        hook.remove()
    parts, reached = [], False
    activation = _channels_first(seen[-1].detach(), layer)
    # The product with the activation is as large as the gradient.
    bytes_a_class = 2 * activation.numel() * activation.element_size()
    for (raw,) in class_gradients(scores, seen[-1:], bytes_a_class):
        if raw is None:
            break
        gradient = _channels_first(raw, layer)
        reached = reached or bool(gradient.any())
        if kind == "gradcam":
            gradient = gradient.mean(dim=(-2, -1), keepdim=True)
        parts.append((gradient * activation).sum(dim=-3))
    if not reached:
        raise ModelError(
            f'the scores have no gradient by the layer "{layer.name}": a map of it would be empty',
            remedy="use rise",
        )
    extent = (float(pixels.shape[-2]), float(pixels.shape[-1]))
    return InputMaps(values=to_array(torch.cat(parts).transpose(0, 1)), extent=extent)


def no_spatial_layer() -> ModelError:
    """What is told of a tower that turns its feature maps into tokens."""
    return ModelError(
        "the image tower reads tokens and ends in no feature map",
        remedy="use attention-gradient, chefer or rise",
    )


def _channels_first(features: torch.Tensor, layer: SpatialLayer) -> torch.Tensor:
    """(…, K, h, w)"""
    return features.movedim(-1, -3) if layer.channels_last else features
