"""Strays of a study: listed apart from the classes, scored with each case, flagged by predict."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from evaluation.data.loading import chooses
from evaluation.errors import DataError
from evaluation.records import StudyRecord
from evaluation.scoring.strays import auroc
from evaluation.stages.heads import NONE_TEXT, stray_scorer
from evaluation.stages.open import read_data
from evaluation.stages.predict import answers_to_csv, predict_folder, ready_case
from evaluation.stages.settings import Settings
from evaluation.stores.artefacts import read
from evaluation.study.config import load_study
from tests import studies
from tests.stages.opened import Opened, opened_study


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(artefacts=tmp_path / "artefacts", cache=tmp_path / "cache", device="cpu")


@pytest.fixture
def strayed(study: Path, make_photo: Callable[..., Path]) -> Path:
    """The tiny study with a dozen strays in a folder beside its classes."""
    for i in range(12):
        make_photo(study / "photos" / "intrus" / f"{i}.png", seed=900 + i)
    toml = study / "study.toml"
    toml.write_text(toml.read_text().replace('"photos"\n', '"photos"\nstrays = "intrus"\n', 1))
    return study


def test_strays_are_no_class(strayed: Path, settings: Settings) -> None:
    """They have a folder of their own, and both halves have some; a copy goes with its original."""
    shutil.copyfile(strayed / "photos/intrus/3.png", strayed / "photos/intrus/copie.png")
    data = read_data(load_study(str(strayed)), settings)
    assert data.dataset.classes == ("Lamps", "Mugs", "Rugs")
    assert [one.id for one in data.strays][-1] == "copie.png"
    assert {chooses(one) for one in data.strays} == {True, False}
    by_id = {one.id: chooses(one) for one in data.strays}
    assert by_id["copie.png"] == by_id["3.png"]


def test_a_stray_that_cannot_be_read_is_listed(strayed: Path, settings: Settings) -> None:
    """As any photo that the data lists and that cannot be used."""
    (strayed / "photos/intrus/abîmée.png").write_bytes(b"\x89PNG\r\n")
    data = read_data(load_study(str(strayed)), settings)
    assert [one.path for one in data.dataset.missing] == ["abîmée.png"]
    assert len(data.strays) == 12


def test_what_is_no_stray_is_refused(strayed: Path, settings: Settings) -> None:
    """A photo of a class in that folder; too few for two halves; no such folder."""
    study = load_study(str(strayed))
    folder = strayed / "photos/intrus"
    shutil.copyfile(strayed / "photos/Mugs/1.png", folder / "tasse.png")
    with pytest.raises(DataError, match=r"1 strays are photos of the classes too: .*tasse\.png"):
        read_data(study, settings)
    (folder / "tasse.png").unlink()
    Image.open(strayed / "photos/Mugs/1.png").save(folder / "tasse.bmp")
    with pytest.raises(DataError, match=r"1 strays are photos of the classes too: .*tasse\.bmp"):
        read_data(study, settings)
    for path in [*folder.iterdir()][1:]:
        path.unlink()
    with pytest.raises(DataError, match=r"1 strays are too few"):
        read_data(study, settings)
    shutil.rmtree(folder)
    with pytest.raises(DataError, match="no such folder of photos"):
        read_data(study, settings)


def test_strays_need_a_validation_part(strayed: Path, settings: Settings) -> None:
    """It chooses their threshold."""
    toml = strayed / "study.toml"
    toml.write_text(toml.read_text().replace("validation_share = 0.2", "validation_share = 0"))
    with pytest.raises(DataError, match=r"by a threshold that validation photos choose"):
        read_data(load_study(str(strayed)), settings)


@pytest.fixture
def opened(strayed: Path, settings: Settings) -> Opened:
    return opened_study(strayed, settings)


def test_every_score_of_a_case_with_texts(opened: Opened) -> None:
    """The record is made of the strays that are scored, and its passing photos reach the bound."""
    run = opened.score("tiny/noms")
    assert run.strays is not None
    assert [one.score for one in run.strays.tests] == ["softmax", "energy", "mcm", "none"]
    assert run.strays.none_text == NONE_TEXT
    scored = [one for one in opened.data.strays if not chooses(one)]
    assert {one.passed.n for one in run.strays.tests} == {len(scored)}
    assert run.strays.test.passed.value == len(run.strays.passing) / len(scored)
    assert {one.id for one in run.strays.passing} <= {one.id for one in scored}
    cards = read(opened.root / "essai" / "study.json", StudyRecord).strays
    assert [card.chooses for card in cards] == [chooses(one) for one in opened.data.strays]
    assert all((opened.root / "essai" / card.photo).is_file() for card in cards)


def test_the_scores_are_those_of_the_embeddings(opened: Opened) -> None:
    """AUROC of the record, from the embeddings of the store and the head of the case."""
    run = opened.score("tiny/descriptions")
    case = opened.data.case("tiny/descriptions")
    assert run.strays is not None
    ready = ready_case(case, opened.data, opened.engine)
    scorer = stray_scorer(case, ready.bench, ready.head)
    samples = opened.data.samples(opened.data.split.test)
    scored = [one for one in opened.data.strays if not chooses(one)]
    test, strange = (scorer(ready.bench.embed(some).embeddings) for some in (samples, scored))
    for one in run.strays.tests:
        expected = auroc(test[one.score], strange[one.score]).value
        assert one.auroc.value == pytest.approx(expected)


def test_other_strays_are_another_case(opened: Opened, strayed: Path, settings: Settings) -> None:
    """A stray more, and the record does not stand; without a change it does."""
    from evaluation.stages.standing import standing_run

    opened.score("tiny/noms")
    case = opened.data.case("tiny/noms")
    assert standing_run(case, opened.data, settings) is not None
    (strayed / "photos/intrus/0.png").unlink()
    again = opened_study(strayed, settings)
    assert standing_run(case, again.data, settings) is None


def test_predict_flags_strays(opened: Opened, strayed: Path) -> None:
    """What is below the threshold of the study's strays is left to a person, and says so."""
    case = opened.data.case("tiny/noms")
    found = predict_folder(case, opened.data, opened.engine, strayed / "photos" / "intrus")
    run = opened.score("tiny/noms")
    assert run.strays is not None
    passing = {one.id for one in run.strays.passing}
    scored = {one.id for one in opened.data.strays if not chooses(one)}
    flags = {one.path: one.stray for one in found.answers if one.path in scored}
    assert flags == {path: path not in passing for path in scored}
    assert not any(one.kept for one in found.answers if one.stray)
    header, first, *_ = answers_to_csv(found).splitlines()
    assert header.split(",")[5] == "stray"
    assert first.split(",")[5] == ("stray" if found.answers[0].stray else "")


def test_a_study_without_strays_has_none(study: Path, settings: Settings) -> None:
    """Nothing is flagged, nothing recorded."""
    studies.write_study(study)
    plain = opened_study(study, settings)
    assert plain.score("tiny/noms").strays is None
    found = predict_folder(
        plain.data.case("tiny/noms"), plain.data, plain.engine, study / "photos" / "Mugs"
    )
    assert not any(one.stray for one in found.answers)
