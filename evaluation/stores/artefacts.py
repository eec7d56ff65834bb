"""The only reader and writer of artefact files.

::

    <artefacts>/<study>/study.json          what the cases share (StudyRecord)
    <artefacts>/<study>/comparison.json     what is concluded from them (StudyComparison)
    <artefacts>/<study>/drift.json          what came since, as it was last looked at (Drift)
    <artefacts>/<study>/photos/*.webp       small copies of the photos, for the site
    <artefacts>/<case id>/run.json          the outcome of a case (RunRecord)
    <artefacts>/<case id>/predictions.csv   one row a test image, full precision (see tables)
    <artefacts>/<case id>/validation.csv    the same of the validation images
    <artefacts>/<case id>/projection.json   test photos and class texts in the plane
    <artefacts>/<case id>/augmentation/*.webp   augmented views of one training photo
    <artefacts>/<case id>/failure.json      a later attempt that failed; the result above stands
    <artefacts>/<case id>/attention.json    maps and what they are worth (CaseExplanation)
    <artefacts>/<case id>/attention/*.webp  its overlays
    <artefacts>/<case id>/attention-failure.json   why the last maps could not be made
    <artefacts>/<case id>/suggestion.json   new texts, tried on validation (Suggestion)
    <artefacts>/<case id>/suggestion/*.webp its overlays

A case id begins with its study's name, so a case's folder lies inside its study's.  Every
file is written to a temporary name beside its place and renamed; ``run.json`` is written
last, so a folder with a ``run.json`` is whole, and so are a record and its overlays.
"""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from evaluation import files, records
from evaluation.errors import ArtefactError
from evaluation.files import reading
from evaluation.stores.agreement import check_results, check_study
from evaluation.stores.json_file import read_json, to_json
from evaluation.stores.pictures import require_own
from evaluation.stores.tables import read_predictions, table_file, write_table
from evaluation.usage import SCORE_AGAIN

T = TypeVar("T")
_Made = TypeVar("_Made", records.CaseExplanation, records.Suggestion)


# ------------------------------------------------------------------------ writing


writing = partial(
    files.writing,
    kind=ArtefactError,
    elsewhere="choose a writable folder with --artefacts, or change its permissions",
)
"""Turns an operating system's refusal to write a path into one clear line."""


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a whole file or nothing: a reader never sees half of it.

    Raises :class:`ArtefactError` when the folder is read-only, the disk full, …
    """
    with writing(path):
        files.write_bytes(path, content)


_MAPS_AGAIN = "run `veille explain STUDY` to write it anew"
_FILES: Mapping[type, tuple[str, str, str]] = {
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


def write(root: Path, record: object, overlays: Mapping[str, bytes] | None = None) -> Path:
    """Writes a record to its file, after its overlays, and returns the file.

    The overlays are all that it names, relative to its folder: others of its kind are removed.
    """
    owner, name, _ = _FILES[type(record)]
    path: Path = root / getattr(record, owner) / name
    if isinstance(record, records.StudyRecord):
        files.sweep(path.parent, below=True)
    _write_overlays(path.parent, overlays or {})
    _write(path, record)
    if overlays is not None:
        _forget_overlays(path.with_suffix(""), overlays)
    if isinstance(record, records.CaseExplanation):
        _forget(path.with_name("attention-failure.json"))
    return path


def _write(path: Path, record: object, indent: int | None = 1) -> None:
    write_bytes(path, to_json(record, indent).encode())


def write_run(
    root: Path,
    run: records.RunRecord,
    predictions: records.Predictions | None = None,
    validation: records.Predictions | None = None,
    *,
    projection: records.Projection | None = None,
    views: Mapping[str, bytes] | None = None,
) -> Path:
    """Writes a case's files, ``run.json`` last, and returns the path of the record.

    ``views`` are the pictures that ``run.training`` names, relative to the case's folder.

    An attempt without predictions (``unavailable``, ``failed``) never harms the result of
    an earlier one: it is then written beside it, as ``failure.json``.
    """
    folder = root / run.case
    record, failure = folder / "run.json", folder / "failure.json"
    if predictions is None:
        path = failure if _holds_result(record) else record
        _write(path, run)
        return path
    tables = {"predictions.csv": predictions, "validation.csv": validation}
    for name, table in tables.items():
        if table is not None:
            with writing(folder / name):
                write_table(folder / name, table)
    if projection is None:  # one that an earlier result left would not be of this one
        _forget(folder / "projection.json")
    else:
        _write(folder / "projection.json", projection, indent=None)
    _write_overlays(folder, views or {})
    _write(record, run)
    _forget_overlays(folder / "augmentation", views or {})
    _forget(failure)
    return record


def _forget(path: Path) -> None:
    with writing(path):
        path.unlink(missing_ok=True)


def _holds_result(record: Path) -> bool:
    # Whatever cannot be read is no result to protect, and is replaced.
    with suppress(ArtefactError):
        return read(record, records.RunRecord).status == "ok"
    return False


def _write_overlays(case: Path, overlays: Mapping[str, bytes]) -> None:
    for name, content in overlays.items():
        overlay = case / name
        # Overlays are named after their content: one that is there is the same.
        if not overlay.is_file():
            write_bytes(overlay, content)


def _forget_overlays(folder: Path, overlays: Mapping[str, bytes]) -> None:
    """Removes those of an earlier record."""
    kept = {folder.parent / name for name in overlays}
    for overlay in folder.glob("*.webp"):
        if overlay not in kept:
            _forget(overlay)


def predictions_digest(root: Path, case: str) -> str:
    """SHA-256 (hexadecimal) of a case's table of predictions."""
    path = table_file(root / case / "predictions.csv")
    with reading(path, ArtefactError, remedy=SCORE_AGAIN):
        return hashlib.sha256(path.read_bytes()).hexdigest()


