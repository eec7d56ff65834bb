"""More precise texts, from what validation gets wrong: ``veille suggest``.

The confusions of a model's best prompt set on the validation part, the photos behind them with
their maps, and the sub-categories of the training part that no text of their class names: these
make a new prompt set, whose worth is measured on validation.  Since validation also chose what
to keep, that measure flatters; its interval does not know.  The test part is put away before
anything is looked at (:func:`hide_test`): whoever adds the new set to the study still has a
test part that knows nothing of it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.errors import DataError
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
    Suggestion,
    ValidationConfusion,
)
from evaluation.scoring.intervals import share
from evaluation.scoring.paired import paired
from evaluation.stages.bench import Bench, validation_bench
from evaluation.stages.engine import Engine
from evaluation.stages.explain import look_into, stamp_of
from evaluation.stages.open import StudyData, hide_test
from evaluation.stages.uncovered import Missing, kept_names, missing_names, with_names
from evaluation.stores import artefacts
from evaluation.study.scaffold import free_name, write_prompt_set

CONFUSIONS = 3
"""Of a class, those that are shown: the largest."""
PHOTOS = 2
"""Of a confusion, those that are explained: the surest."""


def suggest(
    data: StudyData,
    spec: ModelSpec,
    engine: Engine,
    *,
    prompts: str | None = None,
    output: Path | None = None,
) -> tuple[Suggestion, Path | None]:
    """Suggests texts for one model that reads them, and writes them beside its artefacts.

    Raises :class:`DataError`: there is no validation part, or no such prompt set;
    :class:`WeightsUnavailable`: the model cannot be had here; :class:`VeilleError`: the file cannot
    be written.

    They start from the prompt set of that name, or from the best on validation; the new one goes
    to the study's own ``prompts`` unless ``output`` is another folder.  Returns the suggestion,
    which suggestion.json holds, and that file: None when no text is missing, or when none of those
    that are wins a validation photo.
    """
    blind = hide_test(data)
    bench = validation_bench(blind, spec, engine)
    base, found = _start(bench, prompts)
    case = Case(study=data.study.name, model=spec, prompts=base)
    folder = output or data.study.file.parent / "prompts"
    names, after = kept_names(bench, base, missing_names(bench, base, found), found)
    proposal = None if after is None else _proposal(base, names, folder)
    stamp = stamp_of(case, data)
    photos, overlays = _explained(bench, base, found, stamp)
    groups = blind.groups(found.sample_ids)
    change = None if after is None else paired(after.right, found.right, groups)
    suggestion = Suggestion(
        **stamp,
        prompts_digest=base.digest,
        fingerprint=bench.model.fingerprint,
        far=names.far,
        classes=_of_classes(found, after, base, names, photos),
        proposal=proposal,
        before=share("accuracy", found.right, groups),
        after=None if after is None else share("accuracy", after.right, groups),
        gain=None if change is None else change.metric("accuracy-gain"),
        only_before=change.only_b if change else 0,
        only_after=change.only_a if change else 0,
        p_mid=change.p_mid if change else None,
    )
    file = None if proposal is None else write_prompt_set(proposal, folder)
    artefacts.write(engine.settings.artefacts, suggestion, overlays)
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
        return int((predictions.right & (found.labels == c)).sum())

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


def _start(bench: Bench, name: str | None) -> tuple[PromptSet, Predictions]:
    """The prompt set to make more precise, and what it says of validation."""
    declared = bench.model.spec.prompts
    known = {
        prompts.name: prompts
        for prompts in bench.data.study.prompts
        if prompts.derive not in {"random-words", "subcategories"}
        and (not declared or prompts.name in declared)
    }
    if name is not None and name not in known:
        raise DataError(
            f"no prompt set {name!r} that could be made more precise",
            where=bench.data.study.name,
            remedy=f"choose among {', '.join(known) or 'none: the study declares none'}",
        )
    read = {tried: bench.read(known[tried]) for tried in ([name] if name else known)}
    if not read:
        raise DataError(
            "the study has no prompt set that could be made more precise",
            where=bench.data.study.name,
            remedy='write one, or derive = "class-names"',
        )
    # The first of equals, in the order of the study.
    best = max(read, key=lambda tried: int(read[tried].right.sum()))
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
    bench: Bench, prompts: PromptSet, found: Predictions, stamp: dict[str, Any]
) -> tuple[dict[str, ExplainedPhoto], dict[str, bytes]]:
    """The photos behind the confusions with their maps, and the overlays to write."""
    selected = [
        SelectedPhoto(
            sample_id=photo,
            reasons=(
                SelectionReason(
                    rule="confusion", label=found.classes[label], predicted=found.classes[guess]
                ),
            ),
        )
        for label in range(len(found.classes))
        for guess, _ in _pairs(found, label)
        for photo in _surest(found, label, guess)
    ]
    spec = bench.data.study.explain or ExplainSpec()
    spec = replace(spec, rise_photos=0, faithfulness_photos=0, randomisation_photos=0)
    head = bench.made(prompts).head
    explained, overlays = look_into(
        bench.model,
        head,
        spec,
        found,
        data=bench.data,
        engine=bench.engine,
        stamp=stamp,
        selected=selected,
        folder="suggestion",
    )
    return {photo.sample_id: photo for photo in explained.photos}, overlays
