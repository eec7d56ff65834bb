"""`veille watch`: texts scored on validation as they are saved; test is never looked at."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.errors import DataError
from evaluation.report.site.standalone import PLACE, beside, folder_of, write_page
from evaluation.stages import watch as stage
from evaluation.stages.engine import Engine
from evaluation.stages.settings import Settings
from evaluation.stages.watch import Watch, rescore, saves, start
from evaluation.stores.prediction_tables import read_predictions
from evaluation.study.config import load_study
from evaluation.terminal import provisional_text
from tests.stages.opened import opened_study


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(artefacts=tmp_path / "artefacts", cache=tmp_path / "cache", device="cpu")


@pytest.fixture
def watched(study: Path, settings: Settings) -> Watch:
    return start(load_study(str(study)), Engine(settings))


def edit(study: Path, old: str, new: str) -> None:
    file = study / "prompts" / "descriptions.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def right(root: Path) -> np.ndarray:
    table = read_predictions(root / "essai" / "tiny" / "descriptions" / "validation.csv")
    return table.predicted == table.labels


def test_figures_are_those_of_an_evaluation_s_validation(
    watched: Watch, study: Path, settings: Settings, tmp_path: Path
) -> None:
    """Accuracy, change and flips of a save are those of scoring before and after it."""
    found = saves(watched)
    first = next(found)
    assert [one.change for one in first.cases] == [None, None]
    opened_study(study, replace(settings, artefacts=tmp_path / "a")).score("tiny/descriptions")
    edit(study, '"a mug", "a cup"', '"zebra", "qqq xyz"')
    second = next(found)
    opened_study(study, replace(settings, artefacts=tmp_path / "b")).score("tiny/descriptions")
    before, after = right(tmp_path / "a"), right(tmp_path / "b")
    names, descriptions = second.cases
    assert (names.change, names.flips) == (None, ())
    assert descriptions.accuracy.value == after.mean()
    assert descriptions.change is not None
    assert descriptions.change.value == pytest.approx(after.mean() - before.mean())
    gained = [one for one in descriptions.flips if one.now == one.label]
    assert len(gained) == int((after & ~before).sum())
    text = provisional_text(second)
    assert "validation only" in text
    assert "points [" in text
    assert all(one.sample_id in text for one in descriptions.flips[:12])


def test_test_is_never_looked_at(watched: Watch, study: Path, settings: Settings) -> None:
    """No test photo is embedded, and none is known to what watches."""
    rescore(watched, time.time())
    whole = opened_study(study, settings).data
    hidden = whole.samples(whole.split.test)
    assert (
        watched.bench.engine.store.get(
            watched.bench.model.fingerprint, [one.digest for one in hidden]
        )
        == {}
    )
    assert watched.bench.data.split.test == ()
    assert not {one.id for one in hidden} & {one.id for one in watched.bench.data.dataset.samples}


def test_a_mistake_is_told_and_the_last_figures_stay(watched: Watch, study: Path) -> None:
    """Until the save that mends it."""
    first = rescore(watched, time.time())
    edit(study, '"a mug"', '"a mug')
    broken = rescore(watched, time.time())
    assert broken.cases == first.cases
    assert "descriptions.toml" in broken.error
    assert "figures of the last save" in provisional_text(broken)
    edit(study, '"a mug', '"a mug"')
    assert rescore(watched, time.time()).error == ""


def test_a_save_is_scored_within_a_second(watched: Watch, study: Path) -> None:
    """The model stays loaded: one text is embedded, one product made.  Processor time."""
    rescore(watched, time.time())
    edit(study, '"a cup"', '"a red cup"')
    clock = time.process_time()
    rescore(watched, time.time())
    assert time.process_time() - clock < 1.0


def test_a_study_without_validation_is_told_how_to_get_one(
    study: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="choose among tiny"):
        start(load_study(str(study)), Engine(settings), "huge")
    data = opened_study(study, settings).data
    none = replace(data, split=replace(data.split, validation=()))
    monkeypatch.setattr(stage, "read_data", lambda *_: none)
    with pytest.raises(DataError, match=r"validation_share = 0\.2"):
        start(load_study(str(study)), Engine(settings))


@pytest.mark.parametrize(("language", "words"), [("fr", "provisoires"), ("en", "Provisional")])
def test_the_page_says_that_it_is_provisional(
    watched: Watch, settings: Settings, language: str, words: str
) -> None:
    """Beside the artefacts; a server shows it under its own address, and the site elsewhere."""
    found = rescore(watched, time.time())
    path = write_page(found, settings.artefacts, language, {})  # type: ignore[arg-type]
    text = path.read_text(encoding="utf-8")
    assert words in text
    assert 'http-equiv="refresh"' in text
    started: list[str] = []
    served = beside(lambda _environ, _start: [b"site"], folder_of(settings.artefacts))

    def tell(status: str, _headers: object) -> None:
        started.append(status)

    def answered(place: str) -> bytes:
        return b"".join(served({"PATH_INFO": place}, tell))

    assert answered(f"/base/{PLACE}/essai") == path.read_bytes()
    assert started == ["200 OK"]
    for place in ("/essai", f"/{PLACE}/nothing", f"/{PLACE}/../x", f"/{PLACE}", "/"):
        assert answered(place) == b"site"
