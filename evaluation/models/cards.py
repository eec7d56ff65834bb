"""Model cards: what is known of a model before its weights are here.

Sizes are computed, on PyTorch's ``meta`` device, where a tensor has a shape and no content: a
model of any size is built in a fraction of a second.  What cannot be computed (licence,
training data, published accuracy) stands in ``facts.toml`` with its sources.
"""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.errors import VeilleError
from evaluation.models.hub import HUB, hub_offline
from evaluation.records import Licence, ModelCard, ModelSpec

if TYPE_CHECKING:
    import torch

FACTS = Path(__file__).with_name("facts.toml")


def card(spec: ModelSpec, sizes_of: Callable[[ModelSpec], Mapping[str, Any]]) -> ModelCard:
    """What is known of a model here and now; nothing is fetched, and nothing is raised.

    ``sizes_of`` is its kind's; see :meth:`evaluation.models.base.Maker.sizes`.
    """
    sizes: Mapping[str, Any] = {}
    # A model that cannot be built has no sizes: its case says why, the card need not.
    with contextlib.suppress(Exception), hub_offline():
        sizes = sizes_of(spec)
    known, sources = _facts(spec)
    published = known.get("imagenet")
    return ModelCard(
        model=spec,
        **sizes,
        licence=licence_of(spec),
        training=known.get("training", {}),
        page=known.get("page", _hub_page(spec)),
        published=published,
        published_source=sources["results"] if published is not None else "",
    )


def licence_of(spec: ModelSpec) -> Licence | None:
    """The licence of published weights, as ``facts.toml`` has it; None when it does not."""
    known, _ = _facts(spec)
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


@cache
def facts() -> Mapping[str, Any]:
    """The whole of ``facts.toml``."""
    return tomllib.loads(FACTS.read_text(encoding="utf-8"))


def _facts(spec: ModelSpec) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """What is published of these weights, and the sources of all figures."""
    architecture, weights = as_tag(spec)
    wanted = {"architecture": architecture, "weights": weights, "kind": spec.kind}
    known: Mapping[str, Any] = next(
        (
            entry
            for entry in facts()["models"]
            if all(entry[key] == wanted[key] for key in wanted.keys() & entry.keys())
        ),
        {},
    )
    return known, facts()["sources"]


def as_tag(spec: ModelSpec) -> tuple[str, str]:
    """The architecture and tag of weights; those of a repository when open_clip lists it."""
    from open_clip.pretrained import get_pretrained_cfg, list_pretrained

    if spec.weights.startswith(HUB):
        repository = spec.weights.removeprefix(HUB)
        for architecture, tag in list_pretrained():
            place = str(get_pretrained_cfg(architecture, tag).get("hf_hub", ""))
            if place.rpartition("/")[0] == repository:
                return architecture, tag
    return spec.architecture, spec.weights


def _hub_page(spec: ModelSpec) -> str:
    """The page of a repository of the hub; "" for weights from elsewhere."""
    from open_clip.pretrained import get_pretrained_cfg

    if spec.weights.startswith(HUB):
        return f"https://huggingface.co/{spec.weights.removeprefix(HUB)}"
    with contextlib.suppress(VeilleError, AttributeError):
        place = str(get_pretrained_cfg(spec.architecture, spec.weights).get("hf_hub", ""))
        return f"https://huggingface.co/{place.rpartition('/')[0]}" if place else ""
    return ""
