"""``[[models]]``: what is tried, and how what is trained is trained."""

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast, get_args

from evaluation.errors import meant
from evaluation.records import (
    KINDS,
    AugmentationSpec,
    ModelKind,
    ModelSpec,
    Option,
    Reading,
    Regime,
    Source,
    TrainingSpec,
)
from evaluation.study.toml_table import Table, refuse_twice, type_name

WEIGHT_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".safetensors")


def read_models(study: Table) -> tuple[ModelSpec, ...]:
    """Every ``[[models]]`` table of a study."""
    if not study.raw.get("models"):
        study.wrong("models", "no model", "add a [[models]] table")
    tables = study.tables("models")
    models = tuple(_model(table) for table in tables)
    refuse_twice(tables, "name", [model.name for model in models])
    return models


def _model(table: Table) -> ModelSpec:
    name = table.slug("name")
    kinds = tuple(KINDS)
    table.required("kind", f"kind = one of {', '.join(kinds)}")
    kind = table.choice("kind", kinds)
    if kind is not None and not KINDS[kind].embeds:
        return (_asked if KINDS[kind].reads_texts else _made_elsewhere)(table, name, kind)
    architecture = table.text("architecture")
    weights = table.required_text("weights")
    contrastive = table.boolean("contrastive") if table.has("contrastive") else None
    options = _options(table.table("options"))
    title = table.required_text("title")
    training, augmentation = _learning(table, kind)
    adapt, shares, reads = _label_free(table, kind)
    head_classes = _kept_head(table, kind, trained=training is not None or augmentation is not None)
    prompts = table.texts("prompts")
    table.finish()
    if weights and not architecture and _needs_architecture(kind, weights):
        table.wrong("architecture", "is missing", f"say which architecture {weights!r} belongs to")
    if architecture and kind and KINDS[kind].reads_texts and _says_architecture(weights):
        table.wrong("architecture", f"the weights {weights!r} say their own", "delete the line")
    return ModelSpec(
        name=name,
        kind=kind or "clip",
        architecture=architecture,
        weights=_local(weights, table.file.parent),
        title=title,
        options=options,
        contrastive=contrastive,
        training=training,
        augmentation=augmentation,
        head_classes=head_classes,
        adapt=adapt,
        shares=shares,
        reads=reads,
        prompts=prompts,
    )


def _made_elsewhere(table: Table, name: str, kind: ModelKind) -> ModelSpec:
    """Predictions in a file: nothing is loaded, so nothing else can be said of them."""
    file, title = table.required_text("file"), table.required_text("title")
    person = table.text("person")
    table.finish()
    path = (table.file.parent / Path(file).expanduser()).resolve()
    options: dict[str, Option] = {"person": person} if person else {}
    return ModelSpec(name=name, kind=kind, weights=str(path), title=title, options=options)


def _asked(table: Table, name: str, kind: ModelKind) -> ModelSpec:
    """A model of a server: its name there, and how it is asked."""
    weights, title = table.required_text("weights"), table.required_text("title")
    options, prompts = _options(table.table("options")), table.texts("prompts")
    table.finish()
    return ModelSpec(
        name=name, kind=kind, weights=weights, title=title, options=options, prompts=prompts
    )


def refuse_unknown_prompts(study: Table, models: Sequence[ModelSpec], known: Sequence[str]) -> None:
    """A model reads prompt sets of its study, or none if it reads no texts."""
    for table, model in zip(study.tables("models"), models, strict=True):
        if model.prompts and not model.reads_texts:
            table.wrong("prompts", f"a {model.kind} model reads none", "delete the line")
        for name in model.prompts if model.reads_texts else ():
            if name not in known:
                table.wrong("prompts", f"{name!r} is not of this study", meant(name, known))


def _label_free(
    model: Table, kind: ModelKind | None
) -> tuple[tuple[Source, ...], Mapping[str, float] | None, tuple[Reading, ...]]:
    """``adapt``, ``shares`` and ``reads``: what is read of the user's own, labels apart."""
    sources: tuple[Source, ...] = get_args(Source)
    for key in ("adapt", "shares"):
        if kind is not None and KINDS[kind].learns and model.has(key):
            model.wrong(key, "a supervised model has labels", "delete the line")
    adapt = model.texts("adapt", single=True)
    for name in adapt:
        if name not in sources:
            model.wrong("adapt", f"{name!r} is unknown", meant(name, sources))
    reads = model.texts("reads", single=True) or ("photo",)
    if sorted(reads) not in (["photo"], ["photo", "title"]):
        model.wrong("reads", f"{reads} is not read", 'write reads = ["photo", "title"]')
    return (
        cast("tuple[Source, ...]", tuple(source for source in sources if source in adapt)),
        _shares(model),
        ("photo", "title") if "title" in reads else ("photo",),
    )


