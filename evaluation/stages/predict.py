"""``veille predict``, ``drift`` and ``export``: a case at work, on photos that nobody has labelled,
and in a folder of its own, which runs without this program.
"""

import csv
import importlib.metadata
import io
import json
import runpy
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from evaluation import records
from evaluation.data.loading import read_photos
from evaluation.data.look import alike
from evaluation.data.photos import open_photo
from evaluation.errors import DataError, ModelError, one_line
from evaluation.files import replacing
from evaluation.models.base import input_size
from evaluation.records import BoolArray, Case, Drift, FloatArray, FolderAnswers, Head, Record
from evaluation.scoring.abstention import TARGET, automate
from evaluation.scoring.intervals import share
from evaluation.scoring.metrics import softmax
from evaluation.stages import taken_home
from evaluation.stages.engine import Bench, Engine
from evaluation.stages.heads import stray_scorer
from evaluation.stages.open import StudyData
from evaluation.stages.score import run_case
from evaluation.stores import artefacts

HEAD = ("path", "predicted", "probability", "decision", "like", "stray")
"""Columns of the table; one a class follows."""
FEWEST = 40
"""Photos on each side: below, half of them cannot tell 50 % from 65 %."""
SEED = 20_170_424
SCRIPT = "predict.py"
TRIED = 8
"""Photos that the folder must classify as this program does before it is given out."""
TOLERANCE = 1e-3
"""Between probabilities: convolutions are fused with their norms here, and not there."""
_PACKAGES = ("torch", "torchvision", "open_clip_torch", "timm")


class ReadyCase(Record, eq=False):
    """A case that needs nothing but photos to answer."""

    bench: Bench
    head: Head
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
    refused = {
        "predictions made elsewhere have no model to run": not case.model.embeds,
        "it reads titles too, which a folder of photos has not": "title" in case.model.reads,
    }
    for what, holds in refused.items():
        if holds:
            remedy = "choose a case of a model that reads photos alone"
            raise ModelError(what, where=case.id, remedy=remedy)
    outcome = run_case(case, data, engine)
    test = outcome.predictions
    automation = automate(test, outcome.validation, data.groups(test.sample_ids), target=target)
    return ReadyCase(
        bench=cast("Bench", outcome.bench),
        head=cast("Head", outcome.head),
        test=test,
        threshold=automation.threshold,
        strays=outcome.said["strays"],
    )


def predict_folder(
    case: Case, data: StudyData, engine: Engine, folder: Path, target: float = TARGET
) -> FolderAnswers:
    """What a case says of the photos below a folder.

    What is embedded is kept as it comes: a run that was stopped goes on.

    Raises :class:`DataError`: no such folder, or no photo in it; :class:`VeilleError`: as
    :func:`ready_case`.
    """
    settings, classes = engine.settings, data.dataset.classes
    progress = partial(settings.progress, "reading photos")
    samples, unread, notes = read_photos(folder, settings.cache, progress, data.study.dataset.bits)
    ready = ready_case(case, data, engine, target)
    embeddings = ready.bench.embed(samples).embeddings
    probabilities = softmax(ready.head.logits(embeddings))
    strays = np.zeros(len(samples), dtype=bool)
    if ready.strays is not None:
        scores = stray_scorer(case, ready.bench, ready.head)(embeddings)
        strays = scores[ready.strays.chosen] < ready.strays.test.threshold
    # For each photo, the first other one that looks the same, of the study or of the folder.
    names = [f"{data.study.name}: {sample.id}" for sample in data.dataset.samples]
    names += [sample.id for sample in samples]
    like = [""] * len(names)
    for group in alike([sample.look for sample in (*data.dataset.samples, *samples)]):
        for index in group:
            like[index] = names[next(other for other in group if other != index)]
    answers = []
    for sample, row, other, stray in zip(
        samples, probabilities, like[-len(samples) :], strays, strict=True
    ):
        label, sure = int(row.argmax()), float(row.max())
        answer = records.Answer(
            path=sample.id,
            predicted=classes[label],
            probability=sure,
            kept=ready.threshold is not None and sure >= ready.threshold and not stray,
            like=other,
            stray=bool(stray),
        )
        answers.append(answer)
    return FolderAnswers(
        case=case.id,
        classes=classes,
        target=target,
        threshold=ready.threshold,
        answers=tuple(answers),
        probabilities=probabilities,
        unread=unread,
        notes=notes,
    )


