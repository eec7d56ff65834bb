"""More precise texts, from what validation gets wrong: ``veille suggest``.

The confusions of a model's best prompt set on the validation part, the photos behind them with
their maps, and the sub-categories of the training part that no text of their class names: these
make a new prompt set, whose worth is measured on validation.  Since validation also chose what
to keep, that measure flatters; its interval does not know.  Whoever adds the new set to the study
still has a test part that knows nothing of it, since it is put away.
"""

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from evaluation import records
from evaluation.data.prompts import resolve_prompts
from evaluation.errors import DataError
from evaluation.records import FloatArray, Head, IntArray, ModelSpec, Predictions, PromptSet
from evaluation.records.base import unit
from evaluation.scoring.intervals import share
from evaluation.scoring.paired import paired
from evaluation.stages.engine import Bench, Engine, validation_bench
from evaluation.stages.explain import look_into, stamp_of
from evaluation.stages.heads import read_by
from evaluation.stages.open import StudyData
from evaluation.stores import artefacts
from evaluation.study.scaffold import free_name, write_prompt_set

CONFUSIONS = 3
"""Of a class, those that are shown: the largest."""
PHOTOS = 2
"""Of a confusion, those that are explained: the surest."""
ADDED = 8
"""Texts that a class is given at most."""
FAR_QUANTILE = 0.9
Missing = Mapping[str, tuple[records.UncoveredSubcategory, ...]]
"""Of each class, the sub-categories that none of its texts is near to."""


def suggest(
    data: StudyData, spec: ModelSpec, engine: Engine, *, prompts: str | None, output: Path | None
) -> tuple[records.Suggestion, Path | None]:
    """Suggests texts for one model, starting from the prompt set of that name, or from the best.

    The new set goes to the study's ``prompts`` unless ``output`` is another folder.  Returns what
    suggestion.json holds, and that file: None when nothing that is missing wins a photo.

    Raises :class:`DataError`: there is no validation part, or no such prompt set;
    :class:`WeightsUnavailable`: the model cannot be had here; :class:`VeilleError`: the file cannot
    be written.
    """
    bench = validation_bench(data, spec, engine)
    base, head, before = _start(bench, prompts)
    folder = output or data.study.file.parent / "prompts"
    missing, far = _missing_names(bench, base, before)
    names, after = _kept_names(bench, base, missing, before)
    groups = bench.data.groups(before.sample_ids)
    outcome: dict[str, Any] = dict.fromkeys(("proposal", "after", "gain"))
    if after is not None:
        change = paired(after.right, before.right, groups)
        outcome = {
            "proposal": _proposal(base, names, folder),
            "after": share("accuracy", after.right, groups),
            "gain": change.metric("accuracy-gain"),
            "only_before": change.only_b,
            "only_after": change.only_a,
            "p_mid": change.p_mid,
        }
    stamp = stamp_of(records.Case(study=data.study.name, model=spec, prompts=base), data)
    confusions, overlays = _confusions(bench, head, before, stamp)
    suggestion = records.Suggestion(
        **stamp,
        **outcome,
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
                confusions=tuple(confusions[label]),
                uncovered=names[label],
            )
            for c, label in enumerate(before.classes)
        ),
        before=share("accuracy", before.right, groups),
    )
    proposal = suggestion.proposal
    file = None if proposal is None else write_prompt_set(proposal, folder)
    artefacts.write(engine.settings.artefacts, suggestion, overlays)
    return suggestion, file


def _correct(predictions: Predictions, c: int) -> int:
    return int(predictions.right[predictions.labels == c].sum())


def _proposal(base: PromptSet, names: Missing, folder: Path) -> PromptSet:
    return replace(
        _with_names(base, names, base.texts),
        name=free_name(f"{base.name}-precisees", folder),
        title=f"{base.title}, précisées",
        source="Textes complétés par `veille suggest` des sous-catégories de la partie"
        " d’entraînement qu’ils ne nommaient pas, d’après les erreurs de la partie de validation",
    )


