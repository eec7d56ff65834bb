"""``[[models]]``: what is tried, and how what is trained is trained."""

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast, get_args

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
    architecture, weights = _weights(table, kind)
    options = _options(table.table("options"))
    training, augmentation = _learning(table, kind)
    adapt, shares, reads = _label_free(table, kind)
    head_classes = _kept_head(table, kind, trained=training is not None or augmentation is not None)
    return table.record(
        ModelSpec,
        name=name,
        kind=kind or "clip",
        architecture=architecture,
        weights=weights,
        options=options,
        training=training,
        augmentation=augmentation,
        head_classes=head_classes,
        adapt=adapt,
        shares=shares,
        reads=reads,
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
        elif model.reads_texts:
            table.are_known("prompts", model.prompts, known, "is not of this study")


def _label_free(
    model: Table, kind: ModelKind | None
) -> tuple[tuple[Source, ...], Mapping[str, float] | None, tuple[Reading, ...]]:
    """``adapt``, ``shares`` and ``reads``: what is read of the user's own, labels apart."""
    sources: tuple[Source, ...] = get_args(Source)
    if kind is not None and KINDS[kind].learns:
        model.refuse(("adapt", "shares"), "a supervised model has labels")
    adapt = model.texts("adapt", single=True)
    model.are_known("adapt", adapt, sources)
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


def _weights(table: Table, kind: ModelKind | None) -> tuple[str, str]:
    """``architecture``, and ``weights`` as ModelSpec has them: a path becomes absolute."""
    architecture, weights = table.text("architecture"), table.required_text("weights")
    says_its_own = weights == "embedded" or weights.startswith("hf-hub:")
    file = weights.endswith(WEIGHT_SUFFIXES)
    path = not says_its_own and (file or "/" in weights or weights.startswith((".", "~")))
    # A folder may hold its own configuration; a tag or a file does not.
    folder = path and not file and not (kind and KINDS[kind].learns)
    if weights and not architecture and not says_its_own and not folder:
        table.wrong("architecture", "is missing", f"say which architecture {weights!r} belongs to")
    if architecture and says_its_own and kind and KINDS[kind].reads_texts:
        table.wrong("architecture", f"the weights {weights!r} say their own", "delete the line")
    absolute = (table.file.parent / Path(weights).expanduser()).resolve() if path else weights
    return architecture, str(absolute)


_TRAINED = (
    *("epochs", "batch_size", "learning_rate", "weight_decay"),
    *("label_smoothing", "warmup_epochs", "patience"),
)
_REGIME_KEYS: Mapping[Regime, tuple[str, ...]] = {
    "logistic": (),
    "head": (*_TRAINED, "views"),
    "finetune": (*_TRAINED, "blocks", "ema"),
}
"""What each regime reads."""


def _learning(
    model: Table, kind: ModelKind | None
) -> tuple[TrainingSpec | None, AugmentationSpec | None]:
    """``[models.training]`` and ``[models.augmentation]``, of a supervised model."""
    if kind is not None and not KINDS[kind].learns:
        tables = ("training", "augmentation")
        model.refuse(tables, f"a {kind} model is not trained", "delete the table")
    training = _training(model.table("training")) if model.has("training") else None
    augmentation = (
        model.table("augmentation").record(AugmentationSpec) if model.has("augmentation") else None
    )
    if kind is not None and KINDS[kind].learns:
        _refuse_useless_views(model, training or TrainingSpec(), augmentation)
    return training, augmentation


def _training(table: Table) -> TrainingSpec:
    regimes: tuple[Regime, ...] = get_args(Regime)
    table.required("regime", f"regime = one of {', '.join(regimes)}")
    regime = table.choice("regime", regimes)
    if regime is not None:
        others = set(_REGIME_KEYS["head"] + _REGIME_KEYS["finetune"]) - {*_REGIME_KEYS[regime]}
        table.refuse(sorted(others), f"the regime {regime} has no such key")
    given = {"blocks": None} if table.says("blocks", "all") else {}
    return table.record(TrainingSpec, regime=regime or "logistic", ema=table.share("ema"), **given)


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
