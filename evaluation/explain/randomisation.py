"""Does the map come from the model?  Cascading randomisation of its weights.

The weights are shuffled from the output of the tower down to its input, and the maps are
compared with those of the trained model (Adebayo et al., "Sanity checks for saliency maps",
NeurIPS 2018).  A map that survives, like one of edges, shows the photo and not the model.

Each weight tensor is shuffled rather than drawn anew: its distribution, and with it the
scale of the activations, stay what they were in every architecture.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from scipy.stats import rankdata

from evaluation.records import FloatArray

SHARES = (0.25, 0.5, 0.75, 1.0)
"""Of the weights, the last ones first."""


@contextmanager
def randomised(tower: torch.nn.Module, share: float, *, seed: int = 0) -> Iterator[None]:
    """The tower with the last ``share`` of its weights shuffled; as it was, afterwards.

    Parameters are shuffled whole, in reverse order of their definition, until that share of
    all weights is reached; parameters of the tower itself (a class token, position embeddings,
    CLIP's projection) are defined before or after the blocks, as its author pleased.  The tower
    must not run elsewhere meanwhile.
    """
    parameters = list(tower.parameters())
    left = share * sum(parameter.numel() for parameter in parameters)
    saved: list[tuple[torch.nn.Parameter, torch.Tensor]] = []
    generator = torch.Generator().manual_seed(seed)
    try:
        with torch.no_grad():
            while left > 0:
                parameter = parameters.pop()
                saved.append((parameter, parameter.detach().cpu().clone()))
                order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
                parameter.copy_(parameter.flatten()[order].view_as(parameter))
                left -= parameter.numel()
        yield
    finally:
        with torch.no_grad():
            for parameter, before in saved:
                parameter.copy_(before)


def similarity(maps: FloatArray, others: FloatArray) -> FloatArray:
    """(N,) Spearman's correlations of (N, h, w) maps, a flat map with any other being 0."""
    result = np.zeros(len(maps))
    for i, pair in enumerate(zip(maps, others, strict=True)):
        first, second = map(rankdata, pair)
        if first.std() > 0 and second.std() > 0:
            result[i] = np.corrcoef(first, second)[0, 1]
    return result
