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

from collections.abc import Iterator, Sequence

import torch

from evaluation.errors import ModelError
from evaluation.explain.base import Explainable, InputMaps, Score, class_gradients, to_array
from evaluation.explain.recorder import RecordedAttention, recording
from evaluation.explain.towers import token_layout


def attention_gradient(model: Explainable, score: Score, pixels: torch.Tensor) -> InputMaps:
    """Signed attention x gradient at the last attention, of (B, 3, H, W) pixels; see the module.

    Raises :class:`ModelError`: the tower has no attention over the image, or its gradient is zero.
    """
    records, scores = _run(model, score, pixels)
    record = _last_used(records, scores)
    parts = []
    for (gradient,) in _output_gradients(scores, [record]):
        if gradient is None:
            raise _no_gradient()
        weighted = record.weights.detach() * record.weight_gradient(gradient)
        parts.append(weighted.sum(dim=(-3, -2)))
    return _to_maps(parts, model, pixels)


def chefer(model: Explainable, score: Score, pixels: torch.Tensor) -> InputMaps:
    """Relevance through all layers (Chefer et al. 2021); see the module.

    With A' = mean over heads of max(A * dS/dA, 0), self-attention adds A' R to the relevance
    R, which starts as the identity, and a pooling makes it A' R.  The map is the relevance of
    each patch to the tokens that the embedding is read from, without the identity.

    Raises as :func:`attention_gradient`.
    """
    records, scores = _run(model, score, pixels)
    parts = []
    for gradients in _output_gradients(scores, records):
        used = [
            (record, gradient)
            for record, gradient in zip(records, gradients, strict=True)
            if gradient is not None
        ]
        if not used:
            raise _no_gradient()
        parts.append(_relevance(used))
    return _to_maps(parts, model, pixels)


def _relevance(used: Sequence[tuple[RecordedAttention, torch.Tensor]]) -> torch.Tensor:
    """(c, B, K) relevance of the first layer's K keys, from (c, B, H, Q, D) gradients."""
    keys = used[0][0].weights.shape[-1]
    identity = torch.eye(keys, dtype=used[0][0].weights.dtype, device=used[0][0].weights.device)
    relevance = identity
    reached = identity.new_ones(())
    pooled = False
    for record, gradient in used:
        weighted = record.weights.detach() * record.weight_gradient(gradient)
        step = weighted.clamp(min=0).mean(dim=-3)
        if step.shape[-1] != relevance.shape[-2]:
            raise ModelError(
                "the attentions of this tower are not over the same tokens",
                remedy="use attention-gradient or rise",
            )
        if step.shape[-2] == step.shape[-1]:
            relevance = relevance + step @ relevance
        else:
            relevance, pooled = step @ relevance, True
        reached = (weighted != 0).any(dim=-1).any(dim=-2).to(step.dtype)
    if not pooled:
        relevance = relevance - identity
    return (relevance * reached.unsqueeze(-1)).sum(dim=-2)


def _run(
    model: Explainable, score: Score, pixels: torch.Tensor
) -> tuple[list[RecordedAttention], torch.Tensor]:
    """The attentions of a forward pass, and its (B, C) scores with their graph."""
    # Frozen parameters make no graph: the pixels do.
    inputs = pixels.detach().clone().requires_grad_()
    with torch.enable_grad(), recording() as records:
        scores = score(model.forward(inputs))
    if not records:
        raise ModelError(
            "the image tower computes no attention that can be recorded",
            remedy="use hirescam or rise",
        )
    # Within windows there are more of them than images (Swin).
    if any(record.weights.ndim != 4 or len(record.weights) != len(pixels) for record in records):  # noqa: PLR2004
        raise ModelError(
            "the image tower computes attention within windows, not over the image",
            remedy="use hirescam or rise",
        )
    return records, scores


def _last_used(records: Sequence[RecordedAttention], scores: torch.Tensor) -> RecordedAttention:
    """The last attention that the scores depend on, which must read the image itself."""
    for i in reversed(range(len(records))):
        (gradient,) = torch.autograd.grad(
            scores.sum(), records[i].output, retain_graph=True, allow_unused=True
        )
        if gradient is None:
            continue
        before = records[i - 1].weights.shape if i else None
        if (
            before is not None
            and before[-2] != before[-1]
            and before[-2] == records[i].weights.shape[-1]
        ):
            raise ModelError(
                "the last attention reads the output of a pooling, not the image",
                remedy="use chefer or rise",
            )
        return records[i]
    raise _no_gradient()


def _output_gradients(
    scores: torch.Tensor, records: Sequence[RecordedAttention]
) -> Iterator[tuple[torch.Tensor | None, ...]]:
    """Gradients of the scores by the outputs, a few classes at a time: (c, B, H, Q, D) each.

    None stands for an output that the scores do not depend on.
    """
    outputs = [record.output for record in records]
    bytes_a_class = sum(output.numel() * output.element_size() for output in outputs)
    # The weights' own gradient is made one layer at a time.
    bytes_a_class += max(r.weights.numel() * r.weights.element_size() for r in records)
    return class_gradients(scores, outputs, bytes_a_class)


def _to_maps(parts: Sequence[torch.Tensor], model: Explainable, pixels: torch.Tensor) -> InputMaps:
    """(c, B, K) relevances of the keys to maps over the patches."""
    size = (pixels.shape[-2], pixels.shape[-1])
    layout = token_layout(model.image_tower, parts[0].shape[-1], size)

    patches = torch.cat(list(parts))[..., layout.prefix :]
    if not patches.any():
        raise _no_gradient()
    values = patches.transpose(0, 1)
    values = values.reshape(*values.shape[:-1], *layout.grid)
    return InputMaps(values=to_array(values), extent=layout.extent)


def _no_gradient() -> ModelError:
    return ModelError(
        "the scores have no gradient by the attention: a map of it would be empty",
        remedy="use rise",
    )
