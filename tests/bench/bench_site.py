"""How long the site takes: a study of two models, four prompt sets, 210 or 10,003 test photos.

The project means to stay under 15 and 60 seconds on two cores, interpreter and photos included.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from evaluation.records import StudyResults
from evaluation.stages.compare import compare_cases
from tests.report import builder
from tests.report.conftest import build_site, write_artefacts

CLASSES = tuple(f"Rayon {letter}" for letter in "ABCDEFG")
SETS = ("noms", "descriptions", "gabarits", "sous-categories")


def study(folder: Path, test: int) -> StudyResults:
    """Eight zero-shot cases of different skill, on the same ``test`` photos of each class."""
    name = "grande"
    other = replace(builder.embedded(), name="second", title="Second modèle")
    runs = tuple(
        builder.run_record(
            name,
            CLASSES,
            model,
            builder.prompt_set(prompts, CLASSES),
            confusion=builder.confusion_of(
                [test - 4 - (3 * i + c) % 11 - rank for c in range(len(CLASSES))],
                test,
                sink=i % len(CLASSES),
            ),
        )
        for rank, model in enumerate((builder.embedded(), other))
        for i, prompts in enumerate(SETS)
    )
    card = builder.second(folder).study
    return builder.results_of(
        replace(
            card,
            name=name,
            title="Grande étude",
            redistributable=True,
            classes=CLASSES,
            samples=builder.cards(CLASSES, train=90, validation=30, test=test),
            cases=tuple(run.case for run in runs),
        ),
        runs,
        folder,
    )


@pytest.mark.benchmark(group="build a site")
@pytest.mark.parametrize(("test", "rounds"), [(30, 3), (1429, 1)], ids=["210", "10003"])
def bench_site(benchmark: BenchmarkFixture, tmp_path: Path, test: int, rounds: int) -> None:
    """`mkdocs build --strict`, every page and photo, from nothing."""
    root = write_artefacts(tmp_path / "artefacts", study(tmp_path, test))
    assert compare_cases(root, "grande") is not None
    output = tmp_path / "site"

    def build() -> None:
        shutil.rmtree(output, ignore_errors=True)
        done = build_site(output, root)
        assert done.returncode == 0, done.stdout + done.stderr

    benchmark.pedantic(build, rounds=rounds)
    assert len(list(output.rglob("*.html"))) > 20
    assert len(list(output.rglob("photos/*.webp"))) == len(CLASSES) * (test + 120)
