"""From a declared study to its data: photos read, split, and given their prompts."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from evaluation import records
from evaluation.data.loading import chooses, fetch_hint, load_dataset, read_strays
from evaluation.data.photos import write_thumbnail
from evaluation.data.prompts import resolve_prompts
from evaluation.data.split import draw_again, split_dataset, without_small_classes
from evaluation.errors import ArtefactError, DataError
from evaluation.models.cards import FACTS
from evaluation.records import Case, IntArray, ModelCard, ModelSpec, Sample, Split, Study, digest_of
from evaluation.records.data import group_numbers
from evaluation.stages import provenance
from evaluation.stages.settings import Settings
from evaluation.stores import artefacts, json_file
from evaluation.stores.feeding import batched, in_advance
from evaluation.study.reference import load_reference


class StudyData(records.Record):
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

    def case(self, name: str) -> Case:
        """The case of that name ("embedded/noms"); KeyError if there is none."""
        return {case.name: case for case in self.study.cases()}[name]


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
    samples, strays = _photo_cards(data, settings)
    declared = ("name", "title", "question", "thresholds", "answer", "translations", "glosses")
    drawn = ("duplicates", "near_duplicates", "groups", "grouping", "carved", "seed")
    record = records.StudyRecord(
        **_fields(study, *declared),
        **_fields(study.dataset, "licence", "origin", "redistributable"),
        **_fields(dataset, "classes", "missing", "notes"),
        **_fields(split, *drawn),
        dataset_kind=dataset.kind,
        dataset_revision=dataset.revision,
        split_digest=split.digest,
        samples=samples,
        strays=strays,
        cases=tuple(case.id for case in data.study.cases()),
        models=model_cards(study.models, settings.cache),
        reference=None if study.reference is None else load_reference(study.reference),
    )
    artefacts.write(settings.artefacts, record)
    return data


def _fields(value: object, *names: str) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}


def _photo_cards(
    data: StudyData, settings: Settings
) -> tuple[tuple[records.SampleCard, ...], tuple[records.StrayCard, ...]]:
    """Of the samples of each part and of the strays, whose small copies are written."""
    shared = ("id", "width", "height")
    folder = settings.artefacts / data.study.name / "photos"
    with artefacts.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    part = {sample_id: fold for fold in records.FOLDS for sample_id in data.ids(fold)}
    used = [sample for sample in data.dataset.samples if sample.id in part]
    photos, copies = (*used, *data.strays), list[str]()
    for _, batch in in_advance(batched(photos, 64), partial(write_thumbnail, folder=folder)):
        for copy in batch:
            copies.append(f"photos/{copy.result()}")
            settings.progress("small copies of the photos", len(copies), len(photos))
    own = (*shared, "label", "subcategory", "title", "slices")
    cards = tuple(
        records.SampleCard(fold=part[sample.id], photo=copy, **_fields(sample, *own))
        for sample, copy in zip(used, copies[: len(used)], strict=True)
    )
    strays = tuple(
        records.StrayCard(photo=copy, chooses=chooses(stray), **_fields(stray, *shared))
        for stray, copy in zip(data.strays, copies[len(used) :], strict=True)
    )
    return cards, strays


def model_cards(specs: Iterable[ModelSpec], cache: Path) -> tuple[ModelCard, ...]:
    """The card of each model, kept under ``cache`` for its towers and the libraries' versions.

    Building the towers of a study's models takes seconds, and their sizes never change.
    """
    cards = []
    for spec in specs:
        path = _card_of(spec, cache)
        # Whatever cannot be read is made anew, and one that cannot be kept is made again.
        with suppress(ArtefactError, OSError):
            cards.append(replace(json_file.read_plain(path, ModelCard), model=spec))
            continue
        from evaluation.models import model_card

        cards.append(model_card(spec))
        with suppress(ArtefactError):
            artefacts.write_bytes(path, json_file.to_json(cards[-1]).encode())
    return tuple(cards)


def forget_unsized(spec: ModelSpec, cache: Path) -> None:
    """Has a card without sizes made anew: now that the model was loaded they can be known."""
    path = _card_of(spec, cache)
    with suppress(ArtefactError, OSError):
        if json_file.read_plain(path, ModelCard).image_parameters is None:
            path.unlink()


def towers_of(spec: ModelSpec) -> ModelSpec:
    """The same towers, whatever a study calls them and makes of them."""
    return replace(spec, name="", title="", adapt=(), shares=None, reads=("photo",), prompts=())


def _card_of(spec: ModelSpec, cache: Path) -> Path:
    said = json_file.plain(towers_of(spec))
    facts = FACTS.read_text(encoding="utf-8")
    return cache / "cards" / f"{digest_of([said, facts, provenance.numeric_versions()])[:32]}.json"
