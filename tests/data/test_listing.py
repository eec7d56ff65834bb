"""Folders as they come: parts in any spelling, and nothing that vanishes in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.data.folders import list_folder
from evaluation.data.listing import Listing, note_line, part_of
from evaluation.errors import DataError
from evaluation.records import DatasetSpec, Fold

Make = Callable[..., Path]


def listed(root: Path, **spec: object) -> Listing:
    return list_folder(DatasetSpec(kind="folder", **spec), root)  # type: ignore[arg-type]


def folds(listing: Listing) -> dict[str, Fold | None]:
    return {photo.id: photo.fold for photo in listing.photos}


def notes(listing: Listing) -> dict[str, int]:
    return {f"{note.kind}{note.what}": note.count for note in listing.notes}


@pytest.fixture
def photos(tmp_path: Path, make_photo: Make) -> Callable[..., Path]:
    """Makes photos at these paths below a root, which it returns."""

    def make(*paths: str) -> Path:
        for seed, path in enumerate(paths):
            make_photo(tmp_path / "root" / path, seed=seed)
        return tmp_path / "root"

    return make


SPELLINGS: dict[Fold | None, tuple[str, ...]] = {
    "train": (
        *("train", "Training", "TRAIN_SET", "train_images", "trainset", "seg_train", "01_train"),
        *("training-set", "TrainImages", "train2017", "Entraînement", "images-train"),
    ),
    "validation": ("val", "Valid", "validation_set", "dev", "eval", "val 1", "VALIDATION"),
    "test": ("test", "Testing", "test_set", "testset", "seg_test", "tests", "jeu de test"),
    None: (
        *("test tubes", "training shoes", "trained", "cats", "images", "", "contest", "valley"),
        *("device", "evaluated dogs", "train station"),
    ),
}


@pytest.mark.parametrize(
    ("name", "part"), [(name, part) for part, names in SPELLINGS.items() for name in names]
)
def test_a_part_is_known_in_any_usual_spelling(name: str, part: Fold | None) -> None:
    """Its word alone, whatever the case and beside words that say nothing."""
    assert part_of(name) == part


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("training", "testing"),
        ("train_images", "test_images"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("data/train", "data/test"),
        ("archive/data/Train", "archive/data/Test"),
    ],
)
def test_parts_are_never_classes(photos: Callable[..., Path], train: str, test: str) -> None:
    """In any spelling, below a folder that stands alone or doubled as some archives have it."""
    root = photos(
        *(f"{part}/{label}/a.png" for part in (train, test) for label in ("cats", "dogs"))
    )
    listing = listed(root)
    assert {photo.label for photo in listing.photos} == {"cats", "dogs"}
    assert sorted(str(fold) for fold in folds(listing).values()) == [
        "test",
        "test",
        "train",
        "train",
    ]


def test_a_part_without_classes_is_counted(photos: Callable[..., Path]) -> None:
    """Competitions publish a test part whose classes nobody may know."""
    root = photos("train/a/1.png", "train/b/1.png", "test/1.png", "test/2.png", "seg_pred/x/1.png")
    listing = listed(root)
    assert len(listing.photos) == 2
    assert notes(listing) == {"unlabelled": 3}


def test_folders_that_may_be_either_are_asked_about(photos: Callable[..., Path]) -> None:
    """The same sub-folders everywhere and no known name: the error is the question."""
    root = photos(*(f"{top}/{inner}/a.png" for top in ("fold1", "fold2") for inner in ("a", "b")))
    with pytest.raises(DataError, match="which of the two are the classes"):
        listed(root)
    given = listed(root, parts={"fold1": "train", "fold2": "test"})
    assert set(folds(given).values()) == {"train", "test"}
    asked = listed(root, parts={})
    assert {(one.label, one.subcategory) for one in asked.photos} == {
        *[("fold1", "a"), ("fold1", "b"), ("fold2", "a"), ("fold2", "b")]
    }


def test_declared_parts_name_every_folder(photos: Callable[..., Path]) -> None:
    """A folder that the declaration forgets is not guessed at."""
    root = photos("one/a/1.png", "two/a/1.png", "three/b/1.png")
    with pytest.raises(DataError, match="says nothing of the folder 'three'"):
        listed(root, parts={"one": "train", "two": "test"})


def test_what_is_not_taken_is_counted_and_named(photos: Callable[..., Path]) -> None:
    """Hidden, of the system, unknown, loose: each reason has its number and some names."""
    root = photos("cats/1.png", "dogs/1.png", "loose1.png", "loose2.png", "cats/.thumbs/1.png")
    for name in ("cats/._1.png", "__MACOSX/cats/._1.png", "cats/@eaDir/1.png/x.jpg", "Thumbs.db"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    (root / "cats" / "raw.DNG").write_bytes(b"II*\0")
    (root / "cats" / "readme").write_text("x")
    listing = listed(root)
    assert [photo.id for photo in listing.photos] == ["cats/1.png", "dogs/1.png"]
    assert notes(listing) == {
        "hidden": 2,
        "system": 3,
        "loose": 2,
        "not-a-photo": 1,
        "suffix.dng": 1,
    }
    [raw] = [note for note in listing.notes if note.kind == "suffix"]
    assert note_line(raw).endswith("'cats/raw.DNG'")


def test_a_class_may_have_a_name_of_underscores(photos: Callable[..., Path]) -> None:
    """Only what systems make is passed over, not every name that looks inward."""
    listing = listed(photos("__background__/1.png", "cats/1.png"))
    assert [photo.label for photo in listing.photos] == ["__background__", "cats"]


def test_photos_without_a_suffix_are_known_by_their_bytes(photos: Callable[..., Path]) -> None:
    """As are those whose suffix is none: a number, or what a site appends."""
    root = photos("cats/1.png", "cats/2.png", "cats/3.png", "dogs/1.png")
    (root / "cats" / "1.png").rename(root / "cats" / "IMG_0001")
    (root / "cats" / "2.png").rename(root / "cats" / "IMG.0002")
    (root / "cats" / "3.png").rename(root / "cats" / "3.png_large")
    listing = listed(root)
    assert len(listing.photos) == 4
    assert listing.notes == ()


def test_links_to_folders_are_entered_when_the_study_says_so(
    tmp_path: Path, photos: Callable[..., Path], make_photo: Make
) -> None:
    """Never in a circle, and counted when they are not entered."""
    root = photos("cats/1.png", "dogs/1.png")
    make_photo(tmp_path / "elsewhere" / "2.png")
    (root / "cats" / "more").symlink_to(tmp_path / "elsewhere")
    (root / "cats" / "circle").symlink_to(root)
    assert notes(listed(root)) == {"folder-link": 2}
    followed = listed(root, follow_links=True)
    assert [photo.id for photo in followed.photos] == [
        "cats/1.png",
        "cats/more/2.png",
        "dogs/1.png",
    ]
    assert notes(followed) == {"folder-link": 1}


def test_names_that_no_file_can_hold_are_counted(photos: Callable[..., Path]) -> None:
    """A name that is no UTF-8, or that would move a terminal's cursor."""
    root = photos("cats/1.png", "dogs/1.png")
    (root / "cats" / "a\x1b[2J.png").write_bytes(b"x")
    (root / "cats" / "b\udcff.png").write_bytes(b"x")
    [note] = listed(root).notes
    assert (note.kind, note.count) == ("name", 2)
    assert note.names == ("cats/a\\x1b[2J.png", "cats/b\\udcff.png")
