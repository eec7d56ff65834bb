"""Whether the records of a study are about the same cases, classes and photos.

Each file is a valid record by itself when it comes here.  What is edited by hand, copied from
another study or left of another run is found here, before anything is drawn from it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from evaluation import records
from evaluation.errors import ArtefactError, quoted
from evaluation.stores.pictures import CASE, require_name
from evaluation.stores.tables import table_file
from evaluation.usage import SCORE_AGAIN

_PICTURES = (
    (records.SampleCard, "photo"),
    (records.StrayCard, "photo"),
    (records.ClassMap, "overlay"),
    (records.TrainingRecord, "views"),
)
"""Fields that name files."""
_NAMED: Mapping[str, Mapping[type, tuple[str, ...]]] = {
    "case": {
        records.PairedTest: ("a", "b"),
        records.Finding: ("a", "b", "subject", "members"),
        records.PromptGain: ("a", "b"),
        records.PromptDiagnosis: ("effects", "near_identical"),
        records.FewShot: ("zero_shot_case",),
        records.FewShotPoint: ("over_label_free",),
        records.DataAudit: ("cases",),
        records.Suspect: ("predicted",),
        records.HumanAgreement: ("people",),
        records.PairKappa: ("a", "b"),
        records.StudyComparison: ("validation", "control"),
    },
    "class": {records.TextPair: ("a", "b")},
    "model": dict.fromkeys(
        (records.PromptDiagnosis, records.FewShot, records.EmbeddingAudit, records.Retrieval),
        ("model",),
    ),
    "prompt set": {records.PromptChoice: ("candidates", "chosen", "best_on_test")},
}
"""Fields of conclusions that name what the study has; of a mapping, its keys do."""
_OTHERS = (records.Threshold, records.MissingPhoto, records.ReferenceScores)
"""Records that name cases as the study file does, or classes that a study may lack."""


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
    _check_values(study, study, path)


def check_results(results: records.StudyResults) -> None:
    """Raises :class:`ArtefactError` for the first record that is not about the study."""
    study, root = results.study, results.folder.parent
    for name, runs in (("run.json", results.runs), ("failure.json", results.failures)):
        for run in runs:
            _check_run(run, study, root / run.case / name)
    classes = {run.case: run.classes for run in results.runs}
    for case, predictions in results.predictions.items():
        _check_predictions(
            predictions, study, classes[case], table_file(root / case / "predictions.csv")
        )
    if results.comparison is not None:
        _check_values(results.comparison, study, results.folder / "comparison.json")
    _check_values(results.drift, study, results.folder / "drift.json")
    for case, explanation in results.explanations.items():
        path = root / case / "attention.json"
        _same_classes(explanation.classes, classes[case], path)
        _check_explanation(explanation, path)
    for case, projection in results.projections.items():
        path = root / case / "projection.json"
        _same_classes(projection.classes, classes[case], path)
        _check_projection(projection, study, path)
    others: tuple[tuple[Mapping[str, Any], str], ...] = (
        (results.explanations, "attention.json"),
        (results.explain_failures, "attention-failure.json"),
        (results.suggestions, "suggestion.json"),
        (results.projections, "projection.json"),
    )
    for made, name in others:
        for case, record in made.items():
            if record.case != case:
                raise _wrong(root / case / name, f"is about the case {quoted([record.case])}")
            _check_values(record, study, root / case / name)


def _check_run(run: records.RunRecord, study: records.StudyRecord, path: Path) -> None:
    if (run.study, study.name) != (study.name, run.case.split("/")[0]):
        raise _wrong(path, f"is about the study {quoted([run.study])}")
    if path.parent != path.parents[run.case.count("/") + 1] / run.case:
        raise _wrong(path, f"is about the case {quoted([run.case])}")
    if run.status == "ok":
        _same_classes(run.classes, study.classes, path)
        size = len(run.classes)
        if len(run.confusion) != size or any(len(row) != size for row in run.confusion):
            raise _wrong(path, f"has a table of confusions that is not {size} by {size}")
    _check_values(run, study, path)
    try:
        datetime.fromisoformat(run.provenance.started)
    except ValueError as error:
        raise _wrong(path, f"started at {quoted([run.provenance.started])}, no date") from error


def _check_predictions(
    table: records.Predictions,
    study: records.StudyRecord,
    classes: tuple[str, ...],
    path: Path,
) -> None:
    _same_classes(table.classes, classes, path)
    _refuse_twice("photo", table.sample_ids, path)
    _known("photo", table.sample_ids, {card.id for card in study.samples}, path)


def _check_explanation(explanation: records.CaseExplanation, path: Path) -> None:
    for photo in explanation.photos:
        if len(photo.probabilities) != len(explanation.classes):
            raise _wrong(path, f"has {len(photo.probabilities)} probabilities of a photo")
    for curve in explanation.faithfulness:
        if len(curve.curve) == 1:
            raise _wrong(path, "has a curve of one point")


def _check_projection(plane: records.Projection, study: records.StudyRecord, path: Path) -> None:
    if len(plane.photos) != len(plane.sample_ids):
        raise _wrong(path, f"places {len(plane.photos)} of {len(plane.sample_ids)} photos")
    if plane.texts and len(plane.texts) != len(plane.classes):
        raise _wrong(path, f"places {len(plane.texts)} texts of {len(plane.classes)} classes")
    _known("photo", plane.sample_ids, {card.id for card in study.samples}, path)


def _check_values(record: object, study: records.StudyRecord, path: Path) -> None:
    """Checks that what is named anywhere in a record is of the study."""
    names = [case.split("/")[1:] for case in study.cases]
    known: dict[str, set[Any]] = {
        "class": {*study.classes},
        "photo": {card.id for card in study.samples},
        "case": {*study.cases, ""},
        "model": {model for model, *_ in names},
        "prompt set": {prompts for _, *rest in names for prompts in rest},
    }
    kinds = {"label": "class", "predicted": "class", "sample_id": "photo", "case": "case"}
    named = {
        (owner, field): kind
        for kind, owners in _NAMED.items()
        for owner, fields_of in owners.items()
        for field in fields_of
    }
    for owner, name, value in _values(record):
        words = () if value is None else (value,) if isinstance(value, str) else value
        if (type(owner), name) in _PICTURES:
            for picture in filter(None, words):
                require_name(picture, path)
        elif isinstance(owner, records.Finding) and owner.topic == "quoted":
            continue  # a published system is none of the study's
        elif kind := named.get((type(owner), name)):
            _known(kind, words, known[kind], path)
        elif name in kinds and not isinstance(owner, _OTHERS) and not isinstance(value, Mapping):
            _known(kinds[name], words, known[kinds[name]], path)


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
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise _wrong(path, f"has the {what} {quoted(twice)} twice")


def _known(what: str, names: Iterable[Any], known: set[Any], path: Path) -> None:
    strange = [name for name in names if name not in known]
    if strange:
        raise _wrong(path, f"names the {what} {quoted(strange)}, which the study does not have")


def _wrong(path: Path, what: str) -> ArtefactError:
    return ArtefactError(what, where=path, remedy=SCORE_AGAIN)
