"""Results of every kind are written to comparison.json and read back as they were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.records import Head, Predictions, PromptDiagnosis, StudyComparison, Support
from evaluation.scoring import abstention, prompts, score, softmax
from evaluation.scoring.abstention import abstain
from evaluation.scoring.audit import (
    audit_embeddings,
    audit_labels,
)
from evaluation.scoring.calibration import calibrate
from evaluation.scoring.comparison import align, compare
from evaluation.scoring.embeddings import retrieve
from evaluation.scoring.fewshot import Setting, few_shot
from evaluation.scoring.findings import find, find_quoted
from evaluation.scoring.paired import mean_gain
from evaluation.scoring.prompts import (
    choose_prompts,
    near_identical,
    prompt_gain,
    text_effects,
    variance_split,
)
from evaluation.stores import artefacts
from evaluation.stores.json_file import read_json
from tests.factories import make_scored

N, CLASSES = 90, ("pan", "mug", "watch")
LABELS = np.arange(N) % 3


def simulated(skill: float, seed: int) -> Predictions:
    hard = np.random.default_rng(0).normal(size=(N, 3))
    logits = hard + np.random.default_rng(seed).normal(size=(N, 3)) + skill * np.eye(3)[LABELS]
    return Predictions(
        classes=CLASSES,
        sample_ids=tuple(f"{i:03d}" for i in range(N)),
        labels=LABELS,
        probabilities=softmax(logits),
        logits=logits,
    )


def everything() -> StudyComparison:
    """Two towers with two prompt sets and a trunk, through every module."""
    predictions = {
        "s/t/names": simulated(1, 1),
        "s/t/long": simulated(2, 2),
        "s/u/names": simulated(1, 3),
        "s/u/long": simulated(3, 4),
        "s/trunk": simulated(3, 5),
    }
    aligned = align(predictions)
    groups = np.maximum(np.arange(N), 3)  # four near-duplicate photos
    comparison = compare(aligned, groups)
    described = [case for case in predictions if case != "s/trunk"]
    runs = [make_scored(case, case.rpartition("/")[2]) for case in described]
    runs.append(make_scored("s/trunk"))
    right = {case: said.right for case, said in aligned.items()}
    embeddings = np.eye(3, 8)[LABELS] + 0.3 * np.random.default_rng(6).normal(size=(N, 8))
    support = Support(embeddings=embeddings, labels=LABELS)
    head = Head(weight=np.eye(3, 8), bias=np.zeros(3))
    recalls = {row.label: row.recall for row in score(predictions["s/t/long"], groups).per_class}
    return StudyComparison(
        study="s",
        dataset_revision="r",
        split_digest="d",
        inputs=dict.fromkeys(predictions, "digest"),
        comparison=comparison,
        findings=(
            *find(comparison, runs, names="names"),
            *find_quoted({"a": 80, "b": 40}, N),
        ),
        calibration=tuple(calibrate(c, p, groups=groups) for c, p in predictions.items()),
        abstention=tuple(abstain(c, p, groups=groups) for c, p in predictions.items()),
        prompts=(
            PromptDiagnosis(
                model="t",
                gains=(prompt_gain(aligned, "s/t/long", "s/t/names", groups),),
                effects={
                    "s/t/long": text_effects(
                        predictions["s/t/long"],
                        dict.fromkeys(CLASSES, ("one", "two")),
                        lambda _label, i: simulated(1.0 + i, 7).logits,
                        groups,
                    )
                },
                near_identical={"s/t/long": near_identical(CLASSES, np.ones((3, 4)))},
                choice=choose_prompts(
                    "t",
                    {"names": right["s/t/names"], "long": right["s/t/long"]},
                    {"names": right["s/t/names"], "long": right["s/t/long"]},
                    LABELS,
                ),
            ),
        ),
        variance=variance_split(
            {(m, p): right[f"s/{m}/{p}"] for m in "tu" for p in ("names", "long")}, LABELS
        ),
        control={"s/t/long": mean_gain(np.stack([right["s/t/names"]] * 3), right["s/t/long"])},
        few_shot=(
            few_shot(
                "t",
                CLASSES,
                Setting(train=support, test=support, zero_shot=head, seeds=(0, 1)),
                zero_shot_case="s/t/long",
            ),
        ),
        audit=replace(
            audit_labels(align({c: predictions[c] for c in ("s/t/long", "s/u/long")})),
            embeddings=(audit_embeddings("t", embeddings, LABELS, CLASSES, recalls),),
            near_duplicates=(aligned["s/trunk"].sample_ids[:2],),
        ),
        retrieval=retrieve("t", embeddings, embeddings, [f"title {i}" for i in range(N)]),
    )


@pytest.fixture(scope="module", autouse=True)
def _few_resamples() -> Iterator[None]:
    """How good an interval is is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        for room in (abstention, prompts):
            patch.setattr(room, "_RESAMPLES", 199)
        yield


@pytest.fixture(scope="module")
def comparison() -> StudyComparison:
    return everything()


def test_a_comparison_survives_its_file(comparison: StudyComparison, tmp_path: Path) -> None:
    """JSON without NaN, read back equal to the last bit."""
    path = artefacts.write(tmp_path, comparison)
    assert read_json(path, StudyComparison) == comparison


def test_comparisons_are_alike(comparison: StudyComparison) -> None:
    """Twice the same input gives the same file: every random number is seeded."""
    assert artefacts.to_json(everything()) == artefacts.to_json(comparison)
