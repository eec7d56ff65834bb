"""Studies: read into records, or refused with every mistake at once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.errors import ConfigError
from evaluation.records import AnswerSpec, AugmentationSpec, ExplainSpec, TrainingSpec
from evaluation.records.lists import OF_CASES
from evaluation.study.config import SHIPPED, list_studies, load_study

STUDY = """
schema = 1
title = "Boutique"
question = "Suffit-il ?"
prompts = ["noms", "descriptions"]

[dataset]
kind = "folder"
root = "photos"

[split]
seed = 3
test_per_class = 4
validation_per_class = 2

[[models]]
name = "embedded"
kind = "clip"
weights = "embedded"
title = "Substitut hors ligne (pas un CLIP)"

[[models]]
name = "embedded-supervised"
kind = "supervised"
architecture = "tf_efficientnet_lite2"
weights = "embedded"
title = "Régression logistique"
[models.options]
max_iterations = 100

[[thresholds]]
case = "embedded/descriptions"
metric = "accuracy"
minimum = 0.1
over = "embedded/noms"
"""
NAMES = """
title = "Noms"
language = "en"
derive = "class-names"
"""
DESCRIPTIONS = """
title = "Descriptions"
language = "en"
templates = ["a photo of {}", "{} on a table"]
[texts]
Lamps = "a lamp"
Mugs = ["a mug", "a cup"]
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the study ``boutique``, in whose parent the test then works."""
    monkeypatch.chdir(tmp_path)

    def write(study: str = STUDY, names: str = NAMES, descriptions: str = DESCRIPTIONS) -> Path:
        folder = tmp_path / "studies" / "boutique"
        (folder / "prompts").mkdir(parents=True, exist_ok=True)
        (folder / "study.toml").write_text(study, encoding="utf-8")
        (folder / "prompts" / "noms.toml").write_text(names, encoding="utf-8")
        (folder / "prompts" / "descriptions.toml").write_text(descriptions, encoding="utf-8")
        return folder

    return write


def mistakes_of(name: str = "boutique") -> list[tuple[str, str]]:
    """Keys and problems of a study that must be refused."""
    with pytest.raises(ConfigError) as caught:
        load_study(name)
    assert all(mistake.remedy and "\n" not in str(mistake) for mistake in caught.value.mistakes)
    return [(mistake.key, mistake.problem) for mistake in caught.value.mistakes]


def test_study_is_read_into_records(write: Write) -> None:
    """Every declaration of a correct study is found in its record."""
    folder = write()
    study = load_study("boutique")
    assert (study.name, study.title, study.question) == ("boutique", "Boutique", "Suffit-il ?")
    assert study.file == folder / "study.toml"
    assert study.dataset.kind == "folder"
    assert study.dataset.root == folder / "photos"
    assert (study.split.seed, study.split.test_per_class) == (3, 4)
    assert [case.id for case in study.cases()] == [
        "boutique/embedded/noms",
        "boutique/embedded/descriptions",
        "boutique/embedded-supervised",
    ]
    assert study.models[1].options == {"max_iterations": 100}
    assert study.thresholds[0].over == "embedded/noms"
    names, descriptions = study.prompts
    assert (names.derive, names.texts, names.templates) == ("class-names", {}, ("{}",))
    assert descriptions.texts == {"Lamps": ("a lamp",), "Mugs": ("a mug", "a cup")}
    assert descriptions.sentences("Lamps") == ("a photo of a lamp", "a lamp on a table")


def test_what_answers_a_study(write: Write) -> None:
    """Both sides by model or case, the margin in points; by default 5, and nobody is named."""
    assert load_study("flipkart").answer == AnswerSpec(
        about="clip", beside={"densenet201": ("densenet201", "embedded-augmented")}
    )
    lines = 'margin = 2\ncandidates = "embedded/noms"\nrivals = ["embedded-supervised"]'
    write(STUDY.replace("[[thresholds]]", f"[answer]\n{lines}\n[[thresholds]]"))
    answer = load_study("boutique").answer
    assert (answer.candidates, answer.rivals, answer.margin) == (
        ("embedded/noms",),
        ("embedded-supervised",),
        0.02,
    )


def test_an_archive_is_an_address(write: Write) -> None:
    """http or https, without spaces; the length of a table is for kinds that have one."""
    write(STUDY.replace('root = "photos"', 'archive = "https://example.org/a%20b.zip"'))
    assert load_study("boutique").dataset.archive == "https://example.org/a%20b.zip"
    known = ("ftp://example.org/a.zip", "a.zip", "https://example.org/a b.zip", "https://")
    for wrong in (*known, "https://[", "https://example.org:eighty/a.zip", "https://:80"):
        write(STUDY.replace('root = "photos"', f'archive = "{wrong}"\nrows = 3'))
        assert [key for key, _ in mistakes_of()] == ["dataset.rows", "dataset.archive"]


def test_shares_have_defaults(write: Write) -> None:
    """A study without sizes is split by shares, a fifth each."""
    write(STUDY.replace("test_per_class = 4\nvalidation_per_class = 2\n", ""))
    split = load_study("boutique").split
    assert (split.test_per_class, split.test_share, split.validation_share) == (None, 0.2, 0.2)


@pytest.mark.parametrize("spelling", ["studies/boutique", "studies/boutique/study.toml", "."])
def test_study_is_found_by_path(
    write: Write, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    """A path of the folder or of the file will do, and the working directory too."""
    folder = write()
    if spelling == ".":
        monkeypatch.chdir(folder)
    assert load_study(spelling).name == "boutique"


def test_shipped_studies_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From anywhere, both shipped studies are listed and free of mistakes."""
    monkeypatch.chdir(tmp_path)
    found = {summary.name: summary for summary in list_studies()}
    assert set(found) == {"demo", "flipkart", "flipkart-entrainement"}
    assert all(summary.title and summary.error is None for summary in found.values())
    assert load_study("flipkart").file == SHIPPED / "flipkart" / "study.toml"
    assert load_study("flipkart").dataset.root is None


