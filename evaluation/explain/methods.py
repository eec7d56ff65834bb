"""Which methods a model allows, and one way to call them all.

What a tower allows is seen in one forward pass (:func:`evaluation.explain.towers.inspect_tower`);
a method that does not apply is refused with a line that names one that does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation.errors import ModelError
from evaluation.explain.attention_gradient import attention_gradient, chefer
from evaluation.explain.base import ImageModel, InputMaps, Progress, Score
from evaluation.explain.cam import class_activation, no_spatial_layer
from evaluation.explain.rise import RiseSettings, rise
from evaluation.explain.towers import Tower
from evaluation.records import EXPLAIN_METHODS, ExplainMethod

if TYPE_CHECKING:
    import torch


def refusal(method: ExplainMethod, tower: Tower) -> ModelError | None:
    """Why a method does not apply to a tower, naming one that does; None when it applies."""
    if method not in EXPLAIN_METHODS:
        return ModelError(
            f'no method "{method}"', remedy=f"choose one of {', '.join(EXPLAIN_METHODS)}"
        )
    if method in ("hirescam", "gradcam") and tower.spatial is None:
        return no_spatial_layer()
    if method in ("attention-gradient", "chefer") and tower.layout is None:
        has = "computes it within windows" if tower.attentions else "has none"
        other = "rise" if tower.spatial is None else "hirescam or rise"
        return ModelError(
            f"{method} needs attention over the image, and this tower {has}",
            remedy=f"use {other}",
        )
    return None


def own_method(tower: Tower) -> ExplainMethod:
    """The method that reads a tower from inside: what an empty list of methods begins with.

    Where the last attention is a pool, its own gradient is more faithful than relevance through
    all layers; where a class token is read, it is the other way round (deletion and insertion
    on the toy models of the tests).
    """
    if tower.spatial is not None:
        return "hirescam"
    if tower.layout is None:
        return "rise"
    _, _, queries, keys = tower.attentions[-1]
    return "chefer" if queries == keys else "attention-gradient"


def resolve_methods(methods: tuple[ExplainMethod, ...], tower: Tower) -> tuple[ExplainMethod, ...]:
    """The methods asked for, or those that a tower is explained by when none is asked for."""
    return tuple(dict.fromkeys(methods or (own_method(tower), "rise")))


def class_maps(
    method: ExplainMethod,
    model: ImageModel,
    tower: Tower,
    score: Score,
    pixels: torch.Tensor,
    *,
    settings: RiseSettings | None = None,
    batch_size: int = 32,
    progress: Progress | None = None,
) -> InputMaps:
    """The maps of every class, for (B, 3, H, W) images, by any method.

    Args:
        method: Which one.
        model: The model.
        tower: What :func:`inspect_tower` saw of it.
        score: What is explained.
        pixels: The images.
        settings: Of RISE.
        batch_size: Of RISE; the other methods take all images at once.
        progress: Of RISE.

    Raises:
        ModelError: the method does not apply to this tower, or its gradient is zero.

    """
    refused = refusal(method, tower)
    if refused is not None:
        raise refused
    if method == "attention-gradient":
        return attention_gradient(model, score, pixels)
    if method == "chefer":
        return chefer(model, score, pixels)
    if method == "rise":
        return rise(
            model, score, pixels, settings=settings, batch_size=batch_size, progress=progress
        )
    return class_activation(model, score, pixels, kind=method, layer=tower.spatial)
