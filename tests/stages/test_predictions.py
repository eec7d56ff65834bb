"""Predictions made elsewhere beside models: one more row, and no page invents what it lacks."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from evaluation.errors import DataError
from evaluation.records import ExplainSpec, RunRecord
from evaluation.stages.deepen import deepen
from evaluation.stages.engine import Settings
from evaluation.stores import artefacts
from tests.stages.opened import Opened, opened_study
from tests.studies import write_study

TABLES = """
[[models]]
name = "exporte"
kind = "predictions"
file = "{exported}"
title = "Le même, exporté"

[[models]]
name = "actuel"
kind = "predictions"
file = "actuel.csv"
title = "Outil en place"
"""


@pytest.fixture
def opened(tmp_path: Path, study: Path) -> Opened:
    """A study whose tiny model was scored, with its own predictions and a table of classes."""
    settings = Settings(artefacts=tmp_path / "artefacts", cache=tmp_path / "cache", device="cpu")
    alone = opened_study(study, settings)
    assert alone.score("tiny/noms").status == "ok"
    folder = alone.root / "essai" / "tiny" / "noms"
    with (folder / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    answers = "".join(f"{row['sample_id']},{row['label']}\n" for row in rows[1:])
    first = f"{rows[0]['sample_id']},{rows[1]['label']}\n"
    (study / "actuel.csv").write_text(f"id,label\n{first}{answers}ailleurs.png,Mugs\n")
    write_study(study, more=TABLES.format(exported=folder))
    return opened_study(study, settings)


def test_exported_predictions_give_the_same_row_to_the_last_digit(opened: Opened) -> None:
    """Metrics, intervals, classes and confusions, and what validation holds."""
    original = artefacts.read(opened.root / "essai/tiny/noms/run.json", RunRecord)
    read_back = opened.score("exporte")
    assert read_back.status == "ok"
    for field in ("metrics", "per_class", "confusion", "warnings"):
        assert getattr(read_back, field) == getattr(original, field)
    for name in ("predictions.csv", "validation.csv"):
        tables = [opened.root / "essai" / case / name for case in ("tiny/noms", "exporte")]
        assert tables[0].read_bytes() == tables[1].read_bytes()


def test_classes_alone_have_no_calibration(opened: Opened) -> None:
    """They are compared and tested like any case; what needs probabilities leaves them out."""
    record = opened.score("actuel")
    assert record.status == "ok"
    assert record.metric("accuracy") is not None
    assert record.metric("top2_accuracy") is None
    assert "0 of 6 validation photos have a row" in record.warnings[0]
    assert "1 rows are of photos that the study has not" in record.warnings[1]
    opened.score_all()
    found = deepen(opened.data, opened.engine)
    assert found is not None
    assert found.comparison is not None
    assert "essai/actuel" in {case.case for case in found.comparison.cases}
    assert "essai/actuel" not in {one.case for one in (*found.calibration, *found.abstention)}
    assert {one.case for one in found.calibration} > {"essai/exporte"}


def test_predictions_have_no_maps(opened: Opened) -> None:
    """Asked for them, the program says why in one line."""
    assert opened.score("actuel").status == "ok"
    with pytest.raises(DataError, match="predictions made elsewhere have no maps"):
        opened.explain(opened.data.case("actuel"), ExplainSpec())
