"""Columns of the table that are slices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.data.loading import load_dataset
from evaluation.errors import ConfigError, DataError
from evaluation.records import DatasetSpec
from evaluation.study.config import load_study


@pytest.fixture
def root(tmp_path: Path, make_photo: Callable[..., Path]) -> Path:
    rows = ["path,label,supplier,season"]
    for i in range(6):
        make_photo(tmp_path / "data" / f"{i}.png", seed=i)
        rows.append(f"{i}.png,{'ab'[i % 2]},{' Acme ' if i < 3 else ''},s{i % 3}")
    (tmp_path / "data" / "t.csv").write_text("\n".join(rows))
    return tmp_path / "data"


def test_a_photo_has_the_values_of_its_row(root: Path, tmp_path: Path) -> None:
    """An empty cell is no value; columns that are not named are not kept."""
    spec = DatasetSpec(kind="table", csv="t.csv", slices=("supplier",))
    found = load_dataset(spec, name="s", root=root, cache=tmp_path / "cache")
    assert [dict(one.slices) for one in found.samples] == [{"supplier": "Acme"}] * 3 + [{}] * 3
    plain = load_dataset(
        DatasetSpec(kind="table", csv="t.csv"), name="s", root=root, cache=tmp_path / "cache"
    )
    assert plain.revision == found.revision


def test_a_column_that_is_not_there_is_one_line(root: Path, tmp_path: Path) -> None:
    """With the ones that are."""
    spec = DatasetSpec(kind="table", csv="t.csv", slices=("supplier", "camera"))
    with pytest.raises(DataError, match=r"no column 'camera'; it has .*season"):
        load_dataset(spec, name="s", root=root, cache=tmp_path / "cache")


def test_class_folders_have_no_columns(study: Path) -> None:
    """The key is refused where it would say nothing."""
    toml = study / "study.toml"
    toml.write_text(toml.read_text().replace('"photos"\n', '"photos"\nslices = ["x"]\n', 1))
    with pytest.raises(ConfigError, match=r"dataset\.slices.*a folder data set has no such key"):
        load_study(str(study))
