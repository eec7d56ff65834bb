"""The only place where the stages meet: from a study to its records.

:func:`open_study` reads the photos, splits them and resolves the prompt sets once;
:func:`run_case` scores one case and writes its artefacts.  Both take plain values: pytest
is one caller among others.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import platformdirs

from evaluation.data import (
    fetch_hint,
    load_dataset,
    open_photo,
    resolve_prompts,
    split_dataset,
    without_small_classes,
    write_thumbnail,
)
from evaluation.errors import DataError, VeilleError, WeightsUnavailable, one_line
from evaluation.records import (
    FOLDS,
    Availability,
    Case,
    Dataset,
    EmbeddingCost,
    Fetched,
    FloatArray,
    Fold,
    Head,
    IntArray,
    Lap,
    ModelSpec,
    Predictions,
    Projection,
    Provenance,
    RunRecord,
    Sample,
    SampleCard,
    Split,
    Status,
    Study,
    StudyRecord,
    Support,
    Timings,
    TrainingPhotos,
    TrainingRecord,
)
from evaluation.records.base import silent
from evaluation.stages import provenance
from evaluation.stages.cost import PeakMemory, seconds_of
from evaluation.stores import artefacts
from evaluation.study.reference import load_reference
from evaluation.usage import eval_command

if TYPE_CHECKING:
    from evaluation.models import Classifier, TrainingViews
    from evaluation.stores.embeddings import EmbeddingRun, EmbeddingStore

VIEWS = 8
"""Images that show an augmentation: a photo as it is read, then views of it."""
VIEW_QUALITY = 80


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


@dataclass(slots=True, kw_only=True)
class OpenStudy:
    """A study whose photos were read, split and given their prompts."""

    study: Study
    """With its prompt sets resolved: every class has its texts."""
    dataset: Dataset
    split: Split
    settings: Settings
    _models: dict[str, Classifier] = field(default_factory=dict)
    _unavailable: dict[str, WeightsUnavailable] = field(default_factory=dict)
    """Models whose weights could not be had: their other cases need not ask again."""
    _heads: dict[str, Head] = field(default_factory=dict)
    """Case id to its head: the last one is kept, for what follows the scoring."""
    _store: EmbeddingStore | None = None

    @property
    def store(self) -> EmbeddingStore:
        """The embeddings store, opened at its first use."""
        if self._store is None:
            from evaluation.stores.embeddings import EmbeddingStore  # noqa: PLC0415 - keeps start-up short

            self._store = EmbeddingStore(self.settings.cache / "embeddings.sqlite")
        return self._store

    def model(self, spec: ModelSpec) -> Classifier:
        """The loaded model; only the last one is kept, since cases come model by model.

        Raises :class:`ModelError`, for a model whose weights could not be had as it did first.
        """
        if spec.name in self._unavailable:
            raise self._unavailable[spec.name]
        if spec.name not in self._models:
            from evaluation.models import load_model  # noqa: PLC0415 - imports torch

            self._models.clear()
            try:
                self._models[spec.name] = load_model(
                    spec,
                    cache=self.settings.cache,
                    device=self.settings.device,
                    precision=self.settings.precision,
                    offline=self.settings.offline,
                    progress=self.settings.progress,
                    photos=self.training_photos(),
                    resume=self.settings.resume,
                    watch=lambda done, total, note: self.settings.progress(
                        f"training {spec.name}", done, total, note
                    ),
                )
            except WeightsUnavailable as error:
                self._unavailable[spec.name] = error
                raise
        return self._models[spec.name]

    def head(self, case: Case) -> Head:
        """The classifier of a case: the one just made, or made again from stored embeddings.

        Raises as :func:`run_case` records it.
        """
        if case.id not in self._heads:
            _predict(case, self, PeakMemory())
        return self._heads[case.id]

    def keep_head(self, case: Case, head: Head) -> None:
        """Keeps the head of the case that was last scored."""
        self._heads = {case.id: head}

    def training_photos(self) -> TrainingPhotos:
        """What a model may learn from: the test part is not in it."""
        return TrainingPhotos(
            classes=self.dataset.classes,
            train=self.samples(self.split.train),
            validation=self.samples(self.split.validation),
            load=lambda sample: open_photo(sample.image),
            seed=self.split.seed,
        )

    def samples(self, ids: Sequence[str]) -> tuple[Sample, ...]:
        """The samples of these ids, in their order."""
        known = {sample.id: sample for sample in self.dataset.samples}
        return tuple(known[one] for one in ids)

    def labels(self, ids: Sequence[str]) -> IntArray:
        """(N,) class indices of these ids."""
        index = {name: i for i, name in enumerate(self.dataset.classes)}
        return np.array([index[sample.label] for sample in self.samples(ids)], dtype=np.int64)

    def cases(self) -> tuple[Case, ...]:
        """Every case of the study, with resolved prompts."""
        return self.study.cases()

    def case(self, name: str) -> Case:
        """The case of that name ("embedded/noms"); KeyError if there is none."""
        return {case.name: case for case in self.cases()}[name]


# ------------------------------------------------------------------ the study


def read_data(study: Study, settings: Settings) -> OpenStudy:
    """Reads and splits the photos and resolves the prompt sets; writes nothing.

    Raises :class:`DataError` when the data cannot be used at all, or when a prompt set
    does not fit the classes.
    """
    root = study.dataset.root
    if root is None:
        raise DataError(
            "the study does not say where its photos are",
            where=study.file,
            remedy=f"give their folder with --data-root{fetch_hint(study.dataset, study.name)}",
        )
    dataset = load_dataset(
        study.dataset,
        name=study.name,
        root=root,
        cache=settings.cache,
        progress=lambda done, total: settings.progress("reading photos", done, total),
    )
    dataset = without_small_classes(dataset, study.split, study.parts)
    split = split_dataset(
        dataset,
        study.split,
        study.parts,
        progress=lambda done, total: settings.progress("comparing photos", done, total),
    )
    prompts = tuple(resolve_prompts(one, dataset, split, study.prompts) for one in study.prompts)
    return OpenStudy(
        study=replace(study, prompts=prompts), dataset=dataset, split=split, settings=settings
    )


def open_study(study: Study, settings: Settings) -> OpenStudy:
    """:func:`read_data`, then writes ``study.json`` and the small copies of the photos."""
    opened = read_data(study, settings)
    artefacts.write_study(settings.artefacts, _study_record(opened))
    return opened


def _study_record(opened: OpenStudy) -> StudyRecord:
    from evaluation.models import model_card  # noqa: PLC0415 - imports torch

    study, dataset, split = opened.study, opened.dataset, opened.split
    return StudyRecord(
        name=study.name,
        title=study.title,
        question=study.question,
        dataset_kind=dataset.kind,
        dataset_revision=dataset.revision,
        licence=study.dataset.licence,
        origin=study.dataset.origin,
        redistributable=study.dataset.redistributable,
        classes=dataset.classes,
        samples=_sample_cards(opened),
        missing=dataset.missing,
        notes=dataset.notes,
        duplicates=split.duplicates,
        near_duplicates=split.near_duplicates,
        groups=split.groups,
        grouping=split.grouping,
        carved=split.carved,
        split_digest=split.digest,
        seed=split.seed,
        cases=tuple(case.id for case in opened.cases()),
        thresholds=study.thresholds,
        reference=None if study.reference is None else load_reference(study.reference),
        models=tuple(model_card(spec) for spec in study.models),
        translations=study.translations,
    )


def _sample_cards(opened: OpenStudy) -> tuple[SampleCard, ...]:
    folder = opened.settings.artefacts / opened.study.name / "photos"
    with artefacts.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    parts = {fold: set(getattr(opened.split, fold)) for fold in FOLDS}
    cards = []
    used = [
        (fold, sample)
        for sample in opened.dataset.samples
        for fold in FOLDS
        if sample.id in parts[fold]
    ]
    for done, (fold, sample) in enumerate(used, start=1):
        photo = write_thumbnail(sample, folder)
        opened.settings.progress("small copies of the photos", done, len(used))
        cards.append(
            SampleCard(
                id=sample.id,
                label=sample.label,
                fold=fold,
                photo=f"photos/{photo}",
                width=sample.width,
                height=sample.height,
                subcategory=sample.subcategory,
                title=sample.title,
            )
        )
    return tuple(cards)


# ------------------------------------------------------------------- the case


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What a case that ran to its end gives."""

    predictions: Predictions
    validation: Predictions | None
    """The same of the validation part, on which choices are made; None when it is empty."""
    projection: Projection | None
    photo: str
    """Id of the training photo whose views are shown; "" when there are none."""
    views: Mapping[str, bytes]
    """File name to WebP: see :meth:`Classifier.pictures`."""
    head: Head
    timings: Timings
    weights_digest: str
    device: str
    precision: str


