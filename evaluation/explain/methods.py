"""The explanation methods, one row each: what runs one, where it applies, what it costs.

What a tower allows is seen in one forward pass (:func:`evaluation.explain.towers.inspect_tower`);
a method that does not apply is refused with a line that names one that does.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, field
from functools import partial
from typing import Any, Literal, cast

import numpy as np
import torch

from evaluation.errors import ModelError
from evaluation.explain.attention_gradient import attention_gradient, chefer
from evaluation.explain.base import InputMaps, Score
from evaluation.explain.cam import class_activation
from evaluation.explain.rise import RiseSettings, rise_maps
from evaluation.explain.towers import SpatialLayer, Tower
from evaluation.models.base import Explainable
from evaluation.records import REFERENCE_METHOD, ExplainMethod, ExplainSpec, FloatArray, Record

SHARES = (0.25, 0.5, 0.75, 1.0)
"""Of a tower's weights, the last ones first: how many are shuffled to see what maps are made of."""


class Look(Record):
    """What a method is given: a model, images, and what is explained of them."""

    model: Explainable
    tower: Tower
    """What :func:`inspect_tower` saw of the model."""
    score: Score
    pixels: Callable[[], torch.Tensor]
    """(B, 3, H, W); photos are decoded only when it is called."""
    masks: RiseSettings = field(default_factory=RiseSettings)
    masked: Callable[[], Iterable[FloatArray]] = tuple
    """(N, D) embeddings of each image under the masks, which do not depend on the score."""


class Method(Record):
    """A row of ``METHODS``."""

    run: Callable[[Look], InputMaps]
    """The maps of every class of the score."""
    refuse: Callable[[Tower], ModelError | None] = lambda _tower: None
    """Why it does not apply to a tower, naming one that does; None when it applies."""
    passes: Callable[[ExplainSpec], int] = lambda _spec: 1
    """Forward passes of an image."""
    work: Callable[[ExplainSpec], int] = lambda _spec: 3
    """The same with a backward pass counted as two, which is about what it costs."""
    photos: Callable[[ExplainSpec], int | None] = lambda _spec: None
    """How many photos of a case it explains at most; None for all."""
    layer: Callable[[Tower], str] = lambda _tower: ""
    """The layer that it reads, where it reads one."""
    settings: Callable[[ExplainSpec], dict[str, Any]] = lambda _spec: {}
    """What of a specification changes its maps."""
    masked: bool = False
    """Whether it reads :attr:`Look.masked`, which every prompt set of a model shares."""
    together: bool = False
    """Whether a batch of photos fits into one pass: the attentions of a large tower do not."""
    shares: tuple[float, ...] = SHARES
    """Of the weights, where its maps are compared with those of shuffled ones."""


def _needs_layout(name: str, tower: Tower) -> ModelError | None:
    if tower.layout is not None:
        return None
    has = "computes it within windows" if tower.attentions else "has none"
    other = "rise" if tower.spatial is None else "hirescam or rise"
    return ModelError(
        f"{name} needs attention over the image, and this tower {has}", remedy=f"use {other}"
    )


def _needs_spatial(tower: Tower) -> ModelError | None:
    if tower.spatial is not None:
        return None
    return ModelError(
        "the image tower reads tokens and ends in no feature map",
        remedy="use attention-gradient, chefer or rise",
    )


def _cam(kind: Literal["hirescam", "gradcam"], look: Look) -> InputMaps:
    layer = cast("SpatialLayer", look.tower.spatial)
    return class_activation(look.model, look.score, look.pixels(), layer, kind=kind)


def masks_of(spec: ExplainSpec) -> RiseSettings:
    """The masks that a study declares."""
    return RiseSettings(masks=spec.masks, seed=spec.seed)


def _rise(look: Look) -> InputMaps:
    size = look.tower.input_size
    maps = [rise_maps(rows, look.score, look.masks, size) for rows in look.masked()]
    return InputMaps(values=np.concatenate([image.values for image in maps]), extent=maps[0].extent)


METHODS: Mapping[ExplainMethod, Method] = {
    "attention-gradient": Method(
        run=lambda look: attention_gradient(look.model, look.score, look.pixels()),
        refuse=partial(_needs_layout, "attention-gradient"),
    ),
    "chefer": Method(
        run=lambda look: chefer(look.model, look.score, look.pixels()),
        refuse=partial(_needs_layout, "chefer"),
    ),
    **{
        kind: Method(
            run=partial(_cam, kind),
            refuse=_needs_spatial,
            layer=lambda tower: tower.spatial.name if tower.spatial else "",
            together=True,
        )
        for kind in ("hirescam", "gradcam")
    },
    "rise": Method(
        run=_rise,
        passes=lambda spec: spec.masks,
        work=lambda spec: spec.masks,
        photos=lambda spec: max(spec.rise_photos, spec.faithfulness_photos),
        settings=lambda spec: asdict(masks_of(spec)),
        masked=True,
        # It would cost as much again at every step: the end is what counts.
        shares=SHARES[-1:],
    ),
}


def own_method(tower: Tower) -> ExplainMethod:
    """The method that reads a tower from inside: what an empty list of methods begins with."""
    if tower.spatial is not None:
        return "hirescam"
    if tower.layout is None:
        return "rise"
    # Where the last attention is a pool, its own gradient is more faithful than relevance
    # through all layers; where a class token is read, it is the other way round (deletion and
    # insertion on the toy models of the tests).  A pool has other queries than keys.
    _, _, queries, keys = tower.attentions[-1]
    return "attention-gradient" if queries != keys else "chefer"


def resolve_methods(spec: ExplainSpec, tower: Tower) -> tuple[ExplainMethod, ...]:
    """The methods asked for, or those of a tower when none is, that are to explain any photo."""
    asked = dict.fromkeys(spec.methods or (own_method(tower), REFERENCE_METHOD))
    return tuple(method for method in asked if METHODS[method].photos(spec) != 0)
