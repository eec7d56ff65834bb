"""A study as it was: kept by name, and compared with what it is now, photo by photo."""

import io
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from evaluation.errors import ArtefactError, VeilleError, eval_command, meant
from evaluation.files import replacing
from evaluation.records import CaseChange, KeptState, Metric, StudyResults
from evaluation.records.data import group_numbers
from evaluation.scoring.comparison import in_order
from evaluation.scoring.paired import paired
from evaluation.stores.artefacts import kept_states, read_study_results, states_of, writing
from evaluation.stores.prediction_tables import table_file

_NAME = re.compile(r"[\w][\w.-]{0,63}")
_KEPT = ("run.json", "predictions.csv", "validation.csv")


def save(artefacts: Path, study: str, name: str) -> Path:
    """Keeps the scores of a study under a name, and returns the folder.

    Raises :class:`VeilleError`: the name is none, or taken; :class:`ArtefactError`: nothing was
    scored, or the folder cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise VeilleError(f"{name!r} is no name of a state", remedy="use letters, digits, - and .")
    results = _results(artefacts, study)
    target = states_of(artefacts) / name / study
    if target.exists():
        raise VeilleError("this state exists", where=target, remedy="choose another name")
    with writing(target), replacing(target, folder=True) as work:
        shutil.copyfile(results.folder / "study.json", work / "study.json")
        for case in results.predictions:
            below = case.partition("/")[2]
            (work / below).mkdir(parents=True)
            for kept in _KEPT:
                file = table_file(results.folder / below / kept)
                if file.is_file():
                    shutil.copyfile(file, work / below / file.name)
    return target


@contextmanager
def state(artefacts: Path, study: str, against: str) -> Iterator[StudyResults]:
    """A study as it was: a saved name, a folder of artefacts, or a git ref that has them.

    Raises :class:`VeilleError` when there is none of these, :class:`ArtefactError` when it
    cannot be read.
    """
    saved = states_of(artefacts)
    places = (saved / against, Path(against))
    place = next((place for place in places if (place / study / "study.json").is_file()), None)
    with tempfile.TemporaryDirectory() as folder:
        if place is None and not against.startswith("-"):
            with suppress(OSError, subprocess.CalledProcessError):
                done = subprocess.run(  # noqa: S603 - a ref is no option
                    ["git", "archive", f"{against}:./{artefacts.name}", study],  # noqa: S607 - the user's git
                    cwd=artefacts.absolute().parent,
                    capture_output=True,
                    check=True,
                )
                with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
                    archive.extractall(folder, filter="data")
                place = Path(folder)
        if place is None or not (place / study / "study.json").is_file():
            names = sorted(path.name for path in saved.iterdir()) if saved.is_dir() else []
            raise VeilleError(
                f"{against!r} is no saved state of {study}, no folder of artefacts and no git ref",
                remedy=meant(against, names)
                if names
                else f"save one: veille baseline {study} --save NAME",
            )
        yield read_study_results(place / study)


def history(now: StudyResults, artefacts: Path) -> tuple[KeptState, ...]:
    """The states of a study that were kept, the oldest first; less what cannot be read."""
    kept = []
    for folder in kept_states(artefacts, now.study.name):
        with suppress(ArtefactError):
            then = read_study_results(folder)
            scored = max((run.provenance.started for run in then.runs), default="")
            changes = _changes(then, now)
            kept.append(KeptState(name=folder.parent.name, scored=scored, changes=changes))
    return tuple(sorted(kept, key=lambda state: (state.scored, state.name)))


def changes(artefacts: Path, study: str, then: StudyResults) -> tuple[CaseChange, ...]:
    """What changed of each case that was scored then and now.

    Photos that only one of the two has are left out: the test is paired.

    Raises :class:`ArtefactError` when no case has photos in common.
    """
    changed = _changes(then, _results(artefacts, study))
    if not changed:
        raise ArtefactError(
            "no case was scored on the same photos then and now",
            where=study,
            remedy=f"run {eval_command(study)}",
        )
    return changed


def _changes(then: StudyResults, now: StudyResults) -> tuple[CaseChange, ...]:
    changed, runs = [], {run.case: run for run in then.runs}
    for case, predictions in now.predictions.items():
        earlier = then.predictions.get(case)
        known = () if earlier is None else set(earlier.sample_ids)
        ids = tuple(sample_id for sample_id in predictions.sample_ids if sample_id in known)
        if earlier is None or not ids:
            continue
        before, after = (in_order(table, ids).right for table in (earlier, predictions))
        test = paired(after, before, group_numbers(now.study.clusters, ids))
        change = CaseChange(
            case=case,
            accuracy=runs[case].metric("accuracy") or Metric(name="accuracy", value=None, n=0),
            then=float(before.mean()),
            now=float(after.mean()),
            gap=test.metric("gap"),
            p=test.p_mid,
            won=tuple(ids[i] for i in np.flatnonzero(after & ~before)),
            lost=tuple(ids[i] for i in np.flatnonzero(before & ~after)),
        )
        changed.append(change)
    return tuple(changed)


def _results(artefacts: Path, study: str) -> StudyResults:
    folder = artefacts / study
    if not (folder / "study.json").is_file():
        raise ArtefactError(
            "this study was not scored", where=folder, remedy=f"run {eval_command(study)}"
        )
    return read_study_results(folder)