def run_case(case: Case, opened: OpenStudy) -> RunRecord:
    """Scores one case, writes its artefacts, and returns its record.

    A case that cannot run is recorded too: ``unavailable`` when its weights cannot be had,
    ``failed`` otherwise.  What is our own fault is recorded, then raised.  An
    :class:`ArtefactError` (disk full, folder read-only) is raised: it could not be recorded.
    """
    started, clock, memory = datetime.now(UTC), time.perf_counter(), PeakMemory()
    record = _blank_record(case, opened, started)
    try:
        outcome = _predict(case, opened, memory)
    except VeilleError as error:
        status: Status = "unavailable" if isinstance(error, WeightsUnavailable) else "failed"
        record = replace(record, status=status, error=str(error))
        return _write(record, opened, clock, memory)
    except Exception as error:
        reason = f"{type(error).__name__}: {one_line(error)}"
        _write(replace(record, status="failed", error=reason), opened, clock, memory)
        raise
    return _write(_scored(record, outcome), opened, clock, memory, outcome)


def _blank_record(case: Case, opened: OpenStudy, started: datetime) -> RunRecord:
    commit, dirty = provenance.commit()
    study = opened.study
    # The data root is left out of the command: a record may be published, a path may not.
    root = "--data-root DOSSIER " if study.dataset.kind == "flipkart" else ""
    return RunRecord(
        study=case.study,
        case=case.id,
        model=case.model,
        prompts=case.prompts,
        dataset_revision=opened.dataset.revision,
        split_digest=opened.split.digest,
        seed=opened.split.seed,
        status="ok",
        classes=opened.dataset.classes,
        provenance=Provenance(
            commit=commit,
            dirty=dirty,
            versions=provenance.versions(),
            device=opened.settings.device,
            precision=opened.settings.precision,
            hardware=provenance.processor(),
            weights_digest=None,
            started=started.isoformat(timespec="seconds"),
            seconds=0.0,
            command=eval_command(case.study, f'{root}-k "{case.name}"'),
        ),
    )


