"""`veille suggest`: more precise texts from validation alone, and what they change there."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from evaluation.cli import main
from evaluation.errors import DataError, VeilleError, eval_command
from evaluation.records import Suggestion
from evaluation.stages import suggest as stage
from evaluation.stages.engine import Engine
from evaluation.stages.open import StudyData, hide_test, read_data
from evaluation.stages.settings import Settings
from evaluation.stages.suggest import coverage
from evaluation.stores import artefacts
from evaluation.stores.embeddings import EmbeddingStore
from evaluation.stores.prediction_tables import read_predictions
from evaluation.study.config import load_study
from evaluation.study.scaffold import free_name, write_prompt_set
from evaluation.terminal import suggestion_text
from tests.explain.models import TOYS
from tests.explain.shapes import NAMES, make_scenes
from tests.factories import make_run
from tests.stages.opened import opened_study

suggest = partial(stage.suggest, prompts=None, output=None)
SHELVES = {"Lamps": ("red", "blue"), "Mugs": ("green", "yellow"), "Rugs": ("purple", "cyan")}
STUDY = """
schema = 1
title = "Couleurs"
question = "?"
prompts = ["partiel", "complet"]
[dataset]
kind = "table"
root = "photos"
csv = "photos.csv"
subcategory_column = "shelf"
[split]
seed = 1
test_per_class = 4
validation_per_class = 8
[[models]]
name = "toy"
kind = "clip"
weights = "./toy"
title = "Jouet"
[explain]
"""
PROMPTS = """
title = "Textes"
language = "en"
templates = ["a {} shape"]
[texts]
Lamps = [LAMPS]
Mugs = ["green", "yellow"]
Rugs = ["purple", "cyan"]
"""


@pytest.fixture
def shelved(tmp_path: Path) -> Path:
    """Lamps are red or blue, but one prompt set only says that they are red; a trained toy."""
    folder = tmp_path / "couleurs"
    (folder / "prompts").mkdir(parents=True)
    (folder / "photos").mkdir()
    (folder / "study.toml").write_text(STUDY)
    for name, lamps in (("partiel", '"red"'), ("complet", '"red", "blue"')):
        (folder / "prompts" / f"{name}.toml").write_text(PROMPTS.replace("LAMPS", lamps))
    shutil.copytree(TOYS / "cls", folder / "toy")
    config = folder / "toy" / "open_clip_config.json"
    # open_clip looks for the tokenizer where its configuration says.
    config.write_text(config.read_text().replace('"toy"', f'"{folder / "toy"}"'))
    scenes = make_scenes(400, seed=3, objects=1)
    rows = []
    for label, colours in SHELVES.items():
        for colour in colours:
            of_colour = np.flatnonzero(scenes.present[:, NAMES.index(colour)])[:14]
            for i in of_colour:
                path = f"{label}-{colour}-{i}.png"
                scenes.image(int(i)).save(folder / "photos" / path)
                rows.append((path, label, colour))
    with (folder / "photos" / "photos.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label", "shelf"), *rows])
    return folder


def settings_in(folder: Path) -> Settings:
    return Settings(artefacts=folder / "artefacts", cache=folder / "cache", device="cpu")


def opened(tmp_path: Path, study: Path) -> StudyData:
    return read_data(load_study(str(study)), settings_in(tmp_path))


def suggested(tmp_path: Path, study: Path, **options: object) -> tuple[Suggestion, Path | None]:
    whole = opened(tmp_path, study)
    output = tmp_path / "prompts"
    engine = Engine(settings_in(tmp_path))
    return suggest(whole, whole.study.models[0], engine, output=output, **options)  # type: ignore[arg-type]


def test_the_test_part_is_never_looked_at(tmp_path: Path, shelved: Path) -> None:
    """With its photos deleted and its ids put away, the suggestion is the same to the letter."""
    whole = opened(tmp_path, shelved)
    test = whole.samples(whole.split.test)
    blind = hide_test(whole)
    for sample in test:
        sample.image.unlink()
    engine = Engine(settings_in(tmp_path))
    first, _ = suggest(
        whole, whole.study.models[0], engine, prompts="partiel", output=tmp_path / "a"
    )

    hidden = {sample.id for sample in test}
    assert blind.split.test == ()
    assert not hidden & {sample.id for sample in blind.dataset.samples}
    shown = {p.sample_id for c in first.classes for x in c.confusions for p in x.photos}
    assert shown
    assert shown <= set(whole.split.validation)
    model = engine.model(whole.study.models[0], blind)
    with EmbeddingStore(tmp_path / "cache" / "embeddings.sqlite") as store:
        assert store.get(model.fingerprint, [sample.digest for sample in test]) == {}
    # Other labels of the test photos change nothing either.
    swapped = tuple(
        replace(one, label="Rugs", subcategory="x") if one.id in hidden else one
        for one in whole.dataset.samples
    )
    other = replace(whole, dataset=replace(whole.dataset, samples=swapped))
    again, _ = suggest(
        other, whole.study.models[0], engine, prompts="partiel", output=tmp_path / "b"
    )
    assert again == first


def test_the_measured_change_is_that_of_the_written_file(tmp_path: Path, shelved: Path) -> None:
    """Added to the study and scored as any other set, it has the validation accuracy foretold."""
    found, file = suggested(tmp_path, shelved, prompts="partiel")
    assert found.proposal is not None
    assert file is not None
    text = file.read_text(encoding="utf-8")
    (shelved / "prompts" / file.name).write_text(text, encoding="utf-8")
    toml = shelved / "study.toml"
    toml.write_text(toml.read_text().replace('"complet"]', f'"complet", "{file.stem}"]'))
    settings = settings_in(tmp_path)
    study = opened_study(toml, settings)
    right = {}
    for name in ("partiel", file.stem):
        assert study.score(f"toy/{name}").status == "ok"
        folder = settings.artefacts / "couleurs" / "toy" / name
        predictions = read_predictions(folder / "validation.csv")
        right[name] = predictions.predicted == predictions.labels
    before, after = right["partiel"], right[file.stem]
    assert found.before.value == pytest.approx(before.mean())
    assert found.after is not None
    assert found.after.value == pytest.approx(after.mean())
    assert found.gain is not None
    assert found.gain.value == pytest.approx(after.mean() - before.mean())
    assert found.gain.low is not None
    assert found.gain.low <= found.gain.value
    assert (found.only_after, found.only_before) == (
        int((after & ~before).sum()),
        int((before & ~after).sum()),
    )
    assert [one.correct_after for one in found.classes] == [
        int((after & (predictions.labels == c)).sum()) for c in range(3)
    ]
    assert artefacts.read_results(settings.artefacts)[0].suggestions == {
        "couleurs/toy/partiel": found
    }


def test_only_what_no_text_says_is_added(tmp_path: Path, shelved: Path) -> None:
    """Blue lamps, which validation loses: every other colour is said by a text of its class."""
    found, _ = suggested(tmp_path, shelved, prompts="partiel")
    assert found.case == "couleurs/toy/partiel"
    (blue,) = (name for one in found.classes for name in one.uncovered)
    assert (blue.name, blue.nearest_text, blue.added) == ("blue", "red", True)
    assert blue.similarity <= found.far
    assert 0 < blue.validation_errors <= blue.validation_photos
    assert found.proposal is not None
    assert found.proposal.texts == {
        "Lamps": ("red", "blue"),
        "Mugs": ("green", "yellow"),
        "Rugs": ("purple", "cyan"),
    }
    assert found.gain is not None
    assert found.gain.low is not None
    assert found.gain.low > 0


def test_nothing_is_proposed_where_nothing_is_missing(tmp_path: Path, shelved: Path) -> None:
    """By default it starts from the set that does best on validation."""
    found, file = suggested(tmp_path, shelved)
    assert found.case == "couleurs/toy/complet"
    assert (found.proposal, found.after, found.gain, file) == (None, None, None, None)


def test_a_text_that_wins_no_photo_is_listed_and_left_out(tmp_path: Path, shelved: Path) -> None:
    """Blue lamps under a name that says another class: missing, tried, not proposed."""
    table = shelved / "photos" / "photos.csv"
    table.write_text(table.read_text().replace(",blue", ",green"))
    found, file = suggested(tmp_path, shelved, prompts="partiel")
    (name,) = (name for one in found.classes for name in one.uncovered)
    assert (name.name, name.added, name.validation_errors > 0) == ("green", False, True)
    assert (found.proposal, file) == (None, None)
    assert "wins no validation photo" in suggestion_text(found)


def test_the_photos_behind_a_confusion_have_their_maps(tmp_path: Path, shelved: Path) -> None:
    """The surest of each; overlays of the predicted and the true class are files of the case."""
    found, _ = suggested(tmp_path, shelved, prompts="partiel")
    confusions = [one for c in found.classes for one in c.confusions]
    assert confusions
    for one in confusions:
        assert len(one.photos) == min(one.count, 2)
        for photo in one.photos:
            assert (photo.label, photo.predicted) == (one.label, one.predicted)
            assert [m.label for m in photo.maps] == [one.predicted, one.label]
            for m in photo.maps:
                assert m.overlay.startswith("suggestion/")
                assert (tmp_path / "artefacts" / found.case / m.overlay).is_file()
    for c in found.classes:
        assert sum(one.count for one in c.confusions) <= c.photos - c.correct


def test_another_set_is_never_overwritten(tmp_path: Path, shelved: Path) -> None:
    """A second suggestion has a name of its own."""
    _, first = suggested(tmp_path, shelved, prompts="partiel")
    assert first is not None
    text = first.read_text()
    _, second = suggested(tmp_path, shelved, prompts="partiel")
    assert second is not None
    assert (first.name, second.name) == ("partiel-precisees.toml", "partiel-precisees-2.toml")
    assert first.read_text() == text
    prompts = make_run().prompts
    assert prompts is not None
    with pytest.raises(VeilleError, match=r"a file stands in the way; .*--output"):
        write_prompt_set(replace(prompts, name=first.stem), first.parent)
    assert free_name("new", first.parent) == "new"


def test_what_cannot_be_made_more_precise_is_refused(tmp_path: Path, shelved: Path) -> None:
    with pytest.raises(DataError, match=r"'partie'.*choose among partiel, complet"):
        suggested(tmp_path, shelved, prompts="partie")
    whole = opened(tmp_path, shelved)
    none = replace(whole, split=replace(whole.split, validation=()))
    with pytest.raises(DataError, match="judged on a validation part"):
        suggest(none, none.study.models[0], Engine(settings_in(tmp_path)))


def test_the_command_says_what_it_found(tmp_path: Path, shelved: Path) -> None:
    """Confusions, missing texts, the change with its interval, and what to do next."""
    arguments = ["suggest", shelved, "--prompts", "partiel", "--artefacts", tmp_path / "artefacts"]
    done = CliRunner().invoke(main, [str(one) for one in arguments])
    assert done.exit_code == 0, done.output
    written = shelved / "prompts" / "partiel-precisees.toml"
    assert written.is_file()
    for words in ("taken for", "no text says", "points [", "partiel-precisees", eval_command()):
        assert words in done.output
    assert (tmp_path / "artefacts" / "couleurs" / "toy" / "partiel" / "suggestion.json").is_file()
    done = CliRunner().invoke(main, ["suggest", str(shelved), "--model", "huge"])
    assert done.exit_code == 2
    assert "choose among toy" in done.output


def test_far_is_measured_by_the_encoder_itself() -> None:
    """A name is covered when its own class's text is nearer than those of others usually are."""
    texts = np.eye(3)
    names = np.array([[5.0, 0.1, 0.0], [0.1, 0.1, 9.0], [0.0, 1.0, 0.1]])
    owners = np.array([0, 1, 1])
    nearest, similarity, far = coverage(names, owners, texts, np.array([0, 1, 2]))
    assert nearest.tolist() == [0, 1, 1]
    assert similarity[0] > far
    assert similarity[1] <= far, "it says another class"
    assert similarity[2] > far
    assert similarity == pytest.approx(
        [5 / np.hypot(5, 0.1), 0.1 / np.linalg.norm(names[1]), 1 / np.hypot(1, 0.1)]
    )
