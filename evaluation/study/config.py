"""Reading studies: TOML into frozen records, with every mistake reported at once.

A study is a folder: ``study.toml``, ``prompts/<name>.toml`` and whatever they refer to.  What
only the photos can tell (does each class have a text?) is checked where they are read.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal, TypeVar, cast, get_args
from urllib.parse import urlsplit

from evaluation.errors import ConfigError, Mistake
from evaluation.records import (
    EXPLAIN_METHODS,
    AugmentationSpec,
    Case,
    DatasetKind,
    DatasetSpec,
    ExplainMethod,
    ExplainSpec,
    ModelKind,
    ModelSpec,
    Option,
    PromptSet,
    Regime,
    SplitSpec,
    Study,
    Threshold,
    TrainingSpec,
)

SCHEMA = 1
"""Version of the study files that this program reads."""
SHIPPED = Path(__file__).parent.parent / "studies"
"""The studies that come with the program."""
ENGLISH = "english.toml"
"""Beside study.toml: what its texts are in English, for the report's English pages."""
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "top2_accuracy")
"""What a threshold may be about: the metrics of a run record."""
WEIGHT_SUFFIXES = (".pt", ".pth", ".bin", ".safetensors")

Derive = Literal["class-names", "subcategories", "random-words"]
Choice = TypeVar("Choice", bound=str)
Toml = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySummary:
    """A study as a list shows it; a broken one has an ``error`` and perhaps no title."""

    name: str
    title: str
    file: Path
    error: str | None = None
    """Every mistake, one a line."""


def load_study(name_or_path: str, *, data_root: Path | None = None) -> Study:
    """Read a study.

    Args:
        name_or_path: A path of a study file or of its folder, or else a name: that of a folder
            of ``./studies``, or of the studies that come with the program.
        data_root: Replaces the root that the study declares.

    Raises:
        ConfigError: With every mistake of the study and of its prompt sets.

    """
    file = _find(name_or_path)
    mistakes: list[Mistake] = []
    study = _study(file, data_root, mistakes)
    if mistakes or study is None:
        raise ConfigError(mistakes)
    return study


def list_studies() -> tuple[StudySummary, ...]:
    """Every study that a name finds, in alphabetical order, the broken ones with their error."""
    return tuple(_summary(name, file) for name, file in sorted(_known().items()))


# ---------------------------------------------------------------------- finding


def _known() -> dict[str, Path]:
    """Names and files; a study of the working directory hides a shipped one of its name."""
    return {
        file.parent.name: file
        for folder in (SHIPPED, Path.cwd() / "studies")
        for file in sorted(folder.glob("*/study.toml"))
    }


