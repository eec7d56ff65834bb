"""From a case to its record: what the model says of the photos, and what that is worth.

Takes plain values: pytest is one caller among others.
"""

import hashlib
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

from evaluation import records, scoring
from evaluation.data.photos import open_photo
from evaluation.errors import ModelError, VeilleError, WeightsUnavailable, one_line
from evaluation.models import Classifier
from evaluation.models.base import Predictor
from evaluation.records import Case, Head, Predictions, RunRecord, Timings
from evaluation.scoring.projection import project
from evaluation.stages import provenance
from evaluation.stages.adapt import check_adaptation
from evaluation.stages.bench import Bench, bench_of, embed_views
from evaluation.stages.cost import PeakMemory
from evaluation.stages.engine import Engine
from evaluation.stages.heads import make_head, repeat, score_strays
from evaluation.stages.open import StudyData
from evaluation.stages.settings import Settings
from evaluation.stages.standing import fingerprint, weights_fingerprint
from evaluation.stores import artefacts
from evaluation.usage import eval_command

VIEWS = 8
"""Images that show an augmentation: a photo as it is read, then views of it."""
VIEW_QUALITY = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a case that ran to its end gives."""

    predictor: Predictor
    predictions: Predictions
    validation: Predictions | None
    """The same of the validation part, on which choices are made; None when it is empty."""
    head: Head | None = None
    bench: Bench | None = None
    """Where photos are embedded; None, as the head, for what was answered elsewhere."""
    said: Mapping[str, Any]
    """Fields of the record: warnings, what was chosen, how it was learnt, what it cost."""
    made: Mapping[str, Any] = field(default_factory=dict)
    """Further files of the case, as :func:`artefacts.write_run` takes them."""


def score(case: Case, data: StudyData, engine: Engine) -> RunRecord:
    """Scores one case, writes its artefacts, and returns its record.

    A case that cannot run is recorded too: ``unavailable`` when its weights cannot be had,
    ``failed`` otherwise.  What is our own fault is recorded, then raised.  An
    :class:`ArtefactError` (disk full, folder read-only) is raised: it could not be recorded.
    """
    clock, memory, settings = time.perf_counter(), PeakMemory(), engine.settings
    record = _blank_record(case, data, settings)

    def written(record: RunRecord, **made: Any) -> RunRecord:
        """The record with what it cost, written with what was made beside it."""
        peak = memory.peak()
        cost = replace(
            record.provenance,
            seconds=time.perf_counter() - clock,
            peak_memory_mb=peak.resident_mb,
            peak_memory_scope=peak.scope,
            device_memory_mb=peak.device_mb,
        )
        record = replace(record, provenance=cost)
        artefacts.write_run(settings.artefacts, record, **made)
        return record

    try:
        outcome = run_case(case, data, engine, memory)
        repeats = repeat(case, data, engine)
    except VeilleError as error:
        lacks = isinstance(error, WeightsUnavailable)
        # Of a record without result: what was asked for, where there is a server.
        asked = lacks and not settings.offline
        return written(
            replace(
                record,
                status="unavailable" if lacks else "failed",
                error=str(error),
                reason=getattr(error, "reason", None),
                fingerprint=weights_fingerprint(case.model, settings) if asked else "",
            )
        )
    except Exception as error:
        reason = f"{type(error).__name__}: {one_line(error)}"
        written(replace(record, status="failed", error=reason, fingerprint=""))
        raise
    test, validation = outcome.predictions, outcome.validation
    record = _scored(replace(record, repeats=repeats), outcome, data.groups(test.sample_ids))
    return written(record, predictions=test, validation=validation, **outcome.made)


def _blank_record(case: Case, data: StudyData, settings: Settings) -> RunRecord:
    commit, dirty = provenance.commit()
    # The data root is left out of the command: a record may be published, a path may not.
    root = "--data-root DOSSIER " if data.dataset.kind == "flipkart" else ""
    return RunRecord(
        study=case.study,
        case=case.id,
        model=case.model,
        prompts=case.prompts,
        dataset_revision=data.dataset.revision,
        split_digest=data.split.digest,
        seed=data.split.seed,
        fingerprint=fingerprint(case, data, settings),
        status="ok",
        classes=data.dataset.classes,
        provenance=records.Provenance(
            commit=commit,
            dirty=dirty,
            versions=provenance.versions(),
            device=settings.device,
            precision=settings.precision,
            hardware=provenance.processor(),
            weights_digest=None,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=0.0,
            command=eval_command(case.study, f'{root}-k "{case.name}"'),
        ),
    )


def run_case(
    case: Case, data: StudyData, engine: Engine, memory: PeakMemory | None = None
) -> Outcome:
    """What a case gives on the study's own split, computed and not yet scored or written.

    Raises :class:`VeilleError`: the weights cannot be had, a photo cannot be read, …
    """
    spec = case.model
    check_adaptation(spec, data)
    if not spec.embeds:
        return _answered(cast("Predictor", engine.model(spec, data)).reading(case.prompts), data)
    model = engine.model(spec, data)
    plain = model.needs_training and model.views is None
    label_free = spec.family == "label-free"
    needed: tuple[records.Fold, ...] = (
        records.FOLDS if plain or label_free else ("validation", "test")
    )
    bench, run = bench_of(data, spec, engine, needed, memory)
    learnt = bench.support("train") if "train" in bench.rows else None
    if model.views is not None:
        augmented, learnt = embed_views(bench, model.views)
        run = run.and_also(augmented)

    clock = time.perf_counter()
    made = make_head(case, bench, learnt)
    head = made.head
    head_seconds = time.perf_counter() - clock
    views = _views(data, model)
    training = head.training and replace(
        head.training, photo=data.split.train[0] if views else "", views=tuple(views)
    )
    cost = engine.store.cost(model.fingerprint, model.device)
    engine.heads = {case.id: head}
    photos = head.through(bench.rows["test"])
    projection = project(case.id, data.split.test, data.dataset.classes, photos, made.texts)
    timings = Timings(
        images_embedded=run.embedded,
        images_reused=run.reused,
        embed_seconds=run.seconds,
        head_seconds=head_seconds,
        images_per_second=None if cost is None else cost.images_per_second,
        embedding=cost,
    )
    return replace(
        _answered(made, data),
        head=head,
        bench=bench,
        said={
            "warnings": head.warnings,
            "chosen": head.chosen,
            "training": training,
            "adaptation": made.adaptation,
            "strays": score_strays(case, bench, head),
            "timings": timings,
        },
        made={"projection": projection, "views": views},
    )


def _answered(predictor: Predictor, data: StudyData) -> Outcome:
    """What a predictor says of the study's photos, and what it leaves open."""
    test, validation = (data.samples(data.ids(fold)) for fold in ("test", "validation"))
    covered, others = predictor.covers(validation), predictor.others(data.dataset.samples)
    warnings = []
    if covered < len(validation):
        warnings.append(
            f"{covered} of {len(validation)} validation photos have a row: what is chosen on"
            " validation is left out"
        )
    if others:
        warnings.append(f"{others} rows are of photos that the study has not: they are left out")
    return Outcome(
        predictor=predictor,
        predictions=predictor.predict(test),
        validation=predictor.predict(validation) if 0 < covered == len(validation) else None,
        said={"warnings": tuple(warnings), "chosen": predictor.facts(test)},
    )


