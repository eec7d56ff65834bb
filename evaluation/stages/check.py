"""Whether a study could run here, and what it would download: nothing is loaded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from evaluation.errors import DataError, ModelError, VeilleError
from evaluation.records import Availability, Fetched, ModelSpec, Study
from evaluation.stages.open import StudyData, read_data
from evaluation.stages.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCheck:
    """Whether a model of the study could run here."""

    model: ModelSpec
    cases: tuple[str, ...]
    availability: Availability
    opened: str = ""
    """What a checkpoint of the user's own was found to be; "" for other weights, and for a file
    that a model before opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCheck:
    """What :func:`check_study` found."""

    data: StudyData | None
    """None when the photos cannot be used; ``error`` then says why."""
    error: VeilleError | None
    models: tuple[ModelCheck, ...]


def check_study(study: Study, settings: Settings) -> StudyCheck:
    """Reads the data, asks after weights and opens checkpoints; writes and downloads nothing."""
    data: StudyData | None = None
    error: VeilleError | None = None
    try:
        data = read_data(study, settings)
    except VeilleError as refusal:
        error = refusal
    models = announce_weights(study, settings)
    if data is not None:
        models = tuple(_with_titles(model, data) for model in models)
    return StudyCheck(data=data, error=error, models=tuple(_opened(models, data)))


def _opened(checks: Sequence[ModelCheck], data: StudyData | None) -> Iterator[ModelCheck]:
    """Each checkpoint of the user's own is opened, and told of, once."""
    known: dict[tuple[str, ...], str | ModelError] = {}
    for check in checks:
        spec = check.model
        key = (spec.kind, spec.architecture, spec.weights, *spec.head_classes)
        first = key not in known
        if first:
            known[key] = _content(check, data.dataset.classes if data else spec.head_classes)
        said = known[key]
        if isinstance(said, ModelError):
            yield replace(check, availability=_refused(said))
        else:
            yield replace(check, opened=said if first else "")


def _content(check: ModelCheck, classes: Sequence[str]) -> str | ModelError:
    from evaluation.models import opened

    try:
        return opened(check.model, classes) if check.availability.ready else ""
    except ModelError as refusal:
        return refusal


def _refused(refusal: VeilleError) -> Availability:
    return Availability(ready=False, reason=str(refusal))


def _with_titles(check: ModelCheck, data: StudyData) -> ModelCheck:
    """A model that reads titles or declares shares could not run where the data lacks them."""
    from evaluation.stages.adapt import check_adaptation

    try:
        check_adaptation(check.model, data)
    except DataError as refusal:
        return replace(check, availability=_refused(refusal))
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