def _predict(case: Case, opened: OpenStudy, memory: PeakMemory) -> _Outcome:
    model = opened.model(case.model)
    parts = {fold: getattr(opened.split, fold) for fold in FOLDS}
    plain = model.needs_training and model.views is None
    needed = FOLDS if plain else ("validation", "test")
    run, rows = embed_parts(opened, model, {fold: parts[fold] for fold in needed}, memory)
    learnt = support(opened, rows, "train")
    if model.views is not None:
        augmented, learnt = _embed_views(opened, model, model.views)
        run = run.and_also(augmented)

    clock = time.perf_counter()
    head = model.head(
        opened.dataset.classes,
        prompts=case.prompts,
        train=learnt,
        validation=support(opened, rows, "validation"),
        seed=opened.split.seed,
    )
    head_seconds = time.perf_counter() - clock
    views = _views(opened, model)
    cost = opened.store.cost(model.fingerprint, model.device)
    opened.keep_head(case, head)
    return _Outcome(
        predictions=predict(opened, head, rows, "test"),
        validation=predict(opened, head, rows, "validation") if opened.split.validation else None,
        projection=_project(case, opened, head, rows["test"]),
        photo=opened.split.train[0] if views else "",
        views=views,
        head=head,
        timings=Timings(
            images_embedded=run.embedded,
            images_reused=run.reused,
            embed_seconds=run.seconds,
            head_seconds=head_seconds,
            images_per_second=(cost and cost.images_per_second)
            or opened.store.throughput(model.fingerprint),
            embedding=cost,
        ),
        weights_digest=model.weights_digest,
        device=model.device,
        precision=model.precision,
    )


