"""A study whose photos have slices, with strays, two people, two kept states and a drift.

What is concluded is computed by the program, from the artefacts alone.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from evaluation.records import (
    Drift,
    Metric,
    ModelSpec,
    StrayAnswer,
    StrayCard,
    StrayResults,
    StrayTest,
    StudyResults,
)
from evaluation.stages.baseline import save
from evaluation.stages.compare import compare_cases
from evaluation.stores import artefacts
from tests.report import builder
from tests.report.conftest import write_artefacts

STRAYS = tuple(
    StrayCard(
        id=f"intrus/{i}.png",
        photo=f"photos/intrus-{i}.webp",
        width=600,
        height=400,
        chooses=i % 2 == 0,
    )
    for i in range(8)
)


def person(name: str) -> ModelSpec:
    return ModelSpec(
        name=name,
        kind="predictions",
        weights="/people.csv",
        title=name.capitalize(),
        options={"person": name},
    )


def _share(name: str, value: float, n: int) -> Metric:
    return Metric(name=name, value=value, low=value - 0.1, high=value + 0.05, n=n, method="wilson")


def stray_results(none: str = "something else") -> StrayResults:
    tests = tuple(
        StrayTest(
            score=score,  # type: ignore[arg-type]
            auroc=_share("auroc", auroc, 64),
            fpr95=_share("fpr95", 0.25, 4),
            threshold=0.4,
            kept=_share("kept", 0.9, 60),
            passed=_share("passed", 0.25, 4),
        )
        for score, auroc in (("softmax", 0.8), ("energy", 0.85), ("mcm", 0.9), ("none", 0.7))
        if none or score in {"softmax", "energy"}
    )
    passing = (StrayAnswer(id=STRAYS[1].id, predicted="Trains", probability=0.71),)
    return StrayResults(tests=tests, chosen="energy", passing=passing, none_text=none)


def toys(folder: Path) -> StudyResults:
    """Toys of two shops, as ``folder`` holds them when two states were kept and one case lost."""
    made = builder.second(folder)
    classes = made.study.classes
    people = tuple(
        builder.run_record(
            made.study.name,
            classes,
            person(name),
            None,
            confusion=builder.confusion_of(recalls, 20),
        )
        for name, recalls in (("anna", (20, 19, 18)), ("ben", (18, 20, 17)))
    )
    zero_shot, trained = made.runs
    facts = {"tokens_in": 60_000, "tokens_out": 600, "refused": 2, "cost_per_photo": 0.0012}
    zero_shot = replace(zero_shot, strays=stray_results(), chosen=facts)
    runs = (zero_shot, trained, *people)
    samples = tuple(
        replace(card, slices={"magasin": ("nord", "sud")[i % 3 == 0], "saison": f"s{i}"})
        for i, card in enumerate(made.study.samples)
    )
    study = replace(
        made.study,
        samples=samples,
        strays=STRAYS,
        redistributable=True,
        cases=tuple(run.case for run in runs),
    )
    results = builder.results_of(study, runs, folder)
    certain = {
        run.case: replace(
            results.predictions[run.case],
            probabilities=np.eye(len(classes))[results.predictions[run.case].predicted],
        )
        for run in people
    }
    root = write_artefacts(folder, replace(results, predictions=results.predictions | certain))
    save(root, study.name, "avril")
    worse = replace(trained, confusion=builder.confusion_of((12, 8, 12), 20))
    artefacts.write_run(root, worse, builder.predictions_of(worse, samples))
    save(root, study.name, "mai")
    artefacts.write(
        root,
        Drift(
            study=study.name,
            case=zero_shot.case,
            folder="mai <b>",
            measured="2026-11-25T10:00:00+00:00",
            photos=120,
            same=3,
            told_apart=_share("told_apart", 0.8, 60),
            left_then=_share("left", 0.2, 60),
            left_now=_share("left", 0.5, 120),
        ),
    )
    compare_cases(root, study.name)
    return artefacts.read_study_results(root / study.name)
