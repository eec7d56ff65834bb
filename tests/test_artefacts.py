"""Artefact files: whole or absent, read back as they were, refused when unknown."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.errors import ArtefactError, SchemaVersionError
from evaluation.records import CaseExplanation, ExplainFailure, Projection, RunRecord, StudyRecord
from evaluation.stores import artefacts
from evaluation.stores.prediction_tables import read_predictions, to_csv
from tests.conftest import REPOSITORY
from tests.factories import (
    METRIC,
    make_explanation,
    make_predictions,
    make_run,
    make_study,
    make_suggestion,
)


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    """A record that was written and read is equal to itself, types of options included."""
    run, study = make_run(), make_study()
    artefacts.write(tmp_path, study)
    path = artefacts.write_run(tmp_path, run, make_predictions())
    read = artefacts.read(path, RunRecord)
    assert read == run
    assert {k: type(v) for k, v in read.model.options.items()} == {
        "a": int,
        "b": float,
        "c": bool,
        "d": str,
    }
    assert artefacts.read(tmp_path / "s" / "study.json", StudyRecord) == study


@given(
    st.lists(
        st.floats(min_value=0, max_value=1, allow_subnormal=True).map(lambda p: [p, 1 - p]),
        min_size=1,
        max_size=3,
    )
)
def test_probabilities_keep_every_bit(rows: list[list[float]]) -> None:
    """A probability read from predictions.csv is the float64 that was written."""
    predictions = make_predictions(rows)
    text = to_csv(predictions)
    back = [[float(p) for p in line.split(",")[-2:]] for line in text.splitlines()[1:]]
    assert back == predictions.probabilities.tolist()


def test_predictions_come_back_as_they_were(tmp_path: Path) -> None:
    """Ids, labels, classes with commas and predicted classes survive the file."""
    predictions = replace(make_predictions(), classes=("é, quoted", "z"))
    artefacts.write_run(tmp_path, make_run(), predictions)
    read = read_predictions(tmp_path / "s" / "m" / "p" / "predictions.csv")
    assert (read.classes, read.sample_ids) == (predictions.classes, predictions.sample_ids)
    assert read.labels.tolist() == predictions.labels.tolist()
    assert read.predicted.tolist() == [1, 1, 0]


def test_results_list_the_cases_that_ran_in_the_order_of_the_study(tmp_path: Path) -> None:
    """A case without run.json is absent, and a folder without study.json is no study."""
    artefacts.write(tmp_path, make_study())
    artefacts.write_run(tmp_path, make_run(case="s/n", prompts=None), make_predictions())
    (tmp_path / "stray").mkdir()
    (results,) = artefacts.read_results(tmp_path)
    assert [run.case for run in results.runs] == ["s/n"]
    assert artefacts.read_results(tmp_path / "nowhere") == ()


def test_a_failed_attempt_does_not_harm_an_earlier_result(tmp_path: Path) -> None:
    """The earlier files stay byte for byte; the failure is beside them until a run succeeds."""
    artefacts.write(tmp_path, make_study())
    artefacts.write_run(tmp_path, make_run(), make_predictions())
    folder = tmp_path / "s" / "m" / "p"
    before = {name: (folder / name).read_bytes() for name in ("run.json", "predictions.csv")}
    failed = make_run(status="failed", error="wrong checkpoint", metrics=())
    artefacts.write_run(tmp_path, failed, None)

    (results,) = artefacts.read_results(tmp_path)
    assert results.failures == (failed,)
    assert artefacts.read_attempt(tmp_path, "s/m/p") == failed
    assert before == {name: (folder / name).read_bytes() for name in before}

    artefacts.write_run(tmp_path, make_run(), make_predictions())
    assert artefacts.read_results(tmp_path)[0].failures == ()


def test_a_first_failure_is_the_record(tmp_path: Path) -> None:
    """With no earlier result, run.json holds the failure and there are no predictions."""
    failed = make_run(status="unavailable", error="no network", metrics=())
    path = artefacts.write_run(tmp_path, failed, None)
    assert path.name == "run.json"
    assert artefacts.read_attempt(tmp_path, "s/m/p") == failed
    assert not (path.parent / "predictions.csv").exists()


@pytest.mark.parametrize("version", [0, 99, "1", None])
def test_unknown_versions_are_refused_with_the_remedy(tmp_path: Path, version: object) -> None:
    """A file of another schema version is not guessed at."""
    path = artefacts.write(tmp_path, make_study())
    plain = json.loads(path.read_text())
    plain["schema_version"] = version
    path.write_text(json.dumps(plain))
    with pytest.raises(SchemaVersionError, match=r"study\.json: has schema version .*; ") as caught:
        artefacts.read(path, StudyRecord)
    assert ("update veille-clip" in str(caught.value)) == (version == 99)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": 1}'])
def test_a_file_that_is_no_record_is_named(tmp_path: Path, text: str) -> None:
    """A cut or foreign file gives one line with its path."""
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(ArtefactError) as caught:
        artefacts.read(path, RunRecord)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_keys_are_refused(tmp_path: Path) -> None:
    """A key that the schema does not know is named."""
    path = artefacts.write(tmp_path, make_study())
    plain = json.loads(path.read_text())
    plain["extra"] = 1
    path.write_text(json.dumps(plain))
    with pytest.raises(ArtefactError, match="extra"):
        artefacts.read(path, StudyRecord)


def test_not_a_number_is_refused() -> None:
    """JSON has no NaN: a metric that is not a number cannot be written."""
    with pytest.raises(ValueError, match="JSON"):
        artefacts.to_json(make_run(metrics=(replace(METRIC, value=float("nan")),)))


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(errno.ENOSPC, "free some disk space"), (errno.EROFS, "choose a writable folder")],
)
def test_a_refused_write_leaves_the_earlier_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, remedy: str
) -> None:
    """A full or read-only disk gives one line with the remedy, and harms nothing."""
    path = artefacts.write(tmp_path, make_study())
    before = path.read_bytes()

    def refuse(_handle: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(ArtefactError, match=remedy):
        artefacts.write(tmp_path, make_study(title="new"))
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["study.json"]


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    """A file where the artefact folder should be gives one line."""
    (tmp_path / "s").write_text("I am a file")
    with pytest.raises(ArtefactError, match="a file stands in the way"):
        artefacts.write(tmp_path, make_study())


def test_artefacts_of_the_first_version_are_still_read() -> None:
    """Files written before a key was added keep their meaning."""
    (results,) = artefacts.read_results(REPOSITORY / "tests" / "artefacts_v1")
    assert results.study == replace(make_study(), schema_version=1)
    assert results.runs == (replace(make_run(), schema_version=1),)
    assert results.predictions["s/m/p"].sample_ids == make_predictions().sample_ids
    assert results.comparison is None


# ----------------------------------------------------------------------- explanations

OVERLAYS = {"attention/a.webp": b"A", "attention/b.webp": b"B"}


def explained(root: Path) -> CaseExplanation:
    """A scored case with its maps; the record that was written."""
    artefacts.write(root, make_study())
    artefacts.write_run(root, make_run(), make_predictions())
    found = make_explanation(predictions_digest=artefacts.predictions_digest(root, "s/m/p"))
    artefacts.write(root, found, OVERLAYS)
    return found


def test_maps_come_back_as_they_were(tmp_path: Path) -> None:
    """attention.json gives back the record that was written, and each overlay is a file."""
    found = explained(tmp_path)
    (results,) = artefacts.read_results(tmp_path)
    assert results.explanations == {"s/m/p": found}
    folder = tmp_path / "s" / "m" / "p"
    assert {name: (folder / name).read_bytes() for name in OVERLAYS} == OVERLAYS


def test_maps_of_other_photos_texts_or_splits_are_not_shown(tmp_path: Path) -> None:
    """What was made from other predictions says nothing of these."""
    found = explained(tmp_path)
    for change in ({"dataset_revision": "x"}, {"split_digest": "x"}, {"predictions_digest": "x"}):
        artefacts.write(tmp_path, replace(found, **change), OVERLAYS)
        assert artefacts.read_results(tmp_path)[0].explanations == {}
    artefacts.write(tmp_path, found, OVERLAYS)
    artefacts.write_run(tmp_path, make_run(), make_predictions([[0.5, 0.5]]))
    assert artefacts.read_results(tmp_path)[0].explanations == {}


def test_overlays_that_no_record_names_are_removed_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the new record stands, the earlier one and all its overlays are there."""
    found = explained(tmp_path)
    folder = tmp_path / "s" / "m" / "p"
    new = {"attention/a.webp": b"A", "attention/c.webp": b"C"}
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        with pytest.raises(ArtefactError, match="free some disk space"):
            artefacts.write(tmp_path, found, new)
    assert artefacts.read(folder / "attention.json", CaseExplanation) == found
    assert {one.name for one in (folder / "attention").iterdir()} == {"a.webp", "b.webp"}
    artefacts.write(tmp_path, found, new)
    assert {one.name for one in (folder / "attention").iterdir()} == {"a.webp", "c.webp"}


