"""Titles as models read them: encoded once, kept beside the maps."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.records import FloatArray, Fold, IntArray, ModelSpec
from evaluation.stages.engine import Engine
from evaluation.stages.open import StudyData


def embed_titles(
    spec: ModelSpec, data: StudyData, engine: Engine, ids: Sequence[str]
) -> tuple[NDArray[np.float32], IntArray]:
    """(N, D) titles of unit length, zero for a photo without; (N,) equal numbers for equal ones."""
    from evaluation.stores.maps import key_of

    texts = title_texts(data, ids)
    known = {text: row for row, text in enumerate(dict.fromkeys(text for text in texts if text))}
    names = np.array([known.get(text, -1) for text in texts], dtype=np.int64)
    reader = engine.reader(spec, data)
    key = key_of("titles", weights=reader.weights_digest, texts=list(known))
    with engine.map_cache() as cache:
        # A part without any title still has to know how wide one is.
        rows = cache.kept(
            key, lambda: reader.embed_texts(tuple(known) or ("",)).astype(np.float32), "titles"
        )
    titles = np.zeros((len(ids), rows.shape[1]), dtype=np.float32)
    titles[names >= 0] = rows[names[names >= 0]]
    return titles, names


def read_titles(
    spec: ModelSpec, data: StudyData, engine: Engine, folds: Sequence[Fold]
) -> dict[Fold, FloatArray]:
    """(N, D) titles of each part, for a model that reads them at prediction; else nothing."""
    if "title" not in spec.reads:
        return {}
    return {fold: embed_titles(spec, data, engine, data.ids(fold))[0] for fold in folds}


def title_texts(data: StudyData, ids: Sequence[str]) -> list[str]:
    """The title of each photo, "" where there is none."""
    return [sample.text or "" for sample in data.samples(ids)]
