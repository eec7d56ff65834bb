"""How long the site takes: a study of two models, four prompt sets and 210 test photos.

The project means to stay under 15 seconds on two cores, interpreter and photos included.
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
TEST = 30
"""Photos of each class in the test part."""


def study(folder: Path) -> StudyResults:
    """Eight zero-shot cases of different skill, on the same photos."""
    name = "grande"
    other = replace(builder.embedded(), name="second", title="Second modèle")
    runs = tuple(
        builder.run_record(
            name,
            CLASSES,
            model,
            builder.prompt_set(prompts, CLASSES),
            confusion=builder.confusion_of(
                [TEST - 4 - (3 * i + c) % 11 - rank for c in range(len(CLASSES))],
                TEST,
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
            samples=builder.cards(CLASSES, train=90, validation=30, test=TEST),
            cases=tuple(run.case for run in runs),
        ),
        runs,
        folder,
    )


@pytest.mark.benchmark(group="build a site")
def bench_site(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """`mkdocs build --strict`, every page and photo, from nothing."""
    root = write_artefacts(tmp_path / "artefacts", study(tmp_path))
    assert compare_cases(root, "grande") is not None
    output = tmp_path / "site"

    def build() -> None:
        shutil.rmtree(output, ignore_errors=True)
        done = build_site(output, root)
        assert done.returncode == 0, done.stdout + done.stderr

    benchmark.pedantic(build, rounds=3)
    assert len(list(output.rglob("*.html"))) > 20
    assert len(list(output.rglob("photos/*.webp"))) == len(CLASSES) * 150
