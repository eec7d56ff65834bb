"""`veille new`: photos as people have them become a study that says what they are."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluation.cli import main
from evaluation.data.exported import export_saved_dataset
from evaluation.data.loading import load_dataset
from evaluation.data.prompts import resolve_prompts
from evaluation.data.split import split_dataset, without_small_classes
from evaluation.errors import ConfigError, VeilleError
from evaluation.records import ModelSpec, Split, Study
from evaluation.stages.begin import Begun, begin
from evaluation.study.config import load_study
from evaluation.study.scaffold import humanised, likely_language, says_nothing, texts_of

Photos = Callable[..., Path]


@pytest.fixture
def photos(tmp_path: Path, make_photo: Callable[..., Path]) -> Photos:
    """Makes photos at these paths below a folder, which it returns."""

    def make(*paths: str) -> Path:
        for seed, path in enumerate(paths):
            make_photo(tmp_path / "photos" / path, seed=seed)
        return tmp_path / "photos"

    return make


def many(*folders: str, count: int = 6) -> list[str]:
    return [f"{folder}/{number}.png" for folder in folders for number in range(count)]


def begun(images: Path, tmp_path: Path, **more: str) -> Begun:
    return begin("mine", images, tmp_path / "studies", **{"language": "en"} | more)  # type: ignore[arg-type]


def opened(file: Path, tmp_path: Path) -> tuple[Study, tuple[str, ...], Split]:
    """The study, its classes and its split, as an evaluation has them."""
    study = load_study(str(file))
    assert study.dataset.root is not None
    dataset = load_dataset(study.dataset, name="x", root=study.dataset.root, cache=tmp_path)
    dataset = without_small_classes(dataset, study.split, study.parts)
    split = split_dataset(dataset, study.split, study.parts)
    for prompts in study.prompts:
        assert set(resolve_prompts(prompts, dataset, split).texts) == set(dataset.classes)
    return study, dataset.classes, split


# --------------------------------------------------------------------------- layouts


@pytest.mark.parametrize(
    ("paths", "classes", "sizes"),
    [
        (many("a", "b", count=10), ("a", "b"), (12, 4, 4)),
        (many("Training/a", "Training/b", "Testing/a", "Testing/b"), ("a", "b"), (10, 2, 12)),
        (many("train/a", "train/b", "valid/a", "valid/b"), ("a", "b"), (10, 12, 2)),
        (many("test/a", "test/b"), ("a", "b"), (0, 0, 12)),
        (many("x/data/train/a", "x/data/train/b", "x/data/val/a", "x/data/val/b"), None, None),
        (
            many("seg_train/seg_train/a", "seg_train/seg_train/b", "seg_test/a", "seg_test/b"),
            *[None] * 2,
        ),
        ([*many("a", "b"), "c/0.png"], ("a", "b"), (8, 2, 2)),
        ([*many("__background__", "cats"), "__MACOSX/cats/._0.jpg", "loose.png"], None, None),
        (many("a/new", "a/old", "b/red", "b/blue"), ("a", "b"), None),
        (many("Éventails", 'Tea "pots"'), ('Tea "pots"', "Éventails"), None),
    ],
)
def test_a_folder_becomes_a_study_that_runs(
    tmp_path: Path,
    photos: Photos,
    paths: list[str],
    classes: tuple[str, ...] | None,
    sizes: tuple[int, int, int] | None,
) -> None:
    """Right classes and right parts, whatever the layout; nothing edited."""
    _, found, split = opened(begun(photos(*paths), tmp_path).file, tmp_path)
    assert classes is None or found == classes
    assert len(found) == 2
    assert sizes in (None, (len(split.train), len(split.validation), len(split.test)))


def test_test_photos_alone_leave_out_what_is_trained(tmp_path: Path, photos: Photos) -> None:
    """Nothing to train on: the study asks nothing of it."""
    begun_ = begun(photos(*many("test/a", "test/b")), tmp_path)
    assert not begun_.plan.trains
    assert [model.name for model in load_study(str(begun_.file)).models] == ["embedded"]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_a_table_becomes_a_study(tmp_path: Path, photos: Photos, suffix: str) -> None:
    """Its columns are found by what they hold, its parts are used, and its folder is entered."""
    root = photos(*many("pictures/a", "pictures/b", count=4))
    rows = [
        {"nr": str(i), "fichier": f"{label}/{i}.png", "Classe": label, "split": part}
        for label in "ab"
        for i, part in enumerate(("train", "train", "val", "test"))
    ]
    texts = {
        "csv": [";".join(rows[0]), *(";".join(row.values()) for row in rows)],
        "tsv": ["\t".join(rows[0]), *("\t".join(row.values()) for row in rows)],
        "jsonl": [json.dumps(row) for row in rows],
    }
    (root / f"list.{suffix}").write_text("\n".join(texts[suffix]))
    study, classes, split = opened(begun(root / f"list.{suffix}", tmp_path).file, tmp_path)
    assert (study.dataset.images, study.dataset.split_column) == ("pictures", "split")
    assert classes == ("a", "b")
    assert (len(split.train), len(split.validation), len(split.test)) == (4, 2, 2)


def test_an_unclear_table_is_asked_about(tmp_path: Path, photos: Photos) -> None:
    """No column is called anything like a class: the line names the option."""
    root = photos(*many("a", "b"))
    (root / "list.csv").write_text("path,what\na/0.png,x\nb/0.png,y\n")
    with pytest.raises(VeilleError, match=r"which column holds the class.*--label COLUMN"):
        begun(root / "list.csv", tmp_path)
    assert begun(root / "list.csv", tmp_path, label_column="what").counts == {"x": 1, "y": 1}


def test_an_image_folder_with_metadata_is_a_table(tmp_path: Path, photos: Photos) -> None:
    """Hugging Face's layout: the photos lie in one folder, the classes in a file beside them."""
    root = photos(*[f"{number}.png" for number in range(12)])
    rows = [f"{number}.png,{'cat' if number % 2 else 'dog'}" for number in range(12)]
    (root / "metadata.csv").write_text("\n".join(["file_name,label", *rows]))
    _, classes, _ = opened(begun(root, tmp_path).file, tmp_path)
    assert classes == ("cat", "dog")


