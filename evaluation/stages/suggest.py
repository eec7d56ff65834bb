"""More precise texts, from what validation gets wrong: ``veille suggest``.

The confusions of a model's best prompt set on the validation part, the photos behind them with
their maps, and the sub-categories of the training part that no text of their class names: these
make a new prompt set, whose worth is measured on validation.  Since validation also chose what
to keep, that measure flatters; its interval does not know.  The test part is put away before
anything is looked at (:func:`without_test`): whoever adds the new set to the study still has a
test part that knows nothing of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evaluation.data import open_photo, resolve_prompts
from evaluation.errors import DataError, VeilleError
from evaluation.records import (
    BoolArray,
    Case,
    ClassSuggestion,
    ExplainedPhoto,
    ExplainSpec,
    FloatArray,
    Head,
    Metric,
    ModelSpec,
    Predictions,
    PromptSet,
    SelectedPhoto,
    SelectionReason,
    Study,
    Suggestion,
    UncoveredSubcategory,
    ValidationConfusion,
)
from evaluation.scoring.coverage import coverage
from evaluation.scoring.intervals import share
from evaluation.scoring.paired import Paired, paired
from evaluation.stages.embed import embed_parts, predict
from evaluation.stages.engine import Engine
from evaluation.stages.open import StudyData, hide_test
from evaluation.stores import artefacts
from evaluation.study.scaffold import free_name, write_prompt_set

if TYPE_CHECKING:
    from evaluation.models import Classifier

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
    """Suggests texts for one zero-shot model, and writes them beside its artefacts.

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
    bench = _bench(study, spec, engine)
    base, found = _start(bench, prompts)
    wrong, groups = found.predicted != found.labels, study.data.groups(found.sample_ids)
    names = _uncovered(bench, base, found)
    case = Case(study=study.data.study.name, model=spec, prompts=base)
    folder = output or study.data.study.file.parent / "prompts"
    names, after = _kept(bench, base, names, found)
    proposal = None if after is None else _proposal(base, names, folder)
    photos, overlays = _explained(bench, case, found, study.split_digest, engine)
    suggestion = Suggestion(
        study=case.study,
        case=case.id,
        prompts_digest=base.digest,
        dataset_revision=study.data.dataset.revision,
        split_digest=study.split_digest,
        fingerprint=bench.model.fingerprint,
        far=names.far,
        classes=tuple(
            ClassSuggestion(
                label=label,
                texts=base.texts[label],
                photos=int((found.labels == c).sum()),
                correct=int((~wrong & (found.labels == c)).sum()),
                correct_after=None if after is None else int((_right(after) & own).sum()),
                confusions=_confusions(found, c, photos),
                uncovered=names.of[label],
            )
            for c, label in enumerate(found.classes)
            for own in (found.labels == c,)
        ),
        proposal=proposal,
        before=share("accuracy", _right(found), groups),
        after=None if after is None else share("accuracy", _right(after), groups),
        gain=None,
    )
    if after is not None:
        suggestion = _with_gain(suggestion, paired(_right(after), _right(found), groups))
    file = None if proposal is None else write_prompt_set(proposal, folder)
    artefacts.write_suggestion(engine.settings.artefacts, suggestion, overlays)
    return suggestion, file


# ------------------------------------------------------------------ what is known


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """A model with the embeddings of the validation part."""

    data: StudyData
    model: Classifier
    validation: FloatArray

    def head(self, prompts: PromptSet) -> Head:
        return self.model.head(
            self.data.dataset.classes,
            prompts=prompts,
            train=None,
            validation=None,
            seed=self.data.split.seed,
        )

    def read(self, prompts: PromptSet) -> Predictions:
        """What the model says of the validation photos with these texts."""
        return predict(self.data, self.head(prompts), {"validation": self.validation}, "validation")

    def embed_texts(self, texts: Sequence[str], like: PromptSet) -> FloatArray:
        """(T, D) embeddings of texts in the templates of a prompt set, of one length."""
        each = replace(like, texts={text: (text,) for text in texts}, derive=None)
        head = self.model.head(
            tuple(texts), prompts=each, train=None, validation=None, seed=self.data.split.seed
        )
        return head.weight


