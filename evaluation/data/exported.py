"""Photos that Hugging Face's ``datasets`` saved (``save_to_disk``), written out as files."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from evaluation.data.listing import inside
from evaluation.data.rows import need_pyarrow
from evaluation.errors import DataError, one_line, quoted
from evaluation.files import json_object
from evaluation.records.base import Record

_SUFFIXES = {b"\xff\xd8": ".jpg", b"\x89P": ".png", b"RI": ".webp", b"GI": ".gif", b"BM": ".bmp"}


def is_saved_dataset(folder: Path) -> bool:
    """Whether ``datasets`` wrote this folder: one split, or several."""
    return (folder / "dataset_dict.json").is_file() or (
        (folder / "dataset_info.json").is_file() and any(folder.glob("*.arrow"))
    )


class SavedPhotos(Record):
    """The photos of a saved data set: one row a photo, in files of Arrow."""

    folder: Path
    parts: Mapping[str, Sequence[Path]]
    """Name of a split, or "", to its files."""
    image: str
    """Column of the photos."""
    label: str
    """Column of the classes."""
    classes: Sequence[str]
    """Their names, when the column holds numbers."""

    def names(self) -> Iterator[tuple[str, str]]:
        """The path that each photo is to have, and its class."""
        return ((path, label) for path, label, _ in self._rows(self.label))

    def write(self, folder: Path) -> None:
        """Write every photo into the folder of its class, below that of its split.

        Raises :class:`DataError`: a row holds no photo, or a file is damaged.
        """
        for path, _, cell in self._rows(self.label, self.image):
            content = cell.get("bytes") if isinstance(cell, dict) else None
            if content is None:
                named = str(cell.get("path") if isinstance(cell, dict) else cell)
                source = self.folder / inside(self.folder, named, where=self.folder)
                if not source.resolve().is_relative_to(self.folder.resolve()):
                    raise DataError("a link out of the data set", where=source)
                if not source.is_file():
                    raise DataError("a row holds neither a photo nor its path", where=source)
                content = source.read_bytes()
            file = folder / f"{path}{_SUFFIXES.get(content[:2], '')}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    def _rows(self, *columns: str) -> Iterator[tuple[str, str, Any]]:
        from pyarrow import ArrowException, ipc

        for part, files in self.parts.items():
            numbers = count()
            for file in files:
                try:
                    with ipc.open_stream(file) as reader:
                        rows = (row for own in reader for row in own.select(columns).to_pylist())
                        for row, number in zip(rows, numbers, strict=False):
                            label = self._folder(row[self.label])
                            path = "/".join(filter(None, (part, label, f"{number:06}")))
                            yield path, label, row.get(self.image)
                except (ArrowException, KeyError, OSError, ValueError) as error:
                    raise DataError(f"cannot be read ({one_line(error)})", where=file) from error

    def _folder(self, value: object) -> str:
        """The name of a class, such as a folder may have."""
        if isinstance(value, int) and 0 <= value < len(self.classes):
            value = self.classes[value]
        plain = re.sub(r"[/\\\x00-\x1f]+", "-", str(value))[:100].strip()
        return f"_{plain}" if plain.startswith(".") or not plain else plain


def export_saved_dataset(folder: Path) -> SavedPhotos:
    """What a saved data set holds.

    Raises :class:`DataError`: pyarrow is not installed, or there is no photo or class column.
    """
    need_pyarrow("it", folder)
    several = folder / "dataset_dict.json"
    names = _json(several).get("splits") if several.is_file() else [""]
    if not isinstance(names, list) or not names:
        raise DataError("names no split", where=several)
    parts = [inside(folder, str(name), where=several) if name else "" for name in names]
    features = _json(folder / parts[0] / "dataset_info.json").get("features")
    features = features if isinstance(features, dict) else {}
    kinds = {
        str(feature.get("_type")): name
        for name, feature in reversed(features.items())
        if isinstance(feature, dict)
    }
    image = kinds.get("Image")
    known = (name for name in ("label", "class", "category") if name in features)
    label = kinds.get("ClassLabel") or next(known, None)
    if image is None or label is None:
        raise DataError(
            f"no column of {'photos' if image is None else 'classes'}; it has {quoted(features)}",
            where=folder,
            remedy="save it with an Image and a ClassLabel column",
        )
    classes = features[label].get("names") if isinstance(features[label], dict) else None
    return SavedPhotos(
        folder=folder,
        parts={name: sorted((folder / name).glob("*.arrow")) for name in parts},
        image=image,
        label=label,
        classes=classes if isinstance(classes, list) else (),
    )


def _json(file: Path) -> dict[str, Any]:
    try:
        return json_object(file)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read ({one_line(error)})", where=file) from error
