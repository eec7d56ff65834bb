"""Whether a study could run here, and what it would download: nothing is loaded."""

from dataclasses import dataclass, replace

from evaluation.errors import DataError, VeilleError
from evaluation.records import Availability, Fetched, ModelSpec, Study
from evaluation.stages.adapt import check_adaptation
from evaluation.stages.open import StudyData, read_data
from evaluation.stages.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCheck:
    """Whether a model of the study could run here."""

    model: ModelSpec
    cases: tuple[str, ...]
    availability: Availability


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCheck:
    """What :func:`check_study` found."""

    data: StudyData | None
    """None when the photos cannot be used; ``error`` then says why."""
    error: VeilleError | None
    models: tuple[ModelCheck, ...]


def check_study(study: Study, settings: Settings) -> StudyCheck:
    """Reads the data and asks after the weights; writes, loads and downloads nothing."""
    data: StudyData | None = None
    error: VeilleError | None = None
    try:
        data = read_data(study, settings)
    except VeilleError as refusal:
        error = refusal
    models = announce_weights(study, settings)
    if data is not None:
        models = tuple(_with_titles(model, data) for model in models)
    return StudyCheck(data=data, error=error, models=models)


def _with_titles(check: ModelCheck, data: StudyData) -> ModelCheck:
    """A model that reads titles or declares shares could not run where the data lacks them."""
    try:
        check_adaptation(check.model, data)
    except DataError as refusal:
        return replace(check, availability=Availability(ready=False, reason=str(refusal)))
    return check


def announce_weights(study: Study, settings: Settings) -> tuple[ModelCheck, ...]:
    """Whether each model of a study could run here, and how much it would download."""
    from evaluation.models import availability

    return tuple(
        ModelCheck(
            model=spec,
            cases=tuple(case.name for case in study.cases() if case.model == spec),
            availability=availability(spec, offline=settings.offline),
        )
        for spec in study.models
    )


def fetch_weights(spec: ModelSpec, settings: Settings) -> Fetched:
    """The weights of a model, had ahead of its cases; see :func:`evaluation.models.fetch`."""
    from evaluation.models import Loading, fetch

    return fetch(
        spec, Loading(cache=settings.cache, offline=settings.offline, progress=settings.progress)
    )
