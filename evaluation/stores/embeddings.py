"""The content-keyed store of image embeddings: a photo is embedded once per model, ever.

An embedding is keyed by the photo's bytes and by the model's fingerprint (weights,
architecture, preprocessing, precision); it knows nothing of prompts.  One SQLite file holds
them all, as raw little-endian float32: no pickle, no file per photo.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evaluation.records import EmbeddingCost, Lap
from evaluation.stores.sqlite_file import SqliteFile, Table

if TYPE_CHECKING:
    import torch
    from PIL import Image

FloatVectors = NDArray[np.float32]

_EMBEDDINGS = Table(name="embeddings", key="fingerprint TEXT, image TEXT", values="vector BLOB")
_COSTS = Table(
    name="costs",
    key="fingerprint TEXT, device TEXT",
    values="images INTEGER, seconds REAL, batch_size INTEGER, "
    "ms_per_image REAL NULL, resident_mb REAL NULL, device_mb REAL NULL, scope TEXT NULL",
)
_VECTOR = np.dtype("<f4")


class Embedder(Protocol):
    """What a model must do to have its embeddings stored."""

    fingerprint: str
    """Changes when the embedding of a photo would."""
    dim: int
    device: str
    """As PyTorch names it."""

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """RGB photo to (3, H, W) float32; called from several threads."""

    def embed_images(self, batch: torch.Tensor) -> FloatVectors:
        """(B, 3, H, W) float32 to (B, D) float32."""


class EmbeddingStore(SqliteFile):
    """Embeddings of photos in one SQLite file; raises as :class:`SqliteFile` does."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path,
            (_EMBEDDINGS, _COSTS),
            what="the embeddings store",
            remade="photos are embedded again",
        )

    def get(self, fingerprint: str, digests: Sequence[str]) -> dict[str, FloatVectors]:
        """The stored embeddings, (D,) float32 each, of those photos that have one.

        ``digests`` are the SHA-256 (hexadecimal) of the photos' bytes, in any order.
        """
        rows = self.rows(_EMBEDDINGS, [fingerprint], digests, sound=_is_vector)
        return {image: _decoded(vector) for _, image, vector in rows}

    def put(self, fingerprint: str, vectors: Mapping[str, FloatVectors]) -> None:
        """Stores embeddings in one transaction; those that are already there stay.

        ``vectors`` are (D,) float32 by SHA-256 (hexadecimal) of the photo's bytes.
        """
        plain = {image: np.asarray(vector, dtype=_VECTOR) for image, vector in vectors.items()}
        self.add(_EMBEDDINGS, [(fingerprint, key, row.tobytes()) for key, row in plain.items()])

    @contextlib.contextmanager
    def filling(self, fingerprint: str) -> Iterator[None]:
        """One process at a time embeds with a model; a killed one frees the lock."""
        from filelock import FileLock

        name = hashlib.sha256(fingerprint.encode()).hexdigest()[:16]
        lock = FileLock(self.path.with_name(f"{self.path.stem}-{name}.lock"))
        with self.reporting():
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def texts(
        self, fingerprint: str, texts: Sequence[str], make: Callable[[Sequence[str]], FloatVectors]
    ) -> FloatVectors:
        """(N, D) float32 embeddings of texts; those that are not there are made and stored.

        Texts are kept by the SHA-256 of their words; ``make`` takes M of them to (M, D).
        """
        keys = {text: hashlib.sha256(text.encode()).hexdigest() for text in texts}
        rows = self.get(fingerprint, list(keys.values()))
        missing = [text for text, key in keys.items() if key not in rows]
        if missing:
            made = dict(zip((keys[text] for text in missing), make(missing), strict=True))
            self.put(fingerprint, made)
            rows |= made
        return np.stack([rows[keys[text]] for text in texts])

    def cost(self, fingerprint: str, device: str) -> EmbeddingCost | None:
        """What embedding with a model on a device took, over all fillings; None if unknown."""
        for _, _, images, seconds, size, ms, *memory in self.rows(_COSTS, [fingerprint, device]):
            resident, device_mb, scope = memory
            lap = scope and Lap(resident_mb=resident, device_mb=device_mb, scope=scope)
            return EmbeddingCost(
                images=images, seconds=seconds, batch_size=size, ms_per_image=ms, memory=lap
            )
        return None

    def add_cost(self, fingerprint: str, device: str, cost: EmbeddingCost) -> None:
        """Adds a filling's images and seconds to those before; the rest is replaced."""
        lap = cost.memory
        memory = (lap.resident_mb, lap.device_mb, lap.scope) if lap else (None, None, None)
        with self.transaction():
            before = self.cost(fingerprint, device)
            images = cost.images + (before.images if before else 0)
            seconds = cost.seconds + (before.seconds if before else 0.0)
            rest = (images, seconds, cost.batch_size, cost.ms_per_image, *memory)
            self.add(_COSTS, [(fingerprint, device, *rest)], replace=True)


def _is_vector(row: tuple[Any, ...]) -> bool:
    """Whether a row holds finite numbers."""
    whole = isinstance(row[-1], bytes) and len(row[-1]) % _VECTOR.itemsize == 0
    return whole and bool(np.isfinite(_decoded(row[-1])).all())


def _decoded(vector: bytes) -> FloatVectors:
    return np.frombuffer(vector, dtype=_VECTOR).astype(np.float32)
