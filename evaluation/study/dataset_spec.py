"""``[dataset]`` and ``[split]``: which photos, and how they are cut into parts."""

import codecs
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import get_args
from urllib.parse import urlsplit

from evaluation.records import FOLDS, DatasetKind, DatasetSpec, Fold, ModelSpec, SplitSpec
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
    if kind is not None:
        others = set().union(*_KIND_KEYS.values()) - set(_KIND_KEYS[kind])
        table.refuse(sorted(others), f"a {kind} data set has no such key")
        if "csv" in _KIND_KEYS[kind]:
            table.required("csv", 'csv = "file.csv", relative to the root')
    root = table.text("root")
    return table.record(
        DatasetSpec,
        kind=kind or "folder",
        root=data_root.expanduser().resolve() if data_root else table.path(root) if root else None,
        csv=_inner_path(table, "csv") or None,
        images=_inner_path(table, "images"),
        parts=_parts(table),
        delimiter=table.character("delimiter"),
        encoding=_encoding(table),
        strays=_inner_path(table, "strays"),
        archive=_address(table, "archive"),
    )


def _parts(table: Table) -> Mapping[str, Fold] | None:
    """Folder to part; empty for "none": the top folders are classes."""
    if "parts" not in table.raw:
        return None
    if table.says("parts", "none"):
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


def is_address(text: str) -> bool:
    """Whether a text is the http(s) address of something on a host."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an end, a port that is no number
        return False


def _address(table: Table, key: str) -> str | None:
    value = table.text(key) or None
    if value and (" " in value or not is_address(value)):
        table.wrong(key, f"{value!r} is no address", "write https://… with spaces as %20")
        return None
    return value


def _inner_path(table: Table, key: str) -> str:
    """A path below the data root; the loader sees to symbolic links."""
    value = table.text(key)
    path = PurePosixPath(value.replace("\\", "/"))
    if path.is_absolute() or PureWindowsPath(value).drive or ".." in path.parts:
        table.wrong(key, f"{value!r} leaves the data root", "write a path below the root")
    return "" if str(path) == "." else str(path)


def read_split(table: Table) -> SplitSpec:
    """``[split]``; its own values where the file gives none."""
    spec = table.record(SplitSpec)
    if "validation_share" not in table.raw:
        spec = replace(spec, validation_share=min(spec.validation_share, 1 - spec.test_share))
    if "folds" in table.raw and not spec.repeats:
        spec = replace(spec, repeats=1)
    if spec.repeats == 1 and spec.folds is None:
        table.wrong("repeats", "one draw has no spread", "write repeats = 10, or folds = 5")
    for part in ("test", "validation"):
        if f"{part}_per_class" in table.raw and f"{part}_share" in table.raw:
            table.wrong(
                f"{part}_share", f"{part}_per_class is given as well", "keep one of the two"
            )
    if _held_out(spec) > 1:
        table.wrong("test_share", f"the parts are more than all ({_held_out(spec):g})", "lower it")
    return spec


def refuse_no_training(table: Table, spec: SplitSpec, models: Sequence[ModelSpec]) -> None:
    """Note a split that leaves nothing to a model that is trained."""
    trained = [model.name for model in models if model.learns and not model.head_classes]
    if trained and _held_out(spec) == 1:
        table.wrong("test_share", f"nothing is left to train {trained[0]!r}", "lower it")


def _held_out(spec: SplitSpec) -> float:
    test = 0 if spec.test_per_class else spec.test_share
    return test + (0 if spec.validation_per_class else spec.validation_share)