def test_a_saved_data_set_is_written_out(tmp_path: Path, make_photo: Callable[..., Path]) -> None:
    """What `save_to_disk` left: photos in Arrow, classes as numbers with names."""
    pyarrow = pytest.importorskip("pyarrow")
    saved = tmp_path / "saved"
    (saved / "train").mkdir(parents=True)
    cells = [
        {"bytes": make_photo(tmp_path / f"{i}.png", seed=i).read_bytes(), "path": None}
        for i in range(12)
    ]
    table = pyarrow.table({"image": cells, "label": [i % 2 for i in range(12)]})
    with pyarrow.ipc.new_stream(saved / "train" / "data-00000-of-00001.arrow", table.schema) as out:
        out.write_table(table)
    features = {
        "image": {"_type": "Image"},
        "label": {"_type": "ClassLabel", "names": ["cat", "sea/lion"]},
    }
    (saved / "dataset_dict.json").write_text('{"splits": ["train"]}')
    (saved / "train" / "dataset_info.json").write_text(json.dumps({"features": features}))
    study = begun(saved, tmp_path)
    _, classes, split = opened(study.file, tmp_path)
    assert classes == ("cat", "sea-lion")
    assert len(split.train) == 8


@pytest.mark.parametrize(
    ("splits", "info", "arrow", "said"),
    [
        ('["../elsewhere"]', "{}", b"", "elsewhere"),
        ('"train"', "{}", b"", "names no split"),
        ("[" * 5000, "{}", b"", "cannot be read"),
        ('["train"]', '{"features": []}', b"", "no column of photos"),
        ('["train"]', '{"features": {"image": {"_type": "Image"}, "label": 3}}', b"x", "cannot be"),
        (
            '["train"]',
            '{"features": {"image": {"_type": "Image"}, "label": 3}}',
            None,
            "a link out",
        ),
    ],
)
def test_a_saved_data_set_of_any_content_is_one_line(
    tmp_path: Path, splits: str, info: str, arrow: bytes | None, said: str
) -> None:
    """Splits elsewhere, shapes that are others, files that are no Arrow, a photo elsewhere."""
    pyarrow = pytest.importorskip("pyarrow")
    saved = tmp_path / "saved"
    (saved / "train").mkdir(parents=True)
    (saved / "dataset_dict.json").write_text(f'{{"splits": {splits}}}')
    (saved / "train" / "dataset_info.json").write_text(info)
    file = saved / "train" / "data.arrow"
    if arrow is None:
        (tmp_path / "secret").write_bytes(b"x")
        (saved / "away").symlink_to(tmp_path / "secret")
        table = pyarrow.table({"image": ["away"], "label": ["a"]})
        with pyarrow.ipc.new_stream(file, table.schema) as out:
            out.write_table(table)
    else:
        file.write_bytes(arrow)
    with pytest.raises(VeilleError, match=said):
        export_saved_dataset(saved).write(tmp_path / "written")
    assert not list((tmp_path / "written").rglob("*.*"))