def test_own_study_hides_a_shipped_one(write: Write, tmp_path: Path) -> None:
    """``./studies/demo`` is meant by ``demo`` where it exists."""
    shutil.move(write(), tmp_path / "studies" / "demo")
    assert load_study("demo").title == "Boutique"
    assert next(one for one in list_studies() if one.name == "demo").title == "Boutique"


def test_data_root_replaces_the_studys(write: Write, tmp_path: Path) -> None:
    """``--data-root`` wins over the root of the file, and is made absolute."""
    write()
    assert load_study("boutique", data_root=Path("elsewhere")).dataset.root == (
        tmp_path / "elsewhere"
    )


def test_unknown_study_names_the_known_ones(write: Write) -> None:
    """A misspelt name is answered with the nearest and with all of them."""
    write()
    with pytest.raises(ConfigError) as caught:
        load_study("flipcart")
    text = str(caught.value)
    assert "did you mean 'flipkart'?" in text
    assert "'boutique', 'demo', 'flipkart', 'flipkart-entrainement'" in text
    assert "\n" not in text


def test_broken_study_is_listed_with_its_error(write: Write) -> None:
    """A list of studies survives a study that cannot be read."""
    write(STUDY.replace("schema = 1", "schema = 9"))
    broken = next(one for one in list_studies() if one.name == "boutique")
    assert broken.title == "Boutique"
    assert "version 9 is unknown" in (broken.error or "")
    write("title = ")
    broken = next(one for one in list_studies() if one.name == "boutique")
    assert broken.title == ""
    assert "not TOML" in (broken.error or "")


def test_every_mistake_is_reported_at_once(write: Write) -> None:
    """Mistakes of the study and of its prompt files come together, each with file and key."""
    write(
        STUDY.replace("seed = 3", 'seed = "three"')
        .replace('kind = "clip"', 'kind = "clap"')
        .replace("[split]", "[split]\ntest_per_clas = 3"),
        names=NAMES.replace("class-names", "class-name"),
        descriptions=DESCRIPTIONS.replace("a photo of {}", "a photo"),
    )
    with pytest.raises(ConfigError) as caught:
        load_study("boutique")
    found = [(Path(one.file).name, one.key) for one in caught.value.mistakes]
    assert found == [
        ("study.toml", "split.seed"),
        ("study.toml", "split.test_per_clas"),
        ("study.toml", "models[1].kind"),
        ("noms.toml", "derive"),
        ("descriptions.toml", "templates"),
    ]
    lines = str(caught.value).splitlines()
    assert len(lines) == len(found)
    assert "did you mean 'test_per_class'?" in lines[1]
    assert "did you mean 'clip'?" in lines[2]


