"""Predictions made elsewhere: what a table may look like, and what is refused in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.errors import ModelError, VeilleError
from evaluation.models import availability, model_card
from evaluation.models.predictions import GivenPredictions
from evaluation.records import ModelSpec, Sample

CLASSES = ("2 roues", "montre", "été")


def _sample(name: str, label: str) -> Sample:
    return Sample(
        id=f"photos/{name}.jpg",
        image=Path(f"/data/photos/{name}.jpg"),
        label=label,
        digest=name,
        pixels=name,
        width=8,
        height=8,
    )


SAMPLES = (_sample("a", "montre"), _sample("b", "2 roues"))


def _spec(path: Path) -> ModelSpec:
    return ModelSpec(name="actuel", kind="predictions", weights=str(path), title="Actuel")


def _table(folder: Path, text: str) -> Path:
    path = folder / "reponses.csv"
    path.write_text(text, encoding="utf-8")
    return path


def _given(folder: Path, text: str) -> GivenPredictions:
    return GivenPredictions(_spec(_table(folder, text)), CLASSES)


def test_probabilities_are_those_of_the_table(tmp_path: Path) -> None:
    """In the study's order of the classes, photos by id or by path, columns in any order."""
    text = "id,été,montre,2 roues,cost\n/data/photos/b.jpg,0.1,0.2,0.7,3\nphotos\\a.jpg,0,1,0,1\n"
    found = _given(tmp_path, text).predict(SAMPLES)
    assert found.sample_ids == ("photos/a.jpg", "photos/b.jpg")
    np.testing.assert_array_equal(found.probabilities, [[0, 1, 0], [0.7, 0.2, 0.1]])
    np.testing.assert_array_equal(found.labels, [1, 0])
    assert not found.certain
    assert _given(tmp_path, text).facts(SAMPLES) == {"cost_per_photo": 2}


def test_a_table_of_classes_alone_is_certain(tmp_path: Path) -> None:
    """Every answer counts as sure, and says so: nothing can be calibrated."""
    found = _given(tmp_path, "path;label\nphotos/a.jpg;été\nphotos/b.jpg;2 roues\n")
    predictions = found.predict(SAMPLES)
    assert predictions.certain
    np.testing.assert_array_equal(predictions.predicted, [2, 0])
    assert found.facts(SAMPLES) == {}


def test_rounded_probabilities_are_brought_to_one(tmp_path: Path) -> None:
    """Those of a system that writes three decimals, with a comma or a point."""
    text = "id;2 roues;montre;été\nphotos/a.jpg;0,333;0,333;0.333\n"
    found = _given(tmp_path, text).predict(SAMPLES[:1])
    assert found.probabilities.sum() == pytest.approx(1, abs=1e-12)


def test_rows_of_other_photos_are_counted(tmp_path: Path) -> None:
    """They belong to no photo of the study; what it has is answered all the same."""
    found = _given(tmp_path, "id,label\nphotos/a.jpg,montre\nphotos/z.jpg,montre\n")
    assert found.others(SAMPLES) == 1
    assert found.covers(SAMPLES) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id,label\nphotos/a.jpg,montre\n", "1 of 2 photos have no row: 'photos/b.jpg'"),
        ("id,label\nphotos/a.jpg,Montres\n", "line 2: the class 'Montres' is none of"),
        ("id,label\nx,montre\nx,montre\n", "line 3: the photo 'x' has a row already"),
        ("id,montre,été\nx,0.5,0.5\n", "no column of probabilities for '2 roues'"),
        ("id,2 roues,montre,été\nx,0.5,0.5,0.5\n", "line 2: the probabilities .* add up to 1.5"),
        ("id,2 roues,montre,été\nx,1.5,-0.5,0\n", "the least of them is -0.5"),
        ("id,2 roues,montre,été\nx,nan,0,1\n", "line 2: 'nan' is no number"),
        ("nom,label\nx,montre\n", "no column says the photo; it has 'nom', 'label'"),
        ("id,reponse\nx,montre\n", "no column says the class"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path: Path, text: str, told: str) -> None:
    """With the file, the line and what to do."""
    with pytest.raises(ModelError, match=told) as caught:
        _given(tmp_path, text).predict(SAMPLES)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "reponses.csv") in str(caught.value)


def test_a_table_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    """Said before the case runs, and when it does."""
    spec = _spec(tmp_path / "absente.csv")
    assert "no such table" in availability(spec, offline=True).reason
    with pytest.raises(VeilleError, match="no such table of predictions"):
        GivenPredictions(spec, CLASSES)
    assert model_card(spec).image_parameters is None


def test_a_person_is_a_column_of_a_table_of_people(tmp_path: Path) -> None:
    """Each column of labels is a case of its own, whatever else the table has."""
    text = "id,Anna,ben,label\nphotos/a.jpg,montre,été,été\nphotos/b.jpg,2 roues,2 roues,été\n"
    spec = replace(_spec(_table(tmp_path, text)), options={"person": "Anna"})
    assert spec.person == "Anna"
    anna = GivenPredictions(spec, CLASSES).predict(SAMPLES)
    ben = GivenPredictions(replace(spec, options={"person": "ben"}), CLASSES).predict(SAMPLES)
    assert (anna.predicted.tolist(), ben.predicted.tolist()) == ([1, 0], [2, 0])
    with pytest.raises(ModelError, match=r"no column says the class; it has .*Anna.*ben"):
        GivenPredictions(replace(spec, options={"person": "zoé"}), CLASSES)
