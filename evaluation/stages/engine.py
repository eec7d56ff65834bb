"""What runs models here: the settings of a run, the model loaded last, the stores."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import platformdirs

from evaluation.errors import WeightsUnavailable
from evaluation.records import Case, Head, ModelSpec
from evaluation.records.base import silent

if TYPE_CHECKING:
    from evaluation.explain import MapCache
    from evaluation.models import Classifier
    from evaluation.stages.open import StudyData
    from evaluation.stores.embeddings import EmbeddingStore


class Advance(Protocol):
    """Called with what is being done, how much is done, how much there is, and how it goes."""

    def __call__(self, what: str, done: int, total: int, note: str = "", /) -> None:
        """For instance: "embedding with x", 32, 210; or with a note, the loss of a training."""


def default_cache() -> Path:
    """Where models and embeddings are kept: ``$VEILLE_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("VEILLE_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("veille-clip"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to run, as opposed to what: none of it changes a result beyond rounding."""

    artefacts: Path = Path("artefacts")
    cache: Path = field(default_factory=default_cache)
    device: str = "auto"
    precision: str = "fp32"
    offline: bool = False
    batch_size: int = 32
    resume: bool = True
    """Whether an interrupted training is continued, and a finished one taken as it is."""
    progress: Advance = silent


class Engine:
    """Loads models and opens the stores, each at its first use.

    One model is held at a time, since cases come model by model.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        """May be replaced between two cases, for the progress of the next one."""
        self._loaded: tuple[ModelSpec, str, Classifier] | None = None
        self._unavailable: dict[str, WeightsUnavailable] = {}
        self._heads: dict[str, Head] = {}
        self._store: EmbeddingStore | None = None

    @property
    def store(self) -> EmbeddingStore:
        """The embeddings store."""
        if self._store is None:
            from evaluation.stores.embeddings import EmbeddingStore  # noqa: PLC0415 - keeps start-up short

            self._store = EmbeddingStore(self.settings.cache / "embeddings.sqlite")
        return self._store

    def map_cache(self) -> MapCache:
        """The cache of maps, beside that of the embeddings; to be closed by who opened it."""
        from evaluation.explain import MapCache  # noqa: PLC0415 - keeps start-up short

        return MapCache(self.settings.cache / "maps.sqlite")

    def model(self, spec: ModelSpec, data: StudyData) -> Classifier:
        """The loaded model, trained on the training part of ``data`` if it has to be.

        Raises :class:`ModelError`; weights that could not be had once are not asked for again.
        """
        learnt_from = f"{data.dataset.revision} {data.split.digest}"
        if self._loaded is not None and self._loaded[:2] == (spec, learnt_from):
            return self._loaded[2]
        if spec.name in self._unavailable:
            raise self._unavailable[spec.name]
        from evaluation.models import load_model  # noqa: PLC0415 - imports torch

        self._loaded, settings = None, self.settings
        try:
            model = load_model(
                spec,
                cache=settings.cache,
                device=settings.device,
                precision=settings.precision,
                offline=settings.offline,
                progress=settings.progress,
                photos=data.training_photos(),
                resume=settings.resume,
                watch=lambda done, total, note: settings.progress(
                    f"training {spec.name}", done, total, note
                ),
            )
        except WeightsUnavailable as error:
            self._unavailable[spec.name] = error
            raise
        self._loaded = spec, learnt_from, model
        return model

    def keep_head(self, case: Case, head: Head) -> None:
        """Keeps the head of the case that was last scored, for its maps."""
        self._heads = {case.id: head}

    def kept_head(self, case: Case) -> Head | None:
        """The head of a case, when it was the last one scored."""
        return self._heads.get(case.id)