@pytest.mark.parametrize(
    ("old", "new", "key", "problem"),
    [
        ("schema = 1\n", "", "schema", "is missing"),
        ("schema = 1", "schema = 2", "schema", "version 2 is unknown"),
        ("schema = 1", "schema = true", "schema", "is true or false"),
        ('title = "Boutique"', "title = 5", "title", "is a whole number"),
        ('title = "Boutique"', 'title = "  "', "title", "is empty"),
        ('question = "Suffit-il ?"\n', "", "question", "is missing"),
        ("schema = 1", 'schema = 1\nname = "autre"', "name", "is not the folder's name"),
        ("schema = 1", 'schema = 1\nname = "Bou tique"', "name", "is no name"),
        ("schema = 1", "schema = 1\ntitel = 1", "titel", "unknown key"),
        ('kind = "folder"', 'kind = "zip"', "dataset.kind", "'zip' is unknown"),
        ('kind = "folder"\n', "", "dataset.kind", "is missing"),
        ('kind = "folder"', 'kind = "table"', "dataset.csv", "is missing"),
        ('kind = "folder"', 'kind = "flipkart"', "dataset.csv", "is missing"),
        ('root = "photos"', 'csv = "a.csv"', "dataset.csv", "has no such key"),
        ('root = "photos"', 'title_column = "t"', "dataset.title_column", "has no such key"),
        ('root = "photos"', 'images = "../up"', "dataset.images", "leaves the data root"),
        ('root = "photos"', 'images = "/etc"', "dataset.images", "leaves the data root"),
        ('root = "photos"', 'images = "C:\\\\x"', "dataset.images", "leaves the data root"),
        ('root = "photos"', "redistributable = 1", "dataset.redistributable", "whole number"),
        ("[dataset]", "[datasets]", "datasets", "unknown key"),
        ("seed = 3", "seed = -1", "split.seed", "-1 is too small"),
        ("seed = 3", "seed = 1.5", "split.seed", "is a number"),
        ("test_per_class = 4", "test_per_class = 0", "split.test_per_class", "too small"),
        ("test_per_class = 4", "test_share = 1.5", "split.test_share", "out of range"),
        ("seed = 3", "test_share = 0.3", "split.test_share", "given as well"),
        (
            "test_per_class = 4\nvalidation_per_class = 2",
            "test_share = 0.5\nvalidation_share = 0.5",
            "split.test_share",
            "nothing is left to train",
        ),
        ('name = "embedded"', 'name = "Embedded"', "models[1].name", "is no name"),
        ('name = "embedded"', 'name = "a/../b"', "models[1].name", "is no name"),
        ('name = "embedded-supervised"', 'name = "embedded"', "models[2].name", "comes twice"),
        ("max_iterations = 100", "max_iterations = [1]", "options.max_iterations", "is a list"),
        *(
            ("max_iterations = 100\n", f"max_iterations = 100\n{table}\n", f"models[2].{key}", what)
            for table, key, what in (
                ("[models.training]", "training.regime", "is missing"),
                ('[models.training]\nregime = "haed"', "training.regime", "is unknown"),
                (
                    '[models.training]\nregime = "head"\nblocks = 2',
                    "training.blocks",
                    "no such key",
                ),
                ('[models.training]\nregime = "finetune"\nviews = 2', "training.views", "no such"),
                (
                    '[models.training]\nregime = "head"\nviews = 2',
                    "training.views",
                    "the same photo",
                ),
                ('[models.training]\nregime = "head"\nepochs = 0', "training.epochs", "too small"),
                ('[models.training]\nregime = "finetune"\nema = 1', "training.ema", "no share"),
                (
                    '[models.training]\nregime = "head"\nlearning_rate = 0',
                    "training.learning_rate",
                    "out of range",
                ),
                ("[models.augmentation]\nflip = true", "augmentation", "photos as they are"),
                ("[models.augmentation]\ncrop = 0", "augmentation.crop", "out of range"),
                ("[models.augmentation]\nmagnitude = 31", "augmentation.magnitude", "too large"),
                ("[models.augmentation]\nflipp = true", "augmentation.flipp", "unknown key"),
            )
        ),
        (
            'title = "Substitut hors ligne (pas un CLIP)"\n',
            'title = "M"\n[models.training]\nregime = "head"\n',
            "models[1].training",
            "is not trained",
        ),
        ('prompts = ["noms", "descriptions"]\n', "", "prompts", "needs a prompt set"),
        ('"noms", "descriptions"', '"noms", "noms"', "prompts", "comes twice"),
        ('"noms", "descriptions"', '"noms", "nom"', "prompts", "no file prompts/nom.toml"),
        ('"noms", "descriptions"', '"noms", "../noms"', "prompts", "is no name"),
        ('"noms", "descriptions"', '"noms", 5', "prompts", "entry 2 is a whole number"),
        ('["noms", "descriptions"]', '"noms"', "prompts", "is a text"),
        ("minimum = 0.1", "minimum = 60", "thresholds[1].minimum", "out of range"),
        ("minimum = 0.1", "minimum = nan", "thresholds[1].minimum", "not a number"),
        ("minimum = 0.1\n", "", "thresholds[1].minimum", "is missing"),
        ('metric = "accuracy"', 'metric = "acuracy"', "thresholds[1].metric", "unknown"),
        ('over = "embedded/noms"', 'over = "embedded/nom"', "thresholds[1].over", "no case"),
        (
            'over = "embedded/noms"',
            'over = "embedded/descriptions"',
            "thresholds[1].over",
            "is the case itself",
        ),
        (
            'case = "embedded/descriptions"',
            'case = "embedded-supervised/noms"',
            "thresholds[1].case",
            "no case of this study",
        ),
        *(
            ("[[thresholds]]", f"[answer]\n{line}\n[[thresholds]]", f"answer.{key}", problem)
            for line, key, problem in (
                ('about = "siglip"', "about", "unknown"),
                ("margin = 0", "margin", "out of range"),
                ('candidates = ["embeded"]', "candidates", "no model nor case"),
                ('rivals = ["embedded/nom"]', "rivals", "no model nor case"),
                ('candidates = "embedded"\nrivals = "embedded"', "rivals", "a candidate too"),
                ('beside = {clip = ["embedded"]}', "beside.clip", "no quoted system"),
                ("marge = 3", "marge", "unknown key"),
            )
        ),
        ("schema = 1", 'schema = 1\nreference = "s.toml"', "reference", "no file 's.toml'"),
        ("[split]", "[[split]]", "split", "is a list"),
    ],
)
def test_mistake_in_a_study_is_named(
    write: Write, old: str, new: str, key: str, problem: str
) -> None:
    """Each mistake is reported under its dotted key, with what is wrong."""
    assert old in STUDY
    write(STUDY.replace(old, new, 1))
    found = mistakes_of()
    assert any(where.endswith(key) and problem in what for where, what in found), found


