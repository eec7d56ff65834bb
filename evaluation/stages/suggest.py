"""More precise texts, from what validation gets wrong: ``veille suggest``.

The confusions of a model's best prompt set on the validation part, the photos behind them with
their maps, and the sub-categories of the training part that no text of their class names: these
make a new prompt set, whose worth is measured on validation.  Since validation also chose what
to keep, that measure flatters; its interval does not know.  The test part is put away before
anything is looked at (:func:`without_test`): whoever adds the new set to the study still has a
test part that knows nothing of it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evaluation.data import open_photo
from evaluation.errors import DataError, VeilleError
from evaluation.records import (
    Case,
    ClassSuggestion,
    ExplainedPhoto,
    ExplainSpec,
    ModelSpec,
    Predictions,
    PromptSet,
    SelectedPhoto,
    SelectionReason,
    Study,
    Suggestion,
    ValidationConfusion,
)
from evaluation.scoring.intervals import share
from evaluation.scoring.paired import paired
from evaluation.stages.engine import Engine
from evaluation.stages.evidence import right
from evaluation.stages.open import StudyData, hide_test
from evaluation.stages.uncovered import Missing, kept_names, missing_names, with_names
from evaluation.stages.validation import ValidationBench, validation_bench
from evaluation.stores import artefacts
from evaluation.study.scaffold import free_name, write_prompt_set

CONFUSIONS = 3
"""Of a class, those that are shown: the largest."""
PHOTOS = 2
"""Of a confusion, those that are explained: the surest."""
ADDED = 8
"""Texts that a class is given at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindStudy:
    """A study whose test part was put away: its ids, its photos and its labels."""

    data: StudyData
    split_digest: str
    """Of the whole split."""


def without_test(data: StudyData) -> BlindStudy:
    """Puts the test part away."""
    return BlindStudy(data=hide_test(data), split_digest=data.split.digest)


def suggest(
    study: BlindStudy,
    spec: ModelSpec,
    engine: Engine,
    *,
    prompts: str | None = None,
    output: Path | None = None,
) -> tuple[Suggestion, Path | None]:
    """Suggests texts for one model that reads them, and writes them beside its artefacts.

    Args:
        study: The study, without its test part.
        spec: The model.
        engine: Loads it, and writes the suggestion.
        prompts: The prompt set to start from; the best on validation when None.
        output: Folder of the new prompt set; the study's own ``prompts`` when None.

    Returns:
        The suggestion, which suggestion.json holds, and the file of the new prompt set: None
        when no text is missing, or when none of those that are wins a validation photo.

    Raises:
        DataError: there is no validation part, or no such prompt set.
        WeightsUnavailable: the model cannot be had here.
        VeilleError: the file cannot be written.

    """
    bench = validation_bench(study.data, spec, engine)
    base, found = _start(bench, prompts)
    case = Case(study=study.data.study.name, model=spec, prompts=base)
    folder = output or study.data.study.file.parent / "prompts"
    names, after = kept_names(bench, base, missing_names(bench, base, found), found)
    proposal = None if after is None else _proposal(base, names, folder)
    photos, overlays = _explained(bench, case, found, study.split_digest, engine)
    groups = study.data.groups(found.sample_ids)
    change = None if after is None else paired(right(after), right(found), groups)
    suggestion = Suggestion(
        study=case.study,
        case=case.id,
        prompts_digest=base.digest,
        dataset_revision=study.data.dataset.revision,
        split_digest=study.split_digest,
        fingerprint=bench.model.fingerprint,
        far=names.far,
        classes=_of_classes(found, after, base, names, photos),
        proposal=proposal,
        before=share("accuracy", right(found), groups),
        after=None if after is None else share("accuracy", right(after), groups),
        gain=None if change is None else change.metric("accuracy-gain"),
        only_before=change.only_b if change else 0,
        only_after=change.only_a if change else 0,
        p_mid=change.p_mid if change else None,
    )
    file = None if proposal is None else write_prompt_set(proposal, folder)
    artefacts.write_suggestion(engine.settings.artefacts, suggestion, overlays)
    return suggestion, file


def _of_classes(
    found: Predictions,
    after: Predictions | None,
    base: PromptSet,
    names: Missing,
    photos: Mapping[str, ExplainedPhoto],
) -> tuple[ClassSuggestion, ...]:
    """What validation says of each class, and what its texts leave out."""

    def count(predictions: Predictions, c: int) -> int:
        return int((right(predictions) & (found.labels == c)).sum())

    return tuple(
        ClassSuggestion(
            label=label,
            texts=base.texts[label],
            photos=int((found.labels == c).sum()),
            correct=count(found, c),
            correct_after=None if after is None else count(after, c),
            confusions=_confusions(found, c, photos),
            uncovered=names.of[label],
        )
        for c, label in enumerate(found.classes)
    )


