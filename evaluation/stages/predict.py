"""``veille predict`` and ``veille drift``: a case of a study on photos that nobody has labelled."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from evaluation import records
from evaluation.data.loading import read_photos
from evaluation.data.look import alike
from evaluation.errors import DataError, ModelError
from evaluation.records import BoolArray, Case, Drift, FloatArray, FolderAnswers
from evaluation.scoring.abstention import TARGET, automate
from evaluation.scoring.intervals import share
from evaluation.scoring.metrics import softmax
from evaluation.stages.bench import Bench
from evaluation.stages.engine import Engine
from evaluation.stages.heads import stray_scorer
from evaluation.stages.open import StudyData
from evaluation.stages.score import run_case
from evaluation.stores import artefacts

HEAD = ("path", "predicted", "probability", "decision", "like", "stray")
"""Columns of the table; one a class follows."""
FEWEST = 40
"""Photos on each side: below, half of them cannot tell 50 % from 65 %."""
SEED = 20_170_424


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadyCase:
    """A case that needs nothing but photos to answer."""

    bench: Bench
    head: records.Head
    test: records.Predictions
    """What it said of the study's test part."""
    threshold: float | None
    """Of its probabilities: None where none is high enough."""
    strays: records.StrayResults | None
    """What it did with the study's strays; None where it has none."""


def ready_case(case: Case, data: StudyData, engine: Engine, target: float = TARGET) -> ReadyCase:
    """A case as the study scored it, with the threshold of the study's calibration page.

    It was chosen on validation, where there is one, for a precision of ``target``.

    Raises :class:`ModelError`: predictions made elsewhere, or a head that reads titles too;
    :class:`VeilleError`: as :func:`run_case`.
    """
    if "title" in case.model.reads:
        raise ModelError(
            "it reads titles too, which a folder of photos has not",
            where=case.id,
            remedy="choose a case that reads photos alone",
        )
    outcome = run_case(case, data, engine)
    if outcome.head is None or outcome.bench is None:
        raise ModelError(
            "predictions made elsewhere have no model to run",
            where=case.id,
            remedy="choose a case of a model",
        )
    test, strays = outcome.predictions, outcome.said["strays"]
    automation = automate(test, outcome.validation, data.groups(test.sample_ids), target=target)
    return ReadyCase(
        bench=outcome.bench,
        head=outcome.head,
        test=test,
        threshold=automation.threshold,
        strays=strays,
    )


def predict_folder(
    case: Case, data: StudyData, engine: Engine, folder: Path, target: float = TARGET
) -> FolderAnswers:
    """What a case says of the photos below a folder.

    What is embedded is kept as it comes: a run that was stopped goes on.

    Raises :class:`DataError`: no such folder, or no photo in it; :class:`VeilleError`: as
    :func:`ready_case`.
    """
    settings, bits = engine.settings, data.study.dataset.bits
    progress = partial(settings.progress, "reading photos")
    samples, unread, notes = read_photos(folder, settings.cache, progress, bits)
    ready = ready_case(case, data, engine, target)
    embeddings = ready.bench.embed(samples).embeddings
    probabilities = softmax(ready.head.logits(embeddings))
    classes, best = data.dataset.classes, probabilities.argmax(axis=1)
    like = _like(samples, data)
    strays = np.zeros(len(samples), dtype=bool)
    if ready.strays is not None:
        scores = stray_scorer(case, ready.bench, ready.head)(embeddings)
        strays = scores[ready.strays.chosen] < ready.strays.test.threshold
    return FolderAnswers(
        case=case.id,
        classes=classes,
        target=target,
        threshold=ready.threshold,
        answers=tuple(
            records.Answer(
                path=sample.id,
                predicted=classes[label],
                probability=float(row[label]),
                kept=ready.threshold is not None
                and bool(row[label] >= ready.threshold)
                and not stray,
                like=other,
                stray=bool(stray),
            )
            for sample, label, row, other, stray in zip(
                samples, best, probabilities, like, strays, strict=True
            )
        ),
        probabilities=probabilities,
        unread=unread,
        notes=notes,
    )


def _like(samples: Sequence[records.Sample], data: StudyData) -> list[str]:
    """For each photo, the first other one that looks the same, of the study or of the folder."""
    names = [f"{data.study.name}: {sample.id}" for sample in data.dataset.samples]
    known = len(names)
    names += [sample.id for sample in samples]
    like = [""] * len(samples)
    for group in alike([sample.look for sample in (*data.dataset.samples, *samples)]):
        for index in group:
            if index >= known:
                like[index - known] = names[next(other for other in group if other != index)]
    return like


def answers_to_csv(folder: FolderAnswers) -> str:
    """One row a photo, with a probability a class: a table of ``kind = "predictions"`` too."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*HEAD, *folder.classes])
    for said, row in zip(folder.answers, folder.probabilities, strict=True):
        decision = "keep" if said.kept else "person"
        probabilities = [repr(float(p)) for p in row]
        writer.writerow(
            [
                *(said.path, said.predicted, repr(said.probability), decision, said.like),
                *("stray" if said.stray else "", *probabilities),
            ]
        )
    return text.getvalue()


# ------------------------------------------------------------------------- drift


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
    settings, bits = engine.settings, data.study.dataset.bits
    progress = partial(settings.progress, "reading photos")
    samples, _, _ = read_photos(folder, settings.cache, progress, bits)
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