def test_study_without_models_is_refused(write: Write) -> None:
    """A study that tries nothing is a mistake."""
    write(STUDY[: STUDY.index("[[models]]")])
    assert ("models", "no model") in mistakes_of()


def test_a_case_may_be_held_to_what_it_was(write: Write) -> None:
    """A margin in accuracy, below a saved state; the margin is a share."""
    lines = '[[thresholds]]\ncase = "embedded/noms"\nno_worse_than = "avril"\nmargin = {}\n'
    write(STUDY + lines.format(0.02))
    floor = load_study("boutique").thresholds[-1]
    assert (floor.metric, floor.minimum, floor.since) == ("accuracy", -0.02, "avril")
    write(STUDY + lines.format(2))
    ((key, problem),) = mistakes_of()
    assert key == "thresholds[2].margin"
    assert "out of range" in problem


def test_threshold_given_twice_is_refused(write: Write) -> None:
    """Two floors of one metric of one case contradict each other."""
    write(STUDY + STUDY[STUDY.index("[[thresholds]]") :])
    [(key, problem)] = mistakes_of()
    assert key == "thresholds[2].case"
    assert "comes twice" in problem


@pytest.mark.parametrize("metric", [row.name for row in OF_CASES])
def test_threshold_may_be_about_any_metric(write: Write, metric: str) -> None:
    """Every metric of a run record can have a floor."""
    write(STUDY.replace('metric = "accuracy"', f'metric = "{metric}"'))
    assert load_study("boutique").thresholds[0].metric == metric