# ----------------------------------------------------------------------------- texts


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("home_furnishing", "home furnishing"),
        ("HomeFurnishing", "home furnishing"),
        ("Black_footed_Albatross", "Black footed Albatross"),
        ("t-shirt", "t-shirt"),
        ("baby-care", "baby care"),
        ("Tea pots", "Tea pots"),
        ("USBCable", "USB cable"),
        ("007", "007"),
        ("2 roues", "2 roues"),
        ("50%", "50%"),
        ("__background__", "background"),
    ],
)
def test_class_names_are_humanised(label: str, text: str) -> None:
    """As a person would say them; what is only a number stays one."""
    assert humanised(label) == text


@pytest.mark.parametrize(
    ("labels", "texts"),
    [
        (["05_home_furnishing", "watches"], ["home furnishing", "watches"]),
        (["1.cats", "2.dogs"], ["cats", "dogs"]),
        (["001.Black_footed_Albatross", "002.Crow"], ["Black footed Albatross", "Crow"]),
        (["2_roues", "voitures"], ["2 roues", "voitures"]),
        (["2 roues", "4 roues"], ["2 roues", "4 roues"]),
        (["007", "008"], ["007", "008"]),
    ],
)
def test_numbers_that_order_folders_are_left_out(labels: list[str], texts: list[str]) -> None:
    """And those that belong to the name are not."""
    assert list(texts_of(labels).values()) == texts


def test_names_of_wordnet_are_translated() -> None:
    """ImageNet's folders say what they are where timm's list is installed."""
    pytest.importorskip("timm")
    assert humanised("n02084071") == "dog"
    assert humanised("n99999999") == "n99999999"


def test_the_language_of_names_is_guessed_and_numbers_say_none() -> None:
    """For `veille try`, which says what it assumed."""
    assert likely_language(["montres", "linge_de_maison"]) == "fr"
    assert likely_language(["watches", "home_furnishing"]) == "en"
    assert says_nothing(["0", "1", "02"])
    assert not says_nothing(["0", "cat"])


def test_no_placeholder_is_scored(tmp_path: Path, photos: Photos) -> None:
    """Descriptions join the study when they are written, and not half-written."""
    file = begun(photos(*many("01_red_mugs", "02_rugs")), tmp_path).file
    study = load_study(str(file))
    assert [prompts.name for prompts in study.prompts] == ["noms"]
    assert study.prompts[0].texts == {"01_red_mugs": ("red mugs",), "02_rugs": ("rugs",)}
    draft = file.parent / "prompts" / "descriptions.toml"
    assert tomllib.loads(draft.read_text()) == {}
    lines = [line.removeprefix("# ") for line in draft.read_text().splitlines()[4:] if line != "#"]
    draft.write_text("\n".join(lines))
    with pytest.raises(ConfigError, match="text 1 is empty"):
        load_study(str(file))
    draft.write_text("\n".join(lines).replace('""', '"a picture of it"'))
    assert [one.name for one in load_study(str(file)).prompts] == ["noms", "descriptions"]


def test_yesterdays_placeholder_is_refused(tmp_path: Path, photos: Photos) -> None:
    """Studies that an earlier `veille new` wrote had one in each class."""
    file = begun(photos(*many("mugs", "rugs")), tmp_path).file
    text = 'title = "D"\nlanguage = "en"\n[texts]\nmugs = ["mugs: to be described"]\nrugs = ["x"]'
    (file.parent / "prompts" / "descriptions.toml").write_text(text)
    with pytest.raises(ConfigError, match="still the placeholder"):
        load_study(str(file))