def head_of(case: Case, data: StudyData, engine: Engine) -> Head:
    """The classifier of a case: the one just made, or made again from stored embeddings.

    Raises as :func:`run_case`.
    """
    head = engine.heads.get(case.id) or run_case(case, data, engine).head
    if head is None:
        raise ModelError("predictions made elsewhere have no model to look into", where=case.id)
    return head


def _views(data: StudyData, model: Classifier) -> dict[str, bytes]:
    """What augmentation makes of the first training photo, as files named after their content."""
    if not data.split.train:
        return {}
    (sample,) = data.samples(data.split.train[:1])
    files = {}
    for picture in model.pictures(open_photo(sample.image, sample.bits), VIEWS):
        content = io.BytesIO()
        picture.save(content, "WEBP", quality=VIEW_QUALITY, method=4)
        name = hashlib.sha256(content.getvalue()).hexdigest()[:16]
        files[f"augmentation/{name}.webp"] = content.getvalue()
    return files


def _scored(record: RunRecord, outcome: Outcome, groups: records.IntArray | None) -> RunRecord:
    clock = time.perf_counter()
    scores = scoring.score(outcome.predictions, groups)
    timings = outcome.said.get("timings", Timings())
    return replace(
        record,
        **{
            **outcome.said,
            "warnings": (*_language_warning(record), *outcome.said["warnings"]),
            "timings": replace(timings, score_seconds=time.perf_counter() - clock),
        },
        metrics=scores.metrics,
        per_class=scores.per_class,
        confusion=scores.confusion,
        provenance=replace(
            record.provenance,
            device=outcome.predictor.device,
            precision=outcome.predictor.precision,
            weights_digest=outcome.predictor.weights_digest,
        ),
    )


def _language_warning(record: RunRecord) -> tuple[str, ...]:
    """Texts that the tower never learnt to read: 0.32 in French for 0.54 in English, measured."""
    texts = record.prompts
    if texts is None or texts.language.startswith("en") or not record.model.reads_english_only:
        return ()
    warning = (
        f"the texts are in {texts.language!r} and this tower reads English alone: translate them, "
        "or use a multilingual tower (xlm-roberta-base-ViT-B-32, ViT-B-16-SigLIP2)"
    )
    return (warning,)
