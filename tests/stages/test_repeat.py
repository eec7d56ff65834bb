"""A case on other draws: from stored embeddings, and only where that is cheap."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.errors import ConfigError
from evaluation.records import SplitSpec, TrainingSpec
from evaluation.stages.compare import compare_cases
from evaluation.stages.heads import repeat
from evaluation.stages.open import StudyData
from evaluation.stages.score import run_case
from evaluation.stages.settings import Settings
from evaluation.stages.standing import is_repeated, standing_run
from evaluation.study.config import load_study
from tests.stages.opened import Opened, opened_study


def asked(study: Path, lines: str) -> None:
    file = study / "study.toml"
    file.write_text(file.read_text().replace("seed = 1\n", f"seed = 1\n{lines}\n"))


@pytest.fixture
def opened(tmp_path: Path, study: Path) -> Opened:
    asked(study, "repeats = 4")
    return opened_study(study, Settings(artefacts=tmp_path / "a", cache=tmp_path / "cache"))


def test_a_zero_shot_case_says_the_same_of_a_photo_on_each_draw(opened: Opened) -> None:
    """Its accuracy on a draw is its share of right photos there, known from scoring them all."""
    case = opened.data.case("tiny/descriptions")
    found = repeat(case, opened.data, opened.engine)
    assert found is not None
    ids = tuple(sample.id for sample in opened.data.dataset.samples)
    every = replace(
        opened.data, split=replace(opened.data.split, train=(), validation=(), test=ids), draws=()
    )
    said = run_case(case, every, opened.engine).predictions
    right = dict(zip(said.sample_ids, said.predicted == said.labels, strict=True))
    for draw, accuracy in zip(opened.data.draws, found.accuracies, strict=True):
        assert accuracy == np.mean([right[one] for one in draw.test])
    assert found.tested == 0.4


def test_the_record_and_the_comparison_hold_the_draws(opened: Opened) -> None:
    """Every pair gets its corrected test; the record no longer stands when the draws change."""
    opened.score_all()
    found = compare_cases(opened.root, "essai")
    assert found is not None
    assert found.repeats is not None
    assert len(found.repeats.pairs) == 1
    assert found.repeats.left_out == ()
    case, settings = opened.data.case("tiny/noms"), opened.engine.settings
    assert standing_run(case, opened.data, settings) is not None
    fewer: StudyData = replace(opened.data, draws=opened.data.draws[:2])
    assert standing_run(case, fewer, settings) is None


def test_cases_that_take_long_are_not_repeated(opened: Opened) -> None:
    """A label-free one is when the study says so; one that tunes its trunk never is."""
    case = opened.data.case("tiny/noms")
    adapted = replace(case, model=replace(case.model, adapt=("titles",)))
    assert is_repeated(case, opened.data)
    assert not is_repeated(adapted, opened.data)
    asks = replace(opened.data.study, split=SplitSpec(repeats=4, repeat_adapted=True))
    assert is_repeated(adapted, replace(opened.data, study=asks))
    tuned = replace(case.model, kind="supervised", training=TrainingSpec(regime="finetune"))
    assert not is_repeated(replace(case, model=tuned), opened.data)


def test_one_draw_is_refused(study: Path) -> None:
    """It would have no spread; five folds are as many draws."""
    asked(study, "repeats = 1")
    with pytest.raises(ConfigError, match="one draw has no spread"):
        load_study(str(study))