def answers_to_csv(folder: FolderAnswers) -> str:
    """One row a photo, with a probability a class: a table of ``kind = "predictions"`` too."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*HEAD, *folder.classes])
    for said, row in zip(folder.answers, folder.probabilities, strict=True):
        decision, stray = "keep" if said.kept else "person", "stray" if said.stray else ""
        known = (said.path, said.predicted, repr(said.probability), decision, said.like, stray)
        writer.writerow([*known, *map(repr, row.tolist())])
    return text.getvalue()


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
    progress = partial(settings.progress, "reading photos")
    samples, _, _ = read_photos(folder, settings.cache, progress, data.study.dataset.bits)
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


def export(
    case: Case, data: StudyData, engine: Engine, folder: Path, *, target: float, onnx: bool
) -> float:
    """Writes a case to a folder, whole or not at all, once its script agrees with this program.

    Returns the largest difference of a probability, on the test photos that were tried.

    Raises :class:`ModelError`: the folder exists; the case cannot be exported; its script
    disagrees; :class:`VeilleError`: as :func:`ready_case`.
    """
    if folder.exists():
        raise ModelError("this folder exists", where=folder, remedy="name a new one")
    ready = ready_case(case, data, engine, target)
    model = ready.bench.model
    described = {
        "case": case.id,
        "classes": data.dataset.classes,
        "threshold": ready.threshold,
        "target": target,
        "preprocess": dict(model.preprocessing),
        "tower": dict(model.architecture),
        "unit": model.unit,
    }
    with replacing(folder, folder=True) as work:
        _save(work / "tower.safetensors", model.image_tower.state_dict())
        head = {"weight": ready.head.weight, "bias": ready.head.bias, "layer": ready.head.layer}
        # In one precision, whichever each part was learnt in: that in which heads compute here.
        fitted = {name: np.float64(value) for name, value in head.items() if value is not None}
        _save(work / "head.safetensors", fitted)
        (work / "case.json").write_text(json.dumps(described, indent=2), encoding="utf-8")
        script, installed = Path(taken_home.__file__), importlib.metadata.version
        packages = (f"{name}=={installed(name).partition('+')[0]}" for name in _PACKAGES)
        readme = (
            script.with_suffix(".txt")
            .read_text(encoding="utf-8")
            .format(case=case.id, version=installed("veille-clip"), packages=" ".join(packages))
        )
        (work / "README.txt").write_text(readme, encoding="utf-8")
        shutil.copyfile(script, work / SCRIPT)
        classifier = runpy.run_path(str(work / SCRIPT))["Classifier"]()
        tried = data.samples(data.split.test[:TRIED])
        photos = (open_photo(sample.image, sample.bits) for sample in tried)
        said = np.stack([classifier.predict(photo).numpy() for photo in photos])
        apart = float(np.abs(said - ready.test.probabilities[:TRIED]).max())
        if apart > TOLERANCE:
            raise ModelError(
                f"the exported folder disagrees with this program by {apart:.2g} in a probability",
                where=case.id,
                remedy="this architecture cannot be exported",
            )
        if onnx:
            _write_onnx(work / "model.onnx", classifier, case)
    return apart


def _save(path: Path, tensors: Mapping[str, Any]) -> None:
    import torch
    from safetensors.torch import save_file

    # Copies: safetensors refuses tensors that share memory.
    save_file(
        {name: torch.as_tensor(part).clone().contiguous() for name, part in tensors.items()}, path
    )


def _write_onnx(path: Path, classifier: Any, case: Case) -> None:
    import torch

    try:
        torch.onnx.export(
            classifier,
            (torch.zeros(2, 3, *input_size(classifier.case["preprocess"])),),
            path,
            input_names=["pixels"],
            output_names=["probabilities"],
            dynamic_shapes=({0: torch.export.Dim("photos")},),
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    except ModuleNotFoundError as error:
        raise ModelError(
            f"ONNX needs the package {error.name}, which is not installed here",
            where=case.id,
            remedy='pip install "veille-clip[onnx]"',
        ) from None
    except Exception as error:  # each architecture fails in its own way
        raise ModelError(
            f"PyTorch cannot write it as ONNX ({one_line(error, 80)})",
            where=case.id,
            remedy="export it without --onnx",
        ) from error
