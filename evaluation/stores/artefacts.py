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
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from evaluation import files, records
from evaluation.errors import SCORE_AGAIN, ArtefactError
from evaluation.files import reading
from evaluation.stores.json_file import read_json, to_json
from evaluation.stores.prediction_tables import read_predictions, table_file, write_table
from evaluation.stores.trust import FAILURE, FILES, check_results, check_study, require_own

T = TypeVar("T")


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


def write(root: Path, record: object, overlays: Mapping[str, bytes] | None = None) -> Path:
    """Writes a record to its file, after its overlays, and returns the file.

    The overlays are all that it names, relative to its folder: others of its kind are removed.
    """
    owner, name, _ = FILES[type(record)]
    path: Path = root / getattr(record, owner) / name
    if isinstance(record, records.StudyRecord):
        files.sweep(path.parent, below=True)
    _write(path, record, overlays, path.with_suffix(""))
    if isinstance(record, records.CaseExplanation):
        _forget(path.with_name("attention-failure.json"))
    return path


def _write(
    path: Path, record: object, pictures: Mapping[str, bytes] | None = None, place: Path = Path()
) -> None:
    """Writes a record after its pictures, and then removes those of an earlier one from a place."""
    own = {path.parent / name: content for name, content in (pictures or {}).items()}
    for picture, content in own.items():
        if not picture.is_file():  # its name is that of its content
            write_bytes(picture, content)
    indent = None if isinstance(record, records.Projection) else 1
    write_bytes(path, to_json(record, indent).encode())
    for picture in place.glob("*.webp") if pictures is not None else ():
        if picture not in own:
            _forget(picture)


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
    record, failure = folder / "run.json", folder / FAILURE
    if predictions is None:
        holds_result = False
        with suppress(ArtefactError):  # what cannot be read is no result, and is replaced
            holds_result = read(record, records.RunRecord).status == "ok"
        path = failure if holds_result else record
        _write(path, run)
        return path
    for name, table in (("predictions.csv", predictions), ("validation.csv", validation)):
        if table is not None:
            with writing(folder / name):
                write_table(folder / name, table)
    if projection is None:  # one that an earlier result left would not be of this one
        _forget(folder / "projection.json")
    else:
        _write(folder / "projection.json", projection)
    _write(record, run, views or {}, folder / "augmentation")
    _forget(failure)
    return record


def _forget(path: Path) -> None:
    with writing(path):
        path.unlink(missing_ok=True)


def predictions_digest(root: Path, case: str) -> str:
    """SHA-256 (hexadecimal) of a case's table of predictions."""
    path = table_file(root / case / "predictions.csv")
    with reading(path, ArtefactError, remedy=SCORE_AGAIN):
        return hashlib.sha256(path.read_bytes()).hexdigest()


# ------------------------------------------------------------------------ reading


def read(path: Path, kind: type[T]) -> T:
    """Reads a record; raises :class:`ArtefactError` as :func:`read_json` does."""
    return read_json(path, kind, again=FILES[kind][2])


def read_attempt(root: Path, case: str) -> records.RunRecord | None:
    """The last attempt at a case, whether it came out or not; None if there was none."""
    for name in (FAILURE, "run.json"):
        if (path := root / case / name).is_file():
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

    def own(path: Path, kind: type[T]) -> T | None:
        require_own(path, root)
        return read(path, kind) if path.is_file() else None

    def attempts(name: str) -> tuple[records.RunRecord, ...]:
        every = (own(root / case / name, records.RunRecord) for case in study.cases)
        return tuple(run for run in every if run is not None)

    def each(kind: type[T]) -> dict[str, T]:
        every = {case: own(root / case / FILES[kind][1], kind) for case in scored}
        return {case: record for case, record in every.items() if record is not None}

    require_own(folder / "study.json", root)
    study = read(folder / "study.json", records.StudyRecord)
    check_study(study, folder)
    for case in study.cases:
        require_own(root / case, root)
    runs = attempts("run.json")
    scored = [run.case for run in runs if run.status == "ok"]
    texts = {run.case: run.prompts.digest for run in runs if run.prompts}
    tables = {case: root / case / "predictions.csv" for case in scored}
    for table in tables.values():
        require_own(table_file(table), root)
    results = records.StudyResults(
        study=study,
        runs=runs,
        failures=attempts(FAILURE),
        predictions={case: read_predictions(table) for case, table in tables.items()},
        comparison=own(folder / "comparison.json", records.StudyComparison),
        explanations={
            case: maps
            for case, maps in each(records.CaseExplanation).items()
            if study.is_of(maps) and maps.predictions_digest == predictions_digest(root, case)
        },
        explain_failures=each(records.ExplainFailure),
        suggestions={
            case: suggestion
            for case, suggestion in each(records.Suggestion).items()
            if study.is_of(suggestion) and suggestion.prompts_digest == texts.get(case)
        },
        projections=each(records.Projection),
        drift=own(folder / "drift.json", records.Drift),
        folder=folder,
    )
    check_results(results)
    return results