def _bench(study: BlindStudy, spec: ModelSpec, engine: Engine) -> _Bench:
    data = study.data
    if not data.split.validation:
        raise DataError(
            "a suggestion is judged on a validation part, and there is none",
            where=data.study.name,
            remedy="give the study's split one: validation_share = 0.2",
        )
    model = engine.model(spec, data)
    _, rows = embed_parts(data, engine, model, ("validation",))
    return _Bench(data=data, model=model, validation=rows["validation"])


def _start(bench: _Bench, name: str | None) -> tuple[PromptSet, Predictions]:
    """The prompt set to make more precise, and what it says of validation."""
    known = {
        one.name: one
        for one in bench.data.study.prompts
        if one.derive not in {"random-words", "subcategories"}
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
    best = max(read, key=lambda one: int(_right(read[one]).sum()))
    return known[best], read[best]


def _right(predictions: Predictions) -> BoolArray:
    result: BoolArray = predictions.predicted == predictions.labels
    return result


# --------------------------------------------------------------- missing sub-categories


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    of: Mapping[str, tuple[UncoveredSubcategory, ...]]
    """Of each class."""
    far: float


def _uncovered(bench: _Bench, base: PromptSet, found: Predictions) -> _Names:
    """The sub-categories of the training photos that no text of their class says."""
    data, classes = bench.data, found.classes
    derived = resolve_prompts(replace(base, derive="subcategories"), data.dataset, data.split).texts
    pairs = [(c, name) for c, label in enumerate(classes) for name in derived[label]]
    texts = [(c, text) for c, label in enumerate(classes) for text in base.texts[label]]
    near = coverage(
        _rows(bench, base, [name for _, name in pairs]),
        np.array([c for c, _ in pairs]),
        _rows(bench, base, [text for _, text in texts]),
        np.array([c for c, _ in texts]),
    )
    counts = _counts(data, found)
    result: dict[str, tuple[UncoveredSubcategory, ...]] = {}
    for c, label in enumerate(classes):
        kept = [
            UncoveredSubcategory(
                name=name,
                text=name,
                train_photos=counts["train"][label, name],
                validation_photos=counts["validation"][label, name],
                validation_errors=counts["errors"][label, name],
                nearest_text=texts[near.nearest[i]][1],
                similarity=round(float(near.similarity[i]), 4),
                added=False,
            )
            for i, (owner, name) in enumerate(pairs)
            if owner == c and near.similarity[i] <= near.far and not _is_said(name, label, base)
        ]
        kept.sort(key=lambda one: (-one.validation_errors, -one.train_photos, one.name))
        result[label] = tuple(
            replace(one, added=one.validation_errors > 0 and rank < ADDED)
            for rank, one in enumerate(kept)
        )
    return _Names(of=result, far=round(near.far, 4))


def _rows(bench: _Bench, base: PromptSet, texts: Sequence[str]) -> FloatArray:
    """(T, D) embeddings, in the order of the texts, which may repeat."""
    unique = tuple(dict.fromkeys(texts))
    rows = dict(zip(unique, bench.embed_texts(unique, base), strict=True))
    return np.stack([rows[text] for text in texts])


def _is_said(name: str, label: str, base: PromptSet) -> bool:
    """Whether the class's own name or one of its texts has the sub-category word for word."""
    return any(name.casefold() in text.casefold() for text in (label, *base.texts[label]))


def _counts(data: StudyData, found: Predictions) -> dict[str, Counter[tuple[str, str]]]:
    """Photos of each (class, sub-category): to learn from, to validate on, and lost."""

    def count(ids: Iterable[str]) -> Counter[tuple[str, str]]:
        return Counter(
            (one.label, one.subcategory) for one in data.samples(tuple(ids)) if one.subcategory
        )

    right = _right(found)
    return {
        "train": count(data.split.train),
        "validation": count(found.sample_ids),
        "errors": count(one for one, fine in zip(found.sample_ids, right, strict=True) if not fine),
    }


def _kept(
    bench: _Bench, base: PromptSet, names: _Names, found: Predictions
) -> tuple[_Names, Predictions | None]:
    """The names without the additions that win no validation photo, and what is said with them.

    Class by class, those that lose most photos first: what a class is given stays if more
    photos of all classes are right with it than without.
    """
    lost = {
        label: int((~_right(found) & (found.labels == c)).sum())
        for c, label in enumerate(found.classes)
    }
    kept = dict.fromkeys(found.classes, False)
    best: Predictions | None = None
    for label in sorted(found.classes, key=lambda one: -lost[one]):
        if not any(one.added for one in names.of[label]):
            continue
        tried = bench.read(_with(base, names, {**kept, label: True}))
        if _right(tried).sum() > _right(best or found).sum():
            kept[label], best = True, tried
    of = {
        label: tuple(replace(one, added=one.added and kept[label]) for one in rows)
        for label, rows in names.of.items()
    }
    return replace(names, of=of), best


def _with(base: PromptSet, names: _Names, given: Mapping[str, bool]) -> PromptSet:
    """A prompt set with the additions of some classes."""
    texts = {
        label: (*known, *(one.text for one in names.of[label] if one.added and given[label]))
        for label, known in base.texts.items()
    }
    return replace(base, texts=texts, derive=None, like=None)


def _proposal(base: PromptSet, names: _Names, folder: Path) -> PromptSet:
    return replace(
        _with(base, names, dict.fromkeys(base.texts, True)),
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
    bench: _Bench, case: Case, found: Predictions, split_digest: str, engine: Engine
) -> tuple[dict[str, ExplainedPhoto], dict[str, bytes]]:
    """The photos behind the confusions with their maps, and the overlays to write."""
    from evaluation.explain import CaseStamp, explain_case

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
        explained = explain_case(
            bench.model,
            bench.head(case.prompts),
            stamp=CaseStamp(
                study=case.study,
                case=case.id,
                dataset_revision=data.dataset.revision,
                split_digest=split_digest,
            ),
            samples=data.samples(found.sample_ids),
            predictions=found,
            spec=replace(spec, rise_photos=0, faithfulness_photos=0, randomisation_photos=0),
            load=lambda sample: open_photo(sample.image),
            write=overlays.__setitem__,
            cache=cache,
            selected=chosen,
            folder="suggestion",
            batch_size=engine.settings.batch_size,
            progress=engine.settings.progress,
        )
    return {photo.sample_id: photo for photo in explained.photos}, overlays


def _with_gain(suggestion: Suggestion, change: Paired) -> Suggestion:
    """The suggestion with its paired change."""
    gain = Metric(
        name="accuracy-gain",
        value=change.gap,
        low=change.low,
        high=change.high,
        n=change.n,
        method=change.method,
    )
    return replace(
        suggestion,
        gain=gain,
        only_before=change.only_b,
        only_after=change.only_a,
        p_mid=change.p_mid,
    )


def models_of(study: Study, names: Sequence[str]) -> tuple[ModelSpec, ...]:
    """The zero-shot models of a study: those of these names, or all."""
    known = {one.name: one for one in study.models if one.reads_texts}
    unknown = sorted(set(names) - set(known))
    if unknown or not known:
        raise VeilleError(
            f"no zero-shot model {', '.join(unknown)}" if unknown else "no zero-shot model",
            where=study.name,
            remedy=f"choose among {', '.join(known)}" if known else "only texts can be suggested",
        )
    return tuple(known[name] for name in names) if names else tuple(known.values())