def test_a_failure_to_explain_stands_beside_the_maps_until_they_are_made_again(
    tmp_path: Path,
) -> None:
    """Nothing of the scored case nor of its earlier maps is touched."""
    found = explained(tmp_path)
    folder = tmp_path / "s" / "m" / "p"
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    failure = ExplainFailure(study="s", case="s/m/p", error="no memory")
    artefacts.write(tmp_path, failure)
    (results,) = artefacts.read_results(tmp_path)
    assert results.explain_failures == {"s/m/p": failure}
    assert results.explanations == {"s/m/p": found}
    assert before == {name: (folder / name).read_bytes() for name in before}
    artefacts.write(tmp_path, found, OVERLAYS)
    assert artefacts.read_results(tmp_path)[0].explain_failures == {}


@pytest.mark.parametrize("name", ["attention.json", "attention-failure.json", "suggestion.json"])
def test_a_broken_explanation_is_one_clear_line(tmp_path: Path, name: str) -> None:
    """The file is named, with the command that writes it anew; an unknown version too."""
    explained(tmp_path)
    path = tmp_path / "s" / "m" / "p" / name
    path.write_text('{"schema_version": 1, "case": ')
    with pytest.raises(ArtefactError, match=f"{name}: is not JSON .*veille (explain|suggest)"):
        artefacts.read_results(tmp_path)
    path.write_text('{"schema_version": 99}')
    with pytest.raises(SchemaVersionError, match="update veille-clip"):
        artefacts.read_results(tmp_path)


