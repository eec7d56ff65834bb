"""Which files of an artefact folder are this program's own: by name, by place and by content.

Nothing else is ever published: not another file that lies there, not what a link leads to.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from evaluation import records
from evaluation.errors import SCORE_AGAIN, ArtefactError, one_line, quoted

_MAPS_AGAIN = "run `veille explain STUDY` to write it anew"
FILES: Mapping[type, tuple[str, str, str]] = {
    records.StudyRecord: ("name", "study.json", SCORE_AGAIN),
    records.StudyComparison: ("study", "comparison.json", SCORE_AGAIN),
    records.Drift: ("study", "drift.json", "run `veille drift` to write it anew"),
    records.RunRecord: ("case", "run.json", SCORE_AGAIN),
    records.Projection: ("case", "projection.json", SCORE_AGAIN),
    records.CaseExplanation: ("case", "attention.json", _MAPS_AGAIN),
    records.ExplainFailure: ("case", "attention-failure.json", _MAPS_AGAIN),
    records.Suggestion: ("case", "suggestion.json", "run `veille suggest STUDY` to write it anew"),
}
"""Of each record: the field that names its folder, its file, and how to write it anew."""
FAILURE = "failure.json"
"""The RunRecord of a later attempt that failed."""
CASE = re.compile(r"[a-z0-9-]+(/[a-z0-9-]+){1,3}")
"""The id of a case: its study, its model, and its texts where it reads some."""
RECORD = re.compile(
    "|".join(re.escape(name) for name in (FAILURE, *(name for _, name, _ in FILES.values())))
    + r"|(predictions|validation)\.(csv|parquet)"
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
    what = ""
    try:
        if not path.exists():
            return
        if not path.resolve().is_relative_to(root.resolve()):
            what = "leads out of the folder of the artefacts"
        elif not path.is_dir():
            with path.open("rb") as file:
                start = file.read(12)
            expected = _STARTS.get(path.suffix)
            webp = path.suffix != ".webp" or start[8:] == b"WEBP"
            if expected is None or not start.lstrip().startswith(expected) or not webp:
                what = f"is no {path.suffix.lstrip('.').upper() or 'file'} of this program"
    except (OSError, ValueError, RuntimeError) as error:  # links in a circle, among others
        what = f"cannot be read ({one_line(error)})"
    if what:
        raise ArtefactError(what, where=path, remedy=f"remove it, then {SCORE_AGAIN}")
