"""Tables of predictions: the same numbers in CSV and in Parquet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.errors import ArtefactError
from evaluation.stores import prediction_tables
from tests.factories import make_predictions


def test_a_large_table_is_parquet_and_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every bit survives both forms; the one that no longer holds is removed."""
    table = replace(make_predictions(), classes=("é, quoted", "z"))
    path = tmp_path / "predictions.csv"
    prediction_tables.write_table(path, table)
    assert prediction_tables.table_file(path) == path
    small = prediction_tables.read_predictions(path)
    monkeypatch.setattr(prediction_tables, "ROWS", 2)
    prediction_tables.write_table(path, table)
    assert [one.name for one in tmp_path.iterdir()] == ["predictions.parquet"]
    large = prediction_tables.read_predictions(path)
    assert (large.classes, large.sample_ids) == (small.classes, small.sample_ids)
    assert np.array_equal(large.labels, small.labels)
    assert np.array_equal(large.probabilities, small.probabilities)
    monkeypatch.setattr(prediction_tables, "ROWS", 3)
    prediction_tables.write_table(path, table)
    assert [one.name for one in tmp_path.iterdir()] == ["predictions.csv"]


@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing", b"PAR1" * 9])
def test_a_damaged_large_table_is_one_line(tmp_path: Path, content: bytes) -> None:
    """It names the file and says to score again."""
    (tmp_path / "predictions.parquet").write_bytes(content)
    with pytest.raises(ArtefactError, match=r"predictions\.parquet: cannot be read"):
        prediction_tables.read_predictions(tmp_path / "predictions.csv")
