"""How long the numbers take: scoring a case, comparing twenty, drawing learning curves."""

from __future__ import annotations

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from evaluation.records import Head, Predictions, StudyComparison, Support
from evaluation.scoring import score, softmax
from evaluation.scoring.abstention import abstain
from evaluation.scoring.calibration import calibrate
from evaluation.scoring.comparison import align, compare
from evaluation.scoring.fewshot import Setting, few_shot
from evaluation.scoring.findings import find
from tests.factories import make_scored


def simulated(n: int, classes: int, cases: int) -> dict[str, Predictions]:
    """Cases of different skill on the same images, some of which are hard for all."""
    generator = np.random.default_rng(0)
    labels = np.arange(n) % classes
    hard = generator.normal(0, 1, (n, classes))
    found = {}
    for case in range(cases):
        logits = hard + generator.normal(0, 1, (n, classes))
        logits[np.arange(n), labels] += 2 + 0.1 * case
        found[f"study/model/{case}"] = Predictions(
            classes=tuple(f"class {c}" for c in range(classes)),
            sample_ids=tuple(f"{i:06d}" for i in range(n)),
            labels=labels,
            probabilities=softmax(logits),
        )
    return found


@pytest.mark.benchmark(group="score a case")
@pytest.mark.parametrize(("n", "classes"), [(210, 7), (10_000, 20)])
def bench_score(benchmark: BenchmarkFixture, n: int, classes: int) -> None:
    """Every metric with its interval."""
    (predictions,) = simulated(n, classes, 1).values()
    scores = benchmark(score, predictions)
    assert len(scores.per_class) == classes


def conclude(predictions: dict[str, Predictions]) -> StudyComparison:
    """All that the artefacts alone allow to say of a study."""
    aligned = align(predictions)
    comparison = compare(aligned)
    runs = [make_scored(case, case) for case in predictions]
    return StudyComparison(
        study="study",
        dataset_revision="",
        split_digest="",
        inputs={},
        comparison=comparison,
        findings=find(comparison, runs, names="study/model/0"),
        calibration=tuple(calibrate(case, one) for case, one in aligned.items()),
        abstention=tuple(abstain(case, one) for case, one in aligned.items()),
    )


@pytest.mark.benchmark(group="compare 20 cases", min_rounds=1, max_time=1)
@pytest.mark.parametrize(("n", "classes"), [(210, 7), (10_000, 20)])
def bench_compare(benchmark: BenchmarkFixture, n: int, classes: int) -> None:
    """Tests, ties, findings, calibration and abstention of twenty cases."""
    found = benchmark.pedantic(conclude, (simulated(n, classes, 20),), rounds=1)
    assert len(found.comparison.pairs) == 190


@pytest.mark.benchmark(group="learning curves")
@pytest.mark.parametrize("dimension", [384, 1280])
def bench_few_shot(benchmark: BenchmarkFixture, dimension: int) -> None:
    """Four methods, six sizes, five seeds, 700 training images of 7 classes."""
    generator = np.random.default_rng(0)
    means = generator.normal(size=(7, dimension))

    def drawn(n: int) -> Support:
        labels = np.arange(n) % 7
        embeddings = means[labels] + 3 * generator.normal(size=(n, dimension))
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
        return Support(embeddings=embeddings.astype(np.float32), labels=labels)

    head = Head(weight=means + generator.normal(size=means.shape), bias=np.zeros(7))
    train, test = drawn(700), drawn(210)
    classes = tuple(f"class {c}" for c in range(7))
    found = benchmark.pedantic(
        few_shot,
        ("model", classes, Setting(train=train, test=test, zero_shot=head)),
        rounds=1,
    )
    assert len(found.curves) == 4
