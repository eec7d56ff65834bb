"""``[dataset]`` and ``[split]``: which photos, and how they are cut into parts."""

import codecs
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import get_args
from urllib.parse import urlsplit

from evaluation.records import (
    FOLDS,
    DatasetKind,
    DatasetSpec,
    Fold,
    ModelSpec,
    NearDuplicates,
    SmallClasses,
    SplitSpec,
)
from evaluation.study.toml_table import Table

# A data set kind's keys, beside those of every kind.
_KIND_KEYS: Mapping[DatasetKind, tuple[str, ...]] = {
    "folder": ("parts",),
    "flipkart": ("csv", "rows", "text_column", "delimiter", "encoding", "slices"),
    "table": (
        *("csv", "rows", "path_column", "label_column", "subcategory_column", "title_column"),
        *("text_column", "split_column", "group_column", "delimiter", "encoding", "slices"),
    ),
}


def read_dataset(table: Table, data_root: Path | None) -> DatasetSpec:
    """``[dataset]``; ``data_root`` replaces the root that it declares."""
    kinds: tuple[DatasetKind, ...] = get_args(DatasetKind)
    table.required("kind", f"kind = one of {', '.join(kinds)}")
    kind = table.choice("kind", kinds)
    for key in sorted({key for keys in _KIND_KEYS.values() for key in keys}):
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
        follow_links=table.boolean("follow_links"),
        parts=_parts(table),
        bits=_bits(table),
        text_column=table.optional_text("text_column"),
        delimiter=table.character("delimiter"),
        encoding=_encoding(table),
        split_column=table.optional_text("split_column"),
        group_column=table.optional_text("group_column"),
        slices=table.texts("slices"),
        strays=_inner_path(table, "strays"),
        licence=table.text("licence"),
        origin=table.text("origin"),
        redistributable=table.boolean("redistributable"),
        archive=_address(table, "archive"),
        rows=table.integer("rows", 1),
    )
    table.finish()
    return spec


def _bits(table: Table) -> int | None:
    bits = table.integer("bits", 9)
    if bits is not None and bits > 16:  # noqa: PLR2004 - a file's samples have no more
        table.wrong("bits", f"{bits} is too large", "write bits = 10, 12 or 16")
    return bits


def _parts(table: Table) -> Mapping[str, Fold] | None:
    """Folder to part; empty for "none": the top folders are classes."""
    if not table.has("parts"):
        return None
    if table.raw["parts"] == "none":
        table.text("parts")  # read, hence known
        return {}
    parts = table.table("parts")
    folds = {name: parts.choice(name, FOLDS) for name in parts.raw}
    if not parts.raw:
        table.wrong("parts", "is empty", 'write folders: { a = "train", b = "test" }, or "none"')
    return {unicodedata.normalize("NFC", name): fold for name, fold in folds.items() if fold}


def _encoding(table: Table) -> str:
    value = table.text("encoding")
    try:
        codecs.lookup(value or "utf-8")
    except (LookupError, ValueError):
        table.wrong("encoding", f"{value!r} is unknown", 'write "utf-8", "cp1252", "utf-16", …')
        return ""
    return value


def _address(table: Table, key: str) -> str | None:
    value = table.optional_text(key)
    parts = urlsplit(value or "")
    if value and (parts.scheme not in ("http", "https") or not parts.netloc or " " in value):
        table.wrong(key, f"{value!r} is no address", "write https://… with spaces as %20")
        return None
    return value


def _root(table: Table, data_root: Path | None) -> Path | None:
    declared = table.text("root")
    if data_root is not None:
        return data_root.expanduser().resolve()
    return (table.file.parent / Path(declared).expanduser()).resolve() if declared else None


def _inner_path(table: Table, key: str) -> str:
    """A path below the data root; the loader sees to symbolic links."""
    value = table.text(key)
    path = PurePosixPath(value.replace("\\", "/"))
    if path.is_absolute() or PureWindowsPath(value).drive or ".." in path.parts:
        table.wrong(key, f"{value!r} leaves the data root", "write a path below the root")
    return "" if str(path) == "." else str(path)


def read_split(table: Table) -> SplitSpec:
    """``[split]``; its own values where the file gives none."""
    default = SplitSpec()
    near: tuple[NearDuplicates, ...] = get_args(NearDuplicates)
    small: tuple[SmallClasses, ...] = get_args(SmallClasses)
    test = table.within("test_share", 0, 1, open_low=True)
    validation = table.within("validation_share", 0, 1)
    spec = SplitSpec(
        seed=table.integer("seed", 0) or 0,
        test_per_class=table.integer("test_per_class", 1),
        validation_per_class=table.integer("validation_per_class", 1),
        test_share=default.test_share if test is None else test,
        validation_share=min(default.validation_share, 1 - (test or default.test_share))
        if validation is None
        else validation,
        near_duplicates=table.choice("near_duplicates", near) or default.near_duplicates,
        small_classes=table.choice("small_classes", small) or default.small_classes,
        repeats=table.integer("repeats", 1) or (1 if table.has("folds") else 0),
        folds=table.integer("folds", 2),
        repeat_adapted=table.boolean("repeat_adapted"),
    )
    if spec.repeats == 1 and spec.folds is None:
        table.wrong("repeats", "one draw has no spread", "write repeats = 10, or folds = 5")
    for part in ("test", "validation"):
        if table.has(f"{part}_per_class") and table.has(f"{part}_share"):
            table.wrong(
                f"{part}_share", f"{part}_per_class is given as well", "keep one of the two"
            )
    if _held_out(spec) > 1:
        table.wrong("test_share", f"the parts are more than all ({_held_out(spec):g})", "lower it")
    table.finish()
    return spec


def refuse_no_training(table: Table, spec: SplitSpec, models: Sequence[ModelSpec]) -> None:
    """Note a split that leaves nothing to a model that is trained."""
    trained = [model.name for model in models if model.learns and not model.head_classes]
    if trained and _held_out(spec) == 1:
        table.wrong("test_share", f"nothing is left to train {trained[0]!r}", "lower it")


def _held_out(spec: SplitSpec) -> float:
    test = 0 if spec.test_per_class else spec.test_share
    return test + (0 if spec.validation_per_class else spec.validation_share)
