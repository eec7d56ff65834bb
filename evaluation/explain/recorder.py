"""Recording attention while a model runs, without changing what it computes.

open_clip, timm and PyTorch all end in ``torch.nn.functional.scaled_dot_product_attention``,
which returns no weights.  It is replaced for the time of one forward pass by the same
computation in the open, whose weights, values and outputs are kept, with their graph.
``nn.MultiheadAttention`` has a native path of its own when nothing needs a gradient: it is
switched off meanwhile.

With o = A v, the gradient of a score S by the weights follows from the one by the output:
dS/dA[i, j] = <dS/do[i], v[j]>.  The (B, H, Q, D) gradient is much smaller than the
(B, H, Q, K) one, and that is what the methods ask for.
"""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn import functional

from evaluation.records import Record

_LOCK = threading.RLock()
"""PyTorch's function is global: one thread records at a time."""


class RecordedAttention(Record, eq=False):
    """One attention of a forward pass: B images, H heads, Q queries, K keys."""

    weights: torch.Tensor
    """(B, H, Q, K), rows sum to 1."""
    values: torch.Tensor
    """(B, H, K, D)"""
    output: torch.Tensor
    """(B, H, Q, D): weights @ values, the tensor that the model goes on with."""

    def weight_gradient(self, output_gradient: torch.Tensor) -> torch.Tensor:
        """(…, B, H, Q, D) gradient by the output to (…, B, H, Q, K) by the weights."""
        return output_gradient @ self.values.detach().transpose(-2, -1)


@contextmanager
def recording() -> Iterator[list[RecordedAttention]]:
    """The attentions of this thread's forward passes, in the order they are computed.

    PyTorch's own functions are restored whatever happens inside.  Other threads may compute
    attention meanwhile: it is theirs, and is neither changed nor recorded.
    """
    records: list[RecordedAttention] = []
    with _LOCK:
        plain = functional.scaled_dot_product_attention
        fast = torch.backends.mha.get_fastpath_enabled()
        owner = threading.get_ident()

        def recorded(  # noqa: PLR0917 - the signature is PyTorch's
            query: torch.Tensor,
            key: torch.Tensor,
            value: torch.Tensor,
            attn_mask: torch.Tensor | None = None,
            dropout_p: float = 0.0,
            is_causal: bool = False,
            scale: float | None = None,
            enable_gqa: bool = False,
        ) -> torch.Tensor:
            if threading.get_ident() != owner:
                return plain(
                    query, key, value, attn_mask, dropout_p, is_causal,
                    scale=scale, enable_gqa=enable_gqa,
                )  # fmt: skip
            if enable_gqa:
                # Several heads share keys and values: each gets its own view of them.
                key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
                value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
            factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
            scores = query @ key.transpose(-2, -1) * factor
            if is_causal:
                ones = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device)
                scores = scores.masked_fill(~ones.tril(), -torch.inf)
            if attn_mask is not None and attn_mask.dtype == torch.bool:  # where it may go
                scores = scores.masked_fill(~attn_mask, -torch.inf)
            elif attn_mask is not None:
                scores = scores + attn_mask
            weights = scores.softmax(dim=-1)
            used = functional.dropout(weights, dropout_p) if dropout_p else weights
            output = used @ value
            records.append(RecordedAttention(weights=weights, values=value, output=output))
            return output

        functional.scaled_dot_product_attention = recorded
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            yield records
        finally:
            functional.scaled_dot_product_attention = plain
            torch.backends.mha.set_fastpath_enabled(fast)
