"""Method B: class activation maps on a spatial layer.

- ``hirescam``: the sum over channels of activation * gradient (Draelos and Carin 2020).  On
  a tower that ends in an average pool and a linear head it is exact: the map adds up to the
  score, but for the bias.
- ``gradcam``: the gradient is averaged over positions first (Selvaraju et al., ICCV 2017);
  the same map where the gradient is uniform, as behind an average pool.

Maps are signed: Grad-CAM's ReLU is left to whoever draws them.

Behind an average pool a map needs no more of a photo than its last feature maps: they are kept
for all heads, and :class:`Tail` is explained instead of the tower.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch

from evaluation.errors import ModelError
from evaluation.explain.base import InputMaps, Score, class_gradients, plainly, to_array
from evaluation.explain.towers import SpatialLayer
from evaluation.models.base import Explainable, input_size
from evaluation.models.embedder import Trunk
from evaluation.records import FloatArray


def class_activation(
    model: Explainable,
    score: Score,
    pixels: torch.Tensor,
    layer: SpatialLayer,
    *,
    kind: Literal["hirescam", "gradcam"],
) -> InputMaps:
    """Maps of every class on the tower's last feature map, of (B, 3, H, W) pixels.

    In one forward and one batched backward pass, which goes no deeper than the layer: before it,
    nothing is kept for gradients.  Raises :class:`ModelError`: the scores of an image have no
    gradient by the layer.
    """
    with _cut_at(model, layer) as made:
        scores = score(model.forward(pixels))
    # Scores that do not depend on the layer have a gradient all the same, of zero.
    scores = scores + 0 * made[-1].sum()
    activation = _channels_first(made[-1].detach(), layer)
    parts, reached = [], torch.zeros(len(pixels), dtype=torch.bool, device=activation.device)
    # The product with the activation is as large as the gradient.
    bytes_a_class = 2 * activation.numel() * activation.element_size()
    for (raw,) in class_gradients(scores, [made[-1]], bytes_a_class):
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


class Tail:
    """What follows the last feature maps of a tower that ends in an average pool, as a model."""

    LAYER = SpatialLayer(name="0")

    def __init__(self, trunk: Trunk) -> None:
        self.image_tower = torch.nn.Sequential(torch.nn.Identity())
        self._project = trunk.project

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B, K, h, w) feature maps to (B, D) embeddings."""
        return self._project(self.image_tower(pixels).mean(dim=(-2, -1)))


def ends_in_pool(model: Explainable, trunk: Trunk, layer: SpatialLayer) -> bool:
    """Whether :class:`Tail` gives the embeddings of a model, as seen on noise."""
    size = input_size(model.preprocessing)
    noise = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
    features, expected = last_features(model, noise, layer)
    try:
        embeddings = to_array(Tail(trunk).forward(torch.from_numpy(features)))
    except RuntimeError:  # other channels than it projects
        return False
    same = embeddings.shape == expected.shape
    return same and bool(np.allclose(embeddings, expected, 1e-3, 1e-5))


def last_features(
    model: Explainable, pixels: torch.Tensor, layer: SpatialLayer
) -> tuple[FloatArray, FloatArray]:
    """(B, K, h, w) that the layer makes of (B, 3, H, W) pixels, and their (B, D) embeddings."""
    with _cut_at(model, layer) as made:
        embeddings = plainly(model)(pixels)
    return to_array(_channels_first(made[-1], layer)), embeddings


@contextmanager
def _cut_at(model: Explainable, layer: SpatialLayer) -> Iterator[list[torch.Tensor]]:
    """What the layer returns in a forward pass without gradients before it."""
    made: list[torch.Tensor] = []

    def begin(_module: object, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        torch.set_grad_enabled(True)
        # A copy: what follows may write into it, and into no leaf.
        made.append(output.detach().requires_grad_().clone())
        return made[-1]

    hook = model.image_tower.get_submodule(layer.name).register_forward_hook(begin)
    try:
        with torch.no_grad():
            yield made
    finally:
        hook.remove()


def _channels_first(features: torch.Tensor, layer: SpatialLayer) -> torch.Tensor:
    """(…, K, h, w)"""
    return features.movedim(-1, -3) if layer.channels_last else features
