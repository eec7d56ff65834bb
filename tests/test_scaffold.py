"""`veille new`: a study that loads and can be edited, or one line and nothing written."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.data import load_dataset, resolve_prompts, split_dataset
from evaluation.errors import VeilleError
from evaluation.study.config import load_study
from evaluation.study.scaffold import class_folders, write_new_study


@pytest.fixture
def images(tmp_path: Path, make_photo: Callable[..., Path]) -> Path:
    for label in ('Tea "pots"', "Éventails"):
        for i in range(6):
            make_photo(tmp_path / "images" / label / f"{i}.png", seed=i + 10 * len(label))
    (tmp_path / "images" / ".thumbnails").mkdir()
    return tmp_path / "images"


def test_a_new_study_can_be_run_as_it_stands(tmp_path: Path, images: Path) -> None:
    """The files load without a mistake, and every class has a text in both prompt sets."""
    file = write_new_study("my-products", images, tmp_path / "studies")
    study = load_study(str(file))
    assert study.dataset.root is not None
    dataset = load_dataset(study.dataset, name="x", root=study.dataset.root, cache=tmp_path)
    split = split_dataset(dataset, study.split)
    assert [prompts.name for prompts in study.prompts] == ["noms", "descriptions"]
    for prompts in study.prompts:
        resolved = resolve_prompts(prompts, dataset, split)
        assert set(resolved.texts) == {'Tea "pots"', "Éventails"}


def test_part_folders_are_looked_into(tmp_path: Path) -> None:
    """With train/val/test folders, the classes are those inside them."""
    for part, label in (("train", "A"), ("train", "B"), ("test", "A")):
        (tmp_path / part / label).mkdir(parents=True)
    assert class_folders(tmp_path) == ("A", "B")


@pytest.mark.parametrize("name", ["", "My Products", "été", "../x", "a--b"])
def test_a_name_that_is_no_slug_is_refused(tmp_path: Path, images: Path, name: str) -> None:
    """A study's name is a folder and a case id: nothing but a slug will do."""
    with pytest.raises(VeilleError, match="lower-case letters"):
        write_new_study(name, images, tmp_path / "studies")
    assert not (tmp_path / "studies").exists()


def test_an_existing_study_is_not_overwritten(tmp_path: Path, images: Path) -> None:
    """The second call is refused and the edited file stays."""
    file = write_new_study("mine", images, tmp_path)
    file.write_text("edited")
    with pytest.raises(VeilleError, match="exists already"):
        write_new_study("mine", images, tmp_path)
    assert file.read_text() == "edited"


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    """One class is no choice; the line says how the folder should look."""
    (tmp_path / "one" / "A").mkdir(parents=True)
    with pytest.raises(VeilleError, match="one folder a class"):
        write_new_study("mine", tmp_path / "one", tmp_path)
    with pytest.raises(VeilleError, match="no such folder"):
        write_new_study("mine", tmp_path / "absent", tmp_path)


def test_nothing_is_left_when_it_cannot_be_written(tmp_path: Path, images: Path) -> None:
    """A file in the place of the studies folder gives one line."""
    (tmp_path / "studies").write_text("I am a file")
    with pytest.raises(VeilleError, match="--into"):
        write_new_study("mine", images, tmp_path / "studies")


def test_awkward_class_names_are_valid_toml(tmp_path: Path, images: Path) -> None:
    """Quotes and accents in class names survive the prompt file."""
    file = write_new_study("mine", images, tmp_path)
    texts = tomllib.loads((file.parent / "prompts" / "descriptions.toml").read_text())["texts"]
    assert set(texts) == {'Tea "pots"', "Éventails"}
