"""`veille suggest`: more precise texts from validation alone, and what they change there."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from evaluation import artefacts
from evaluation.cli import main
from evaluation.config import load_study
from evaluation.embeddings import EmbeddingStore
from evaluation.errors import DataError, VeilleError
from evaluation.records import Suggestion
from evaluation.run import OpenStudy, Settings, open_study, read_data, run_case
from evaluation.scaffold import free_name, write_prompt_set
from evaluation.scoring.coverage import coverage
from evaluation.suggest import suggest, without_test
from tests.factories import make_run

SHELVES = {
    "Lamps": ("Desk lamps", "Lanterns"),
    "Mugs": ("Mugs", "Tankards"),
    "Rugs": ("Kilims", "Doormats"),
}


@pytest.fixture
def shelved(study: Path, make_photo: Callable[..., Path]) -> Path:
    """The tests' study as a table of twenty photos a class, each class of two sub-categories."""
    rows = []
    for c, (label, names) in enumerate(SHELVES.items()):
        for i in range(20):
            make_photo(study / "photos" / label / f"{i}.png", seed=1000 + 100 * c + i)
            rows.append((f"{label}/{i}.png", label, names[i % 2]))
    with (study / "photos" / "photos.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label", "shelf"), *rows])
    text = (study / "study.toml").read_text()
    (study / "study.toml").write_text(
        text.replace(
            'kind = "folder"', 'kind = "table"\ncsv = "photos.csv"\nsubcategory_column = "shelf"'
        )
    )
    return study


def opened(tmp_path: Path, study: Path) -> OpenStudy:
    settings = Settings(artefacts=tmp_path / "artefacts", cache=tmp_path / "cache", device="cpu")
    return read_data(load_study(str(study)), settings)


def suggested(tmp_path: Path, study: Path, **options: object) -> tuple[Suggestion, Path | None]:
    whole = opened(tmp_path, study)
    output = tmp_path / "prompts"
    return suggest(without_test(whole), whole.study.models[0], output=output, **options)  # type: ignore[arg-type]


def test_the_test_part_is_never_looked_at(tmp_path: Path, shelved: Path) -> None:
    """With its photos deleted and its ids put away, the suggestion is the same to the letter."""
    whole = opened(tmp_path, shelved)
    test = whole.samples(whole.split.test)
    blind = without_test(whole)
    for sample in test:
        sample.image.unlink()
    first, _ = suggest(blind, whole.study.models[0], output=tmp_path / "a")

    hidden = {sample.id for sample in test}
    assert blind.opened.split.test == ()
    assert not hidden & {sample.id for sample in blind.opened.dataset.samples}
    shown = {p.sample_id for c in first.classes for x in c.confusions for p in x.photos}
    assert shown
    assert shown <= set(whole.split.validation)
    model = blind.opened.model(whole.study.models[0])
    with EmbeddingStore(tmp_path / "cache" / "embeddings.sqlite") as store:
        assert store.get(model.fingerprint, [sample.digest for sample in test]) == {}
    # Other labels of the test photos change nothing either.
    swapped = tuple(
        replace(one, label="Rugs", subcategory="x") if one.id in hidden else one
        for one in whole.dataset.samples
    )
    other = replace(whole, dataset=replace(whole.dataset, samples=swapped))
    again, _ = suggest(without_test(other), whole.study.models[0], output=tmp_path / "b")
    assert again == first


def test_the_measured_change_is_that_of_the_written_file(tmp_path: Path, shelved: Path) -> None:
    """Added to the study and scored as any other set, it has the validation accuracy foretold."""
    found, file = suggested(tmp_path, shelved, prompts="noms")
    assert found.proposal is not None
    assert file is not None
    text = file.read_text(encoding="utf-8")
    (shelved / "prompts" / file.name).write_text(text, encoding="utf-8")
    toml = shelved / "study.toml"
    toml.write_text(toml.read_text().replace('"descriptions"]', f'"descriptions", "{file.stem}"]'))
    settings = Settings(artefacts=tmp_path / "artefacts", cache=tmp_path / "cache", device="cpu")
    study = open_study(load_study(str(toml)), settings)
    right = {}
    for name in ("noms", file.stem):
        assert run_case(study.case(f"tiny/{name}"), study).status == "ok"
        folder = settings.artefacts / "essai" / "tiny" / name
        predictions = artefacts.read_predictions(folder / "validation.csv")
        right[name] = predictions.predicted == predictions.labels
    before, after = right["noms"], right[file.stem]
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
    assert artefacts.read_results(settings.artefacts)[0].suggestions == {"essai/tiny/noms": found}


