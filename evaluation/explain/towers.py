"""What an image tower is made of: where its tokens lie, and its last spatial layer.

Nothing is looked up by architecture: one forward pass is watched.  A tower whose last
feature map is pooled is explained there (CAM); one that turns it into tokens is explained
through its attention.  Both hold for hybrids such as FastViT, and for CLIP's ResNets, whose
last feature map is pooled by attention.
"""

import math
from collections.abc import Collection, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import torch

from evaluation.errors import ModelError
from evaluation.explain.recorder import recording
from evaluation.models.base import Explainable, input_size
from evaluation.records import Record

_SPATIAL, _SEQUENCE = 4, 3
"""Dimensions of a batch of feature maps, and of token sequences."""
_Event = tuple[str, tuple[int, ...], int]
"""A module that ends: its name, the shape it returns, and the attentions computed before."""


class TokenLayout(Record):
    """Where the keys of an attention lie on the image."""

    prefix: int
    """Keys before those of the patches, which are nowhere: class token, registers."""
    grid: tuple[int, int]
    """Rows and columns of patches."""
    extent: tuple[float, float]
    """Height and width, in input pixels, that the grid covers from the top left."""


class SpatialLayer(Record):
    """A layer whose output is a feature map."""

    name: str
    """Within the tower: "layer4", "trunk.bn2"."""
    channels_last: bool = False
    """Whether its output is (B, h, w, K) instead of (B, K, h, w)."""


class Tower(Record):
    """What one forward pass of a tower showed."""

    attentions: tuple[tuple[int, ...], ...]
    """Shapes (B, H, Q, K) of the recorded attentions, for a batch of one."""
    layout: TokenLayout | None
    """Of the last attention; None when its keys make no grid, or there is none."""
    spatial: SpatialLayer | None
    """The last feature map before the pooling; None when the tower reads tokens."""
    input_size: tuple[int, int]
    """Height and width of the pixels it reads."""


def inspect_tower(model: Explainable) -> Tower:
    """Looks at one forward pass on noise."""
    tower, size = model.image_tower, input_size(model.preprocessing)
    noise = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
    events: list[_Event] = []

    def note(name: str, _module: object, _inputs: object, output: object = None) -> None:
        events.append((name, tuple(getattr(output, "shape", ())), len(records)))

    with torch.no_grad(), recording() as records, ExitStack() as hooks:
        pools = set()
        for name, module in list(tower.named_modules())[1:]:
            # open_clip's AttentionPool2d, timm's AttentionPool2d and RotAttentionPool2d.
            if "AttentionPool2d" in type(module).__name__:
                pools.add(name)
                hooks.callback(module.register_forward_pre_hook(partial(note, name)).remove)
            hooks.callback(module.register_forward_hook(partial(note, name)).remove)
        model.forward(noise)
    shapes = tuple(tuple(record.weights.shape) for record in records)
    layout = None
    # A batch of one that became several is attention within windows (Swin).
    if shapes and all(len(shape) == 4 and shape[0] == 1 for shape in shapes):  # noqa: PLR2004
        # A second pooling reads the queries of the first: the image is what the first ones read.
        with suppress(ModelError):
            layout = token_layout(tower, shapes[0][-1], size)
    channels_last = str(getattr(_trunk_of(tower), "output_fmt", "NCHW")).endswith("NHWC")
    spatial = _last_map(events, pools, len(shapes), channels_last=channels_last)
    return Tower(attentions=shapes, layout=layout, spatial=spatial, input_size=size)


def _last_map(
    events: Sequence[_Event], pools: Collection[str], attentions: int, *, channels_last: bool
) -> SpatialLayer | None:
    """The last feature map, unless it was cut into tokens afterwards.

    What happens within a pool of feature maps, attention included, is the pooling.
    """
    layer, before, pooling = None, 0, 0
    running: int | None = None
    for name, shape, count in events:
        if name in pools and running is None:
            running = count
        elif name in pools and running is not None:
            pooling, running = pooling + count - running, None
        elif running is not None:
            continue
        elif len(shape) == _SPATIAL and min(shape[1:3] if channels_last else shape[2:]) > 1:
            layer = SpatialLayer(name=name, channels_last=channels_last)
            before = count - pooling
        elif len(shape) == _SEQUENCE and shape[1] > 1:
            layer = None
    return layer if attentions - pooling == before else None


def token_layout(tower: torch.nn.Module, keys: int, size: tuple[int, int]) -> TokenLayout:
    """How ``keys`` tokens cover an input of ``size`` (height, width) pixels.

    Raises :class:`ModelError` when they make no grid.
    """
    trunk = _trunk_of(tower)
    # timm says it.  open_clip's and torchvision's ViTs begin with their class token; CLIP's ResNets
    # pool with the mean of all positions as a first token, which is nowhere in particular.
    begins = any(hasattr(trunk, name) for name in ("class_embedding", "class_token", "attnpool"))
    prefix = int(getattr(trunk, "num_prefix_tokens", begins))
    holder = trunk if hasattr(trunk, "grid_size") else getattr(trunk, "patch_embed", None)
    known = getattr(holder, "grid_size", None)
    grid = None if known is None else (int(known[0]), int(known[1]))
    if grid is not None and keys - grid[0] * grid[1] in (0, prefix):
        prefix = keys - grid[0] * grid[1]
    elif (grid := _fitting_grid(keys - prefix, size)) is None:
        prefix, grid = 0, _fitting_grid(keys, size)
    if grid is None:
        raise ModelError(
            f"{keys} tokens make no grid over {size[0]} x {size[1]} pixels",
            remedy="use the method rise",
        )
    patch = _patch_size(trunk)
    height, width = (
        float(side if patch is None else min(side, cells * patch[axis]))
        for axis, (side, cells) in enumerate(zip(size, grid, strict=True))
    )
    return TokenLayout(prefix=prefix, grid=grid, extent=(height, width))


def _trunk_of(tower: Any) -> Any:
    """The trunk within open_clip's adapter of timm, or the tower itself."""
    return getattr(tower, "trunk", tower)


def _fitting_grid(patches: int, size: tuple[int, int]) -> tuple[int, int] | None:
    if patches < 1:
        return None
    rows = round(math.sqrt(patches * size[0] / size[1]))
    if rows < 1 or patches % rows:
        return None
    columns = patches // rows
    # The cells must be square, but for rounding.
    return (rows, columns) if abs(rows * size[1] - columns * size[0]) <= max(size) else None


def _patch_size(trunk: Any) -> tuple[int, int] | None:
    """Height and width of a patch, when patches are cut straight from the pixels."""
    conv = getattr(getattr(trunk, "patch_embed", None), "proj", None)  # timm
    if conv is None and hasattr(trunk, "class_embedding"):
        conv = getattr(trunk, "conv1", None)  # open_clip
    if conv is None and hasattr(trunk, "class_token"):
        conv = getattr(trunk, "conv_proj", None)  # torchvision
    kernel, stride = getattr(conv, "kernel_size", None), getattr(conv, "stride", None)
    if not isinstance(kernel, tuple) or kernel != stride or getattr(conv, "in_channels", 0) != 3:  # noqa: PLR2004
        return None
    return int(kernel[0]), int(kernel[1])
