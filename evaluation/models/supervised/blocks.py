"""The last blocks of a trunk: what learns when the rest stays frozen."""

from torch import nn


def last_parts(trunk: nn.Module, blocks: int) -> list[nn.Module]:
    """The parts of a trunk from the start of its ``blocks`` last blocks to its end.

    A block is what the architecture repeats: a residual or dense layer, a transformer layer, a
    lone convolution.  Sequences of blocks are opened, and so is a wrapper that holds most of
    the weights; normalisations between blocks go with what is around them.
    """
    parts = _parts(trunk, sum(parameter.numel() for parameter in trunk.parameters()))
    starts = [position for position, part in enumerate(parts) if _is_block(part)]
    return parts[starts[-min(blocks, len(starts))] :] if starts else parts


def _parts(module: nn.Module, total: int) -> list[nn.Module]:
    """In the order of the forward pass, which is that of their declaration."""
    parts: list[nn.Module] = []
    for child in module.children():
        size = sum(parameter.numel() for parameter in child.parameters())
        sequence = isinstance(child, nn.Sequential | nn.ModuleList | nn.ModuleDict)
        wrapper = 2 * size > total and next(child.children(), None) is not None
        parts += _parts(child, total) if sequence or wrapper else [child]
    return parts


def _is_block(part: nn.Module) -> bool:
    return any(parameter.ndim > 1 for parameter in part.parameters())


def norms(module: nn.Module) -> list[nn.Module]:
    """The batch norms of a module."""
    from torch.nn.modules.batchnorm import _BatchNorm

    return [part for part in module.modules() if isinstance(part, _BatchNorm)]


def choose_what_learns(network: nn.Module, trunk: nn.Module, blocks: int | None) -> list[nn.Module]:
    """Freezes the rest; returns the parts that learn, the head among them."""
    if blocks is None:
        return [network]
    parts = [*last_parts(trunk, blocks), network.get_submodule("head")]
    network.requires_grad_(requires_grad=False)
    for part in parts:
        part.requires_grad_(requires_grad=True)
    return parts
