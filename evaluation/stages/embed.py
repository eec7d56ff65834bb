"""The embeddings of a study's parts, from the store where it has them, and what they cost."""

from collections.abc import Mapping, Sequence

import numpy as np

from evaluation.data import open_photo
from evaluation.models import Classifier, Embedder
from evaluation.records import (
    EmbeddingCost,
    FloatArray,
    Fold,
    Head,
    Lap,
    Predictions,
    Sample,
    Support,
)
from evaluation.scoring.metrics import softmax
from evaluation.stages.cost import PeakMemory, seconds_of
from evaluation.stages.engine import Engine
from evaluation.stages.open import StudyData
from evaluation.stores.filling import EmbeddingRun, decode, embed


def embed_samples(
    samples: Sequence[Sample], engine: Engine, model: Embedder, label: str, *, each: int = 1
) -> EmbeddingRun:
    """Embeddings of some photos, (N, D), with progress under a label.

    ``each`` images are made of a photo: a batch holds as many images in all.
    """
    return embed(
        samples,
        model,
        engine.store,
        load=lambda sample: open_photo(sample.image, sample.bits),
        batch_size=max(1, engine.settings.batch_size // each),
        progress=lambda done: engine.settings.progress(label, done, len(samples)),
    )


def embed_parts(
    data: StudyData,
    engine: Engine,
    model: Classifier,
    folds: Sequence[Fold],
    memory: PeakMemory | None = None,
) -> tuple[EmbeddingRun, dict[Fold, FloatArray]]:
    """Embeddings of each part, (N, D): one pass over the store, then cut at the borders.

    What embedding took is added to the store, beside the embeddings.
    """
    memory = memory or PeakMemory()
    memory.lap()
    ids = [sample_id for fold in folds for sample_id in data.ids(fold)]
    run = embed_samples(data.samples(ids), engine, model, f"embedding with {model.spec.name}")
    if run.embedded:
        cost = _cost(data, model, run, ids, memory.lap())
        engine.store.add_cost(model.fingerprint, model.device, cost)
    borders = np.cumsum([len(data.ids(fold)) for fold in folds])[:-1]
    return run, dict(zip(folds, np.split(run.embeddings, borders), strict=True))


def _cost(
    data: StudyData, model: Classifier, run: EmbeddingRun, ids: Sequence[str], memory: Lap
) -> EmbeddingCost:
    batch = decode(
        data.samples(ids[: run.batch_size]),
        model,
        load=lambda sample: open_photo(sample.image, sample.bits),
    )
    seconds = seconds_of(lambda: model.embed_images(batch))
    return EmbeddingCost(
        images=run.embedded,
        seconds=run.seconds,
        batch_size=run.batch_size,
        ms_per_image=1000 * seconds / len(batch),
        memory=memory,
    )


def embed_views(
    data: StudyData, engine: Engine, model: Classifier, views: Embedder
) -> tuple[EmbeddingRun, Support]:
    """The training photos as K augmented views each: one row a view, (N x K, D)."""
    ids = data.split.train
    each = views.dim // model.dim
    label = f"embedding augmented views with {model.spec.name}"
    run = embed_samples(data.samples(ids), engine, views, label, each=each)
    rows = run.embeddings.reshape(len(ids) * each, model.dim)
    return run, Support(embeddings=rows, labels=np.repeat(data.labels(ids), each))


def support(data: StudyData, rows: Mapping[Fold, FloatArray], fold: Fold) -> Support:
    """The embeddings of a part with their labels."""
    return Support(embeddings=rows[fold], labels=data.labels(data.ids(fold)))


def predict(
    data: StudyData, head: Head, rows: Mapping[Fold, FloatArray], fold: Fold
) -> Predictions:
    """What a head says of a part's embeddings."""
    return predictions_of(data, fold, head.logits(rows[fold]))


def predictions_of(data: StudyData, fold: Fold, logits: FloatArray) -> Predictions:
    """A part's (N, C) logits, with the labels and the probabilities."""
    samples = data.samples(data.ids(fold))
    return Predictions.of(data.dataset.classes, samples, softmax(logits), logits)