@pytest.mark.parametrize(
    ("old", "new", "key", "problem"),
    [
        ("Lamps = ", "# ", "", ""),
        ('Lamps = "a lamp"', 'Lamps = ""', "texts.Lamps", "text 1 is empty"),
        ('Lamps = "a lamp"', "Lamps = []", "texts.Lamps", "is empty"),
        ('Lamps = "a lamp"', "Lamps = 3", "texts.Lamps", "is a whole number"),
        ('["a mug", "a cup"]', '["a mug", "a mug"]', "texts.Mugs", "comes twice"),
        ('["a mug", "a cup"]', '["a mug", " "]', "texts.Mugs", "text 2 is empty"),
        ('"a photo of {}"', '"{} and {}"', "templates", "has 2 times {}"),
        ('"a photo of {}"', '"{} on a table"', "templates", "comes twice"),
        ('["a photo of {}", "{} on a table"]', "[]", "templates", "is empty"),
        ('language = "en"\n', "", "language", "is missing"),
        ('language = "en"', 'language = "en"\nlangage = 1', "langage", "unknown key"),
        ('language = "en"', 'language = "en"\nderive = "class-names"', "texts", "delete either"),
        ('language = "en"', 'language = "en"\nname = "other"', "name", "not the file's name"),
        ("[texts]", "[text]", "text", "unknown key"),
    ],
)
def test_mistake_in_a_prompt_set_is_named(
    write: Write, old: str, new: str, key: str, problem: str
) -> None:
    """Prompt files are checked like the study that names them."""
    assert old in DESCRIPTIONS
    write(descriptions=DESCRIPTIONS.replace(old, new, 1))
    if not problem:  # fewer classes: only the photos can tell that one lacks its text
        assert set(load_study("boutique").prompts[1].texts) == {"Mugs"}
        return
    with pytest.raises(ConfigError) as caught:
        load_study("boutique")
    assert any(
        one.key == key and problem in str(one) and one.file.endswith("descriptions.toml")
        for one in caught.value.mistakes
    ), str(caught.value)


def test_prompt_set_without_texts_is_refused(write: Write) -> None:
    """Either texts or where to derive them from must be there."""
    write(names=NAMES.replace('derive = "class-names"', ""))
    assert mistakes_of() == [("texts", "no text")]


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"title = ", "not TOML"), (b'title = "caf\xe9"', "not UTF-8 text")],
)
def test_unreadable_file_is_one_mistake(write: Write, content: bytes, problem: str) -> None:
    """A file that is not TOML, or not UTF-8, is named with the place in it."""
    (write() / "study.toml").write_bytes(content)
    [(key, what)] = mistakes_of()
    assert key == ""
    assert problem in what


def test_byte_order_mark_is_no_mistake(write: Write) -> None:
    """Windows editors put one before the first key."""
    (write() / "study.toml").write_bytes(b"\xef\xbb\xbf" + STUDY.encode())
    assert load_study("boutique").title == "Boutique"


def test_folder_that_is_no_slug_is_refused(write: Write, tmp_path: Path) -> None:
    """The folder's name becomes part of case ids, so it must be a slug."""
    shutil.move(write(), tmp_path / "My Shop")
    [(key, problem)] = mistakes_of("My Shop")
    assert key == ""
    assert "'My Shop' is no name" in problem