@pytest.mark.parametrize(
    ("weights", "language", "sentence"),
    [
        ("embedded", "en", "mug"),
        ("laion2b_s34b_b79k", "en", "a photo of a mug."),
        ("laion2b_s34b_b79k", "fr", "mug"),
    ],
)
def test_templates_fit_the_tower(
    tmp_path: Path, photos: Photos, weights: str, language: str, sentence: str
) -> None:
    """A CLIP reads captions in English; the stand-in reads names."""
    study = load_study(str(begun(photos(*many("mug", "rug")), tmp_path, language=language).file))
    model = ModelSpec(name="m", kind="clip", architecture="ViT-B-32", weights=weights, title="M")
    prompts = study.prompts[0].fitted(model)
    assert prompts.templates[0].replace("{}", "mug") == sentence


@pytest.mark.parametrize(
    ("architecture", "weights", "english"),
    [
        ("", "embedded", True),
        ("ViT-B-32", "openai", True),
        ("xlm-roberta-base-ViT-B-32", "laion5b_s13b_b90k", False),
        ("ViT-B-16-SigLIP2", "webli", False),
        ("nllb-clip-base", "v1", False),
    ],
)
def test_towers_that_read_english_alone_are_known(
    architecture: str, weights: str, english: bool
) -> None:
    """By their names: a study in French is warned of the others' blindness."""
    model = ModelSpec(name="m", kind="clip", architecture=architecture, weights=weights, title="M")
    assert model.reads_english_only == english


# --------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", ["", "My Products", "été", "../x", "a--b"])
def test_a_name_that_is_no_slug_is_refused(tmp_path: Path, photos: Photos, name: str) -> None:
    """A study's name is a folder and a case id: nothing but a slug will do."""
    with pytest.raises(VeilleError, match="lower-case letters"):
        begin(name, photos(*many("a", "b")), tmp_path / "studies", language="en")
    assert not (tmp_path / "studies").exists()


def test_an_existing_study_is_not_overwritten(tmp_path: Path, photos: Photos) -> None:
    """The second call is refused and the edited file stays."""
    images = photos(*many("a", "b"))
    file = begun(images, tmp_path).file
    file.write_text("edited")
    with pytest.raises(VeilleError, match="exists already"):
        begun(images, tmp_path)
    assert file.read_text() == "edited"


def test_photos_that_cannot_be_understood_are_one_line(tmp_path: Path, photos: Photos) -> None:
    """No folder, no class, one class: nothing is written."""
    images = photos("a/0.png", "a/1.png")
    for path, problem in ((images, "only one class, 'a'"), (tmp_path / "absent", "no such folder")):
        with pytest.raises(VeilleError, match=problem):
            begun(path, tmp_path)
    assert not (tmp_path / "studies").exists()


def test_nothing_is_left_when_it_cannot_be_written(tmp_path: Path, photos: Photos) -> None:
    """A file in the place of the studies folder gives one line."""
    (tmp_path / "studies").write_text("I am a file")
    with pytest.raises(VeilleError, match="--into"):
        begun(photos(*many("a", "b")), tmp_path)


# ------------------------------------------------------------------------ the command


def test_the_command_says_what_it_understood(
    tmp_path: Path, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Photos, parts, texts, models, what was left out, and the next command."""
    images = photos(*many("05_tea_pots", "rugs"), "loose.png", "tiny/0.png")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["new", "mine", "--images", str(images), "--language", "en"])
    assert done.exit_code == 0, done.output
    for said in (
        "13 in 3 classes, 1 to 6 a class",
        "drawn: 60 % train",
        "05_tea_pots → tea pots",
        "tiny (1)",
        "1 photo(s) outside of the class folders left out",
        "veille check mine",
    ):
        assert said in done.output


def test_the_language_is_asked_for(
    tmp_path: Path, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal, by one line that names the option; names that are numbers need none."""
    images = photos(*many("montres", "linge"))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["new", "mine", "--images", str(images)])
    assert done.exit_code == 2
    assert "--language en, --language fr" in done.output
    assert not (tmp_path / "studies").exists()
