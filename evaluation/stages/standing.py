"""What stands: results whose inputs are as they were, known from files alone.

Nothing here imports torch or SciPy: an evaluation in which nothing changed takes seconds.
"""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from evaluation import records
from evaluation.errors import ArtefactError
from evaluation.files import json_object
from evaluation.models import embedded
from evaluation.models.checkpoints import is_path
from evaluation.records import SCHEMA_VERSION, Case, CaseComparison, RunRecord, digest_of
from evaluation.records.runs import ADAPTING
from evaluation.stages import provenance
from evaluation.stages.open import StudyData
from evaluation.stages.settings import Settings
from evaluation.stores import artefacts, json_file
from evaluation.stores.maps import ALGORITHMS
from evaluation.stores.prediction_tables import table_file

SCORING = 1
"""Raised when scoring gives something else of the same inputs."""
COMPARING = 1
"""Raised when comparing gives something else of the same cases."""
ASKED_AGAIN = timedelta(days=1)
"""Weights that could not be had are not asked for again before."""


def fingerprint(case: Case, data: StudyData, settings: Settings) -> str:
    """SHA-256 (hexadecimal) of all that a case's outcome rests on."""
    inputs = {
        "program": [SCORING, SCHEMA_VERSION, *([ADAPTING] if case.model.adapt else [])],
        "photos": data.dataset.revision,
        "said": [
            [sample.id, sample.title, sample.text, sample.subcategory]
            for sample in data.dataset.samples
        ],
        "split": [
            *(data.split.digest, data.split.seed, data.split.groups),
            *(draw.digest for draw in data.draws if is_repeated(case, data)),
        ],
        "texts": json_file.plain(case.prompts),
        "strays": [stray.digest for stray in data.strays],
        "weights": weights_fingerprint(case.model, settings),
    }
    return digest_of(inputs)


def weights_fingerprint(spec: records.ModelSpec, settings: Settings) -> str:
    """SHA-256 (hexadecimal) of what a model is here, whatever it is asked.

    A checkpoint of the user's counts with the sizes and times of its files, published weights
    with their name, and every package that can change a number with its version.
    """
    files = []
    if is_path(spec.weights):
        path = Path(spec.weights)
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        states = [(file.name, file.stat()) for file in inside if file.is_file()]
        files = [[name, state.st_size, state.st_mtime_ns] for name, state in states]
    inputs = {
        "model": json_file.plain(spec),
        "files": files,
        "embedded": embedded.RECIPE,
        "run": [settings.device, settings.precision],
        "packages": provenance.numeric_versions(),
    }
    return digest_of(inputs)


def is_repeated(case: Case, data: StudyData) -> bool:
    """Whether a case is made anew on other draws: where that takes seconds, or is asked for."""
    if not data.draws or not case.model.is_frozen:
        return False
    return case.model.family != "label-free" or data.study.split.repeat_adapted


def standing_run(case: Case, data: StudyData, settings: Settings) -> RunRecord | None:
    """The record of a case that needs not run again; None when it has to."""
    folder = settings.artefacts / case.id
    needed = [folder / "run.json", table_file(folder / "predictions.csv")]
    needed += [table_file(folder / "validation.csv")] if data.split.validation else []
    if (folder / "failure.json").exists() or not all(path.is_file() for path in needed):
        return None
    # Whatever cannot be read is made anew.
    with suppress(ArtefactError):
        run = artefacts.read(folder / "run.json", RunRecord)
        if run.status == "ok" and run.fingerprint == fingerprint(case, data, settings):
            return run
    return None


def asked_lately(case: Case, data: StudyData, settings: Settings) -> RunRecord | None:
    """A record of today's, of any case of the model, that says that its weights cannot be had.

    A record made offline says nothing of the network, and has no fingerprint.
    """
    wanted = weights_fingerprint(case.model, settings)
    for other in (case, *data.study.cases()):
        if other.model.name == case.model.name:
            with suppress(ArtefactError, ValueError, TypeError):  # a date without its zone
                run = artefacts.read_attempt(settings.artefacts, other.id)
                if run is None or run.status != "unavailable" or run.fingerprint != wanted:
                    continue
                started = datetime.fromisoformat(run.provenance.started)
                if datetime.now(UTC) - started < ASKED_AGAIN:
                    return run
    return None


def maps_stand(case: Case, spec: records.ExplainSpec, root: Path) -> bool:
    """Whether a case's maps were made of its predictions as they are, at least as deep."""
    folder = root / case.id
    if (folder / "attention-failure.json").exists():
        return False
    # Whatever cannot be read is made anew.
    with suppress(ArtefactError, *json_file.MISFITS):
        plain = json_object(folder / "attention.json")
        made_of = (plain["algorithms"], plain["predictions_digest"])
        return (
            made_of == (ALGORITHMS, artefacts.predictions_digest(root, case.id))
            and json_file.structured(plain["spec"], records.ExplainSpec).covers(spec)
            and all(
                (folder / overlaid["overlay"]).is_file()
                for photo in plain["photos"]
                for overlaid in photo["maps"]
            )
        )
    return False


def tables_digest(folder: Path) -> str:
    """SHA-256 (hexadecimal) of a case's tables."""
    digest = hashlib.sha256()
    for name in ("predictions.csv", "validation.csv"):
        path = table_file(folder / name)
        digest.update(path.read_bytes() if path.is_file() else b"-")
    return digest.hexdigest()


def comparison_fingerprint(
    root: Path, study: records.StudyRecord, runs: Iterable[RunRecord], tables: Mapping[str, str]
) -> str:
    """SHA-256 (hexadecimal) of all that a study's comparison rests on, kept states included.

    ``tables`` maps the id of each case to the digest of its tables.
    """
    inputs = {
        "program": [COMPARING, SCHEMA_VERSION, provenance.numeric_versions()],
        "study": [study.dataset_revision, study.split_digest, study.clusters],
        "near": study.near_duplicates,
        "slices": [card.slices for card in study.samples],
        "states": [
            [state.parent.name, (state / "study.json").stat().st_mtime_ns]
            for state in artefacts.kept_states(root, study.name)
        ],
        "reference": json_file.plain(study.reference),
        "runs": [
            [
                run.case,
                *map(json_file.plain, (run.model, run.prompts, run.repeats)),
                tables[run.case],
            ]
            for run in runs
        ],
    }
    return digest_of(inputs)


def standing_comparison(root: Path, name: str) -> CaseComparison | None:
    """The ranks of a study's cases, when its comparison.json is about them as they are."""
    with suppress(ArtefactError, *json_file.MISFITS):
        plain = json_object(root / name / "comparison.json")
        study = artefacts.read(root / name / "study.json", records.StudyRecord)
        attempts = [root / case / "run.json" for case in study.cases]
        runs = [artefacts.read(path, RunRecord) for path in attempts if path.is_file()]
        kept = [run for run in runs if run.status == "ok" and study.is_of(run)]
        tables = {run.case: tables_digest(root / run.case) for run in kept}
        if plain["fingerprint"] == comparison_fingerprint(root, study, kept, tables):
            return json_file.structured(plain["comparison"], CaseComparison)
    return None
