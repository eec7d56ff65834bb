"""Photos and class texts on the two axes along which the photos differ most.

Principal components, and not UMAP: they need no seed and no further package, the same linear
map carries the texts, and the share of the variance that is lost is known.

Photos and texts are centred apart.  In a dual encoder they lie in two distant cones, the
modality gap (Liang et al., NeurIPS 2022), and on common axes that gap would be all there is to
see.  To take their mean away from the texts changes no decision, since it changes the logits of
a photo by the same amount for every class; to take theirs away from the photos changes the
logits of a class by a constant.  Distances to the texts are then read as preferences between
classes, not as the model's own scores.
"""

from typing import Any

import numpy as np

from evaluation.records import FloatArray, Projection
from evaluation.records.base import unit

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
