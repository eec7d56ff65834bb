"""What is known of a supervised model before a trunk is filled: sizes, a user's checkpoint."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from evaluation.models import embedded
from evaluation.models.base import input_size
from evaluation.models.cards import gflops, parameters
from evaluation.models.supervised.classifier import own_head
from evaluation.models.supervised.trunks import create_trunk, load_state, read_state
from evaluation.records import ModelSpec


def sizes(spec: ModelSpec) -> Mapping[str, Any]:
    """See :meth:`evaluation.models.base.Maker.sizes`."""
    with torch.device("meta"):
        trunk = create_trunk(spec)
    embedded_size = embedded.PREPROCESS["size"] if spec.weights == "embedded" else None
    size = spec.options.get("size") or embedded_size or trunk.preprocess["size"]
    resolution = input_size({"size": size})
    return {
        "resolution": resolution,
        "image_parameters": parameters(trunk.module),
        "image_gflops": gflops(trunk.module, resolution),
        "embed_dim": trunk.dim,
    }


def opened(spec: ModelSpec, classes: Sequence[str]) -> str:
    """See :meth:`evaluation.models.base.Maker.opened`."""
    path = Path(spec.weights)
    with torch.device("meta"):
        trunk = create_trunk(spec)
    found, head = read_state(path, trunk)
    with torch.device("meta"):
        load_state(trunk, {name: value.to("meta") for name, value in found.tensors.items()}, path)
    said = found.fits(trunk.architecture.name)
    if "weight" in head:
        kept = "kept" if spec.head_classes else "left out"
        said += f"; its head of {len(head['weight'])} classes is {kept}"
    if spec.head_classes:
        own_head(spec, head, tuple(classes), trunk.dim)
    return said