def _find(name_or_path: str) -> Path:
    path = Path(name_or_path).expanduser()
    for file in (path, path / "study.toml"):
        if file.is_file():
            return file.resolve()
    known = _known()
    if name_or_path in known:
        return known[name_or_path]
    close = difflib.get_close_matches(name_or_path, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    mistake = Mistake(
        file=name_or_path,
        key="",
        problem="unknown study: neither a study file or folder nor a name",
        remedy=f"{hint}known studies: {', '.join(sorted(known))}",
    )
    raise ConfigError([mistake])


def _summary(name: str, file: Path) -> StudySummary:
    mistakes: list[Mistake] = []
    study = _study(file, None, mistakes)
    if study is not None and not mistakes:
        return StudySummary(name=name, title=study.title, file=file)
    raw = _read_toml(file, [])
    title = raw.get("title") if raw else None
    return StudySummary(
        name=name,
        title=title if isinstance(title, str) else "",
        file=file,
        error=str(ConfigError(mistakes)),
    )


# ---------------------------------------------------------------------- reading


class _Table:
    """A TOML table that is read key by key; what is wrong goes to one list of mistakes.

    Each reader returns a value of the right type whatever the file says, so that reading goes
    on and the next mistake is found too.
    """

    def __init__(self, raw: Toml, file: Path, mistakes: list[Mistake], prefix: str = "") -> None:
        self.raw = raw
        self.file = file
        self.mistakes = mistakes
        self.prefix = prefix
        self._read: list[str] = []

    def wrong(self, key: str, problem: str, remedy: str) -> None:
        dotted = ".".join(part for part in (self.prefix, key) if part)
        self.mistakes.append(
            Mistake(file=_shown(self.file), key=dotted, problem=problem, remedy=remedy)
        )

    def has(self, key: str) -> bool:
        return key in self.raw

    def _value(self, key: str, kind: type | tuple[type, ...], what: str) -> Any:
        """The value, or None when it is absent or of another type."""
        if key not in self._read:
            self._read.append(key)
        value = self.raw.get(key)
        if value is None:
            return None
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.wrong(key, f"is {_type_name(value)}", f"write {what}")
            return None
        return value

    def required(self, key: str, example: str) -> None:
        if key not in self.raw:
            self.wrong(key, "is missing", f"write {example}")

    def text(self, key: str, default: str = "") -> str:
        value = self._value(key, str, f'a text: {key} = "…"')
        if value is not None and not value.strip():
            self.wrong(key, "is empty", "write a text or delete the line")
        return default if value is None else cast("str", value)

    def optional_text(self, key: str) -> str | None:
        return self.text(key) or None

    def required_text(self, key: str) -> str:
        self.required(key, f'{key} = "…"')
        return self.text(key)

    def slug(self, key: str) -> str:
        value = self.required_text(key)
        if value.strip() and not SLUG.fullmatch(value):
            self.wrong(key, f"{value!r} is no name", "use a-z, 0-9 and single hyphens: my-name")
        return value

    def choice(self, key: str, among: tuple[Choice, ...]) -> Choice | None:
        value = self.text(key)
        if value.strip() and value not in among:
            self.wrong(key, f"{value!r} is unknown", _meant(value, among))
            return None
        return cast("Choice", value) if value.strip() else None

    def boolean(self, key: str) -> bool:
        return bool(self._value(key, bool, "true or false"))

    def integer(self, key: str, minimum: int) -> int | None:
        value = self._value(key, int, f"a whole number, {minimum} or more")
        if value is not None and value < minimum:
            self.wrong(key, f"{value} is too small", f"write a whole number, {minimum} or more")
            return None
        return cast("int | None", value)

    def number(self, key: str) -> float | None:
        value = self._value(key, (int, float), "a number")
        if value is not None and not abs(value) < float("inf"):
            self.wrong(key, f"{value} is not a number", "write a finite number")
            return None
        return None if value is None else float(value)

    def within(self, key: str, low: float, high: float, *, open_low: bool = False) -> float | None:
        """A number from ``low`` to ``high``; with ``open_low`` above ``low``."""
        value = self.number(key)
        if value is not None and not (low < value <= high or (value == low and not open_low)):
            bounds = f"{'above' if open_low else 'from'} {low:g} to {high:g}"
            self.wrong(key, f"{value:g} is out of range", f"write a number {bounds}")
            return None
        return value

    def share(self, key: str) -> float | None:
        value = self.number(key)
        if value is not None and not 0 < value < 1:
            self.wrong(key, f"{value:g} is no share", "write a number between 0 and 1: 0.2")
            return None
        return value

    def texts(self, key: str, *, single: bool = False) -> tuple[str, ...]:
        """A list of texts, all different and none empty; with ``single`` one text will do."""
        kinds = (str, list) if single else (list,)
        value = self._value(key, kinds, 'a list of texts: ["…", "…"]')
        if value is None:
            return ()
        entries = [value] if isinstance(value, str) else value
        if not entries:
            self.wrong(key, "is empty", "write at least one text")
        result: list[str] = []
        for number, entry in enumerate(entries, start=1):
            if not isinstance(entry, str):
                self.wrong(key, f"entry {number} is {_type_name(entry)}", "write a text")
            elif not entry.strip():
                self.wrong(key, f"text {number} is empty", "write a text or delete it")
            elif entry in result:
                self.wrong(key, f"{entry!r} comes twice", "delete one of them")
            else:
                result.append(entry)
        return tuple(result)

    def table(self, key: str) -> _Table:
        raw = self._value(key, dict, f"a table: [{key}]") or {}
        prefix = ".".join(part for part in (self.prefix, key) if part)
        return _Table(raw, self.file, self.mistakes, prefix)

    def tables(self, key: str) -> list[_Table]:
        """An array of tables, ``[[key]]``; numbered from 1 in the mistakes."""
        raw = self._value(key, list, f"an array of tables: [[{key}]]") or []
        result = []
        for number, entry in enumerate(raw, start=1):
            if isinstance(entry, dict):
                result.append(_Table(entry, self.file, self.mistakes, f"{key}[{number}]"))
            else:
                self.wrong(key, f"entry {number} is {_type_name(entry)}", f"write [[{key}]]")
        return result

    def finish(self) -> None:
        """Refuse the keys that nothing has read."""
        for key in self.raw:
            if key not in self._read:
                self.wrong(key, "unknown key", _meant(key, self._read))


def _type_name(value: object) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    names |= {list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")


def _meant(word: str, among: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, among, n=1)
    known = ", ".join(among)
    return f"did you mean {close[0]!r}? known: {known}" if close else f"known: {known}"


def _shown(file: Path) -> str:
    """A path as the user would type it here."""
    try:
        return str(file.relative_to(Path.cwd()))
    except ValueError:
        return str(file)


def _read_toml(file: Path, mistakes: list[Mistake]) -> Toml | None:
    try:
        # A byte order mark, which Windows editors write, is not TOML.
        return tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        problem, remedy = f"not TOML: {error}", "correct the syntax there"
    except UnicodeDecodeError as error:
        problem, remedy = f"not UTF-8 text (byte {error.start})", "save the file as UTF-8"
    except OSError as error:
        problem = "no such file" if isinstance(error, FileNotFoundError) else f"{error.strerror}"
        remedy = "make it a file that can be read"
    mistakes.append(Mistake(file=_shown(file), key="", problem=problem, remedy=remedy))
    return None


# ------------------------------------------------------------------------ study


def _study(file: Path, data_root: Path | None, mistakes: list[Mistake]) -> Study | None:
    raw = _read_toml(file, mistakes)
    if raw is None:
        return None
    table = _Table(raw, file, mistakes)
    _check_schema(table)
    name = _study_name(table)
    title = table.required_text("title")
    question = table.required_text("question")
    dataset = _dataset(table.table("dataset"), data_root)
    split = _split(table.table("split"))
    models = _models(table)
    prompts = _prompt_sets(table, models)
    reference = _reference(table)
    translations = _translations(file.with_name(ENGLISH), mistakes)
    thresholds = _thresholds(table, name, models, prompts)
    explain = _explain(table.table("explain")) if table.has("explain") else None
    table.finish()
    return Study(
        name=name,
        title=title,
        question=question,
        file=file,
        dataset=dataset,
        split=split,
        models=models,
        prompts=prompts,
        thresholds=thresholds,
        reference=reference,
        explain=explain,
        translations=translations,
    )


def _translations(file: Path, mistakes: list[Mistake]) -> Mapping[str, str]:
    """French text to English, when there is such a file beside the study."""
    if not file.is_file():
        return {}
    table = _Table(_read_toml(file, mistakes) or {}, file, mistakes)
    found = {french: table.required_text(french) for french in table.raw}
    table.finish()
    return found


def _check_schema(table: _Table) -> None:
    table.required("schema", f"schema = {SCHEMA}")
    schema = table.integer("schema", 1)
    if schema not in (None, SCHEMA):
        table.wrong(
            "schema",
            f"version {schema} is unknown",
            f"write schema = {SCHEMA}, or use a newer veille-clip",
        )


def _study_name(table: _Table) -> str:
    folder = table.file.parent.name
    name = table.slug("name") if table.has("name") else folder
    if name != folder:
        table.wrong("name", f"{name!r} is not the folder's name, {folder!r}", "rename either")
    elif not SLUG.fullmatch(folder):
        table.wrong("", f"the folder's name {folder!r} is no name", "use a-z, 0-9 and hyphens")
    return name


# A data set kind's keys, beside those of every kind.
_KIND_KEYS: Mapping[DatasetKind, tuple[str, ...]] = {
    "folder": (),
    "flipkart": ("csv", "rows"),
    "table": ("csv", "rows", "path_column", "label_column", "subcategory_column", "title_column"),
}


def _dataset(table: _Table, data_root: Path | None) -> DatasetSpec:
    kinds: tuple[DatasetKind, ...] = get_args(DatasetKind)
    table.required("kind", f"kind = one of {', '.join(kinds)}")
    kind = table.choice("kind", kinds)
    for key in _KIND_KEYS["table"]:
        if kind is not None and table.has(key) and key not in _KIND_KEYS[kind]:
            table.wrong(key, f"a {kind} data set has no such key", "delete the line")
    if kind is not None and "csv" in _KIND_KEYS[kind]:
        table.required("csv", 'csv = "file.csv", relative to the root')
    spec = DatasetSpec(
        kind=kind or "folder",
        root=_root(table, data_root),
        csv=_inner_path(table, "csv") or None,
        images=_inner_path(table, "images"),
        path_column=table.text("path_column", "path"),
        label_column=table.text("label_column", "label"),
        subcategory_column=table.optional_text("subcategory_column"),
        title_column=table.optional_text("title_column"),
        licence=table.text("licence"),
        origin=table.text("origin"),
        redistributable=table.boolean("redistributable"),
        archive=_address(table, "archive"),
        rows=table.integer("rows", 1),
    )
    table.finish()
    return spec


def _address(table: _Table, key: str) -> str | None:
    value = table.optional_text(key)
    parts = urlsplit(value or "")
    if value and (parts.scheme not in ("http", "https") or not parts.netloc or " " in value):
        table.wrong(key, f"{value!r} is no address", "write https://… with spaces as %20")
        return None
    return value


def _root(table: _Table, data_root: Path | None) -> Path | None:
    declared = table.text("root")
    if data_root is not None:
        return data_root.expanduser().resolve()
    return (table.file.parent / Path(declared).expanduser()).resolve() if declared else None


def _inner_path(table: _Table, key: str) -> str:
    """A path below the data root; the loader sees to symbolic links."""
    value = table.text(key)
    path = PurePosixPath(value.replace("\\", "/"))
    if path.is_absolute() or PureWindowsPath(value).drive or ".." in path.parts:
        table.wrong(key, f"{value!r} leaves the data root", "write a path below the root")
    return "" if str(path) == "." else str(path)


def _split(table: _Table) -> SplitSpec:
    default = SplitSpec()
    spec = SplitSpec(
        seed=table.integer("seed", 0) or 0,
        test_per_class=table.integer("test_per_class", 1),
        validation_per_class=table.integer("validation_per_class", 1),
        test_share=table.share("test_share") or default.test_share,
        validation_share=table.share("validation_share") or default.validation_share,
    )
    for part in ("test", "validation"):
        if table.has(f"{part}_per_class") and table.has(f"{part}_share"):
            table.wrong(
                f"{part}_share", f"{part}_per_class is given as well", "keep one of the two"
            )
    shares = (0 if spec.test_per_class else spec.test_share) + (
        0 if spec.validation_per_class else spec.validation_share
    )
    if shares >= 1:
        table.wrong("test_share", f"nothing is left to train ({shares:g} held out)", "lower it")
    table.finish()
    return spec


# ------------------------------------------------------------------ explanations

# The smallest value of each number of the [explain] table.
_EXPLAIN_MINIMA = {
    "photos_per_rule": 0,
    "confusions": 0,
    "shared_per_class": 0,
    "cap": 1,
    "masks": 2,
    "rise_photos": 0,
    "faithfulness_photos": 0,
    "curve_steps": 2,
    "randomisation_photos": 0,
    "seed": 0,
}


def _explain(table: _Table) -> ExplainSpec:
    methods = table.texts("methods")
    for method in methods:
        if method not in EXPLAIN_METHODS:
            table.wrong("methods", f"{method!r} is unknown", _meant(method, EXPLAIN_METHODS))
    numbers = {key: table.integer(key, minimum) for key, minimum in _EXPLAIN_MINIMA.items()}
    table.finish()
    return ExplainSpec(
        methods=cast("tuple[ExplainMethod, ...]", methods),
        **{key: value for key, value in numbers.items() if value is not None},
    )


# ----------------------------------------------------------------------- models


def _models(study: _Table) -> tuple[ModelSpec, ...]:
    if not study.raw.get("models"):
        study.wrong("models", "no model", "add a [[models]] table")
    tables = study.tables("models")
    models = tuple(_model(table) for table in tables)
    _refuse_twice(tables, "name", [model.name for model in models])
    return models


def _model(table: _Table) -> ModelSpec:
    name = table.slug("name")
    kinds: tuple[ModelKind, ...] = get_args(ModelKind)
    table.required("kind", f"kind = one of {', '.join(kinds)}")
    kind = table.choice("kind", kinds)
    architecture = table.text("architecture")
    weights = table.required_text("weights")
    options = _options(table.table("options"))
    title = table.required_text("title")
    training, augmentation = _learning(table, kind)
    table.finish()
    if weights and not architecture and _needs_architecture(kind, weights):
        table.wrong("architecture", "is missing", f"say which architecture {weights!r} belongs to")
    if kind == "clip" and architecture and _says_architecture(weights):
        table.wrong("architecture", f"the weights {weights!r} say their own", "delete the line")
    return ModelSpec(
        name=name,
        kind=kind or "clip",
        architecture=architecture,
        weights=_local(weights, table.file.parent),
        title=title,
        options=options,
        training=training,
        augmentation=augmentation,
    )


def _needs_architecture(kind: ModelKind | None, weights: str) -> bool:
    """A folder or a hub name may hold its own configuration; a tag or a file does not."""
    if _says_architecture(weights):
        return False
    return kind == "supervised" or not _is_path(weights) or weights.endswith(WEIGHT_SUFFIXES)


def _says_architecture(weights: str) -> bool:
    return weights == "embedded" or weights.startswith("hf-hub:")


def _is_path(weights: str) -> bool:
    if _says_architecture(weights):
        return False
    return weights.startswith((".", "~")) or "/" in weights or weights.endswith(WEIGHT_SUFFIXES)


def _local(weights: str, folder: Path) -> str:
    """Weights as ModelSpec has them: a path becomes absolute."""
    return str((folder / Path(weights).expanduser()).resolve()) if _is_path(weights) else weights


# What only one regime reads, beside what every trained one does.
_REGIME_KEYS: Mapping[Regime, tuple[str, ...]] = {
    "logistic": (),
    "head": ("views",),
    "finetune": ("blocks", "ema"),
}
_TRAINED_KEYS = (
    "epochs",
    "batch_size",
    "learning_rate",
    "weight_decay",
    "label_smoothing",
    "warmup_epochs",
    "patience",
)


def _learning(
    model: _Table, kind: ModelKind | None
) -> tuple[TrainingSpec | None, AugmentationSpec | None]:
    """``[models.training]`` and ``[models.augmentation]``, of a supervised model."""
    for key in ("training", "augmentation"):
        if kind == "clip" and model.has(key):
            model.wrong(key, "a clip model is not trained", "delete the table")
    training = _training(model.table("training")) if model.has("training") else None
    augmentation = _augmentation(model.table("augmentation")) if model.has("augmentation") else None
    if kind == "supervised":
        _refuse_useless_views(model, training or TrainingSpec(), augmentation)
    return training, augmentation


def _training(table: _Table) -> TrainingSpec:
    default = TrainingSpec()
    regimes: tuple[Regime, ...] = get_args(Regime)
    table.required("regime", f"regime = one of {', '.join(regimes)}")
    regime = table.choice("regime", regimes)
    _refuse_keys_of_others(table, regime)
    spec = TrainingSpec(
        regime=regime or "logistic",
        views=table.integer("views", 1) or default.views,
        epochs=table.integer("epochs", 1),
        batch_size=table.integer("batch_size", 1),
        learning_rate=table.within("learning_rate", 0, 100, open_low=True),
        weight_decay=table.within("weight_decay", 0, 100),
        label_smoothing=table.within("label_smoothing", 0, 0.9) or 0.0,
        warmup_epochs=_given(table.integer("warmup_epochs", 0), default.warmup_epochs),
        patience=table.integer("patience", 1),
        blocks=_blocks(table),
        ema=table.share("ema"),
    )
    table.finish()
    return spec


def _given(value: int | None, default: int) -> int:
    return default if value is None else value


def _blocks(table: _Table) -> int | None:
    """A number of last blocks, or "all"."""
    if table.raw.get("blocks") == "all":
        table.text("blocks")  # read, hence known
        return None
    return _given(table.integer("blocks", 1), cast("int", TrainingSpec().blocks))


def _refuse_keys_of_others(table: _Table, regime: Regime | None) -> None:
    if regime is None:
        return
    own = (*_REGIME_KEYS[regime], *(() if regime == "logistic" else _TRAINED_KEYS))
    for key in (*_TRAINED_KEYS, *(one for keys in _REGIME_KEYS.values() for one in keys)):
        if table.has(key) and key not in own:
            table.wrong(key, f"the regime {regime} has no such key", "delete the line")


def _augmentation(table: _Table) -> AugmentationSpec:
    default = AugmentationSpec()
    spec = AugmentationSpec(
        flip=table.boolean("flip"),
        crop=table.within("crop", 0, 1, open_low=True) or default.crop,
        rotation=table.within("rotation", 0, 180) or default.rotation,
        colour=table.within("colour", 0, 1) or default.colour,
        randaugment=table.integer("randaugment", 0) or default.randaugment,
        magnitude=_given(table.integer("magnitude", 0), default.magnitude),
        erasing=table.within("erasing", 0, 1) or default.erasing,
    )
    if spec.magnitude > _MAGNITUDES:
        table.wrong("magnitude", f"{spec.magnitude} is too large", f"write at most {_MAGNITUDES}")
    table.finish()
    return spec


_MAGNITUDES = 30
"""RandAugment's scale ends there."""


def _refuse_useless_views(
    model: _Table, training: TrainingSpec, augmentation: AugmentationSpec | None
) -> None:
    if augmentation is not None and training.regime == "logistic":
        model.wrong(
            "augmentation",
            "a logistic regression learns from the photos as they are",
            'write [models.training] regime = "head" or "finetune", or delete the table',
        )
    declared = model.raw.get("training")
    if augmentation is None and isinstance(declared, dict) and "views" in declared:
        model.wrong(
            "training.views",
            "views would all be the same photo",
            "add [models.augmentation], or delete the line",
        )


def _options(table: _Table) -> dict[str, Option]:
    options: dict[str, Option] = {}
    for key, value in table.raw.items():
        if isinstance(value, str | int | float | bool):
            options[key] = value
        else:
            table.wrong(key, f"is {_type_name(value)}", "write a text, a number, true or false")
    return options


def _refuse_twice(tables: Sequence[_Table], key: str, values: Sequence[str]) -> None:
    for position, (table, value) in enumerate(zip(tables, values, strict=True)):
        if value and value in values[:position]:
            table.wrong(key, f"{value!r} comes twice", "give each one its own name")


# ---------------------------------------------------------------------- prompts


def _prompt_sets(study: _Table, models: Sequence[ModelSpec]) -> tuple[PromptSet, ...]:
    names = study.texts("prompts")
    if not names and any(model.kind == "clip" for model in models):
        study.wrong("prompts", "a clip model needs a prompt set", 'write prompts = ["noms"]')
    folder = study.file.parent / "prompts"
    present = sorted(file.stem for file in folder.glob("*.toml"))
    prompts = []
    for name in names:
        file = folder / f"{name}.toml"
        if not SLUG.fullmatch(name):
            study.wrong("prompts", f"{name!r} is no name", "use a-z, 0-9 and single hyphens")
        elif not file.is_file():
            hint = _meant(name, present) if present else "no file there"
            study.wrong("prompts", f"{name!r}: no file prompts/{name}.toml", f"add it; {hint}")
        elif (raw := _read_toml(file, study.mistakes)) is not None:
            prompts.append(_prompt_set(name, _Table(raw, file, study.mistakes)))
    _refuse_unknown_like(study, prompts)
    return tuple(prompts)


def _prompt_set(name: str, table: _Table) -> PromptSet:
    if table.has("name") and (spelt := table.slug("name")) != name:
        table.wrong("name", f"{spelt!r} is not the file's name, {name!r}", "rename either")
    derives: tuple[Derive, ...] = get_args(Derive)
    derive = table.choice("derive", derives)
    texts = _class_texts(table.table("texts"))
    if table.has("derive") and table.has("texts"):
        table.wrong("texts", "derive says where the texts come from", "delete either")
    elif not table.has("derive") and not texts:
        table.wrong("texts", "no text", f"add [texts], or derive = one of {', '.join(derives)}")
    prompts = PromptSet(
        name=name,
        title=table.required_text("title"),
        language=table.required_text("language"),
        texts=texts,
        templates=_templates(table),
        derive=derive,
        like=table.optional_text("like"),
        seed=table.integer("seed", 0) or 0,
        source=table.text("source"),
    )
    _check_control(table, prompts)
    table.finish()
    return prompts


def _check_control(table: _Table, prompts: PromptSet) -> None:
    """Random words take the measure of another set; no other set does."""
    control = prompts.derive == "random-words"
    if control and prompts.like is None:
        table.wrong("like", "is missing", 'name a prompt set of the study: like = "descriptions"')
    for key in ("like", "seed"):
        if table.has(key) and not control:
            table.wrong(key, 'goes with derive = "random-words" alone', "delete the line")


def _refuse_unknown_like(study: _Table, prompts: Sequence[PromptSet]) -> None:
    known = [one.name for one in prompts if one.derive != "random-words"]
    for one in prompts:
        if one.like is not None and one.like not in known:
            study.wrong(
                "prompts",
                f"{one.name!r} is like {one.like!r}, which this study does not use",
                f"add it to prompts, or choose among {', '.join(known) or 'none'}",
            )


def _class_texts(table: _Table) -> dict[str, tuple[str, ...]]:
    # Photos' folders may spell é with one character or with two: labels are in NFC.
    return {
        unicodedata.normalize("NFC", label): table.texts(label, single=True) for label in table.raw
    }


def _templates(table: _Table) -> tuple[str, ...]:
    if not table.has("templates"):
        return ("{}",)
    templates = table.texts("templates")
    for template in templates:
        count = template.count("{}")
        if count != 1:
            table.wrong(
                "templates",
                f"{template!r} has {count} times {{}}",
                "write {} once, where the class's text goes",
            )
    return templates or ("{}",)


# ------------------------------------------------------------------- the others


def _reference(table: _Table) -> Path | None:
    name = table.text("reference")
    if not name:
        return None
    file = (table.file.parent / name).resolve()
    if not file.is_file():
        table.wrong("reference", f"no file {name!r}", "correct the name or delete the line")
    return file


def _thresholds(
    study: _Table, name: str, models: Sequence[ModelSpec], prompts: Sequence[PromptSet]
) -> tuple[Threshold, ...]:
    cases = [
        Case(study=name, model=model, prompts=one).name
        for model in models
        for one in (prompts if model.kind == "clip" else (None,))
    ]
    tables = study.tables("thresholds")
    thresholds = tuple(_threshold(table, cases) for table in tables)
    _refuse_twice(
        tables, "case", [" ".join((t.case, t.metric, f"over {t.over}")) for t in thresholds]
    )
    return thresholds


def _threshold(table: _Table, cases: Sequence[str]) -> Threshold:
    case = table.required_text("case")
    over = table.optional_text("over")
    table.required("metric", 'metric = "accuracy"')
    metric = table.choice("metric", METRICS) or ""
    table.required("minimum", "minimum = 0.6")
    minimum = table.number("minimum")
    table.finish()
    for key, value in (("case", case), ("over", over)):
        if value and value not in cases:
            table.wrong(key, f"{value!r} is no case of this study", _meant(value, cases))
    if over and over == case:
        table.wrong("over", "is the case itself", "name another case or delete the line")
    if minimum is not None and not (-1 if over else 0) <= minimum <= 1:
        table.wrong("minimum", f"{minimum:g} is out of range", "metrics lie between 0 and 1")
    return Threshold(case=case, metric=metric, minimum=minimum or 0.0, over=over)
