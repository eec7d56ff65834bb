"""``[[models]]``: what is tried, and how what is trained is trained."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from evaluation.records import (
    KINDS,
    AugmentationSpec,
    ModelKind,
    ModelSpec,
    Option,
    Regime,
    Source,
    TrainingSpec,
)
from evaluation.study.toml_table import Table, refuse_twice, type_name

WEIGHT_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".safetensors")
_ROUNDING = 0.011
"""By which shares of two decimals may miss 1."""
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


def read_models(study: Table) -> tuple[ModelSpec, ...]:
    """Every ``[[models]]`` table of a study."""
    if not study.raw.get("models"):
        study.wrong("models", "no model", "add a [[models]] table")
    tables = study.tables("models")
    models = tuple(_model(table) for table in tables)
    refuse_twice(tables, "name", [model.name for model in models])
    return models


def refuse_unknown_prompts(study: Table, models: Sequence[ModelSpec], known: Sequence[str]) -> None:
    """A model reads prompt sets of its study, or none if it reads no texts."""
    for table, model in zip(study.tables("models"), models, strict=True):
        if model.prompts and not model.reads_texts:
            table.wrong("prompts", f"a {model.kind} model reads none", "delete the line")
        elif model.reads_texts:
            table.are_known("prompts", model.prompts, known, "is not of this study")


def _model(table: Table) -> ModelSpec:
    name, kinds = table.slug("name"), tuple(KINDS)
    table.required("kind", f"kind = one of {', '.join(kinds)}")
    kind = table.choice("kind", kinds)
    if kind is not None and not KINDS[kind].embeds:
        return _unloaded(table, name, kind)
    given = _weights(table, kind) | {"options": _options(table.table("options"))}
    given |= _learning(table, kind) | _label_free(table, kind)
    trained = given["training"] is not None or given["augmentation"] is not None
    given["head_classes"] = _kept_head(table, kind, trained=trained)
    return table.record(ModelSpec, name=name, kind=kind or "clip", **given)


def _unloaded(table: Table, name: str, kind: ModelKind) -> ModelSpec:
    """A model of a server, which is asked, or predictions in a file: there is little to say."""
    options: dict[str, Option] = {}
    prompts: tuple[str, ...] = ()
    if KINDS[kind].reads_texts:
        weights = table.required_text("weights")
        options, prompts = _options(table.table("options")), table.texts("prompts")
    else:
        weights = str(table.path(table.required_text("file")))
        if person := table.text("person"):
            options["person"] = person
    title = table.required_text("title")
    table.finish()
    return ModelSpec(
        name=name, kind=kind, weights=weights, title=title, options=options, prompts=prompts
    )


def _label_free(table: Table, kind: ModelKind | None) -> dict[str, Any]:
    """``adapt``, ``shares`` and ``reads``: what is read of the user's own, labels apart."""
    if kind is not None and KINDS[kind].learns:
        table.refuse(("adapt", "shares"), "a supervised model has labels")
    adapt, sources = table.texts("adapt", single=True), get_args(Source)
    table.are_known("adapt", adapt, sources)
    reads = table.texts("reads", single=True) or ("photo",)
    if sorted(reads) not in (["photo"], ["photo", "title"]):
        table.wrong("reads", f"{reads} is not read", 'write reads = ["photo", "title"]')
    return {
        "adapt": tuple(source for source in sources if source in adapt),
        "reads": ("photo", "title") if "title" in reads else ("photo",),
        "shares": _shares(table),
    }


def _shares(model: Table) -> Mapping[str, float] | None:
    """``shares = "uniform"`` (nothing more to say), or a share of each class."""
    if "shares" not in model.raw:
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


def _kept_head(table: Table, kind: ModelKind | None, *, trained: bool) -> tuple[str, ...]:
    """``keep_head`` and ``head_classes``: a model that has learnt the classes elsewhere."""
    kept, classes = table.boolean("keep_head"), table.texts("head_classes")
    if kept and kind is not None and not KINDS[kind].learns:
        table.wrong("keep_head", f"a {kind} model has no head", "delete the line")
    if kept and trained:
        table.wrong("keep_head", "the head is not trained here", "delete [models.training]")
    if kept and not classes:
        remedy = 'name the classes in the order of the head\'s outputs: ["…", "…"]'
        table.wrong("head_classes", "is missing", remedy)
    if classes and not kept:
        table.wrong("head_classes", "goes with keep_head = true alone", "delete the line")
    return classes


def _weights(table: Table, kind: ModelKind | None) -> dict[str, Any]:
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
    return {"architecture": architecture, "weights": str(table.path(weights)) if path else weights}


def _learning(model: Table, kind: ModelKind | None) -> dict[str, Any]:
    """``[models.training]`` and ``[models.augmentation]``, of a supervised model."""
    tables = ("training", "augmentation")
    if kind is not None and not KINDS[kind].learns:
        model.refuse(tables, f"a {kind} model is not trained", "delete the table")
    training, augmentation = (model.table(name) if name in model.raw else None for name in tables)
    spec = _training(training) if training is not None else None
    augmented = augmentation.record(AugmentationSpec) if augmentation is not None else None
    if kind is not None and KINDS[kind].learns:
        if augmented is not None and (spec is None or spec.regime == "logistic"):
            model.wrong(
                "augmentation",
                "a logistic regression learns from the photos as they are",
                'write [models.training] regime = "head" or "finetune", or delete the table',
            )
        if augmented is None and training is not None and "views" in training.raw:
            remedy = "add [models.augmentation], or delete the line"
            training.wrong("views", "views would all be the same photo", remedy)
    return {"training": spec, "augmentation": augmented}


def _training(table: Table) -> TrainingSpec:
    regimes: tuple[Regime, ...] = get_args(Regime)
    table.required("regime", f"regime = one of {', '.join(regimes)}")
    regime = table.choice("regime", regimes)
    if regime is not None:
        others = set(_REGIME_KEYS["head"] + _REGIME_KEYS["finetune"]) - {*_REGIME_KEYS[regime]}
        table.refuse(sorted(others), f"the regime {regime} has no such key")
    given = {"blocks": None} if table.says("blocks", "all") else {}
    return table.record(TrainingSpec, regime=regime or "logistic", ema=table.share("ema"), **given)


def _options(table: Table) -> dict[str, Option]:
    options: dict[str, Option] = {}
    for key, value in table.raw.items():
        if isinstance(value, str | int | float | bool):
            options[key] = value
        else:
            table.wrong(key, f"is {type_name(value)}", "write a text, a number, true or false")
    return options
