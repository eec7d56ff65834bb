"""From a case to its record: what the model says of the photos, and what that is worth.

Takes plain values: pytest is one caller among others.
"""

import hashlib
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np

from evaluation import records, scoring
from evaluation.data.photos import open_photo
from evaluation.errors import VeilleError, WeightsUnavailable, eval_command, one_line
from evaluation.models import Classifier
from evaluation.models.base import Predictor
from evaluation.records import Case, Head, Predictions, Record, RunRecord, Support, Timings
from evaluation.scoring.embeddings import project
from evaluation.stages import provenance
from evaluation.stages.adapt import check_adaptation
from evaluation.stages.engine import Bench, Engine, bench_of
from evaluation.stages.heads import make_head, repeat, score_strays
from evaluation.stages.open import StudyData
from evaluation.stages.provenance import PeakMemory
from evaluation.stages.standing import fingerprint, weights_fingerprint
from evaluation.stores import artefacts

VIEWS = 8
"""Images that show an augmentation: a photo as it is read, then views of it."""


class Outcome(Record):
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
    clock, settings, engine.memory = time.perf_counter(), engine.settings, PeakMemory()
    started = datetime.now(UTC).isoformat(timespec="seconds")
    said: dict[str, Any] = {"status": "ok", "fingerprint": fingerprint(case, data, settings)}
    made: Mapping[str, Any] = {}
    where: dict[str, Any] = {"device": settings.device, "precision": settings.precision}
    fault: Exception | None = None
    try:
        outcome = run_case(case, data, engine)
        said |= {"repeats": repeat(case, data, engine), **_scored(case, data, outcome)}
        made = {"predictions": outcome.predictions, "validation": outcome.validation}
        made |= outcome.made
        where = {name: getattr(outcome.predictor, name) for name in (*where, "weights_digest")}
    except VeilleError as error:
        said = {"status": "failed", "error": str(error), "fingerprint": ""}
        if isinstance(error, WeightsUnavailable):
            said |= {"status": "unavailable", "reason": error.reason}
            if not settings.offline:  # what was asked of a server
                said["fingerprint"] = weights_fingerprint(case.model, settings)
    except Exception as error:  # noqa: BLE001 - recorded, then raised
        reason, fault = f"{type(error).__name__}: {one_line(error)}", error
        said = {"status": "failed", "error": reason, "fingerprint": ""}
    peak, (commit, dirty) = engine.memory.peak(), provenance.commit()
    # The data root is left out of the command: a record may be published, a path may not.
    root = "--data-root DOSSIER " if data.dataset.kind == "flipkart" else ""
    record = RunRecord(
        study=case.study,
        case=case.id,
        model=case.model,
        prompts=case.prompts,
        dataset_revision=data.dataset.revision,
        split_digest=data.split.digest,
        seed=data.split.seed,
        classes=data.dataset.classes,
        provenance=records.Provenance(
            **{"weights_digest": None, **where},
            commit=commit,
            dirty=dirty,
            versions=provenance.versions(),
            hardware=provenance.processor(),
            started=started,
            seconds=time.perf_counter() - clock,
            peak_memory_mb=peak.resident_mb,
            peak_memory_scope=peak.scope,
            device_memory_mb=peak.device_mb,
            command=eval_command(case.study, f'{root}-k "{case.name}"'),
        ),
        **said,
    )
    artefacts.write_run(settings.artefacts, record, **made)
    if fault is not None:
        raise fault
    return record


def run_case(case: Case, data: StudyData, engine: Engine) -> Outcome:
    """What a case gives on the study's own split, computed and not yet scored or written.

    Raises :class:`VeilleError`: the weights cannot be had, a photo cannot be read, …
    """
    spec = case.model
    check_adaptation(spec, data)
    model = engine.model(spec, data)
    if not spec.embeds:
        return _answered(cast("Predictor", model).reading(case.prompts), data)
    learns = spec.family == "label-free" or (model.needs_training and model.views is None)
    parts: Sequence[records.Fold] = records.FOLDS if learns else ("validation", "test")
    bench, run = bench_of(data, spec, engine, parts)
    learnt = bench.support("train") if learns else None
    if model.views is not None:  # K of each training photo, one row a view
        ids, each = data.split.train, model.views.dim // model.dim
        augmented = bench.embed(data.samples(ids), "augmented views ", model.views)
        views_of = augmented.embeddings.reshape(len(ids) * each, model.dim)
        learnt = Support(embeddings=views_of, labels=np.repeat(data.labels(ids), each))
        run = run.and_also(augmented)

    clock = time.perf_counter()
    made = make_head(case, bench, learnt)
    head_seconds, head = time.perf_counter() - clock, made.head
    views = _views(data, model)
    training = head.training and replace(
        head.training, photo=data.split.train[0] if views else "", views=tuple(views)
    )
    cost = engine.store.cost(model.fingerprint, model.device)
    engine.heads = {case.id: head}
    photos = head.through(bench.rows["test"])
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
            "timings": Timings(
                images_embedded=run.embedded,
                images_reused=run.reused,
                embed_seconds=run.seconds,
                head_seconds=head_seconds,
                images_per_second=None if cost is None else cost.images_per_second,
                embedding=cost,
            ),
        },
        made={
            "projection": project(
                case.id, data.split.test, data.dataset.classes, photos, made.texts
            ),
            "views": views,
        },
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


def _views(data: StudyData, model: Classifier) -> dict[str, bytes]:
    """What augmentation makes of the first training photo, as files named after their content."""
    files = {}
    for sample in data.samples(data.split.train[:1]):
        for picture in model.pictures(open_photo(sample.image, sample.bits), VIEWS):
            content = io.BytesIO()
            picture.save(content, "WEBP", quality=80, method=4)
            name = hashlib.sha256(content.getvalue()).hexdigest()[:16]
            files[f"augmentation/{name}.webp"] = content.getvalue()
    return files


def _scored(case: Case, data: StudyData, outcome: Outcome) -> dict[str, Any]:
    """Fields of the record: what the outcome says, and what it is worth."""
    clock = time.perf_counter()
    groups = data.groups(outcome.predictions.sample_ids)
    scores = scoring.score(outcome.predictions, groups)
    timings = outcome.said.get("timings", Timings())
    warnings, texts = outcome.said["warnings"], case.prompts
    if texts and not texts.language.startswith("en") and case.model.reads_english_only:
        # 0.32 in French for 0.54 in English, measured.
        warning = (
            f"the texts are in {texts.language!r} and this tower reads English alone: translate"
            " them, or use a multilingual tower (xlm-roberta-base-ViT-B-32, ViT-B-16-SigLIP2)"
        )
        warnings = (warning, *warnings)
    return {
        **outcome.said,
        "warnings": warnings,
        "timings": replace(timings, score_seconds=time.perf_counter() - clock),
        "metrics": scores.metrics,
        "per_class": scores.per_class,
        "confusion": scores.confusion,
    }
