"""What can be computed of a supervised model before its weights are here."""

import torch

from evaluation.models import embedded
from evaluation.models.base import Sizes, input_size
from evaluation.models.cards import gflops, parameters
from evaluation.models.supervised.trunks import create_trunk
from evaluation.records import ModelSpec


def sizes(spec: ModelSpec) -> Sizes:
    """See :meth:`evaluation.models.base.Maker.sizes`."""
    with torch.device("meta"):
        trunk = create_trunk(spec)
    embedded_size = embedded.PREPROCESS["size"] if spec.weights == "embedded" else None
    size = spec.options.get("size") or embedded_size or trunk.preprocess["size"]
    resolution = input_size({"size": size})
    return Sizes(
        resolution=resolution,
        image_parameters=parameters(trunk.module),
        image_gflops=gflops(trunk.module, resolution),
        embed_dim=trunk.dim,
    )