@pytest.mark.parametrize(
    ("weights", "architecture", "expected"),
    [
        ("./w/clip.pt", "ViT-B-32", "<study>/w/clip.pt"),
        ("clip.safetensors", "ViT-B-32", "<study>/clip.safetensors"),
        ("../shared/model", "", "<parent>/shared/model"),
        ("/abs/model", "", "/abs/model"),
        ("hf-hub:timm/ViT-B-16-SigLIP2", "", "hf-hub:timm/ViT-B-16-SigLIP2"),
        ("laion2b_s34b_b79k", "ViT-B-32", "laion2b_s34b_b79k"),
    ],
)
def test_local_weights_are_relative_to_the_study(
    write: Write, weights: str, architecture: str, expected: str
) -> None:
    """A path becomes absolute; a tag and a hub name stay what they are."""
    lines = f'weights = "{weights}"\n' + (
        f'architecture = "{architecture}"' if architecture else ""
    )
    folder = write(STUDY.replace('weights = "embedded"', lines, 1))
    wanted = expected.replace("<study>", str(folder)).replace("<parent>", str(folder.parent))
    assert load_study("boutique").models[0].weights == wanted


@pytest.mark.parametrize(
    ("weights", "architecture", "problem"),
    [
        ("laion2b_s34b_b79k", "", "is missing"),
        ("./clip.pt", "", "is missing"),
        ("embedded", "ViT-B-32", "say their own"),
        ("hf-hub:a/b", "ViT-B-32", "say their own"),
    ],
)
def test_architecture_fits_the_weights(
    write: Write, weights: str, architecture: str, problem: str
) -> None:
    """A tag or a file needs an architecture; what brings its own refuses one."""
    lines = f'weights = "{weights}"\n' + (
        f'architecture = "{architecture}"' if architecture else ""
    )
    write(STUDY.replace('weights = "embedded"', lines, 1))
    [(key, what)] = mistakes_of()
    assert key == "models[1].architecture"
    assert problem in what


def test_labels_are_compared_in_one_unicode_form(write: Write) -> None:
    """A class spelt with a combining accent is the class of the composed spelling."""
    write(descriptions=DESCRIPTIONS.replace("Lamps", '"Cafe\u0301"'))
    assert set(load_study("boutique").prompts[1].texts) == {"Caf\u00e9", "Mugs"}


