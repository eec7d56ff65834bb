"""What an image tower is made of: where its tokens lie, and its last spatial layer.

Nothing is looked up by architecture: one forward pass is watched.  A tower whose last
feature map is pooled is explained there (CAM); one that turns it into tokens is explained
through its attention.  Both hold for hybrids such as FastViT, and for CLIP's ResNets, whose
last feature map is pooled by attention.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from evaluation.errors import ModelError
from evaluation.explain.base import Explainable
from evaluation.explain.recorder import RecordedAttention, recording
from evaluation.models.base import input_size

_SPATIAL, _SEQUENCE = 4, 3
"""Dimensions of a batch of feature maps, and of token sequences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLayout:
    """Where the keys of an attention lie on the image."""

    prefix: int
    """Keys before those of the patches, which are nowhere: class token, registers."""
    grid: tuple[int, int]
    """Rows and columns of patches."""
    extent: tuple[float, float]
    """Height and width, in input pixels, that the grid covers from the top left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialLayer:
    """A layer whose output is a feature map."""

    name: str
    """Within the tower: "layer4", "trunk.bn2"."""
    channels_last: bool = False
    """Whether its output is (B, h, w, K) instead of (B, K, h, w)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tower:
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
    height, width = input_size(model.preprocessing)
    noise = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    watch = _Watch()
    with torch.no_grad(), recording() as records, watch.over(model.image_tower, records):
        model.forward(noise)
    shapes = tuple(tuple(record.weights.shape) for record in records)
    return Tower(
        attentions=shapes,
        layout=_last_layout(model.image_tower, shapes, (height, width)),
        spatial=watch.spatial_layer(len(records)),
        input_size=(height, width),
    )


def _last_layout(
    tower: torch.nn.Module, shapes: Sequence[tuple[int, ...]], size: tuple[int, int]
) -> TokenLayout | None:
    # A batch of one that became several is attention within windows (Swin).
    if not shapes or any(len(shape) != 4 or shape[0] != 1 for shape in shapes):  # noqa: PLR2004
        return None
    # A second pooling reads the queries of the first: the image is what the first ones read.
    try:
        return token_layout(tower, shapes[0][-1], size)
    except ModelError:
        return None


def token_layout(tower: torch.nn.Module, keys: int, size: tuple[int, int]) -> TokenLayout:
    """How ``keys`` tokens cover an input of ``size`` (height, width) pixels.

    Raises :class:`ModelError` when they make no grid.
    """
    trunk = getattr(tower, "trunk", tower)
    prefix = _prefix_tokens(trunk)
    known = _known_grid(trunk)
    if known is not None and keys - known[0] * known[1] in (0, prefix):
        grid, prefix = known, keys - known[0] * known[1]
    else:
        fitting = _fitting_grid(keys - prefix, size)
        if fitting is None:
            prefix, fitting = 0, _fitting_grid(keys, size)
        if fitting is None:
            raise ModelError(
                f"{keys} tokens make no grid over {size[0]} x {size[1]} pixels",
                remedy="use the method rise",
            )
        grid = fitting
    return TokenLayout(prefix=prefix, grid=grid, extent=_extent(trunk, grid, size))


def _prefix_tokens(trunk: Any) -> int:
    count = getattr(trunk, "num_prefix_tokens", None)  # timm
    if count is not None:
        return int(count)
    # open_clip's and torchvision's ViTs begin with their class token; CLIP's ResNets pool with
    # the mean of all positions as a first token, which is nowhere in particular.
    return int(any(hasattr(trunk, name) for name in ("class_embedding", "class_token", "attnpool")))


def _known_grid(trunk: Any) -> tuple[int, int] | None:
    holder = trunk if hasattr(trunk, "grid_size") else getattr(trunk, "patch_embed", None)
    grid = getattr(holder, "grid_size", None)
    return None if grid is None else (int(grid[0]), int(grid[1]))


def _fitting_grid(patches: int, size: tuple[int, int]) -> tuple[int, int] | None:
    if patches < 1:
        return None
    rows = round(math.sqrt(patches * size[0] / size[1]))
    if rows < 1 or patches % rows:
        return None
    columns = patches // rows
    # The cells must be square, but for rounding.
    return (rows, columns) if abs(rows * size[1] - columns * size[0]) <= max(size) else None


def _extent(trunk: Any, grid: tuple[int, int], size: tuple[int, int]) -> tuple[float, float]:
    patch = _patch_size(trunk)
    if patch is None:
        return float(size[0]), float(size[1])
    return float(min(size[0], grid[0] * patch[0])), float(min(size[1], grid[1] * patch[1]))


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


@dataclass(slots=True)
class _Watch:
    """Notes what each module of a tower returns, in the order in which they end."""

    layer: SpatialLayer | None = None
    """The last module so far that returned a feature map."""
    attentions: int = 0
    """Attentions computed before that module returned, and within pools of feature maps."""
    tokens_since: bool = False
    """Whether a module has returned a sequence of tokens since then."""
    _pools: list[int] = field(default_factory=list)
    """Attentions before each pool of feature maps that is running."""

    @contextmanager
    def over(self, tower: torch.nn.Module, records: list[RecordedAttention]) -> Iterator[None]:
        channels_last = _is_channels_last(tower)
        with ExitStack() as stack:
            for name, module in tower.named_modules():
                if not name:
                    continue
                if _pools_feature_maps(module):
                    enter = module.register_forward_pre_hook(
                        lambda *_: self._pools.append(len(records))
                    )
                    leave = module.register_forward_hook(lambda *_: self._end_pool(len(records)))
                    stack.callback(enter.remove)
                    stack.callback(leave.remove)
                else:
                    hook = module.register_forward_hook(
                        self._noting(name, records, channels_last=channels_last)
                    )
                    stack.callback(hook.remove)
            yield

    def _end_pool(self, attentions: int) -> None:
        self.attentions += attentions - self._pools.pop()

    def _noting(self, name: str, records: list[RecordedAttention], *, channels_last: bool) -> Any:
        def note(_module: object, _inputs: object, output: Any) -> None:
            shape = tuple(getattr(output, "shape", ()))
            if self._pools:
                return
            if len(shape) == _SPATIAL:
                sides = shape[1:3] if channels_last else shape[2:]
                if min(sides) > 1:
                    self.layer = SpatialLayer(name=name, channels_last=channels_last)
                    self.attentions, self.tokens_since = len(records), False
            elif len(shape) == _SEQUENCE and shape[1] > 1:
                self.tokens_since = True

        return note

    def spatial_layer(self, attentions: int) -> SpatialLayer | None:
        """The layer, unless what it returned was cut into tokens afterwards."""
        if self.tokens_since or attentions > self.attentions:
            return None
        return self.layer


def _pools_feature_maps(module: torch.nn.Module) -> bool:
    # open_clip's AttentionPool2d, timm's AttentionPool2d and RotAttentionPool2d.
    return "AttentionPool2d" in type(module).__name__


def _is_channels_last(tower: torch.nn.Module) -> bool:
    trunk = getattr(tower, "trunk", tower)
    return str(getattr(trunk, "output_fmt", "NCHW")).endswith("NHWC")
