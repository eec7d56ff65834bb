"""What is known of a zero-shot model before it is loaded: its sizes, what a checkpoint holds."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.files import json_object
from evaluation.models import embedded
from evaluation.models.base import Loading, input_size
from evaluation.models.cards import as_tag, gflops, parameters
from evaluation.models.checkpoints import Checkpoint, is_path, read_checkpoint
from evaluation.models.clip.sources import find_source, telling
from evaluation.models.hub import HUB, HUB_CONFIG, HubFile
from evaluation.records import ModelSpec

DEFAULT_CONTEXT = 77
"""open_clip's context length, when a configuration says none."""


def sizes(spec: ModelSpec) -> Mapping[str, Any]:
    """See :meth:`evaluation.models.base.Maker.sizes`."""
    import torch
    from open_clip.model import _build_text_tower, _build_vision_tower

    config = _configuration(spec)
    if config is None:
        return {}
    dim, quick_gelu = int(config["embed_dim"]), bool(config.get("quick_gelu"))
    text = {**config["text_cfg"], "hf_model_pretrained": False}
    vision = {**config["vision_cfg"], "timm_model_pretrained": False}
    with torch.device("meta"):
        image_tower = _build_vision_tower(dim, vision, quick_gelu)
    resolution = input_size({"size": image_tower.image_size})
    text_parameters = None
    # A text tower that is described in a repository of the hub may not be known here.
    with contextlib.suppress(OSError), torch.device("meta"):
        text_parameters = parameters(_build_text_tower(dim, text, quick_gelu))
    return {
        "resolution": resolution,
        "image_parameters": parameters(image_tower),
        "text_parameters": text_parameters,
        "image_gflops": gflops(image_tower, resolution),
        "embed_dim": dim,
        "context_length": int(text.get("context_length", DEFAULT_CONTEXT)),
    }


def _configuration(spec: ModelSpec) -> Mapping[str, Any] | None:
    """open_clip's configuration of a model; None when it is not known here."""
    import open_clip

    if spec.weights == "embedded":
        return embedded.model_config(embedded.text_folder())
    path: Path | None = None
    if spec.weights.startswith(HUB):
        repository = spec.weights.removeprefix(HUB)
        path = HubFile(what="", repository=repository, names=(HUB_CONFIG,)).cached()
    elif is_path(spec.weights) and Path(spec.weights).is_dir():
        path = Path(spec.weights) / HUB_CONFIG
    known: Mapping[str, Any] | None = (
        json_object(path)["model_cfg"] if path else open_clip.get_model_config(as_tag(spec)[0])
    )
    return known


def opened(spec: ModelSpec, classes: Sequence[str]) -> str:  # noqa: ARG001 - it has no head
    """See :meth:`evaluation.models.base.Maker.opened`."""
    import open_clip
    import torch

    source = find_source(spec, Loading(cache=Path(), offline=True))
    read: list[Checkpoint] = []

    def shapes(path: Path) -> dict[str, Any]:
        with torch.device("cpu"):
            read.append(read_checkpoint(path))
        return {name: value.to("meta") for name, value in read[0].tensors.items()}

    # On "meta" nothing is drawn nor copied: names and shapes alone are compared.
    with telling(spec, source, shapes), torch.device("meta"):
        open_clip.create_model_from_pretrained(
            source.model, source.pretrained, device="meta", weights_only=True, **source.overrides
        )
    fit = read[0].fits(spec.architecture or source.checkpoint.parent.name)
    return "; ".join((fit, *source.warnings))