def test_a_suggestion_is_shown_while_its_texts_are_those_of_the_case(tmp_path: Path) -> None:
    """It comes back as it was, and is about no other texts."""
    explained(tmp_path)
    found = make_suggestion()
    artefacts.write(tmp_path, found, {"suggestion/a.webp": b"A"})
    assert artefacts.read_results(tmp_path)[0].suggestions == {"s/m/p": found}
    assert (tmp_path / "s" / "m" / "p" / "suggestion" / "a.webp").is_file()
    for change in ({"prompts_digest": "x"}, {"split_digest": "x"}):
        artefacts.write(tmp_path, replace(found, **change), {})
        assert artefacts.read_results(tmp_path)[0].suggestions == {}


def test_a_projection_comes_back_and_never_outlives_its_result(tmp_path: Path) -> None:
    """It is read with the study; a later result without one leaves none behind."""
    study = make_study(cases=("s/m/p",))
    artefacts.write(tmp_path, study)
    projection = Projection(
        case="s/m/p",
        explained=(0.4, 0.2),
        classes=("é", "z"),
        sample_ids=("photo 0", "photo 1", "photo 2"),
        photos=((0.5, 0.0), (-0.25, 0.125), (-0.25, -0.125)),
        texts=((0.1, 0.2), (-0.1, -0.2)),
        texts_shown=0.5,
        gap=0.8,
    )
    artefacts.write_run(tmp_path, make_run(), make_predictions(), projection=projection)
    assert artefacts.read_study_results(tmp_path / "s").projections == {"s/m/p": projection}
    artefacts.write_run(tmp_path, make_run(), make_predictions())
    assert artefacts.read_study_results(tmp_path / "s").projections == {}
