"""The files of a study in one archive, to take away: whoever has it can recompute the site.

The same files give the same archive, byte for byte: names in order, no date, no owner.  It
unpacks as a folder of ``artefacts/``.
"""

import io
import re
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from evaluation.stores.trust import PICTURE, RECORD, require_own

_COMPRESSED = (".parquet", ".webp")
"""Artefacts that are compressed already."""
_ARTEFACT = re.compile(rf"[a-z0-9-]+(/[a-z0-9-]+){{0,2}}/({RECORD.pattern}|{PICTURE.pattern})")
"""What this program writes, from the folder of the artefacts: of a study, or of a case."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first date that the format knows."""

_READABLE = 0o644 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A study's files, packed."""

    name: str
    """"demo-artefacts.zip"."""
    content: bytes
    files: int


def pack(folder: Path, *, photos: bool) -> Archive | None:
    """The files of an artefact folder; without pictures unless ``photos``; None when it is empty.

    Files that this program does not write are left out, and those that it is still writing.
    Raises :class:`ArtefactError` for one that is not what its name says, or leads elsewhere.
    """
    kept = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder.parent).as_posix()
        if _ARTEFACT.fullmatch(name) and (photos or path.suffix != ".webp") and path.is_file():
            require_own(path, folder.parent)
            stat = path.stat()
            kept.append((name, path, stat.st_size, stat.st_mtime_ns))
    name, content = f"{folder.name}-artefacts.zip", _packed(tuple(kept))
    return Archive(name=name, content=content, files=len(kept)) if kept else None


@lru_cache(maxsize=8)
def _packed(files: tuple[tuple[str, Path, int, int], ...]) -> bytes:
    """Sizes and dates of the files are there for the cache: a server packs what has changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, path, *_ in files:
            entry = zipfile.ZipInfo(name, _EPOCH)
            stored = path.suffix in _COMPRESSED
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            entry.external_attr = _READABLE
            # The same on every system.
            entry.create_system = 3
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()