def _project(
    case: Case, opened: OpenStudy, head: Head, embeddings: FloatArray
) -> Projection | None:
    from evaluation.scoring.projection import project  # noqa: PLC0415 - as the other scores

    # A row of a zero-shot head is the embedding of a class's texts, times the logit scale.
    texts = None if case.prompts is None else head.weight
    return project(case.id, opened.split.test, opened.dataset.classes, embeddings, texts)


def embed_parts(
    opened: OpenStudy,
    model: Classifier,
    parts: Mapping[Fold, tuple[str, ...]],
    memory: PeakMemory | None = None,
) -> tuple[EmbeddingRun, dict[Fold, FloatArray]]:
    """Embeddings of each part, (N, D): one pass over the store, then cut at the borders.

    What embedding took is added to the store, beside the embeddings.
    """
    from evaluation.stores.embeddings import embed  # noqa: PLC0415 - keeps start-up short

    memory = memory or PeakMemory()
    memory.lap()
    ids = [one for part in parts.values() for one in part]
    label = f"embedding with {model.spec.name}"
    run = embed(
        opened.samples(ids),
        model,
        opened.store,
        load=lambda sample: open_photo(sample.image),
        batch_size=opened.settings.batch_size,
        progress=lambda done: opened.settings.progress(label, done, len(ids)),
    )
    if run.embedded:
        _note_cost(opened, model, run, ids, memory.lap())
    borders = np.cumsum([len(part) for part in parts.values()])[:-1]
    return run, dict(zip(parts, np.split(run.embeddings, borders), strict=True))


def _note_cost(
    opened: OpenStudy, model: Classifier, run: EmbeddingRun, ids: Sequence[str], memory: Lap
) -> None:
    from evaluation.stores.embeddings import decode  # noqa: PLC0415 - keeps start-up short

    batch = decode(
        opened.samples(ids[: run.batch_size]), model, load=lambda sample: open_photo(sample.image)
    )
    seconds = seconds_of(lambda: model.embed_images(batch))
    cost = EmbeddingCost(
        images=run.embedded,
        seconds=run.seconds,
        batch_size=run.batch_size,
        ms_per_image=1000 * seconds / len(batch),
        memory=memory,
    )
    opened.store.add_cost(model.fingerprint, model.device, cost)


