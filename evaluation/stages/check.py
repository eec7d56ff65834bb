"""Whether a study could run here, and what it would download: nothing is loaded."""

from dataclasses import dataclass, replace

from evaluation.errors import DataError, ModelError, VeilleError
from evaluation.records import Availability, ModelSpec, Study
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


def check_study(
    study: Study, settings: Settings
) -> tuple[StudyData | None, VeilleError | None, tuple[ModelCheck, ...]]:
    """Reads the data, asks after weights and opens checkpoints; writes and downloads nothing.

    Returns the data, or why the photos cannot be used; and whether each model could run.
    """
    data: StudyData | None = None
    error: VeilleError | None = None
    try:
        data = read_data(study, settings)
    except VeilleError as refusal:
        error = refusal
    told: set[object] = set()
    models = tuple(_checked(check, data, told) for check in announce_weights(study, settings))
    return data, error, models


def _checked(check: ModelCheck, data: StudyData | None, told: set[object]) -> ModelCheck:
    """With what a checkpoint of the user's own holds, each ``told`` once.

    Not ready where that, titles or shares do not fit the data.
    """
    from evaluation.models import opened

    spec = check.model
    key = (spec.kind, spec.architecture, spec.weights, spec.head_classes)
    try:
        # Where nothing declares it, scipy's statistics are not imported.
        if data and (spec.shares or "titles" in spec.adapt or "title" in spec.reads):
            from evaluation.stages.adapt import check_adaptation

            check_adaptation(spec, data)
        if check.availability.ready and key not in told:
            classes = data.dataset.classes if data else spec.head_classes
            check = replace(check, opened=opened(spec, classes))
            told.add(key)
    except (DataError, ModelError) as refusal:
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
