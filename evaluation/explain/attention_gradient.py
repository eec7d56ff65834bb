"""Method A: attention weighted by its gradient.

Attention alone says where a layer looked, whatever the text: it is the same map for every
class.  Weighted by the gradient of the class's score it says which of these looks counted.

- ``attention-gradient``: the signed sum over heads and queries of A * dS/dA at the last
  attention before the embedding (the class token's, or the attention pool's).
- ``chefer``: relevance carried through all layers (Chefer, Gur and Wolf, "Generic
  attention-model explainability", ICCV 2021, eq. 5 and 6).

Queries that do not reach the embedding have a gradient of exactly zero, so that no tower
needs to say which of its tokens it reads.
"""

from collections.abc import Callable, Iterator, Sequence

import torch

from evaluation.errors import ModelError
from evaluation.explain.base import InputMaps, Score, class_gradients, to_array
from evaluation.explain.recorder import RecordedAttention, recording
from evaluation.explain.towers import token_layout
from evaluation.models.base import Explainable

Attentions = Sequence[RecordedAttention]
Products = Iterator[torch.Tensor]
"""(c, B, H, Q, K) products A * dS/dA of some classes, layer by layer: each is made when it is
asked for, since those of all layers are large."""


def attention_gradient(model: Explainable, score: Score, pixels: torch.Tensor) -> InputMaps:
    """Signed attention x gradient at the last attention, of (B, 3, H, W) pixels; see the module.

    Raises :class:`ModelError`: that attention does not read the image, or its gradient is zero.
    """

    def relevance(_first: torch.Tensor, products: Products) -> torch.Tensor:
        return next(products).sum(dim=(-3, -2))

    return _maps(model, score, pixels, _last_used, relevance)


def chefer(model: Explainable, score: Score, pixels: torch.Tensor) -> InputMaps:
    """Relevance through all layers (Chefer et al. 2021); see the module.

    With A' = mean over heads of max(A * dS/dA, 0), self-attention adds A' R to the relevance
    R, which starts as the identity, and a pooling makes it A' R.  The map is the relevance of
    each patch to the tokens that the embedding is read from, without the identity.

    Raises :class:`ModelError`: the layers are over different tokens, or all gradients are zero.
    """
    return _maps(model, score, pixels, lambda records, _scores: records, _relevance)


def _relevance(first: torch.Tensor, products: Products) -> torch.Tensor:
    """(c, B, K) relevance of the K keys of the first layer, whose attention is given."""
    identity = torch.eye(first.shape[-1], dtype=first.dtype, device=first.device)
    relevance, pooled = identity, False
    for product in products:
        step = product.clamp(min=0).mean(dim=-3)
        if step.shape[-1] != relevance.shape[-2]:
            raise ModelError(
                "the attentions of this tower are not over the same tokens",
                remedy="use attention-gradient or rise",
            )
        if step.shape[-2] == step.shape[-1]:
            relevance = relevance + step @ relevance
        else:
            relevance, pooled = step @ relevance, True
        reached = (product != 0).any(dim=-1).any(dim=-2).to(step.dtype)
    if not pooled:
        relevance = relevance - identity
    return (relevance * reached.unsqueeze(-1)).sum(dim=-2)


def _last_used(records: Attentions, scores: torch.Tensor) -> Attentions:
    """The last attention that the scores depend on, which must read the image itself."""
    for i in reversed(range(len(records))):
        (gradient,) = torch.autograd.grad(
            scores.sum(), records[i].output, retain_graph=True, allow_unused=True
        )
        if gradient is not None:
            queries, keys = records[i - 1].weights.shape[-2:] if i else (0, 0)
            if queries != keys and queries == records[i].weights.shape[-1]:
                raise ModelError(
                    "the last attention reads the output of a pooling, not the image",
                    remedy="use chefer or rise",
                )
            return [records[i]]
    return []


def _maps(
    model: Explainable,
    score: Score,
    pixels: torch.Tensor,
    choose: Callable[[Attentions, torch.Tensor], Attentions],
    relevance: Callable[[torch.Tensor, Products], torch.Tensor],
) -> InputMaps:
    """Relevances (c, B, K) of the keys of some attentions to maps over the patches."""
    # Frozen parameters make no graph: the pixels do.
    inputs = pixels.detach().clone().requires_grad_()
    with torch.enable_grad(), recording() as records:
        scores = score(model.forward(inputs))
    chosen = choose(records, scores)
    outputs, layers = [each.output for each in chosen], [each.weights for each in chosen]
    bytes_a_class = sum(output.numel() * output.element_size() for output in outputs)
    bytes_a_class += max((part.numel() * part.element_size() for part in layers), default=0)
    parts = []
    for gradients in class_gradients(scores, outputs, bytes_a_class) if chosen else ():
        used = [(of, by) for of, by in zip(chosen, gradients, strict=True) if by is not None]
        if used:
            products = (of.weights.detach() * of.weight_gradient(by) for of, by in used)
            parts.append(relevance(used[0][0].weights, products))
    if parts:
        height, width = pixels.shape[-2:]
        layout = token_layout(model.image_tower, parts[0].shape[-1], (height, width))
        patches = torch.cat(parts)[..., layout.prefix :].transpose(0, 1)
        if patches.any():
            values = patches.reshape(*patches.shape[:-1], *layout.grid)
            return InputMaps(values=to_array(values), extent=layout.extent)
    raise ModelError(
        "the scores have no gradient by the attention: a map of it would be empty",
        remedy="use rise",
    )