def _start(bench: ValidationBench, name: str | None) -> tuple[PromptSet, Predictions]:
    """The prompt set to make more precise, and what it says of validation."""
    declared = bench.model.spec.prompts
    known = {
        one.name: one
        for one in bench.data.study.prompts
        if one.derive not in {"random-words", "subcategories"}
        and (not declared or one.name in declared)
    }
    if name is not None and name not in known:
        raise DataError(
            f"no prompt set {name!r} that could be made more precise",
            where=bench.data.study.name,
            remedy=f"choose among {', '.join(known) or 'none: the study declares none'}",
        )
    read = {one: bench.read(known[one]) for one in ([name] if name else known)}
    if not read:
        raise DataError(
            "the study has no prompt set that could be made more precise",
            where=bench.data.study.name,
            remedy='write one, or derive = "class-names"',
        )
    # The first of equals, in the order of the study.
    best = max(read, key=lambda one: int(right(read[one]).sum()))
    return known[best], read[best]


def _proposal(base: PromptSet, names: Missing, folder: Path) -> PromptSet:
    return replace(
        with_names(base, names, dict.fromkeys(base.texts, True)),
        name=free_name(f"{base.name}-precisees", folder),
        title=f"{base.title}, précisées",
        source="Textes complétés par `veille suggest` des sous-catégories de la partie"
        " d’entraînement qu’ils ne nommaient pas, d’après les erreurs de la partie de validation",
    )


# -------------------------------------------------------------------- confusions


def _pairs(found: Predictions, label: int) -> list[tuple[int, int]]:
    """(class, photos) that a class is taken for, the most frequent first."""
    lost = found.predicted[found.labels == label]
    counts = Counter(int(guess) for guess in lost if guess != label)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:CONFUSIONS]


def _confusions(
    found: Predictions, label: int, photos: Mapping[str, ExplainedPhoto]
) -> tuple[ValidationConfusion, ...]:
    return tuple(
        ValidationConfusion(
            label=found.classes[label],
            predicted=found.classes[guess],
            count=count,
            photos=tuple(photos[one] for one in _surest(found, label, guess) if one in photos),
        )
        for guess, count in _pairs(found, label)
    )


def _surest(found: Predictions, label: int, guess: int) -> list[str]:
    rows = np.flatnonzero((found.labels == label) & (found.predicted == guess))
    order = np.argsort(-found.probabilities[rows, guess], kind="stable")[:PHOTOS]
    return [found.sample_ids[row] for row in rows[order]]


def _explained(
    bench: ValidationBench, case: Case, found: Predictions, split_digest: str, engine: Engine
) -> tuple[dict[str, ExplainedPhoto], dict[str, bytes]]:
    """The photos behind the confusions with their maps, and the overlays to write."""
    from evaluation.explain import CaseStamp, Explainer, explain_case

    assert case.prompts is not None  # noqa: S101 - a zero-shot case has texts
    data = bench.data
    chosen = [
        SelectedPhoto(
            sample_id=one,
            reasons=(
                SelectionReason(
                    rule="confusion",
                    label=found.classes[label],
                    predicted=found.classes[guess],
                ),
            ),
        )
        for label in range(len(found.classes))
        for guess, _ in _pairs(found, label)
        for one in _surest(found, label, guess)
    ]
    spec = data.study.explain or ExplainSpec()
    overlays: dict[str, bytes] = {}
    with engine.map_cache() as cache:
        explainer = Explainer(
            model=bench.model,
            head=bench.made(case.prompts).head,
            spec=replace(spec, rise_photos=0, faithfulness_photos=0, randomisation_photos=0),
            load=lambda sample: open_photo(sample.image),
            cache=cache,
            batch_size=engine.settings.batch_size,
        )
        explained = explain_case(
            explainer,
            stamp=CaseStamp(
                study=case.study,
                case=case.id,
                dataset_revision=data.dataset.revision,
                split_digest=split_digest,
            ),
            samples=data.samples(found.sample_ids),
            predictions=found,
            write=overlays.__setitem__,
            selected=chosen,
            folder="suggestion",
            progress=engine.settings.progress,
        )
    return {photo.sample_id: photo for photo in explained.photos}, overlays


def models_of(study: Study, names: Sequence[str]) -> tuple[ModelSpec, ...]:
    """The models of a study that read texts: those of these names, or all."""
    known = {one.name: one for one in study.models if one.reads_texts and one.embeds}
    unknown = sorted(set(names) - set(known))
    if unknown or not known:
        raise VeilleError(
            f"no zero-shot model {', '.join(unknown)}" if unknown else "no zero-shot model",
            where=study.name,
            remedy=f"choose among {', '.join(known)}" if known else "only texts can be suggested",
        )
    return tuple(known[name] for name in names) if names else tuple(known.values())