def test_configuration_needs_no_heavy_package() -> None:
    """Reading a study imports neither torch nor anything else that is slow."""
    code = (
        "import sys, evaluation.study.config, evaluation.study.reference\n"
        "print([m for m in ('torch', 'open_clip', 'sklearn', 'PIL') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


CONTROL = 'title = "T"\nlanguage = "en"\nderive = "random-words"\n'


def test_a_control_is_like_another_set(write: Write) -> None:
    """Random words keep the name of the set that they take the measure of."""
    write(names=CONTROL + 'like = "descriptions"\nseed = 3\n')
    (control, _) = load_study("boutique").prompts
    assert (control.derive, control.like, control.seed) == ("random-words", "descriptions", 3)


@pytest.mark.parametrize(
    ("names", "key", "problem"),
    [
        (CONTROL, "like", "is missing"),
        (CONTROL + 'like = "absent"\n', "prompts", "does not use"),
        (CONTROL + 'like = "noms"\n', "prompts", "does not use"),
        (NAMES + 'like = "descriptions"\n', "like", "random-words"),
    ],
)
def test_a_control_that_is_like_nothing_is_refused(
    write: Write, names: str, key: str, problem: str
) -> None:
    """The set must be named, be used by the study, and be no control itself."""
    write(names=names)
    ((found, said),) = mistakes_of()
    assert found == key
    assert problem in said


def test_maps_are_made_of_a_study_that_asks_for_them(write: Write) -> None:
    """Without the table there are none; an empty one takes every default."""
    write()
    assert load_study("boutique").explain is None
    write(STUDY + "\n[explain]\n")
    assert load_study("boutique").explain == ExplainSpec()
    write(STUDY + '\n[explain]\nmethods = ["chefer", "rise"]\nmasks = 50\nrise_photos = 0\n')
    assert load_study("boutique").explain == ExplainSpec(
        methods=("chefer", "rise"), masks=50, rise_photos=0
    )


def test_every_mistake_about_maps_is_reported_at_once(write: Write) -> None:
    """Unknown methods and keys are named with what was meant; numbers have their minimum."""
    write(
        STUDY
        + '\n[explain]\nmethods = ["grad-cam", "rise"]\nmasks = 1\ncap = 0\nseed = "x"\nmask = 9\n'
    )
    assert mistakes_of() == [
        ("explain.methods", "'grad-cam' is unknown"),
        ("explain.cap", "0 is too small"),
        ("explain.masks", "1 is too small"),
        ("explain.seed", "is a text"),
        ("explain.mask", "unknown key"),
    ]


def test_the_shipped_studies_ask_for_maps() -> None:
    """With few enough masks that scoring them stays short."""
    for name in ("demo", "flipkart"):
        spec = load_study(name).explain
        assert spec is not None
        assert spec.masks <= 300


def test_a_training_is_read_as_it_is_declared(write: Write) -> None:
    """Both tables of a model, "all" blocks, and the defaults of what is left out."""
    tables = """[models.training]
regime = "finetune"
blocks = "all"
epochs = 3
warmup_epochs = 0
ema = 0.99
[models.augmentation]
flip = true
crop = 0.7
"""
    write(STUDY.replace("max_iterations = 100\n", f"max_iterations = 100\n{tables}"))
    model = load_study("boutique").models[1]
    assert model.training == TrainingSpec(
        regime="finetune", blocks=None, epochs=3, warmup_epochs=0, ema=0.99
    )
    assert model.augmentation == AugmentationSpec(flip=True, crop=0.7)
    assert load_study("boutique").models[0].training is None


def test_the_study_of_trainings_keeps_the_photos_and_the_split_of_the_other() -> None:
    """Its cases can be compared with those of the study that it stands beside."""
    one, other = load_study("flipkart"), load_study("flipkart-entrainement")
    assert (one.dataset, one.split) == (other.dataset, other.split)
    assert {model.kind for model in other.models} == {"supervised"}


ADAPTED = """
[[models]]
name = "embedded-titles"
kind = "clip"
weights = "embedded"
title = "Adapté"
adapt = "titles"
"""


def test_what_a_model_reads_without_labels(write: Write) -> None:
    """Each declaration gives a family: nothing of the shop's, no label of it, or labels."""
    write(STUDY + ADAPTED + 'shares = "uniform"\nreads = ["title", "photo"]\n')
    zero_shot, supervised, adapted = load_study("boutique").models
    assert [one.family for one in (zero_shot, supervised, adapted)] == [
        "zero-shot",
        "supervised",
        "label-free",
    ]
    assert (adapted.adapt, adapted.shares, adapted.reads) == (("titles",), {}, ("photo", "title"))
    assert (zero_shot.shares, zero_shot.reads) == (None, ("photo",))


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('adapt = ["photos", "labels"]', "adapt"),
        ('adapt = "titles"\nshares = "unifrom"', "shares"),
        ("shares = { Mugs = 0.5, Lamps = 0.4 }", "shares"),
        ("shares = { Mugs = 0.0, Lamps = 1.0 }", "shares.Mugs"),
        ("shares = {}", "shares"),
        ('reads = ["title"]', "reads"),
    ],
)
def test_label_free_mistakes(write: Write, line: str, key: str) -> None:
    """What cannot be meant is refused, with the key that says it."""
    write(STUDY + ADAPTED.replace('adapt = "titles"', line))
    assert f"models[3].{key}" in [found for found, _ in mistakes_of()]


def test_a_supervised_model_is_not_adapted(write: Write) -> None:
    """It has labels; it may read titles."""
    write(
        STUDY.replace(
            "[models.options]", 'adapt = "photos"\nreads = ["photo", "title"]\n[models.options]'
        )
    )
    assert [key for key, _ in mistakes_of()] == ["models[2].adapt"]


def test_a_model_may_be_tried_with_some_prompt_sets(write: Write) -> None:
    """Cases are made of those that it names; an unknown one is a mistake."""
    write(STUDY + ADAPTED + 'prompts = ["descriptions"]\n')
    names = [case.name for case in load_study("boutique").cases()]
    assert [name for name in names if name.startswith("embedded-titles")] == [
        "embedded-titles/descriptions"
    ]
    write(STUDY + ADAPTED + 'prompts = ["description"]\n')
    assert [key for key, _ in mistakes_of()] == ["models[3].prompts"]
