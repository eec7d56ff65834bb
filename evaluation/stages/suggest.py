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

from evaluation import records
from evaluation.errors import DataError
from evaluation.records import ExplainedPhoto, Head, Predictions, PromptSet, Suggestion
from evaluation.scoring.intervals import share
from evaluation.scoring.paired import paired
from evaluation.stages.bench import Bench, validation_bench
from evaluation.stages.engine import Engine
from evaluation.stages.explain import look_into, stamp_of
from evaluation.stages.heads import read_by
from evaluation.stages.open import StudyData, hide_test
from evaluation.stages.uncovered import Missing, kept_names, missing_names, with_names
from evaluation.stores import artefacts
from evaluation.study.scaffold import free_name, write_prompt_set

CONFUSIONS = 3
"""Of a class, those that are shown: the largest."""
PHOTOS = 2
"""Of a confusion, those that are explained: the surest."""
Taken = dict[tuple[int, int], list[str]]
"""(class, what it is taken for) to the validation photos of the confusion, the surest first."""


def suggest(
    data: StudyData,
    spec: records.ModelSpec,
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
    base, head, before = _start(bench, prompts)
    folder = output or data.study.file.parent / "prompts"
    missing, far = missing_names(bench, base, before)
    names, after = kept_names(bench, base, missing, before)
    proposal = None if after is None else _proposal(base, names, folder)
    stamp = stamp_of(records.Case(study=data.study.name, model=spec, prompts=base), data)
    taken = _taken(before)
    photos, overlays = _explained(bench, head, before, taken, stamp)
    groups = blind.groups(before.sample_ids)
    change = None if after is None else paired(after.right, before.right, groups)
    suggestion = Suggestion(
        **stamp,
        prompts_digest=base.digest,
        fingerprint=bench.model.fingerprint,
        far=far,
        classes=tuple(
            records.ClassSuggestion(
                label=label,
                texts=base.texts[label],
                photos=int((before.labels == c).sum()),
                correct=_correct(before, c),
                correct_after=None if after is None else _correct(after, c),
                confusions=_confusions(before, c, taken, photos),
                uncovered=names[label],
            )
            for c, label in enumerate(before.classes)
        ),
        proposal=proposal,
        before=share("accuracy", before.right, groups),
        after=None if after is None else share("accuracy", after.right, groups),
        gain=None if change is None else change.metric("accuracy-gain"),
        only_before=change.only_b if change else 0,
        only_after=change.only_a if change else 0,
        p_mid=change.p_mid if change else None,
    )
    file = None if proposal is None else write_prompt_set(proposal, folder)
    artefacts.write(engine.settings.artefacts, suggestion, overlays)
    return suggestion, file


def _start(bench: Bench, name: str | None) -> tuple[PromptSet, Head, Predictions]:
    """The prompt set to make more precise, its head, and what it says of validation."""
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
    read = {tried: read_by(bench, known[tried]) for tried in ([name] if name else known)}
    if not read:
        raise DataError(
            "the study has no prompt set that could be made more precise",
            where=bench.data.study.name,
            remedy='write one, or derive = "class-names"',
        )
    # The first of equals, in the order of the study.
    best = max(read, key=lambda tried: int(read[tried][1].right.sum()))
    return known[best], *read[best]


def _proposal(base: PromptSet, names: Missing, folder: Path) -> PromptSet:
    return replace(
        with_names(base, names, dict.fromkeys(base.texts, True)),
        name=free_name(f"{base.name}-precisees", folder),
        title=f"{base.title}, précisées",
        source="Textes complétés par `veille suggest` des sous-catégories de la partie"
        " d’entraînement qu’ils ne nommaient pas, d’après les erreurs de la partie de validation",
    )


def _correct(predictions: Predictions, c: int) -> int:
    return int((predictions.right & (predictions.labels == c)).sum())


# -------------------------------------------------------------------- confusions


def _taken(predictions: Predictions) -> Taken:
    """The largest confusions of each class, the most frequent first."""
    taken: Taken = {}
    for label in range(len(predictions.classes)):
        lost = (predictions.labels == label) & ~predictions.right
        counts = Counter(predictions.predicted[lost].tolist())
        for guess in sorted(counts, key=lambda guess: (-counts[guess], guess))[:CONFUSIONS]:
            rows = np.flatnonzero(lost & (predictions.predicted == guess))
            order = np.argsort(-predictions.probabilities[rows, guess], kind="stable")
            taken[label, guess] = [predictions.sample_ids[row] for row in rows[order]]
    return taken


def _confusions(
    predictions: Predictions, c: int, taken: Taken, photos: Mapping[str, ExplainedPhoto]
) -> tuple[records.ValidationConfusion, ...]:
    return tuple(
        records.ValidationConfusion(
            label=predictions.classes[label],
            predicted=predictions.classes[guess],
            count=len(ids),
            photos=tuple(photos[photo] for photo in ids[:PHOTOS] if photo in photos),
        )
        for (label, guess), ids in taken.items()
        if label == c
    )


def _explained(
    bench: Bench, head: Head, predictions: Predictions, taken: Taken, stamp: dict[str, Any]
) -> tuple[dict[str, ExplainedPhoto], dict[str, bytes]]:
    """The photos behind the confusions with their maps, and the overlays to write."""
    names = predictions.classes
    selected = [
        records.SelectedPhoto(
            sample_id=photo,
            reasons=(
                records.SelectionReason(
                    rule="confusion", label=names[label], predicted=names[guess]
                ),
            ),
        )
        for (label, guess), ids in taken.items()
        for photo in ids[:PHOTOS]
    ]
    spec = bench.data.study.explain or records.ExplainSpec()
    explained, overlays = look_into(
        bench,
        head,
        replace(spec, rise_photos=0, faithfulness_photos=0, randomisation_photos=0),
        predictions,
        stamp,
        selected=selected,
        folder="suggestion",
    )
    return {photo.sample_id: photo for photo in explained.photos}, overlays
