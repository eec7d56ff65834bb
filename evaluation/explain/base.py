"""What is explained of a model: the margin of a class, as a map over the pixels it read.

A CLIP model and a supervised CNN are the same thing here: a differentiable function from
pixels to an embedding, and a linear head over it (:class:`evaluation.records.Head`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import itemgetter

import numpy as np
import torch

from evaluation.errors import ModelError
from evaluation.models.base import Explainable
from evaluation.records import FloatArray, Head
from evaluation.records.base import Record, silent
from evaluation.stores.feeding import AsFits, is_out_of_memory

Score = Callable[[torch.Tensor], torch.Tensor]
"""(B, D) embeddings to (B, C) scores, one a class; differentiable."""
Embed = Callable[[torch.Tensor], FloatArray]
"""(B, 3, H, W) to (B, D) embeddings, without gradients."""
GRADIENT_BYTES = 256 * 2**20
"""At most, for the gradients of one backward pass: with many classes or a large tower, the
classes are taken in several passes."""


class InputMaps(Record, eq=False):
    """Relevance over the pixels that the model read: one map an image and class."""

    values: FloatArray
    """(B, C, h, w) float32, signed: what is above zero speaks for the class.

    float64 for a float64 model.
    """
    extent: tuple[float, float]
    """Height and width, in input pixels, that the h x w cells cover from the top left.

    Less than the input when the side is no multiple of the patch: 384 pixels hold 27 patches
    of 14, and the last 6 pixels are never read.
    """


def plainly(model: Explainable) -> Embed:
    """Through the very module that maps look into, whatever its weights are by now."""

    def embed(pixels: torch.Tensor) -> FloatArray:
        with torch.no_grad():
            return to_array(model.forward(pixels))

    return embed


def embedded(
    embed: Embed,
    images: Iterable[tuple[str, torch.Tensor]],
    batch_size: int,
    progress: Callable[[int], None] = silent,
) -> Iterator[tuple[str, FloatArray]]:
    """The (n, D) embeddings of groups of (3, H, W) images that follow each other under one key.

    A batch goes on over the end of a group; a group is given as soon as it is whole.
    ``progress`` is told how many images are done.  Raises :class:`ModelError` when one image
    alone does not fit into memory.
    """
    fitted, coming = AsFits(embed, limit=batch_size), iter(images)

    def rows() -> Iterator[tuple[str, FloatArray]]:
        done = 0
        while batch := list(islice(coming, batch_size)):
            keys, pixels = zip(*batch, strict=True)
            yield from zip(keys, fitted(torch.stack(pixels)), strict=True)
            done += len(batch)
            progress(done)

    for key, group in groupby(rows(), key=itemgetter(0)):
        yield key, np.stack([row for _, row in group])


def to_array(tensor: torch.Tensor) -> FloatArray:
    """A tensor in single precision, or in double if it is so itself."""
    wide = tensor if tensor.dtype == torch.float64 else tensor.float()
    return wide.detach().cpu().numpy()


def margins(logits: torch.Tensor) -> torch.Tensor:
    """(B, C) logits to (B, C) margins: z_c minus the log-sum-exp of the other classes'.

    It is the log-odds of the softmax probability, log p_c / (1 - p_c).  The cosine alone
    would show what makes an image like *any* text; the margin, what tells this class from the
    others.

    Raises :class:`ModelError` when there is only one class.
    """
    count = logits.shape[-1]
    if count < 2:  # noqa: PLR2004 - a choice needs two
        raise ModelError("a margin needs at least two classes", remedy="add one to the study")
    own = torch.eye(count, dtype=torch.bool, device=logits.device)
    rows = logits.unsqueeze(-2).expand(*logits.shape[:-1], count, count)
    return logits - rows.masked_fill(own, -torch.inf).logsumexp(-1)


def head_logits(head: Head) -> Score:
    """The head as a differentiable function: (B, D) embeddings to (B, C) logits."""
    weight, bias = torch.from_numpy(np.array(head.weight)), torch.from_numpy(np.array(head.bias))
    layer = None if head.layer is None else torch.from_numpy(np.array(head.layer))

    def logits(embeddings: torch.Tensor) -> torch.Tensor:
        if layer is not None:
            moved = embeddings @ layer.to(embeddings).T
            embeddings = torch.nn.functional.normalize(moved, dim=-1)
        return embeddings @ weight.to(embeddings).T + bias.to(embeddings)

    return logits


def margin_score(head: Head) -> Score:
    """What every map explains: the margin of each class; see :func:`margins`."""
    logits = head_logits(head)
    return lambda embeddings: margins(logits(embeddings))


def class_gradients(
    scores: torch.Tensor, outputs: Sequence[torch.Tensor], bytes_a_class: int
) -> Iterator[tuple[torch.Tensor | None, ...]]:
    """Gradients of (B, C) scores by some outputs, a few classes at a time: (c, *output.shape) each.

    As many classes as ``GRADIENT_BYTES`` allow, all of them for any usual tower, and half as many
    when they do not fit into memory.  One image's score does not depend on another image: one
    pass serves the batch.  None stands for an output that the scores do not depend on.
    """
    images, classes = scores.shape
    each = torch.eye(classes, dtype=scores.dtype, device=scores.device)
    done, few = 0, max(1, GRADIENT_BYTES // bytes_a_class)
    while done < classes:
        some = each[done : done + few]
        try:
            gradients = torch.autograd.grad(
                scores,
                outputs,
                grad_outputs=some.unsqueeze(1).expand(len(some), images, classes),
                is_grads_batched=True,
                retain_graph=True,
                allow_unused=True,
            )
        except (MemoryError, RuntimeError) as error:
            if len(some) == 1 or not is_out_of_memory(error):
                raise
            few = len(some) // 2
            continue
        done += len(some)
        yield gradients