def test_only_what_no_text_says_is_added(tmp_path: Path, shelved: Path) -> None:
    """Far sub-categories of classes that lose photos; a name that a text has is said already."""
    found, _ = suggested(tmp_path, shelved, prompts="descriptions")
    assert found.case == "essai/tiny/descriptions"
    for one in found.classes:
        names = {name.name for name in one.uncovered}
        assert names <= set(SHELVES[one.label]) - {"Mugs"}
        for name in one.uncovered:
            assert name.similarity <= found.far
            assert name.nearest_text in one.texts
            assert name.added == (one.correct < one.photos)
            assert name.validation_errors <= name.validation_photos
    if found.proposal is not None:
        for one in found.classes:
            added = tuple(name.text for name in one.uncovered if name.added)
            assert found.proposal.texts[one.label] == (*one.texts, *added)


def test_the_photos_behind_a_confusion_have_their_maps(tmp_path: Path, shelved: Path) -> None:
    """The surest of each; overlays of the predicted and the true class are files of the case."""
    found, _ = suggested(tmp_path, shelved)
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
    _, first = suggested(tmp_path, shelved, prompts="noms")
    assert first is not None
    text = first.read_text()
    _, second = suggested(tmp_path, shelved, prompts="noms")
    assert second is not None
    assert (first.name, second.name) == ("noms-precisees.toml", "noms-precisees-2.toml")
    assert first.read_text() == text
    prompts = make_run().prompts
    assert prompts is not None
    with pytest.raises(VeilleError, match=r"cannot be written \(File exists\); .*--output"):
        write_prompt_set(replace(prompts, name=first.stem), first.parent)
    assert free_name("new", first.parent) == "new"


def test_what_cannot_be_made_more_precise_is_refused(tmp_path: Path, shelved: Path) -> None:
    with pytest.raises(DataError, match=r"'nom'.*choose among noms, descriptions"):
        suggested(tmp_path, shelved, prompts="nom")
    whole = without_test(opened(tmp_path, shelved))
    whole.opened.split = replace(whole.opened.split, validation=())
    with pytest.raises(DataError, match="validation part"):
        suggest(whole, whole.opened.study.models[0])


def test_the_command_says_what_it_found(tmp_path: Path, shelved: Path) -> None:
    """Confusions, missing texts, the change with its interval, and what to do next."""
    arguments = ["suggest", shelved, "--prompts", "noms", "--artefacts", tmp_path / "artefacts"]
    done = CliRunner().invoke(main, [str(one) for one in arguments])
    assert done.exit_code == 0, done.output
    written = shelved / "prompts" / "noms-precisees.toml"
    assert written.is_file()
    for words in ("taken for", "no text says", "points [", "noms-precisees", "tox -e eval"):
        assert words in done.output
    assert (tmp_path / "artefacts" / "essai" / "tiny" / "noms" / "suggestion.json").is_file()
    done = CliRunner().invoke(main, ["suggest", str(shelved), "--model", "huge"])
    assert done.exit_code == 2
    assert "choose among tiny" in done.output


def test_far_is_measured_by_the_encoder_itself() -> None:
    """A name is covered when its own class's text is nearer than those of others usually are."""
    texts = np.eye(3)
    names = np.array([[5.0, 0.1, 0.0], [0.1, 0.1, 9.0], [0.0, 1.0, 0.1]])
    owners = np.array([0, 1, 1])
    found = coverage(names, owners, texts, np.array([0, 1, 2]))
    assert found.nearest.tolist() == [0, 1, 1]
    assert found.similarity[0] > found.far
    assert found.similarity[1] <= found.far, "it says another class"
    assert found.similarity[2] > found.far
    assert found.similarity == pytest.approx(
        [5 / np.hypot(5, 0.1), 0.1 / np.linalg.norm(names[1]), 1 / np.hypot(1, 0.1)]
    )
