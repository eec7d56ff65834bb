"""Which files of an artefact folder are this program's own: by name, by place and by content.

Nothing else is ever published: not another file that lies there, not what a link leads to.
"""

import re
from pathlib import Path

from evaluation.errors import ArtefactError, one_line, quoted
from evaluation.usage import SCORE_AGAIN

CASE = re.compile(r"[a-z0-9-]+(/[a-z0-9-]+){1,3}")
"""The id of a case: its study, its model, and its texts where it reads some."""
RECORD = re.compile(
    r"(study|comparison|drift|run|failure|projection|attention|attention-failure|suggestion)\.json"
    r"|(predictions|validation)\.(csv|parquet)"
)
PICTURE = re.compile(r"(photos|attention|suggestion|augmentation)/[\w-]+\.webp")
_STARTS = {".json": b"{", ".csv": b"", ".parquet": b"PAR1", ".webp": b"RIFF"}


def require_name(name: str, where: Path) -> None:
    """Raises :class:`ArtefactError` for a picture that this program would not have named so."""
    if not PICTURE.fullmatch(name):
        raise ArtefactError(
            f"names the picture {quoted([name])}, which this program does not write",
            where=where,
            remedy=SCORE_AGAIN,
        )


def own_picture(folder: Path, name: str, root: Path) -> Path:
    """A picture that a record of this program names, in the folder of the record.

    Raises :class:`ArtefactError` as :func:`require_name` and :func:`require_own` do.
    """
    require_name(name, folder)
    require_own(folder / name, root)
    return folder / name


def require_own(path: Path, root: Path) -> None:
    """Raises :class:`ArtefactError` for a file that exists and is not what its name says.

    One that does not exist is left to its reader.  ``root`` is the folder of the artefacts, from
    which no link may lead away.
    """
    try:
        if not path.exists():
            return
        if not path.resolve().is_relative_to(root.resolve()):
            raise _not_own(path, "leads out of the folder of the artefacts")
        if path.is_dir():
            return
        with path.open("rb") as file:
            start = file.read(12)
    except (OSError, ValueError, RuntimeError) as error:  # links in a circle, among others
        raise _not_own(path, f"cannot be read ({one_line(error)})") from error
    expected = _STARTS.get(path.suffix)
    webp = path.suffix != ".webp" or start[8:] == b"WEBP"
    if expected is None or not start.lstrip().startswith(expected) or not webp:
        raise _not_own(path, f"is no {path.suffix.lstrip('.').upper() or 'file'} of this program")


def _not_own(path: Path, what: str) -> ArtefactError:
    return ArtefactError(what, where=path, remedy=f"remove it, then {SCORE_AGAIN}")
