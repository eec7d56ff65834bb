"""What runs models here: the model loaded last, and the stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation.errors import WeightsUnavailable
from evaluation.records import Case, Head, ModelSpec
from evaluation.stages.cards import forget_unsized
from evaluation.stages.open import StudyData
from evaluation.stages.settings import Settings

if TYPE_CHECKING:
    from evaluation.explain import MapCache
    from evaluation.models import Classifier
    from evaluation.stores.embeddings import EmbeddingStore


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
                store=self.store,
                resume=settings.resume,
                watch=lambda done, total, note: settings.progress(
                    f"training {spec.name}", done, total, note
                ),
            )
        except WeightsUnavailable as error:
            self._unavailable[spec.name] = error
            raise
        self._loaded = spec, learnt_from, model
        forget_unsized(spec, settings.cache)
        return model

    def know_unavailable(self, spec: ModelSpec, error: WeightsUnavailable) -> None:
        """Takes it from an earlier attempt that a model's weights cannot be had."""
        self._unavailable[spec.name] = error

    def keep_head(self, case: Case, head: Head) -> None:
        """Keeps the head of the case that was last scored, for its maps."""
        self._heads = {case.id: head}

    def kept_head(self, case: Case) -> Head | None:
        """The head of a case, when it was the last one scored."""
        return self._heads.get(case.id)
