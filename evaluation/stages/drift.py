"""``veille drift``: whether new photos are still those that were studied."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from evaluation.data.loading import read_photos
from evaluation.errors import DataError
from evaluation.records import BoolArray, Case, Drift, FloatArray
from evaluation.scoring.abstention import TARGET
from evaluation.scoring.intervals import share
from evaluation.scoring.metrics import softmax
from evaluation.stages.engine import Engine
from evaluation.stages.open import StudyData
from evaluation.stages.predict import ready_case
from evaluation.stores import artefacts

FEWEST = 40
"""Photos on each side: below, half of them cannot tell 50 % from 65 %."""
SEED = 20_170_424


def measure_drift(
    case: Case, data: StudyData, engine: Engine, folder: Path, target: float = TARGET
) -> Drift:
    """Photos of a folder beside those of a study, by the embeddings of a case; writes drift.json.

    Classifier two-sample test (Lopez-Paz & Oquab 2017): as many photos of each side, half of
    them to fit a logistic regression that tells the sides apart, and the other half to count
    how often it is right, with Wilson's interval.

    Raises :class:`DataError`: no such folder, or too few photos on one side; :class:`VeilleError`:
    as :func:`ready_case`.
    """
    settings = engine.settings
    samples, _, _ = read_photos(
        folder,
        settings.cache,
        partial(settings.progress, "reading photos"),
        data.study.dataset.bits,
    )
    ready = ready_case(case, data, engine, target)
    known = {sample.digest for sample in data.dataset.samples}
    new = [sample for sample in samples if sample.digest not in known]
    old = data.samples(data.split.test)
    if min(len(new), len(old)) < FEWEST:
        raise DataError(
            f"{len(new)} new photos and {len(old)} of the study's test part:"
            f" fewer than {FEWEST} on one side tell nothing",
            where=folder,
            remedy="give more photos",
        )
    run = ready.bench.embed([*old, *new, *samples])
    then, now, every = np.split(run.embeddings, np.cumsum([len(old), len(new)]))
    groups = data.groups(data.split.test)
    bound = np.inf if ready.threshold is None else ready.threshold
    confidence = softmax(ready.head.logits(every)).max(axis=1)
    drift = Drift(
        study=data.study.name,
        case=case.id,
        folder=folder.resolve().name,
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
        photos=len(samples),
        same=len(samples) - len(new),
        told_apart=share("told_apart", told_apart(then, now)),
        left_then=share("left", ready.test.probabilities.max(axis=1) < bound, groups),
        left_now=share("left", confidence < bound),
    )
    artefacts.write(engine.settings.artefacts, drift)
    return drift


def told_apart(then: FloatArray, now: FloatArray) -> BoolArray:
    """(M,) whether the side of each held-out photo is told, of (N, D) and (K, D) embeddings."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    random, n = np.random.default_rng(SEED), min(len(then), len(now))
    sides = [rows[random.permutation(len(rows))[:n]] for rows in (then, now)]
    half = n // 2
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    classifier.fit(np.concatenate([rows[:half] for rows in sides]), np.repeat([0, 1], half))
    held_out = np.concatenate([rows[half:] for rows in sides])
    right: BoolArray = classifier.predict(held_out) == np.repeat([0, 1], n - half)
    return right
