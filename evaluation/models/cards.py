"""Model cards: what is known of a model before its weights are here.

Sizes are computed, on PyTorch's ``meta`` device, where a tensor has a shape and no content: a
model of any size is built in a fraction of a second.  What cannot be computed (licence,
training data, published accuracy) stands in ``facts.toml`` with its sources.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.models.hub import HUB
from evaluation.records import Licence, ModelSpec

if TYPE_CHECKING:
    import torch

FACTS = Path(__file__).with_name("facts.toml")
QUOTED: Mapping[str, Any] = tomllib.loads(FACTS.read_text(encoding="utf-8"))


def published(spec: ModelSpec) -> Mapping[str, Any]:
    """Fields of :class:`evaluation.records.ModelCard`: what ``facts.toml`` quotes, and a page."""
    known = _known(spec)
    accuracy = known.get("imagenet")
    return {
        "licence": licence_of(spec),
        "training": known.get("training", {}),
        "page": known.get("page", _hub_page(spec)),
        "published": accuracy,
        "published_source": "" if accuracy is None else QUOTED["sources"]["results"],
    }


def licence_of(spec: ModelSpec) -> Licence | None:
    """The licence of published weights, as ``facts.toml`` has it; None when it does not."""
    known = _known(spec)
    if "licence" not in known:
        return None
    return Licence(
        name=known["licence"], url=known["licence_url"], commercial=known.get("commercial")
    )


def parameters(module: torch.nn.Module) -> int:
    """How many weights a module has."""
    return sum(parameter.numel() for parameter in module.parameters())


def gflops(module: torch.nn.Module, resolution: tuple[int, int]) -> float:
    """Billions of operations for one photo: two a multiply-add, as open_clip's table counts.

    Of an image tower on the ``meta`` device, for photos of ``resolution`` (H, W).
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    module.eval().requires_grad_(requires_grad=False)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        module(torch.empty(1, 3, *resolution, device="meta"))
    return float(counter.get_total_flops()) / 1e9


def _known(spec: ModelSpec) -> Mapping[str, Any]:
    """The entry of ``facts.toml`` for these weights; {} without one."""
    architecture, weights = as_tag(spec)
    wanted = {"architecture": architecture, "weights": weights, "kind": spec.kind}
    entries: list[Mapping[str, Any]] = QUOTED["models"]
    for entry in entries:
        if all(entry.get(key, value) == value for key, value in wanted.items()):
            return entry
    return {}


def as_tag(spec: ModelSpec) -> tuple[str, str]:
    """The architecture and tag of weights; those of a repository when open_clip lists it."""
    from open_clip.pretrained import list_pretrained

    if spec.weights.startswith(HUB):
        page = _hub_page(spec)
        for architecture, tag in list_pretrained():
            if _page_of_tag(architecture, tag) == page:
                return architecture, tag
    return spec.architecture, spec.weights


def _hub_page(spec: ModelSpec) -> str:
    """The page of a repository of the hub; "" for weights from elsewhere."""
    if spec.weights.startswith(HUB):
        return f"https://huggingface.co/{spec.weights.removeprefix(HUB)}"
    return _page_of_tag(spec.architecture, spec.weights)


def _page_of_tag(architecture: str, tag: str) -> str:
    from open_clip.pretrained import get_pretrained_cfg

    place = str(get_pretrained_cfg(architecture, tag).get("hf_hub", ""))
    return f"https://huggingface.co/{place.rpartition('/')[0]}" if place else ""
