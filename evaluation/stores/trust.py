"""What of an artefact folder is to be trusted.

Which files are this program's own, by name, by place and by content: nothing else is ever
published, not another file that lies there, not what a link leads to.  And whether the records of
a study are about the same cases, classes and photos: each is a valid record by itself when it comes
here; what is edited by hand, copied from another study or left of another run is found here, before
anything is drawn from it.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from evaluation import records
from evaluation.errors import SCORE_AGAIN, ArtefactError, one_line, quoted
from evaluation.stores.prediction_tables import table_file

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

_KINDS = {"label": "class", "predicted": "class", "sample_id": "photo", "case": "case"}
"""What fields of any record name."""
_NAMED: Mapping[tuple[type, str], str] = {
    (getattr(records, owner), field): kind
    for kind, owners in tomllib.loads(
        Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    ).items()
    for owner, names in owners.items()
    for field in names
}
_OTHERS = (records.Threshold, records.MissingPhoto, records.ReferenceScores)
"""Records that name cases as the study file does, or classes that a study may lack."""
_Known = Mapping[str, set[Any]]
"""What the study has, of each kind."""


def require_name(name: str, where: Path) -> None:
    """Raises :class:`ArtefactError` for a picture that this program would not have named so."""
    if not PICTURE.fullmatch(name):
        raise _wrong(
            where, f"names the picture {quoted([name])}, which this program does not write"
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


def check_study(study: records.StudyRecord, folder: Path) -> None:
    """Raises :class:`ArtefactError` when study.json contradicts itself, or its folder."""
    path = folder / "study.json"
    if study.name != folder.name or not CASE.fullmatch(f"{study.name}/x"):
        raise _wrong(path, f"is the record of {quoted([study.name])}")
    for case in study.cases:
        if not CASE.fullmatch(case) or not case.startswith(f"{study.name}/"):
            raise _wrong(path, f"names the case {quoted([case])}, which is none of this study")
    _refuse_twice("case", study.cases, path)
    _refuse_twice("class", study.classes, path)
    _refuse_twice("photo", [card.id for card in study.samples], path)
    _refuse_twice("stray", [card.id for card in study.strays], path)
    if not study.classes or "" in study.classes:
        raise _wrong(path, "has a class without a name, or no class")
    shown: tuple[records.SampleCard | records.StrayCard, ...] = (*study.samples, *study.strays)
    for card in shown:
        if min(card.width, card.height) < 1:
            raise _wrong(path, f"gives the photo {quoted([card.id])} no size")
    _check_values(study, _known_of(study), path)


def check_results(results: records.StudyResults) -> None:
    """Raises :class:`ArtefactError` for the first record that is not about the study."""
    study, root, known = results.study, results.folder.parent, _known_of(results.study)
    for run in results.runs:
        _check_run(run, study, known, root / run.case / FILES[records.RunRecord][1])
    for run in results.failures:
        _check_run(run, study, known, root / run.case / FAILURE)
    classes = {run.case: run.classes for run in results.runs}
    for case, table in results.predictions.items():
        path = table_file(root / case / "predictions.csv")
        _same_classes(table.classes, classes[case], path)
        _refuse_twice("photo", table.sample_ids, path)
        _refuse_unknown("photo", table.sample_ids, known, path)
    for conclusion in (results.comparison, results.drift):
        if conclusion is not None:
            _check_values(conclusion, known, results.folder / FILES[type(conclusion)][1])
    made: Iterable[Mapping[str, Any]] = (
        *(results.explanations, results.explain_failures),
        *(results.suggestions, results.projections),
    )
    for case, record in chain.from_iterable(every.items() for every in made):
        path = root / case / FILES[type(record)][1]
        if isinstance(record, records.CaseExplanation | records.Projection):
            _same_classes(record.classes, classes[case], path)
            _check_lengths(record, path)
        if record.case != case:
            raise _wrong(path, f"is about the case {quoted([record.case])}")
        _check_values(record, known, path)


def _check_run(
    run: records.RunRecord, study: records.StudyRecord, known: _Known, path: Path
) -> None:
    if (run.study, study.name) != (study.name, run.case.split("/")[0]):
        raise _wrong(path, f"is about the study {quoted([run.study])}")
    if run.status == "ok":
        _same_classes(run.classes, study.classes, path)
        size = len(run.classes)
        if len(run.confusion) != size or any(len(row) != size for row in run.confusion):
            raise _wrong(path, f"has a table of confusions that is not {size} by {size}")
    _check_values(run, known, path)
    try:
        datetime.fromisoformat(run.provenance.started)
    except ValueError as error:
        raise _wrong(path, f"started at {quoted([run.provenance.started])}, no date") from error


def _check_lengths(record: records.CaseExplanation | records.Projection, path: Path) -> None:
    classes = len(record.classes)
    if isinstance(record, records.Projection):
        if len(record.photos) != len(record.sample_ids):
            raise _wrong(path, f"places {len(record.photos)} of {len(record.sample_ids)} photos")
        if record.texts and len(record.texts) != classes:
            raise _wrong(path, f"places {len(record.texts)} texts of {classes} classes")
        return
    for photo in record.photos:
        if len(photo.probabilities) != classes:
            raise _wrong(path, f"has {len(photo.probabilities)} probabilities of a photo")
    if any(len(curve.curve) == 1 for curve in record.faithfulness):
        raise _wrong(path, "has a curve of one point")


def _known_of(study: records.StudyRecord) -> _Known:
    names = [case.split("/")[1:] for case in study.cases]
    return {
        "class": {*study.classes},
        "photo": {card.id for card in study.samples},
        "case": {*study.cases, ""},
        "model": {model for model, *_ in names},
        "prompt set": {prompts for _, *rest in names for prompts in rest},
    }


def _check_values(record: object, known: _Known, path: Path) -> None:
    """Checks that what is named anywhere in a record is of the study."""
    for owner, name, value in _values(record):
        words = () if value is None else (value,) if isinstance(value, str) else value
        kind = _NAMED.get((type(owner), name))
        if kind is None and not isinstance(owner, _OTHERS) and not isinstance(value, Mapping):
            kind = _KINDS.get(name)
        if kind == "picture":
            for picture in filter(None, words):
                require_name(picture, path)
        # A published system that a finding quotes is none of the study's.
        elif kind and not (isinstance(owner, records.Finding) and owner.topic == "quoted"):
            _refuse_unknown(kind, words, known, path)


def _values(record: object) -> Iterator[tuple[object, str, Any]]:
    """Every field of a record and of those in it, with whose it is."""
    if isinstance(record, (tuple, list)):
        for item in record:
            yield from _values(item)
    elif isinstance(record, Mapping):
        for item in record.values():
            yield from _values(item)
    elif is_dataclass(record):
        for field in fields(record):
            value = getattr(record, field.name)
            if isinstance(value, (tuple, list, Mapping)) or is_dataclass(value):
                yield from _values(value)
            yield record, field.name, value


def _same_classes(classes: Iterable[str], expected: Iterable[str], path: Path) -> None:
    if tuple(classes) != tuple(expected):
        raise _wrong(path, f"has the classes {quoted(classes)}, not {quoted(expected)}")


def _refuse_twice(what: str, names: Iterable[str], path: Path) -> None:
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise _wrong(path, f"has the {what} {quoted(twice)} twice")


def _refuse_unknown(what: str, names: Iterable[Any], known: _Known, path: Path) -> None:
    if strange := [name for name in names if name not in known[what]]:
        raise _wrong(path, f"names the {what} {quoted(strange)}, which the study does not have")


def _wrong(path: Path, what: str) -> ArtefactError:
    return ArtefactError(what, where=path, remedy=SCORE_AGAIN)