def _start(bench: Bench, name: str | None) -> tuple[PromptSet, Head, Predictions]:
    """The prompt set to make more precise, its head, and what it says of validation."""
    study, declared = bench.data.study, bench.model.spec.prompts
    known = {
        prompts.name: prompts
        for prompts in study.prompts
        if prompts.derive not in {"random-words", "subcategories"}
        and (not declared or prompts.name in declared)
    }
    if not known or (name and name not in known):
        which = f"no prompt set {name!r}" if name else "the study has no prompt set"
        choose = 'write one, or derive = "class-names"'
        if known:
            choose = f"choose among {', '.join(known)}"
        raise DataError(f"{which} that could be made more precise", where=study.name, remedy=choose)
    read = {tried: read_by(bench, known[tried]) for tried in ([name] if name else known)}
    # The first of equals, in the order of the study.
    best = max(read, key=lambda tried: int(read[tried][1].right.sum()))
    return known[best], *read[best]


def _confusions(
    bench: Bench, head: Head, predictions: Predictions, stamp: Mapping[str, str]
) -> tuple[dict[str, list[records.ValidationConfusion]], dict[str, bytes]]:
    """The largest confusions of each class, the most frequent first, with the surest of their
    photos and the maps of these; and the overlays to write.
    """
    names = predictions.classes
    taken: dict[tuple[str, str], list[str]] = {}
    for c, label in enumerate(names):
        lost = (predictions.labels == c) & ~predictions.right
        counts = Counter(predictions.predicted[lost].tolist())
        for guess in sorted(counts, key=lambda guess: (-counts[guess], guess))[:CONFUSIONS]:
            rows = np.flatnonzero(lost & (predictions.predicted == guess))
            order = np.argsort(-predictions.probabilities[rows, guess], kind="stable")
            taken[label, names[guess]] = [predictions.sample_ids[row] for row in rows[order]]
    spec = bench.data.study.explain or records.ExplainSpec()
    explained, overlays = look_into(
        bench,
        head,
        replace(spec, rise_photos=0, faithfulness_photos=0, randomisation_photos=0),
        predictions,
        stamp,
        selected=[
            records.SelectedPhoto(
                sample_id=photo,
                reasons=(records.SelectionReason(rule="confusion", label=label, predicted=guess),),
            )
            for (label, guess), ids in taken.items()
            for photo in ids[:PHOTOS]
        ],
        folder="suggestion",
    )
    shown = {photo.sample_id: photo for photo in explained.photos}
    confusions: dict[str, list[records.ValidationConfusion]] = {label: [] for label in names}
    for (label, guess), ids in taken.items():
        photos = tuple(shown[photo] for photo in ids[:PHOTOS])
        confusions[label].append(
            records.ValidationConfusion(label=label, predicted=guess, count=len(ids), photos=photos)
        )
    return confusions, overlays


