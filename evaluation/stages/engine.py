"""What runs models here: the engine, with the model loaded last and the stores; and the bench, a
loaded model over the photos of a study.

Embeddings come from the store where it has them; what they cost is kept beside them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from evaluation import records
from evaluation.data.photos import open_photo
from evaluation.errors import DataError, WeightsUnavailable
from evaluation.records import FloatArray, Fold, Head, ModelSpec, PromptSet, Support
from evaluation.stages.open import StudyData, forget_unsized, hide_test, towers_of
from evaluation.stages.provenance import PeakMemory, seconds_of
from evaluation.stages.settings import Settings
from evaluation.stores.feeding import EmbeddingRun, embed

if TYPE_CHECKING:
    from evaluation.labelfree import Trials, Unlabelled
    from evaluation.models import Classifier
    from evaluation.models.clip import ClipClassifier
    from evaluation.stores.embeddings import Embedder, EmbeddingStore
    from evaluation.stores.maps import MapCache

    PairTrials = tuple[Trials, Mapping[str, Sequence[Trials]]]

READ: tuple[Fold, Fold] = ("train", "validation")
"""The parts that a label-free head may read, of which it sees no label."""
_STAND_IN = ModelSpec(name="titles", kind="clip", weights="embedded", title="")
"""What reads titles for a model that has no text tower."""


class Engine:
    """Loads models and opens the stores, each at its first use.

    One model is held at a time, since cases come model by model.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        """May be replaced between two cases, for the progress of the next one."""
        self.memory = PeakMemory()
        """Since the case that is scored was begun."""
        self._loaded: tuple[ModelSpec, str, Classifier] | None = None
        self.unavailable: dict[str, WeightsUnavailable] = {}
        """By model: weights that could not be had, perhaps in an earlier run."""
        self.heads: dict[str, Head] = {}
        """That of the case that was last scored, by its id: for its maps."""
        self._reader: ClipClassifier | None = None
        self._trials: tuple[bytes, PairTrials] | None = None

    @cached_property
    def store(self) -> EmbeddingStore:
        """The embeddings store."""
        from evaluation.stores.embeddings import EmbeddingStore

        return EmbeddingStore(self.settings.cache / "embeddings.sqlite")

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
        loading = replace(
            settings,
            photos=records.TrainingPhotos(  # the test part is not in it
                classes=data.dataset.classes,
                train=data.samples(data.split.train),
                validation=data.samples(data.split.validation),
                load=lambda sample: open_photo(sample.image, sample.bits),
                seed=data.split.seed,
            ),
            store=self.store,
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
            self._reader = cast("ClipClassifier", load_model(_STAND_IN, plain))
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


class Bench(records.Record, eq=False):
    """A model with the embeddings of some parts of a study."""

    data: StudyData
    model: Classifier
    engine: Engine
    rows: Mapping[Fold, FloatArray] = field(default_factory=dict)
    """(N, D) of each part."""

    def embed(
        self, samples: Sequence[records.Sample], what: str = "", views: Embedder | None = None
    ) -> EmbeddingRun:
        """Embeddings of some photos, (N, D), or of their K views, (N, K x D), told as ``what``."""
        model, settings = views or self.model, self.engine.settings
        label = f"embedding {what}with {self.model.spec.name}"
        # A batch holds as many images in all, whatever is made of a photo.
        views_each = model.dim // self.model.dim
        return embed(
            samples,
            model,
            self.engine.store,
            load=lambda sample: open_photo(sample.image, sample.bits),
            batch_size=max(1, settings.batch_size // views_each),
            most=max(1, settings.most_photos // views_each),
            progress=lambda done: settings.progress(label, done, len(samples)),
        )

    def support(self, fold: Fold) -> Support:
        """The embeddings of a part with their labels."""
        return Support(embeddings=self.rows[fold], labels=self.data.labels(self.data.ids(fold)))

    def predict(self, head: Head, fold: Fold) -> records.Predictions:
        """What a head says of a part."""
        from evaluation.scoring.metrics import softmax

        samples, logits = self.data.samples(self.data.ids(fold)), head.logits(self.rows[fold])
        return records.Predictions.of(self.data.dataset.classes, samples, softmax(logits), logits)

    def texts(self, prompts: PromptSet | None, classes: tuple[str, ...] = ()) -> Head:
        """The head made of texts alone, for all classes or for some of them."""
        classes = classes or self.data.dataset.classes
        return self.model.head(classes, prompts=prompts)

    def embed_titles(self, ids: Sequence[str]) -> tuple[NDArray[np.float32], records.IntArray]:
        """(N, D) titles of unit length, zero for a photo without; (N,) equal numbers for equal
        ones.  They are encoded once, and kept beside the maps.
        """
        from evaluation.stores.maps import key_of

        texts = [sample.text or "" for sample in self.data.samples(ids)]
        known = {text: row for row, text in enumerate(dict.fromkeys(filter(None, texts)))}
        names = np.array([known.get(text, -1) for text in texts], dtype=np.int64)
        reader = self.engine.reader(self.model.spec, self.data)
        key = key_of("titles", weights=reader.weights_digest, texts=list(known))
        with self.engine.map_cache() as cache:
            # A part without any title still has to know how wide one is.
            rows = cache.kept(
                key, lambda: reader.embed_texts(tuple(known) or ("",)).astype(np.float32), "titles"
            )
        titles = np.zeros((len(ids), rows.shape[1]), dtype=np.float32)
        titles[names >= 0] = rows[names[names >= 0]]
        return titles, names

    def titles(self) -> dict[Fold, FloatArray]:
        """(N, D) titles of each part, for a model that reads them at prediction; else nothing."""
        folds = self.rows if "title" in self.model.spec.reads else ()
        return {fold: self.embed_titles(self.data.ids(fold))[0] for fold in folds}


def bench_of(
    data: StudyData, spec: ModelSpec, engine: Engine, folds: Sequence[Fold]
) -> tuple[Bench, EmbeddingRun]:
    """A model on some parts of a study: one pass over the store, then cut at the borders.

    What embedding took is added to the store, beside the embeddings.  Raises as
    :meth:`Engine.model`.
    """
    bench = Bench(data=data, model=engine.model(spec, data), engine=engine)
    engine.memory.lap()
    ids = [sample_id for fold in folds for sample_id in data.ids(fold)]
    run = bench.embed(data.samples(ids))
    if run.embedded:  # a forward pass is timed over the first batch
        import torch

        model, few = bench.model, data.samples(ids[: run.batch_size])
        lap = engine.memory.lap()
        photos = (open_photo(sample.image, sample.bits) for sample in few)
        batch = torch.stack([model.preprocess(photo) for photo in photos])
        cost = records.EmbeddingCost(
            images=run.embedded,
            seconds=run.seconds,
            batch_size=run.batch_size,
            ms_per_image=1000 * seconds_of(lambda: model.embed_images(batch)) / len(batch),
            memory=lap,
        )
        engine.store.add_cost(model.fingerprint, model.device, cost)
    borders = np.cumsum([len(data.ids(fold)) for fold in folds])[:-1]
    rows = dict(zip(folds, np.split(run.embeddings, borders), strict=True))
    return replace(bench, rows=rows), run


def validation_bench(data: StudyData, spec: ModelSpec, engine: Engine) -> Bench:
    """A model on the validation photos, and on those of train if it is adapted on both.

    The test part is put away.  Raises :class:`DataError` without a validation part.
    """
    if not data.split.validation:
        raise DataError(
            "texts are judged on a validation part, and this study has none; test is not looked"
            " at while they are being written",
            where=data.study.file,
            remedy="give the split some: [split] validation_share = 0.2",
        )
    folds: Sequence[Fold] = READ if spec.family == "label-free" else ("validation",)
    return bench_of(hide_test(data), spec, engine, folds)[0]


def models_of(study: records.Study, names: Sequence[str] = ()) -> tuple[ModelSpec, ...]:
    """The models of a study that read texts: those of these names, or all."""
    known = {spec.name: spec for spec in study.models if spec.reads_texts and spec.embeds}
    unknown = sorted(set(names) - set(known))
    if unknown or not known:
        raise DataError(
            f"no model {', '.join(unknown)} that reads texts"
            if unknown
            else "no model reads texts",
            where=study.file,
            remedy=f"choose among {', '.join(known)}" if known else "declare one in [[models]]",
        )
    return tuple(known[name] for name in names or known)
