"""Finding the title of a photo, and the photo of a title."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import scipy.stats

from evaluation.records import FloatArray, IntArray, Metric, Retrieval
from evaluation.records.base import unit
from evaluation.scoring.intervals import CONFIDENCE, Interval, metric, share

_CHUNK = 1_024
Direction = Literal["image-to-title", "title-to-image"]


def retrieve(
    model: str, images: FloatArray, texts: FloatArray, titles: Sequence[str]
) -> tuple[Retrieval, ...]:
    """Retrieval both ways on N photos with their titles.

    ``images`` and ``texts`` are (N, D) embeddings, of which the cosine counts; row i of each
    belongs to ``titles[i]``.  Photos with the same title are equally right answers, and a title
    is asked once, however many photos have it.
    """
    names, first, which = np.unique(
        np.array(titles, dtype=object).astype(str), return_index=True, return_inverse=True
    )
    image, text = unit(images), unit(texts)[first]
    every_title = np.arange(names.size)
    asked: dict[Direction, tuple[FloatArray, int]] = {
        "image-to-title": (ranks(image, text, which, every_title), names.size),
        "title-to-image": (ranks(text, image, every_title, which), len(titles)),
    }
    return tuple(
        Retrieval(
            model=model,
            direction=direction,
            recall_at_1=share("recall_at_1", best <= 1),
            recall_at_5=share("recall_at_5", best <= 5),  # noqa: PLR2004 - its name
            median_rank=median("median_rank", best),
            candidates=candidates,
        )
        for direction, (best, candidates) in asked.items()
    )


def ranks(
    queries: FloatArray, candidates: FloatArray, wanted: IntArray, owners: IntArray
) -> FloatArray:
    """(Q,) rank of the best right candidate of each query, 1 is best.

    Candidate j is right for query i when ``owners[j] == wanted[i]``.  Wrong candidates that are
    exactly as near count half: a model that says the same of everything ranks in the middle.
    """
    blocks = []
    for start in range(0, queries.shape[0], _CHUNK):
        similarity = queries[start : start + _CHUNK] @ candidates.T
        right = wanted[start : start + _CHUNK, None] == owners
        best = np.where(right, similarity, -np.inf).max(axis=1, keepdims=True)
        before = (~right & (similarity > best)).sum(axis=1)
        level = (~right & (similarity == best)).sum(axis=1)
        blocks.append(1 + before + level / 2)
    return np.concatenate(blocks)


def median(name: str, values: FloatArray) -> Metric:
    """A median with the interval of its order statistics, which supposes no distribution.

    Between the r-th smallest and the r-th largest, r the largest that keeps 95 %; no interval
    below six values.
    """
    middle = float(np.median(values))
    bounds: Any = scipy.stats.quantile_test(values).confidence_interval(CONFIDENCE)
    low, high = bounds
    if np.isnan(low):
        return Metric(name=name, value=middle, n=values.size)
    return metric(name, middle, values.size, Interval(float(low), float(high), "order-statistics"))
