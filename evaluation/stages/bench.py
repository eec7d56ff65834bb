"""A loaded model over the photos of a study: their embeddings, their titles, and any texts.

Embeddings come from the store where it has them; what they cost is kept beside them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from evaluation import records
from evaluation.data.photos import open_photo
from evaluation.errors import DataError
from evaluation.models import Classifier
from evaluation.records import EmbeddingCost, FloatArray, Fold, Head, ModelSpec, PromptSet, Support
from evaluation.scoring.metrics import softmax
from evaluation.stages.cost import PeakMemory, seconds_of
from evaluation.stages.engine import Engine
from evaluation.stages.open import StudyData
from evaluation.stores.embeddings import Embedder
from evaluation.stores.feeding import EmbeddingRun, decode, embed

READ: tuple[Fold, Fold] = ("train", "validation")
"""The parts that a label-free head may read, of which it sees no label."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bench:
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
        samples, logits = self.data.samples(self.data.ids(fold)), head.logits(self.rows[fold])
        return records.Predictions.of(self.data.dataset.classes, samples, softmax(logits), logits)

    def texts(self, prompts: PromptSet | None, classes: tuple[str, ...] = ()) -> Head:
        """The head made of texts alone, for all classes or for some of them."""
        classes = classes or self.data.dataset.classes
        return self.model.head(classes, prompts=prompts)

    def embed_texts(self, texts: Sequence[str], like: PromptSet) -> FloatArray:
        """(T, D) embeddings of texts in the templates of a prompt set, of one length."""
        each = replace(like, texts={text: (text,) for text in texts}, derive=None)
        return self.texts(each, tuple(texts)).weight

    def embed_titles(self, ids: Sequence[str]) -> tuple[NDArray[np.float32], records.IntArray]:
        """(N, D) titles of unit length, zero for a photo without; (N,) equal numbers for equal
        ones.  They are encoded once, and kept beside the maps.
        """
        from evaluation.stores.maps import key_of

        texts = title_texts(self.data, ids)
        known = {
            text: row for row, text in enumerate(dict.fromkeys(text for text in texts if text))
        }
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


def title_texts(data: StudyData, ids: Sequence[str]) -> list[str]:
    """The title of each photo, "" where there is none."""
    return [sample.text or "" for sample in data.samples(ids)]


def bench_of(
    data: StudyData,
    spec: ModelSpec,
    engine: Engine,
    folds: Sequence[Fold],
    memory: PeakMemory | None = None,
) -> tuple[Bench, EmbeddingRun]:
    """A model on some parts of a study: one pass over the store, then cut at the borders.

    What embedding took is added to the store, beside the embeddings.  Raises as
    :meth:`Engine.model`.
    """
    memory = memory or PeakMemory()
    bench = Bench(data=data, model=engine.model(spec, data), engine=engine)
    memory.lap()
    ids = [sample_id for fold in folds for sample_id in data.ids(fold)]
    run = bench.embed(data.samples(ids))
    if run.embedded:
        cost = _cost(bench, run, ids[: run.batch_size], memory.lap())
        engine.store.add_cost(bench.model.fingerprint, bench.model.device, cost)
    borders = np.cumsum([len(data.ids(fold)) for fold in folds])[:-1]
    rows = dict(zip(folds, np.split(run.embeddings, borders), strict=True))
    return replace(bench, rows=rows), run


def _cost(
    bench: Bench, run: EmbeddingRun, ids: Sequence[str], memory: records.Lap
) -> EmbeddingCost:
    """What a run took, and a forward pass over the batch of these photos."""
    model, samples = bench.model, bench.data.samples(ids)
    batch = decode(samples, model, load=lambda sample: open_photo(sample.image, sample.bits))
    return EmbeddingCost(
        images=run.embedded,
        seconds=run.seconds,
        batch_size=run.batch_size,
        ms_per_image=1000 * seconds_of(lambda: model.embed_images(batch)) / len(batch),
        memory=memory,
    )


def embed_views(bench: Bench, views: Embedder) -> tuple[EmbeddingRun, Support]:
    """The training photos as K augmented views each: one row a view, (N x K, D)."""
    ids, each = bench.data.split.train, views.dim // bench.model.dim
    run = bench.embed(bench.data.samples(ids), "augmented views ", views)
    rows = run.embeddings.reshape(len(ids) * each, bench.model.dim)
    return run, Support(embeddings=rows, labels=np.repeat(bench.data.labels(ids), each))


def validation_bench(data: StudyData, spec: ModelSpec, engine: Engine) -> Bench:
    """A model on the validation photos, and on those of train if it is adapted on both.

    ``data`` is without its test part.  Raises :class:`DataError` without a validation part.
    """
    if not data.split.validation:
        raise DataError(
            "texts are judged on a validation part, and this study has none; test is not looked"
            " at while they are being written",
            where=data.study.file,
            remedy="give the split some: [split] validation_share = 0.2",
        )
    folds: Sequence[Fold] = READ if spec.family == "label-free" else ("validation",)
    return bench_of(data, spec, engine, folds)[0]


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
