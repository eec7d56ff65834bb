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

from evaluation import files
from evaluation.errors import ArtefactError
from evaluation.files import reading
from evaluation.records import (
    CaseExplanation,
    Drift,
    ExplainFailure,
    Predictions,
    Projection,
    RunRecord,
    StudyComparison,
    StudyRecord,
    StudyResults,
    Suggestion,
)
from evaluation.stores.agreement import check_results, check_study
from evaluation.stores.json_file import read_json, to_json
from evaluation.stores.pictures import require_own
from evaluation.stores.tables import read_predictions, table_file, write_table
from evaluation.usage import SCORE_AGAIN

T = TypeVar("T")
_Made = TypeVar("_Made", CaseExplanation, Suggestion)


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


def _write(path: Path, record: object, indent: int | None = 1) -> Path:
    write_bytes(path, to_json(record, indent).encode())
    return path


def write_study(root: Path, study: StudyRecord) -> Path:
    """Writes study.json and returns its path."""
    files.sweep(root / study.name, below=True)
    return _write(root / study.name / "study.json", study)


def write_comparison(root: Path, comparison: StudyComparison) -> Path:
    """Writes comparison.json and returns its path."""
    return _write(root / comparison.study / "comparison.json", comparison)


def write_drift(root: Path, drift: Drift) -> Path:
    """Writes drift.json and returns its path."""
    return _write(root / drift.study / "drift.json", drift)


def write_run(
    root: Path,
    run: RunRecord,
    predictions: Predictions | None = None,
    validation: Predictions | None = None,
    *,
    projection: Projection | None = None,
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
        return _write(failure if _holds_result(record) else record, run)
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
        return read_run(record).status == "ok"
    return False


def write_explanation(
    root: Path, explanation: CaseExplanation, overlays: Mapping[str, bytes]
) -> Path:
    """Writes a case's maps, attention.json after its overlays, and returns its path.

    The overlays are all that it names, relative to the case's folder.
    """
    path = root / explanation.case / "attention.json"
    _write_with_overlays(path, explanation, overlays)
    _forget(path.with_name("attention-failure.json"))
    return path


def write_explain_failure(root: Path, failure: ExplainFailure) -> Path:
    """Writes attention-failure.json beside the maps that stand, if any; returns its path."""
    return _write(root / failure.case / "attention-failure.json", failure)


def write_suggestion(root: Path, suggestion: Suggestion, overlays: Mapping[str, bytes]) -> Path:
    """Writes suggestion.json after its overlays, as :func:`write_explanation` does."""
    path = root / suggestion.case / "suggestion.json"
    _write_with_overlays(path, suggestion, overlays)
    return path


def _write_with_overlays(path: Path, record: object, overlays: Mapping[str, bytes]) -> None:
    """Overlays, then the record, then away with the overlays that it does not name."""
    _write_overlays(path.parent, overlays)
    _write(path, record)
    _forget_overlays(path.with_suffix(""), overlays)


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


def read_study(path: Path) -> StudyRecord:
    """Reads a study.json."""
    return read_json(path, StudyRecord)


def read_run(path: Path) -> RunRecord:
    """Reads a run.json."""
    return read_json(path, RunRecord)


def read_explanation(path: Path) -> CaseExplanation:
    """Reads an attention.json."""
    return _read(path, CaseExplanation)


def read_explain_failure(path: Path) -> ExplainFailure:
    """Reads an attention-failure.json."""
    return _read(path, ExplainFailure)


_MAPS_AGAIN = "run `veille explain STUDY` to write it anew"
_AGAIN: Mapping[type, str] = {
    Drift: "run `veille drift` to write it anew",
    CaseExplanation: _MAPS_AGAIN,
    ExplainFailure: _MAPS_AGAIN,
    Suggestion: "run `veille suggest STUDY` to write it anew",
}


def _read(path: Path, kind: type[T]) -> T:
    return read_json(path, kind, again=_AGAIN.get(kind, SCORE_AGAIN))


def read_attempt(root: Path, case: str) -> RunRecord | None:
    """The last attempt at a case, whether it came out or not; None if there was none."""
    for name in ("failure.json", "run.json"):
        path = root / case / name
        if path.is_file():
            return read_run(path)
    return None


def states_of(root: Path) -> Path:
    """Where `veille baseline` keeps states: ``baselines``, beside the artefacts."""
    return root.absolute().with_name("baselines")


def kept_states(root: Path, study: str) -> tuple[Path, ...]:
    """The folders of a study's kept states."""
    return tuple(sorted(one.parent for one in states_of(root).glob(f"*/{study}/study.json")))


def read_results(root: Path) -> tuple[StudyResults, ...]:
    """Every study under ``root`` with the cases that ran, studies in alphabetical order.

    A folder that does not exist holds no study.  Raises as :func:`read_study_results` does,
    and :class:`ArtefactError` for a folder that cannot be listed.
    """
    with reading(root, ArtefactError, remedy="check its permissions"):
        if not root.exists():
            return ()
        folders = sorted(path for path in root.iterdir() if (path / "study.json").exists())
        return tuple(read_study_results(folder) for folder in folders)


def read_study_results(folder: Path) -> StudyResults:
    """One study with the cases that ran, from its artefact folder.

    Raises :class:`ArtefactError` when a record cannot be read, is not about this study, or
    lies outside its folder.
    """
    root = folder.parent
    require_own(folder / "study.json", root)
    study = read_study(folder / "study.json")
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
    results = StudyResults(
        study=study,
        runs=runs,
        failures=_read_present((case / "failure.json" for case in cases), root),
        predictions={
            case: read_predictions(where / "predictions.csv") for case, where in scored.items()
        },
        comparison=_read(comparison, StudyComparison) if comparison.is_file() else None,
        explanations={
            case: maps
            for case, maps in _current(study, scored, root, "attention.json", CaseExplanation)
            if maps.predictions_digest == predictions_digest(root, case)
        },
        explain_failures=_read_each(scored, root, "attention-failure.json", ExplainFailure),
        suggestions={
            case: suggestion
            for case, suggestion in _current(study, scored, root, "suggestion.json", Suggestion)
            if suggestion.prompts_digest == texts.get(case)
        },
        projections=_read_each(scored, root, "projection.json", Projection),
        drift=_read(drift, Drift) if drift.is_file() else None,
        folder=folder,
    )
    check_results(results)
    return results


def _current(
    study: StudyRecord, scored: Mapping[str, Path], root: Path, name: str, kind: type[_Made]
) -> list[tuple[str, _Made]]:
    """Records that were made on the photos and the split that study.json describes."""
    now = study.dataset_revision, study.split_digest
    return [
        (case, record)
        for case, record in _read_each(scored, root, name, kind).items()
        if (record.dataset_revision, record.split_digest) == now
    ]


def _read_each(folders: Mapping[str, Path], root: Path, name: str, kind: type[T]) -> dict[str, T]:
    """One record a case, of the cases that have it."""
    paths = {case: folder / name for case, folder in folders.items()}
    return {case: _read(path, kind) for case, path in paths.items() if _is_own(path, root)}


def _read_present(paths: Iterable[Path], root: Path) -> tuple[RunRecord, ...]:
    return tuple(read_run(path) for path in paths if _is_own(path, root))


def _is_own(path: Path, root: Path) -> bool:
    require_own(path, root)
    return path.is_file()