# ------------------------------------------------------------------------ reading


def read(path: Path, kind: type[T]) -> T:
    """Reads a record; raises :class:`ArtefactError` as :func:`read_json` does."""
    return read_json(path, kind, again=_FILES[kind][2])


def read_attempt(root: Path, case: str) -> records.RunRecord | None:
    """The last attempt at a case, whether it came out or not; None if there was none."""
    for name in ("failure.json", "run.json"):
        path = root / case / name
        if path.is_file():
            return read(path, records.RunRecord)
    return None


def states_of(root: Path) -> Path:
    """Where `veille baseline` keeps states: ``baselines``, beside the artefacts."""
    return root.absolute().with_name("baselines")


def kept_states(root: Path, study: str) -> tuple[Path, ...]:
    """The folders of a study's kept states."""
    return tuple(sorted(record.parent for record in states_of(root).glob(f"*/{study}/study.json")))


def read_results(root: Path) -> tuple[records.StudyResults, ...]:
    """Every study under ``root`` with the cases that ran, studies in alphabetical order.

    A folder that does not exist holds no study.  Raises as :func:`read_study_results` does,
    and :class:`ArtefactError` for a folder that cannot be listed.
    """
    with reading(root, ArtefactError, remedy="check its permissions"):
        if not root.exists():
            return ()
        folders = sorted(path for path in root.iterdir() if (path / "study.json").exists())
        return tuple(read_study_results(folder) for folder in folders)


def read_study_results(folder: Path) -> records.StudyResults:
    """One study with the cases that ran, from its artefact folder.

    Raises :class:`ArtefactError` when a record cannot be read, is not about this study, or
    lies outside its folder.
    """
    root = folder.parent
    require_own(folder / "study.json", root)
    study = read(folder / "study.json", records.StudyRecord)
    check_study(study, folder)
    cases = [root / case for case in study.cases]
    for case in cases:
        require_own(case, root)
    runs = _read_present((case / "run.json" for case in cases), root)
    scored = {run.case: root / run.case for run in runs if run.status == "ok"}
    texts = {run.case: run.prompts.digest for run in runs if run.prompts}
    comparison, drift = folder / "comparison.json", folder / "drift.json"
    tables = [table_file(case / "predictions.csv") for case in scored.values()]
    for path in (comparison, drift, *tables):
        require_own(path, root)
    results = records.StudyResults(
        study=study,
        runs=runs,
        failures=_read_present((case / "failure.json" for case in cases), root),
        predictions={
            case: read_predictions(where / "predictions.csv") for case, where in scored.items()
        },
        comparison=read(comparison, records.StudyComparison) if comparison.is_file() else None,
        explanations={
            case: maps
            for case, maps in _current(study, scored, root, records.CaseExplanation)
            if maps.predictions_digest == predictions_digest(root, case)
        },
        explain_failures=_read_each(scored, root, records.ExplainFailure),
        suggestions={
            case: suggestion
            for case, suggestion in _current(study, scored, root, records.Suggestion)
            if suggestion.prompts_digest == texts.get(case)
        },
        projections=_read_each(scored, root, records.Projection),
        drift=read(drift, records.Drift) if drift.is_file() else None,
        folder=folder,
    )
    check_results(results)
    return results


def _current(
    study: records.StudyRecord, scored: Mapping[str, Path], root: Path, kind: type[_Made]
) -> list[tuple[str, _Made]]:
    """Records that were made on the photos and the split that study.json describes."""
    now = study.dataset_revision, study.split_digest
    return [
        (case, record)
        for case, record in _read_each(scored, root, kind).items()
        if (record.dataset_revision, record.split_digest) == now
    ]


def _read_each(folders: Mapping[str, Path], root: Path, kind: type[T]) -> dict[str, T]:
    """One record a case, of the cases that have it."""
    paths = {case: folder / _FILES[kind][1] for case, folder in folders.items()}
    return {case: read(path, kind) for case, path in paths.items() if _is_own(path, root)}


def _read_present(paths: Iterable[Path], root: Path) -> tuple[records.RunRecord, ...]:
    return tuple(read(path, records.RunRecord) for path in paths if _is_own(path, root))


def _is_own(path: Path, root: Path) -> bool:
    require_own(path, root)
    return path.is_file()
