"""What is concluded from the shop's cases: by the real functions where they take tables alone.

What takes embeddings is written down: its numbers would change with every library.  Pages are
made from the stored conclusions, since SciPy's last digits differ between processors;
``python -m tests.report.analysed`` writes them anew.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from evaluation.records import (
    BoolArray,
    ClassVariety,
    DataAudit,
    EmbeddingAudit,
    FewShot,
    FewShotPoint,
    LearningCurve,
    MeanGain,
    Metric,
    Predictions,
    PromptDiagnosis,
    Retrieval,
    StudyComparison,
    StudyResults,
    TextEffect,
    TextPair,
    VarianceSource,
)
from evaluation.scoring.abstention import abstain
from evaluation.scoring.audit import audit_labels
from evaluation.scoring.calibration import calibrate
from evaluation.scoring.comparison import align, compare
from evaluation.scoring.findings import find, find_quoted
from evaluation.scoring.prompts import choose_prompts, prompt_gain, variance_split
from evaluation.stores import artefacts
from evaluation.stores.json_file import read_json
from tests.report import builder

STORED = Path(__file__).parent / "stored"


def right(predictions: Predictions) -> BoolArray:
    result: BoolArray = predictions.predicted == predictions.labels
    return result


def analysed(results: StudyResults) -> StudyResults:
    """The results with their comparison, as an evaluation would have written it."""
    cases = [run for run in results.runs if run.status == "ok"]
    aligned = align({run.case: results.predictions[run.case] for run in cases})
    compared = compare(aligned)
    reference = results.study.reference
    return replace(
        results,
        comparison=StudyComparison(
            study=results.study.name,
            dataset_revision=results.study.dataset_revision,
            split_digest=results.study.split_digest,
            inputs={run.case: "d4" * 32 for run in cases},
            comparison=compared,
            findings=(
                *find(compared, cases, names="noms"),
                *(
                    find_quoted(
                        {one.name: round(one.accuracy * 210) for one in reference.systems}, 210
                    )
                    if reference
                    else ()
                ),
            ),
            calibration=tuple(calibrate(case, said) for case, said in aligned.items()),
            abstention=tuple(abstain(case, said) for case, said in aligned.items()),
            prompts=_prompts(results),
            variance=_variance(results),
            control={f"{results.study.name}/embedded/descriptions": gain(0.09, 0.02, 0.16, 0.012)},
            few_shot=few_shot(results.study.name),
            audit=_audit(results),
            retrieval=retrieval(),
        ),
    )


def shop(folder: Path, *, redistributable: bool = True) -> StudyResults:
    """:func:`builder.shop` with its comparison, which is made once."""
    results = builder.shop(folder, redistributable=redistributable)
    return replace(results, comparison=stored())


@cache
def stored() -> StudyComparison:
    """The shop's comparison.json."""
    return read_json(STORED / "boutique" / "comparison.json", StudyComparison)


def computed() -> StudyComparison:
    """What ``stored`` was written from."""
    comparison = analysed(builder.shop(Path())).comparison
    assert comparison is not None
    return comparison


# ------------------------------------------------------------------------- prompts


def _prompts(results: StudyResults) -> tuple[PromptDiagnosis, ...]:
    name, labels = results.study.name, results.study.classes
    names, described = f"{name}/embedded/noms", f"{name}/embedded/descriptions"
    aligned = align({case: results.predictions[case] for case in (names, described)})
    first, second, *_ = labels
    return (
        PromptDiagnosis(
            model="embedded",
            gains=(prompt_gain(aligned, described, names, None),),
            effects={
                described: (
                    effect(first, "Things of <b>, and *more*", 0.05, p=0.2),
                    effect(second, "{{ a }} | text", -0.1, p=0.01),
                )
            },
            near_identical={described: (TextPair(a=first, b=second, cosine=0.987),)},
            choice=choose_prompts(
                "embedded",
                {
                    "noms": right(results.predictions[names])[::3],
                    "descriptions": right(results.predictions[described])[::3],
                },
                {
                    "noms": right(results.predictions[names]),
                    "descriptions": right(results.predictions[described]),
                },
                aligned[names].labels,
            ),
        ),
    )


def effect(label: str, text: str, size: float, *, p: float) -> TextEffect:
    return TextEffect(
        label=label,
        text=text,
        n=40,
        only_with=5 if size > 0 else 1,
        only_without=1 if size > 0 else 5,
        effect=size,
        low=size - 0.06,
        high=size + 0.06,
        p_mid=p / 2,
        p_holm=p,
        own_recall=2 * size,
    )


