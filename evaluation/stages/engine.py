"""What runs models here: the model loaded last, and the stores."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from evaluation.errors import WeightsUnavailable
from evaluation.records import Head, ModelSpec
from evaluation.stages.cards import forget_unsized, towers_of
from evaluation.stages.open import StudyData
from evaluation.stages.settings import Settings

if TYPE_CHECKING:
    from evaluation.labelfree import Trials, Unlabelled
    from evaluation.models import Classifier
    from evaluation.models.clip import ClipClassifier
    from evaluation.stores.embeddings import EmbeddingStore
    from evaluation.stores.maps import MapCache

    PairTrials = tuple[Trials, Mapping[str, Sequence[Trials]]]

_STAND_IN = ModelSpec(name="titles", kind="clip", weights="embedded", title="")
"""What reads titles for a model that has no text tower."""


class Engine:
    """Loads models and opens the stores, each at its first use.

    One model is held at a time, since cases come model by model.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        """May be replaced between two cases, for the progress of the next one."""
        self._loaded: tuple[ModelSpec, str, Classifier] | None = None
        self.unavailable: dict[str, WeightsUnavailable] = {}
        """By model: weights that could not be had, perhaps in an earlier run."""
        self.heads: dict[str, Head] = {}
        """That of the case that was last scored, by its id: for its maps."""
        self._store: EmbeddingStore | None = None
        self._reader: ClipClassifier | None = None
        self._trials: tuple[bytes, PairTrials] | None = None

    @property
    def store(self) -> EmbeddingStore:
        """The embeddings store."""
        if self._store is None:
            from evaluation.stores.embeddings import EmbeddingStore

            self._store = EmbeddingStore(self.settings.cache / "embeddings.sqlite")
        return self._store

    def map_cache(self) -> MapCache:
        """The cache of maps, beside that of the embeddings; to be closed by who opened it."""
        from evaluation.stores.maps import MapCache

        return MapCache(self.settings.cache / "maps.sqlite")

    def model(self, spec: ModelSpec, data: StudyData) -> Classifier:
        """The loaded model, trained on the training part of ``data`` if it has to be.

        Raises :class:`ModelError`; weights that could not be had once are not asked for again.
        """
        learnt_from = "" if spec.is_frozen else f"{data.dataset.revision} {data.split.digest}"
        weights = towers_of(spec)
        if self._loaded is not None and self._loaded[:2] == (weights, learnt_from):
            model = self._loaded[2]
            if model.spec != spec:  # the same towers under another name
                model = copy(model)
                model.spec = spec
            return model
        if spec.name in self.unavailable:
            raise self.unavailable[spec.name]
        from evaluation.models import load_model

        self._loaded, settings = None, self.settings
        label = f"{'training' if spec.learns else 'asking'} {spec.name}"
        loading = settings.loading(
            photos=data.training_photos(),
            store=self.store,
            resume=settings.resume,
            watch=partial(settings.progress, label),
        )
        try:
            model = load_model(spec, loading)
        except WeightsUnavailable as error:
            self.unavailable[spec.name] = error
            raise
        self._loaded = weights, learnt_from, model
        forget_unsized(spec, settings.cache)
        return model

    def reader(self, spec: ModelSpec, data: StudyData) -> ClipClassifier:
        """What encodes titles for a model: its own text tower, or the embedded model's."""
        if spec.reads_texts and spec.embeds:
            return cast("ClipClassifier", self.model(spec, data))
        if self._reader is None:
            from evaluation.models import load_model

            plain = replace(self.settings, precision="fp32", offline=True)
            self._reader = cast("ClipClassifier", load_model(_STAND_IN, plain.loading()))
        return self._reader

    def trials(self, seen: Unlabelled, seed: int) -> PairTrials:
        """The layers of these pairs, and by kind those of several draws of titles that say nothing.

        Those of the last pairs are kept for other texts.
        """
        from evaluation.labelfree import nonsense

        key = hashlib.sha256(seen.photos.tobytes() + seen.titles.tobytes()).digest()
        if self._trials is None or self._trials[0] != key:
            self._trials = key, (seen.trials(seed), nonsense(seen, seed))
        return self._trials[1]
