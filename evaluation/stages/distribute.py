"""Photos embedded on several machines: Ray Data decodes and embeds, the store takes the result in.

Actors hold the model; what they make is written as Parquet files into a folder of the model's in
the cache, which all machines share, as they share the photos.  What lies in that folder is taken
in first: a run that was stopped, or a worker that was lost, costs the blocks under way alone.
Ray starts what was lost anew, and uses nodes that join.
"""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.data.photos import open_photo
from evaluation.errors import DataError, ModelError
from evaluation.records import ModelSpec
from evaluation.records.base import silent
from evaluation.stages.engine import Engine
from evaluation.stages.open import StudyData
from evaluation.stages.settings import Settings
from evaluation.stores.embeddings import EmbeddingStore

BLOCK = 8
"""Batches between two files: what a lost worker costs at most."""


class Embedding:
    """What an actor does: photos in, vectors out."""

    def __init__(self, spec: ModelSpec, settings: Settings) -> None:
        from evaluation.models import load_model

        self._model = load_model(spec, settings)

    def __call__(self, batch: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """N digests, paths and depths ("photo", "path", "bits") to digests and float32 vectors."""
        import torch

        photos = [
            open_photo(Path(path), int(bits) or None)
            for path, bits in zip(batch["path"], batch["bits"], strict=True)
        ]
        pixels = [self._model.preprocess(photo) for photo in photos]
        vectors = self._model.embed_images(torch.stack(pixels))
        if not np.isfinite(vectors).all():
            raise ModelError("the model gives values that are not finite")
        plain = [row.astype("<f4").tobytes() for row in vectors]
        return {"photo": batch["photo"], "vector": np.array(plain, dtype=object)}


def embed_on_cluster(
    spec: ModelSpec, data: StudyData, engine: Engine, *, address: str | None, workers: int | None
) -> tuple[int, int]:
    """Embeds what the store lacks of a study's photos; how many there are, and were missing.

    Raises :class:`DataError`: the model's trunk is trained on the photos;
    :class:`WeightsUnavailable`: the model cannot be had here.

    The engine's store takes the vectors in.  Without the ``address`` of a Ray cluster this
    machine's cores are one; ``workers`` are actors, of a core or a card each, or as many as there
    is room for.
    """
    if spec.training is not None and spec.training.regime == "finetune":
        raise DataError("a trunk that is trained is trained on one machine", where=spec.name)
    model, store = engine.model(spec, data), engine.store
    folder = engine.settings.cache.absolute() / "incoming" / model.fingerprint[:32]
    _take_in(folder, store, model.fingerprint)
    wanted = {sample.digest: sample for sample in data.dataset.samples}
    known = store.get(model.fingerprint, list(wanted))
    missing = [sample for digest, sample in wanted.items() if digest not in known]
    if not missing:
        return len(wanted), 0
    import ray

    if not ray.is_initialized():
        ray.init(address=address, log_to_driver=False)
    settings = replace(engine.settings, cache=engine.settings.cache.absolute(), progress=silent)
    photos = [
        {"photo": sample.digest, "path": str(sample.image.absolute()), "bits": sample.bits or 0}
        for sample in missing
    ]
    blocks = -(-len(photos) // (BLOCK * settings.batch_size))
    room = int(ray.cluster_resources().get("CPU", 1))
    ray.data.from_items(photos, override_num_blocks=blocks).map_batches(
        Embedding,
        fn_constructor_args=(spec, settings),
        batch_size=settings.batch_size,
        concurrency=workers or (1, max(1, min(room, blocks))),
        num_gpus=1 if settings.device.startswith("cuda") else 0,
    ).write_parquet(str(folder))
    _take_in(folder, store, model.fingerprint)
    return len(wanted), len(missing)


def _take_in(folder: Path, store: EmbeddingStore, fingerprint: str) -> None:
    """Files into the store, one transaction each; a vector that is there stays as it is."""
    from pyarrow import parquet

    for file in sorted(folder.glob("**/*.parquet")):
        table = parquet.read_table(file).to_pydict()
        vectors = [np.frombuffer(vector, dtype="<f4") for vector in table["vector"]]
        store.put(fingerprint, dict(zip(table["photo"], vectors, strict=True)))
    shutil.rmtree(folder, ignore_errors=True)
