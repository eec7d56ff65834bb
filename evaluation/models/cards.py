"""Model cards: what is known of a model before its weights are here.

Sizes are computed, on PyTorch's ``meta`` device, where a tensor has a shape and no content: a
model of any size is built in a fraction of a second.  What cannot be computed (licence,
training data, published accuracy) stands in ``facts.toml`` with its sources.
"""

from __future__ import annotations

import contextlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.errors import VeilleError
from evaluation.models import embedded
from evaluation.models.clip import HUB, is_path
from evaluation.models.hub import HUB_CONFIG, cached_file, hub_offline
from evaluation.models.supervised.trunks import create_trunk
from evaluation.records import Licence, ModelCard, ModelSpec

if TYPE_CHECKING:
    import torch

FACTS = Path(__file__).with_name("facts.toml")
DEFAULT_CONTEXT = 77
"""open_clip's context length, when a configuration says none."""


def model_card(spec: ModelSpec) -> ModelCard:
    """What is known of a model here and now; nothing is fetched, and nothing is raised."""
    sizes = _Sizes()
    # A model that cannot be built has no sizes: its case says why, the card need not.
    with contextlib.suppress(Exception), hub_offline():
        sizes = _clip_sizes(spec) if spec.kind == "clip" else _trunk_sizes(spec)
    facts, sources = _facts(spec)
    published = facts.get("imagenet")
    return ModelCard(
        model=spec,
        resolution=sizes.resolution,
        image_parameters=sizes.image_parameters,
        text_parameters=sizes.text_parameters,
        image_gflops=sizes.image_gflops,
        embed_dim=sizes.embed_dim,
        context_length=sizes.context_length,
        licence=licence_of(spec),
        training=facts.get("training", {}),
        page=facts.get("page", _hub_page(spec)),
        published=published,
        published_source=sources["results"] if published is not None else "",
    )


def licence_of(spec: ModelSpec) -> Licence | None:
    """The licence of published weights, as ``facts.toml`` has it; None when it does not."""
    facts, _ = _facts(spec)
    if "licence" not in facts:
        return None
    return Licence(
        name=facts["licence"], url=facts["licence_url"], commercial=facts.get("commercial")
    )


# --------------------------------------------------------------------------- sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sizes:
    resolution: tuple[int, int] | None = None
    image_parameters: int | None = None
    text_parameters: int | None = None
    image_gflops: float | None = None
    embed_dim: int | None = None
    context_length: int | None = None


def _clip_sizes(spec: ModelSpec) -> _Sizes:
    import torch  # noqa: PLC0415 - slow to import
    from open_clip.model import _build_text_tower, _build_vision_tower  # noqa: PLC0415

    config = _configuration(spec)
    if config is None:
        return _Sizes()
    dim, quick_gelu = int(config["embed_dim"]), bool(config.get("quick_gelu"))
    text = {**config["text_cfg"], "hf_model_pretrained": False}
    vision = {**config["vision_cfg"], "timm_model_pretrained": False}
    with torch.device("meta"):
        image_tower = _build_vision_tower(dim, vision, quick_gelu)
    resolution = _square(image_tower.image_size)
    text_parameters = None
    # A text tower that is described in a repository of the hub may not be known here.
    with contextlib.suppress(OSError), torch.device("meta"):
        text_parameters = _parameters(_build_text_tower(dim, text, quick_gelu))
    return _Sizes(
        resolution=resolution,
        image_parameters=_parameters(image_tower),
        text_parameters=text_parameters,
        image_gflops=gflops(image_tower, resolution),
        embed_dim=dim,
        context_length=int(text.get("context_length", DEFAULT_CONTEXT)),
    )


def _configuration(spec: ModelSpec) -> Mapping[str, Any] | None:
    """open_clip's configuration of a model; None when it is not known here."""
    import open_clip  # noqa: PLC0415 - slow to import

    if spec.weights == "embedded":
        return embedded.model_config(embedded.text_folder())
    path: Path | None = None
    if spec.weights.startswith(HUB):
        path = cached_file(spec.weights.removeprefix(HUB), (HUB_CONFIG,))
    elif is_path(spec.weights) and Path(spec.weights).is_dir():
        path = Path(spec.weights) / HUB_CONFIG
    if path is None:
        config: Mapping[str, Any] | None = open_clip.get_model_config(_as_tag(spec)[0])
        return config
    described: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))["model_cfg"]
    return described


def _trunk_sizes(spec: ModelSpec) -> _Sizes:
    import torch  # noqa: PLC0415 - slow to import

    with torch.device("meta"):
        trunk = create_trunk(spec)
    embedded_size = embedded.PREPROCESS["size"] if spec.weights == "embedded" else None
    size = spec.options.get("size") or embedded_size or trunk.preprocess["size"]
    resolution = _square(size)
    return _Sizes(
        resolution=resolution,
        image_parameters=_parameters(trunk.module),
        image_gflops=gflops(trunk.module, resolution),
        embed_dim=trunk.dim,
    )


def _square(size: Any) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)


def _parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def gflops(module: torch.nn.Module, resolution: tuple[int, int]) -> float:
    """Billions of operations for one photo: two a multiply-add, as open_clip's table counts.

    Args:
        module: An image tower on the ``meta`` device: photos (B, 3, H, W) in.
        resolution: H and W.

    """
    import torch  # noqa: PLC0415 - slow to import
    from torch.utils.flop_counter import FlopCounterMode  # noqa: PLC0415

    module.eval().requires_grad_(requires_grad=False)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        module(torch.empty(1, 3, *resolution, device="meta"))
    return float(counter.get_total_flops()) / 1e9


# --------------------------------------------------------------------------- facts


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(FACTS.read_text(encoding="utf-8"))


def _facts(spec: ModelSpec) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """What is published of these weights, and the sources of all figures."""
    architecture, weights = _as_tag(spec)
    wanted = {"architecture": architecture, "weights": weights, "kind": spec.kind}
    found: Mapping[str, Any] = next(
        (
            entry
            for entry in _table()["models"]
            if all(entry[key] == wanted[key] for key in wanted.keys() & entry.keys())
        ),
        {},
    )
    return found, _table()["sources"]


def _as_tag(spec: ModelSpec) -> tuple[str, str]:
    """The architecture and tag of weights; those of a repository when open_clip lists it."""
    from open_clip.pretrained import get_pretrained_cfg, list_pretrained  # noqa: PLC0415

    if spec.weights.startswith(HUB):
        repository = spec.weights.removeprefix(HUB)
        for architecture, tag in list_pretrained():
            place = str(get_pretrained_cfg(architecture, tag).get("hf_hub", ""))
            if place.rpartition("/")[0] == repository:
                return architecture, tag
    return spec.architecture, spec.weights


def _hub_page(spec: ModelSpec) -> str:
    """The page of a repository of the hub; "" for weights from elsewhere."""
    from open_clip.pretrained import get_pretrained_cfg  # noqa: PLC0415 - slow to import

    if spec.weights.startswith(HUB):
        return f"https://huggingface.co/{spec.weights.removeprefix(HUB)}"
    with contextlib.suppress(VeilleError, AttributeError):
        place = str(get_pretrained_cfg(spec.architecture, spec.weights).get("hf_hub", ""))
        return f"https://huggingface.co/{place.rpartition('/')[0]}" if place else ""
    return ""