def _missing_names(
    bench: Bench, base: PromptSet, predictions: Predictions
) -> tuple[Missing, float]:
    """The sub-categories of the training photos that no text of their class says.

    With them, the similarity at which a text is no longer near: see :func:`coverage`.
    """
    data, classes = bench.data, predictions.classes
    derived = resolve_prompts(replace(base, derive="subcategories"), data.dataset, data.split).texts
    pairs = [(c, name) for c, label in enumerate(classes) for name in derived[label]]
    texts = [(c, text) for c, label in enumerate(classes) for text in base.texts[label]]
    every = tuple(dict.fromkeys(text for _, text in (*pairs, *texts)))
    each = replace(base, texts={text: (text,) for text in every}, derive=None)
    rows = dict(zip(every, bench.texts(each, every).weight, strict=True))
    nearest, similarity, far = coverage(
        np.stack([rows[name] for _, name in pairs]),
        np.array([c for c, _ in pairs]),
        np.stack([rows[text] for _, text in texts]),
        np.array([c for c, _ in texts]),
    )
    train, validation, errors = (
        Counter((sample.label, sample.subcategory) for sample in data.samples(ids))
        for ids in (
            data.split.train,
            predictions.sample_ids,
            np.array(predictions.sample_ids)[~predictions.right].tolist(),
        )
    )
    missing: dict[str, tuple[records.UncoveredSubcategory, ...]] = {}
    for c, label in enumerate(classes):
        # Not said word for word, by the class's own name or by one of its texts.
        said = "\n".join((label, *base.texts[label])).casefold()
        far_off = [
            (-errors[label, name], -train[label, name], name, i)
            for i, (owner, name) in enumerate(pairs)
            if owner == c and similarity[i] <= far and name.casefold() not in said
        ]
        missing[label] = tuple(
            records.UncoveredSubcategory(
                name=name,
                text=name,
                train_photos=train[label, name],
                validation_photos=validation[label, name],
                validation_errors=errors[label, name],
                nearest_text=texts[nearest[i]][1],
                similarity=round(float(similarity[i]), 4),
                added=errors[label, name] > 0 and rank < ADDED,
            )
            for rank, (_, _, name, i) in enumerate(sorted(far_off))
        )
    return missing, round(far, 4)


def coverage(
    names: FloatArray, owners: IntArray, texts: FloatArray, text_owners: IntArray
) -> tuple[IntArray, FloatArray, float]:
    """How near sub-categories are to the texts of their own class.

    Cosines of one encoder cannot be read on the scale of another, so what a cosine must exceed to
    be more than that of an unrelated text comes from the encoder itself: it is the ``FAR_QUANTILE``
    of the cosines of a sub-category with the nearest text of each *other* class.  A sub-category
    that is no nearer to its own class's texts is not said by them.

    ``names`` (S, D) and ``texts`` (T, D) are text embeddings of any length, ``owners`` (S,) and
    ``text_owners`` (T,) their classes; each class has a text.  Returns (S,) indices of the nearest
    text of each one's class, (S,) cosines with it, and the cosine to exceed.
    """
    cosines = unit(names) @ unit(texts).T
    classes = np.unique(text_owners)
    best = np.stack(
        [np.where(text_owners == c, cosines, -np.inf).max(axis=1) for c in classes], axis=1
    )
    own = classes[None, :] == owners[:, None]
    others = best[~own]
    nearest = np.where(text_owners[None, :] == owners[:, None], cosines, -np.inf).argmax(axis=1)
    far = float(np.quantile(others, FAR_QUANTILE)) if others.size else -1.0
    return nearest, best[own], far


def _kept_names(
    bench: Bench, base: PromptSet, names: Missing, predictions: Predictions
) -> tuple[Missing, Predictions | None]:
    """The names without the additions that win no validation photo, and what is said with them.

    Class by class, those that lose most photos first: what a class is given stays if more
    photos of all classes are right with it than without.
    """
    classes = predictions.classes
    lost = np.bincount(predictions.labels, weights=~predictions.right, minlength=len(classes))
    given: set[str] = set()
    best: Predictions | None = None
    for c in np.argsort(-lost, kind="stable"):
        if any(missing.added for missing in names[classes[c]]):
            _, tried = read_by(bench, _with_names(base, names, given | {classes[c]}))
            if tried.right.sum() > (best or predictions).right.sum():
                given, best = given | {classes[c]}, tried
    return {
        label: tuple(replace(missing, added=missing.added and label in given) for missing in rows)
        for label, rows in names.items()
    }, best


def _with_names(base: PromptSet, names: Missing, given: Container[str]) -> PromptSet:
    """A prompt set with the additions of the classes that are given some."""
    texts = {
        label: (*known, *(extra.text for extra in names[label] if extra.added and label in given))
        for label, known in base.texts.items()
    }
    return replace(base, texts=texts, derive=None, like=None)
