"""From a declared study to its data: photos read, split, and given their prompts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from evaluation import records
from evaluation.data.loading import chooses, fetch_hint, load_dataset, read_strays
from evaluation.data.photos import open_photo, write_thumbnail
from evaluation.data.prompts import resolve_prompts
from evaluation.data.split import draw_again, split_dataset, without_small_classes
from evaluation.errors import DataError
from evaluation.records import Case, IntArray, Sample, SampleCard, Split, StrayCard, Study
from evaluation.records.data import group_numbers
from evaluation.stages.cards import cards
from evaluation.stages.settings import Settings
from evaluation.stores import artefacts
from evaluation.stores.feeding import DECODERS, in_advance
from evaluation.study.reference import load_reference


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyData:
    """A study whose photos were read and split."""

    study: Study
    """With its prompt sets resolved: every class has its texts."""
    dataset: records.Dataset
    split: Split
    draws: tuple[Split, ...] = ()
    """Other splits of the same photos, where the study asks for them."""
    strays: tuple[Sample, ...] = ()
    """Photos that belong to no class."""

    def ids(self, fold: records.Fold) -> tuple[str, ...]:
        """The ids of a part of the split."""
        ids: tuple[str, ...] = getattr(self.split, fold)
        return ids

    def samples(self, ids: Sequence[str]) -> tuple[Sample, ...]:
        """The samples of these ids, in their order."""
        known = {sample.id: sample for sample in self.dataset.samples}
        return tuple(known[sample_id] for sample_id in ids)

    def labels(self, ids: Sequence[str]) -> IntArray:
        """(N,) class indices of these ids."""
        index = {name: i for i, name in enumerate(self.dataset.classes)}
        return np.array([index[sample.label] for sample in self.samples(ids)], dtype=np.int64)

    def groups(self, ids: Sequence[str]) -> IntArray | None:
        """(N,) equal numbers for ids that count as one; None when all stand alone."""
        return group_numbers(self.split.groups, ids)

    def training_photos(self) -> records.TrainingPhotos:
        """What a model may learn from: the test part is not in it."""
        return records.TrainingPhotos(
            classes=self.dataset.classes,
            train=self.samples(self.split.train),
            validation=self.samples(self.split.validation),
            load=lambda sample: open_photo(sample.image, sample.bits),
            seed=self.split.seed,
        )

    def cases(self) -> tuple[Case, ...]:
        """Every case of the study, with resolved prompts."""
        return self.study.cases()

    def case(self, name: str) -> Case:
        """The case of that name ("embedded/noms"); KeyError if there is none."""
        return {case.name: case for case in self.cases()}[name]


def read_data(study: Study, settings: Settings) -> StudyData:
    """Reads and splits the photos and resolves the prompt sets; writes nothing.

    Raises :class:`DataError` when the data cannot be used at all, or when a prompt set
    does not fit the classes.
    """
    root = study.dataset.root
    if root is None:
        raise DataError(
            "the study does not say where its photos are",
            where=study.file,
            remedy=f"give their folder with --data-root{fetch_hint(study.dataset, study.name)}",
        )
    dataset = load_dataset(
        study.dataset,
        name=study.name,
        root=root,
        cache=settings.cache,
        progress=partial(settings.progress, "reading photos"),
    )
    strays: tuple[Sample, ...] = ()
    if study.dataset.strays:
        strays, dataset = read_strays(
            root / study.dataset.strays,
            dataset,
            settings.cache,
            partial(settings.progress, "reading strays"),
            study.dataset.bits,
        )
    dataset = without_small_classes(dataset, study.split, study.parts)
    split = split_dataset(
        dataset,
        study.split,
        study.parts,
        progress=partial(settings.progress, "comparing photos"),
    )
    if strays and not split.validation:
        raise DataError(
            "strays are told from photos of the classes by a threshold that validation photos"
            " choose, and there are none",
            where=study.file,
            remedy="give the split some: [split] validation_share = 0.2; or delete strays",
        )
    prompts = tuple(resolve_prompts(each, dataset, split, study.prompts) for each in study.prompts)
    return StudyData(
        study=replace(study, prompts=prompts),
        dataset=dataset,
        split=split,
        draws=draw_again(dataset, split, study.split, study.parts),
        strays=strays,
    )


def hide_test(data: StudyData) -> StudyData:
    """The same study without its test part: its ids, its photos and its labels are put away."""
    hidden = set(data.split.test)
    return replace(
        data,
        draws=(),
        strays=(),
        dataset=replace(
            data.dataset,
            samples=tuple(sample for sample in data.dataset.samples if sample.id not in hidden),
        ),
        split=replace(
            data.split,
            test=(),
            duplicates=(),
            near_duplicates=(),
            groups=tuple(group for group in data.split.groups if not hidden.intersection(group)),
        ),
    )


def open_study(study: Study, settings: Settings) -> StudyData:
    """:func:`read_data`, then writes ``study.json`` and the small copies of the photos."""
    data = read_data(study, settings)
    study, dataset, split = data.study, data.dataset, data.split
    record = records.StudyRecord(
        name=study.name,
        title=study.title,
        question=study.question,
        dataset_kind=dataset.kind,
        dataset_revision=dataset.revision,
        licence=study.dataset.licence,
        origin=study.dataset.origin,
        redistributable=study.dataset.redistributable,
        classes=dataset.classes,
        samples=_sample_cards(data, settings),
        missing=dataset.missing,
        notes=dataset.notes,
        duplicates=split.duplicates,
        near_duplicates=split.near_duplicates,
        groups=split.groups,
        grouping=split.grouping,
        carved=split.carved,
        split_digest=split.digest,
        seed=split.seed,
        cases=tuple(case.id for case in data.cases()),
        thresholds=study.thresholds,
        reference=None if study.reference is None else load_reference(study.reference),
        models=cards(study.models, settings.cache),
        answer=study.answer,
        translations=study.translations,
        glosses=study.glosses,
        strays=_stray_cards(data, settings),
    )
    artefacts.write(settings.artefacts, record)
    return data


def _sample_cards(data: StudyData, settings: Settings) -> tuple[SampleCard, ...]:
    folder = settings.artefacts / data.study.name / "photos"
    with artefacts.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    part = {sample_id: fold for fold in records.FOLDS for sample_id in data.ids(fold)}
    used = [sample for sample in data.dataset.samples if sample.id in part]
    batches = [used[start : start + 64] for start in range(0, len(used), 64)]
    cards: list[SampleCard] = []
    for batch, copies in in_advance(batches, partial(write_thumbnail, folder=folder), DECODERS):
        for sample, copy in zip(batch, copies, strict=True):
            cards.append(
                SampleCard(
                    id=sample.id,
                    label=sample.label,
                    fold=part[sample.id],
                    photo=f"photos/{copy.result()}",
                    width=sample.width,
                    height=sample.height,
                    subcategory=sample.subcategory,
                    title=sample.title,
                    slices=sample.slices,
                )
            )
            settings.progress("small copies of the photos", len(cards), len(used))
    return tuple(cards)


def _stray_cards(data: StudyData, settings: Settings) -> tuple[StrayCard, ...]:
    folder = settings.artefacts / data.study.name / "photos"
    return tuple(
        StrayCard(
            id=stray.id,
            photo=f"photos/{write_thumbnail(stray, folder)}",
            width=stray.width,
            height=stray.height,
            chooses=chooses(stray),
        )
        for stray in data.strays
    )