def _variance(results: StudyResults) -> tuple[VarianceSource, ...]:
    name = results.study.name
    base = {
        key: right(results.predictions[f"{name}/embedded/{key}"])
        for key in ("noms", "descriptions")
    }
    labels = results.predictions[f"{name}/embedded/noms"].labels
    other = {key: np.roll(found, 3) | found for key, found in base.items()}
    return variance_split(
        {
            **{("embedded", key): found for key, found in base.items()},
            **{("other", key): found for key, found in other.items()},
        },
        labels,
    )


# ------------------------------------------------------------- what takes embeddings


def gain(value: float, low: float, high: float, p: float, *, n: int = 40) -> MeanGain:
    return MeanGain(gain=value, low=low, high=high, p=p, n=n, repetitions=5)


def few_shot(study: str) -> tuple[FewShot, ...]:
    sizes: tuple[tuple[int | None, int], ...] = ((1, 4), (2, 8), (4, 16), (None, 24))

    def curve(method: str, start: float, step: float, even: int | None) -> LearningCurve:
        points = []
        for i, (shots, images) in enumerate(sizes):
            mean = start + step * i
            points.append(
                FewShotPoint(
                    shots=shots,
                    images=images,
                    accuracies=(mean - 0.01, mean, mean + 0.01),
                    mean=mean,
                    low=mean - 0.08,
                    high=mean + 0.08,
                    over_zero_shot=gain(mean - 0.75, mean - 0.85, mean - 0.65, 0.01),
                    p_holm=0.02 if even is not None and images >= 4 * even else 0.4,
                )
            )
        return LearningCurve(method=method, points=tuple(points), break_even=even)

    return (
        FewShot(
            model="embedded",
            zero_shot_case=f"{study}/embedded/descriptions",
            zero_shot=builder.proportion("accuracy", 30, 40),
            curves=(
                curve("logistic", 0.42, 0.15, 6),
                curve("gda", 0.74, 0.05, 4),
                curve("text-probe", 0.76, 0.04, 2),
                curve("knn", 0.40, 0.11, None),
            ),
            seeds=(0, 1, 2, 3, 4),
        ),
    )


def _audit(results: StudyResults) -> DataAudit:
    name, labels = results.study.name, results.study.classes
    cases = (f"{name}/embedded/descriptions", f"{name}/embedded-supervised")
    found = audit_labels(align({case: results.predictions[case] for case in cases}))
    size = len(labels)
    run = next(run for run in results.runs if run.case == cases[0])
    return replace(
        found,
        embeddings=(
            EmbeddingAudit(
                model="embedded",
                neighbours=10,
                overlap=tuple(
                    tuple(0.7 if i == j else 0.3 / (size - 1) for j in range(size))
                    for i in range(size)
                ),
                classes=tuple(
                    ClassVariety(
                        label=label,
                        variety=Metric(
                            name="variety",
                            value=0.3 + 0.1 * i,
                            low=0.25 + 0.1 * i,
                            high=0.35 + 0.1 * i,
                            n=10,
                            method="jackknife",
                        ),
                        purity=0.7,
                        recall=run.per_class[i].recall,
                    )
                    for i, label in enumerate(labels)
                ),
                variety_recall=-0.4,
                variety_recall_p=0.58,
            ),
        ),
        near_duplicates=(("0-test-1", "0-test-2"),),
    )


def retrieval() -> tuple[Retrieval, ...]:
    def rank(value: float) -> Metric:
        return Metric(name="median_rank", value=value, low=value - 1, high=value + 2, n=40)

    return (
        Retrieval(
            model="embedded",
            direction="image-to-title",
            recall_at_1=builder.proportion("recall_at_1", 12, 40),
            recall_at_5=builder.proportion("recall_at_5", 25, 40),
            median_rank=rank(3),
            candidates=40,
        ),
        Retrieval(
            model="embedded",
            direction="title-to-image",
            recall_at_1=builder.proportion("recall_at_1", 10, 40),
            recall_at_5=builder.proportion("recall_at_5", 22, 40),
            median_rank=rank(4.5),
            candidates=40,
        ),
    )


if __name__ == "__main__":
    artefacts.write(STORED, computed())
