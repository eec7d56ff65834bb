"""What embeddings show by themselves: titles found by their photo, and photos in the plane."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import scipy.stats

from evaluation.records import FloatArray, IntArray, Metric, Projection, Retrieval, unit
from evaluation.scoring.intervals import CONFIDENCE, Interval, metric, share

Direction = Literal["image-to-title", "title-to-image"]

_CHUNK = 1_024
_AXES = 2


def project(
    case: str,
    sample_ids: tuple[str, ...],
    classes: tuple[str, ...],
    embeddings: FloatArray,
    texts: FloatArray | None = None,
) -> Projection | None:
    """The plane of a case; None when the photos do not span one.

    ``embeddings`` are (N, D), of the photos, and ``texts`` (C, D), of the classes; None for a
    model without texts.  Their lengths do not count.

    Principal components, and not UMAP: they need no seed and no further package, the same linear
    map carries the texts, and the share of the variance that is lost is known.

    Photos and texts are centred apart.  In a dual encoder they lie in two distant cones, the
    modality gap (Liang et al., NeurIPS 2022), and on common axes that gap would be all there is to
    see.  To take their mean away from the texts changes no decision, since it changes the logits of
    a photo by the same amount for every class; to take theirs away from the photos changes the
    logits of a class by a constant.  Distances to the texts are then read as preferences between
    classes, not as the model's own scores.
    """
    photos = unit(embeddings)
    if len(photos) <= _AXES:
        return None
    middle = photos.mean(axis=0)
    _, values, axes = np.linalg.svd(photos - middle, full_matrices=False)
    variance = values**2
    if len(variance) < _AXES or variance[1] <= variance[0] * np.finfo(np.float64).eps:
        return None
    # Each axis with its largest coordinate positive: an SVD leaves its sign open.
    plane = axes[:_AXES]
    largest = np.abs(plane).argmax(axis=1)
    plane = plane * np.sign(plane[np.arange(_AXES), largest])[:, None]
    shares = variance / variance.sum()
    of_texts: dict[str, Any] = {}
    if texts is not None:
        directions = unit(texts)
        apart = directions - directions.mean(axis=0)
        flat, whole = apart @ plane.T, float((apart**2).sum())
        of_texts = {
            "texts": _points(flat),
            "texts_shown": float((flat**2).sum()) / whole if whole else None,
            "gap": float(np.linalg.norm(middle - directions.mean(axis=0))),
        }
    return Projection(
        case=case,
        explained=(float(shares[0]), float(shares[1])),
        classes=classes,
        sample_ids=sample_ids,
        photos=_points((photos - middle) @ plane.T),
        **of_texts,
    )


def _points(rows: FloatArray) -> tuple[tuple[float, float], ...]:
    # Six decimals of a length below 2: far below a pixel, and stable across machines.
    return tuple((round(float(x), 6), round(float(y), 6)) for x, y in rows)


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