def _embed_views(
    opened: OpenStudy, model: Classifier, views: TrainingViews
) -> tuple[EmbeddingRun, Support]:
    """The training photos as K augmented views each: one row a view, (N x K, D)."""
    from evaluation.stores.embeddings import embed  # noqa: PLC0415 - keeps start-up short

    ids = opened.split.train
    each = views.dim // model.dim
    label = f"embedding augmented views with {model.spec.name}"
    run = embed(
        opened.samples(ids),
        views,
        opened.store,
        load=lambda sample: open_photo(sample.image),
        # As many images in memory as for plain photos.
        batch_size=max(1, opened.settings.batch_size // each),
        progress=lambda done: opened.settings.progress(label, done, len(ids)),
    )
    rows = run.embeddings.reshape(len(ids) * each, model.dim)
    return run, Support(embeddings=rows, labels=np.repeat(opened.labels(ids), each))


def _views(opened: OpenStudy, model: Classifier) -> dict[str, bytes]:
    """What augmentation makes of the first training photo, as files named after their content."""
    if not opened.split.train:
        return {}
    (sample,) = opened.samples(opened.split.train[:1])
    files = {}
    for picture in model.pictures(open_photo(sample.image), VIEWS):
        content = io.BytesIO()
        picture.save(content, "WEBP", quality=VIEW_QUALITY, method=4)
        name = hashlib.sha256(content.getvalue()).hexdigest()[:16]
        files[f"augmentation/{name}.webp"] = content.getvalue()
    return files


def support(opened: OpenStudy, rows: Mapping[Fold, FloatArray], fold: Fold) -> Support | None:
    """The embeddings of a part with their labels; None when that part was not embedded."""
    if fold not in rows:
        return None
    return Support(embeddings=rows[fold], labels=opened.labels(getattr(opened.split, fold)))


def predict(
    opened: OpenStudy, head: Head, rows: Mapping[Fold, FloatArray], fold: Fold
) -> Predictions:
    """What a head says of a part's embeddings."""
    from evaluation.scoring import softmax  # noqa: PLC0415 - imports scipy

    ids: tuple[str, ...] = getattr(opened.split, fold)
    logits = head.logits(rows[fold])
    return Predictions(
        classes=opened.dataset.classes,
        sample_ids=ids,
        labels=opened.labels(ids),
        probabilities=softmax(logits),
        logits=logits,
    )


def _scored(record: RunRecord, outcome: _Outcome) -> RunRecord:
    from evaluation.scoring import score  # noqa: PLC0415 - imports scikit-learn

    clock = time.perf_counter()
    scores = score(outcome.predictions)
    timings = replace(outcome.timings, score_seconds=time.perf_counter() - clock)
    return replace(
        record,
        warnings=outcome.head.warnings,
        metrics=scores.metrics,
        per_class=scores.per_class,
        confusion=scores.confusion,
        chosen=outcome.head.chosen,
        training=_training(outcome),
        timings=timings,
        provenance=replace(
            record.provenance,
            device=outcome.device,
            precision=outcome.precision,
            weights_digest=outcome.weights_digest,
        ),
    )


def _training(outcome: _Outcome) -> TrainingRecord | None:
    """How the head came about, with the views that show it."""
    told = outcome.head.training
    return None if told is None else replace(told, photo=outcome.photo, views=tuple(outcome.views))


def _write(
    record: RunRecord,
    opened: OpenStudy,
    clock: float,
    memory: PeakMemory,
    outcome: _Outcome | None = None,
) -> RunRecord:
    peak = memory.peak()
    finished = replace(
        record,
        provenance=replace(
            record.provenance,
            seconds=time.perf_counter() - clock,
            peak_memory_mb=peak.resident_mb,
            peak_memory_scope=peak.scope,
            device_memory_mb=peak.device_mb,
        ),
    )
    artefacts.write_run(
        opened.settings.artefacts,
        finished,
        outcome.predictions if outcome else None,
        outcome.validation if outcome else None,
        projection=outcome.projection if outcome else None,
        views=outcome.views if outcome else None,
    )
    return finished


# ------------------------------------------------------------------- the check


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCheck:
    """Whether a model of the study could run here."""

    model: ModelSpec
    cases: tuple[str, ...]
    availability: Availability


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCheck:
    """What :func:`check_study` found."""

    opened: OpenStudy | None
    """None when the data cannot be used; ``error`` then says why."""
    error: VeilleError | None
    models: tuple[ModelCheck, ...]


def check_study(study: Study, settings: Settings) -> StudyCheck:
    """Reads the data and asks after the weights; writes, loads and downloads nothing."""
    opened: OpenStudy | None = None
    error: VeilleError | None = None
    try:
        opened = read_data(study, settings)
    except VeilleError as found:
        error = found
    return StudyCheck(opened=opened, error=error, models=announce_weights(study, settings))


def announce_weights(study: Study, settings: Settings) -> tuple[ModelCheck, ...]:
    """Whether each model of a study could run here, and how much it would download."""
    from evaluation.models import availability  # noqa: PLC0415 - imports open_clip

    return tuple(
        ModelCheck(
            model=spec,
            cases=tuple(case.name for case in study.cases() if case.model == spec),
            availability=availability(spec, cache=settings.cache, offline=settings.offline),
        )
        for spec in study.models
    )


# ----------------------------------------------------------------- the weights


def fetch_weights(spec: ModelSpec, settings: Settings) -> Fetched:
    """The weights of a model, had ahead of its cases; see :func:`evaluation.models.fetch`."""
    from evaluation.models import fetch  # noqa: PLC0415 - imports open_clip

    return fetch(spec, cache=settings.cache, offline=settings.offline, progress=settings.progress)