def _shares(model: Table) -> Mapping[str, float] | None:
    """``shares = "uniform"`` (nothing more to say), or a share of each class."""
    if not model.has("shares"):
        return None
    if isinstance(model.raw["shares"], str):
        model.choice("shares", ("uniform",))
        return {}
    table = model.table("shares")
    shares = {unicodedata.normalize("NFC", label): table.share(label) or 0.0 for label in table.raw}
    total = sum(shares.values())
    if shares and all(shares.values()) and abs(total - 1) > _ROUNDING:
        model.wrong("shares", f"they add up to {total:g}", "write shares that add up to 1")
    elif not shares:
        model.wrong("shares", "is empty", 'give every class its share, or write shares = "uniform"')
    return shares


_ROUNDING = 0.011
"""By which shares of two decimals may miss 1."""


def _kept_head(table: Table, kind: ModelKind | None, *, trained: bool) -> tuple[str, ...]:
    """``keep_head`` and ``head_classes``: a model that has learnt the classes elsewhere."""
    kept, classes = table.boolean("keep_head"), table.texts("head_classes")
    if kept and kind is not None and not KINDS[kind].learns:
        table.wrong("keep_head", f"a {kind} model has no head", "delete the line")
    if kept and trained:
        table.wrong("keep_head", "the head is not trained here", "delete [models.training]")
    if kept and not classes:
        table.wrong(
            "head_classes",
            "is missing",
            'name the classes in the order of the head\'s outputs: ["…", "…"]',
        )
    if classes and not kept:
        table.wrong("head_classes", "goes with keep_head = true alone", "delete the line")
    return classes


def _needs_architecture(kind: ModelKind | None, weights: str) -> bool:
    """A folder or a hub name may hold its own configuration; a tag or a file does not."""
    if _says_architecture(weights):
        return False
    learns = kind is not None and KINDS[kind].learns
    return learns or not _is_path(weights) or weights.endswith(WEIGHT_SUFFIXES)


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
    model: Table, kind: ModelKind | None
) -> tuple[TrainingSpec | None, AugmentationSpec | None]:
    """``[models.training]`` and ``[models.augmentation]``, of a supervised model."""
    for key in ("training", "augmentation"):
        if kind is not None and not KINDS[kind].learns and model.has(key):
            model.wrong(key, f"a {kind} model is not trained", "delete the table")
    training = _training(model.table("training")) if model.has("training") else None
    augmentation = _augmentation(model.table("augmentation")) if model.has("augmentation") else None
    if kind is not None and KINDS[kind].learns:
        _refuse_useless_views(model, training or TrainingSpec(), augmentation)
    return training, augmentation


def _training(table: Table) -> TrainingSpec:
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


def _blocks(table: Table) -> int | None:
    """A number of last blocks, or "all"."""
    if table.raw.get("blocks") == "all":
        table.text("blocks")  # read, hence known
        return None
    return _given(table.integer("blocks", 1), cast("int", TrainingSpec().blocks))


def _refuse_keys_of_others(table: Table, regime: Regime | None) -> None:
    if regime is None:
        return
    own = (*_REGIME_KEYS[regime], *(() if regime == "logistic" else _TRAINED_KEYS))
    for key in (*_TRAINED_KEYS, *(key for keys in _REGIME_KEYS.values() for key in keys)):
        if table.has(key) and key not in own:
            table.wrong(key, f"the regime {regime} has no such key", "delete the line")


def _augmentation(table: Table) -> AugmentationSpec:
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
    model: Table, training: TrainingSpec, augmentation: AugmentationSpec | None
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


def _options(table: Table) -> dict[str, Option]:
    options: dict[str, Option] = {}
    for key, value in table.raw.items():
        if isinstance(value, str | int | float | bool):
            options[key] = value
        else:
            table.wrong(key, f"is {type_name(value)}", "write a text, a number, true or false")
    return options
