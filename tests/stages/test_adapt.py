"""A study's label-free cases: what they read, and what they cannot have read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.errors import DataError
from evaluation.models.supervised.heads import fit_logistic_regression
from evaluation.records import (
    Case,
    Dataset,
    DatasetSpec,
    FloatArray,
    Fold,
    Head,
    ModelSpec,
    PromptSet,
    Sample,
    Split,
    SplitSpec,
    Study,
    Support,
)
from evaluation.stages.adapt import AdaptedCase, adapt_case, check_adaptation, pairs_curve
from evaluation.stages.engine import Bench, Engine, Settings
from evaluation.stages.heads import make_head, read_by
from evaluation.stages.open import StudyData, hide_test
from evaluation.stores.maps import MapCache
from tests.factories import make_run
from tests.labelfree.world import CLASSES, DIM, World, world

SPEC = ModelSpec(name="m", kind="clip", weights="embedded", title="M", adapt=("titles", "photos"))
TRAIN, VALIDATION, TEST = 140, 40, 20


@dataclass
class Tower:
    """Knows the embedding of each title by its text."""

    known: Mapping[str, FloatArray]
    zero_shot: Head
    spec: ModelSpec = SPEC
    fingerprint: str = "f"
    weights_digest: str = "w"
    device: str = "cpu"
    precision: str = "fp32"

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        width = len(next(iter(self.known.values())))
        return np.stack([self.known.get(text, np.ones(width)) for text in texts])

    def head(self, _classes: tuple[str, ...], **_read: object) -> Head:
        """That of the world, whatever the texts."""
        return self.zero_shot


class Table(Engine):
    """An engine whose model is a table, with a cache of its own."""

    def __init__(self, folder: Path, tower: Tower) -> None:
        super().__init__(Settings(cache=folder))
        self.tower = tower

    def model(self, _spec: ModelSpec, _data: StudyData) -> Tower:  # type: ignore[override]
        return self.tower

    def map_cache(self) -> MapCache:
        return MapCache(self.settings.cache / "maps.sqlite")


@dataclass
class Shop:
    """A study of a world, with the embeddings of its parts."""

    scene: World
    data: StudyData
    rows: dict[Fold, FloatArray]
    tower: Tower

    def bench(self, folder: Path, *folds: Fold) -> Bench:
        """The model on these parts, or on all."""
        return Bench(
            data=self.data,
            model=self.tower,  # type: ignore[arg-type]
            engine=Table(folder, self.tower),
            rows={fold: self.rows[fold] for fold in folds or self.rows},
        )

    def adapt(self, folder: Path, spec: ModelSpec = SPEC, derive: str | None = None) -> AdaptedCase:
        prompts = PromptSet(name="p", title="P", language="en", texts={}, derive=derive)  # type: ignore[arg-type]
        case = Case(study="s", model=spec, prompts=prompts)
        self.tower.spec = spec
        return adapt_case(case, self.bench(folder), self.scene.head)


@pytest.fixture
def shop() -> Shop:
    scene = world(1, photos=TRAIN + VALIDATION + TEST)
    ids = [f"p{number:03}" for number in range(len(scene.labels))]
    classes = tuple(f"class {number}" for number in range(CLASSES))
    samples = tuple(
        Sample(
            id=name,
            image=Path(name),
            label=classes[label],
            digest=name,
            pixels=name,
            width=1,
            height=1,
            text=f"title of {name}",
        )
        for name, label in zip(ids, scene.labels, strict=True)
    )
    cut = (TRAIN, TRAIN + VALIDATION)
    split = Split(
        train=tuple(ids[: cut[0]]),
        validation=tuple(ids[cut[0] : cut[1]]),
        test=tuple(ids[cut[1] :]),
        seed=3,
    )
    study = Study(
        name="s",
        title="S",
        question="?",
        file=Path("study.toml"),
        dataset=DatasetSpec(kind="table"),
        split=SplitSpec(),
        models=(SPEC,),
        prompts=(),
    )
    dataset = Dataset(name="s", kind="table", classes=classes, samples=samples, revision="r")
    photos = scene.seen.photos
    return Shop(
        scene=scene,
        data=StudyData(study=study, dataset=dataset, split=split),
        rows={
            "train": photos[: cut[0]],
            "validation": photos[cut[0] : cut[1]],
            "test": photos[cut[1] :],
        },
        tower=Tower(
            {f"title of {name}": row for name, row in zip(ids, scene.seen.titles, strict=True)},
            scene.head,
        ),
    )


def with_samples(shop: Shop, samples: Sequence[Sample], revision: str) -> Shop:
    dataset = replace(shop.data.dataset, samples=tuple(samples), revision=revision)
    return replace(shop, data=replace(shop.data, dataset=dataset))


def assert_equal(one: AdaptedCase, other: AdaptedCase) -> None:
    assert np.array_equal(one.head.weight, other.head.weight)
    assert np.array_equal(one.head.bias, other.head.bias)
    assert np.array_equal(one.validation, other.validation)
    if one.head.layer is None:
        assert other.head.layer is None
    else:
        assert np.array_equal(one.head.layer, other.head.layer)  # type: ignore[arg-type]


def assert_same_head(shop: Shop, other: Shop, folder: Path, spec: ModelSpec) -> None:
    """Both shops give one head, which is not the zero-shot one."""
    one = shop.adapt(folder / "a", spec)
    assert_equal(one, other.adapt(folder / "b", spec))
    zero_shot = shop.scene.head
    moved = not np.array_equal(one.head.weight, zero_shot.weight)
    biased = not np.array_equal(one.head.bias, zero_shot.bias)
    assert one.head.layer is not None or moved or biased


UNLABELLED = {
    "titles": replace(SPEC, adapt=("titles",)),
    "photos": replace(SPEC, adapt=("photos",)),
    "both": SPEC,
    "shares": replace(SPEC, adapt=("titles",), shares={}),
    "shares alone": replace(SPEC, adapt=(), shares={}),
}
"""Every way of reading without labels; no share means equal ones."""


@pytest.mark.parametrize("how", UNLABELLED)
def test_no_label_is_read(shop: Shop, tmp_path: Path, how: str) -> None:
    """Labels of train and validation dealt at random: the heads are equal to the last bit."""
    samples = list(shop.data.dataset.samples)
    dealt = np.random.default_rng(0).permutation(TRAIN + VALIDATION)
    mixed = [replace(samples[i], label=samples[j].label) for i, j in enumerate(dealt)]
    other = with_samples(shop, mixed + samples[TRAIN + VALIDATION :], "shuffled")
    assert_same_head(shop, other, tmp_path, UNLABELLED[how])


@pytest.mark.parametrize("how", UNLABELLED)
def test_nothing_of_test_is_read(shop: Shop, tmp_path: Path, how: str) -> None:
    """Other test photos with other titles and labels: the heads are equal."""
    samples = list(shop.data.dataset.samples)
    tail = [
        replace(one, text=None, label=samples[0].label) for one in samples[TRAIN + VALIDATION :]
    ]
    other = with_samples(shop, samples[: TRAIN + VALIDATION] + tail, "other test")
    other.rows["test"] = np.roll(shop.rows["test"], 1, axis=1)
    assert_same_head(shop, other, tmp_path, UNLABELLED[how])


def test_the_record_counts_what_was_read(shop: Shop, tmp_path: Path) -> None:
    """Photos, titles that are there, different ones among them; controls beside."""
    samples = [
        replace(one, text=None if row < 10 else "title of p010" if row < 13 else one.text)
        for row, one in enumerate(shop.data.dataset.samples)
    ]
    record = with_samples(shop, samples, "r2").adapt(tmp_path).record
    assert (record.photos, record.pairs, record.titles) == (180, 170, 168)
    assert record.adapt == ("titles", "photos")
    assert [control.name for control in record.controls] == ["shuffled", "random"]
    assert record.after is not None
    assert record.after.pairs == 170
    assert not record.texts_from_labels
    assert shop.adapt(tmp_path, derive="subcategories").record.texts_from_labels


def test_an_unchanged_case_fits_nothing_again(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The head that was made is read back as it was, record included."""
    first = shop.adapt(tmp_path)
    monkeypatch.setattr("evaluation.stages.adapt.adapt", None)
    again = shop.adapt(tmp_path)
    assert_equal(first, again)
    assert first.record == again.record


def test_too_few_titles_are_one_line(shop: Shop) -> None:
    """Below thirty pairs nothing can be told from chance."""
    bare = [replace(one, text=None) for one in shop.data.dataset.samples]
    few = with_samples(shop, [*shop.data.dataset.samples[:29], *bare[29:]], "few").data
    with pytest.raises(DataError, match="29 of 180 photos have one") as caught:
        check_adaptation(SPEC, few)
    assert "text_column" in str(caught.value)
    check_adaptation(replace(SPEC, adapt=("photos",)), few)


@pytest.mark.parametrize(
    ("shares", "problem"),
    [({"class 0": 0.5, "x": 0.5}, "left out|no class"), ({"class 0": 1.0}, "left out")],
)
def test_shares_name_every_class(shop: Shop, shares: dict[str, float], problem: str) -> None:
    """A class without a share, or a share without a class, is one line."""
    with pytest.raises(DataError, match=problem):
        check_adaptation(replace(SPEC, shares=shares), shop.data)


def test_titles_are_read_at_prediction_alone_when_declared(shop: Shop, tmp_path: Path) -> None:
    """By the parts that are asked for; an empty title adds nothing."""
    samples = [
        replace(one, text=None if row == 180 else one.text)
        for row, one in enumerate(shop.data.dataset.samples)
    ]
    bench = with_samples(shop, samples, "r3").bench(tmp_path, "test")
    assert bench.titles() == {}
    shop.tower.spec = replace(SPEC, reads=("photo", "title"))
    titles = bench.titles()["test"]
    head = replace(shop.scene.head, title_weight=shop.scene.head.weight)
    alone = head.logits(shop.rows["test"])
    both = alone + head.title_logits(titles)
    assert np.array_equal(alone[0], both[0])
    assert np.allclose(both[1:] - alone[1:], titles[1:] @ head.weight.T)


def test_the_curve_of_titles_grows_to_all_of_them(shop: Shop, tmp_path: Path) -> None:
    """At the settings that the case chose; the last point has every pair."""
    record = shop.adapt(tmp_path).record
    run = make_run(case="s/m/p", model=SPEC, adaptation=record)
    (curve,) = pairs_curve(run, shop.bench(tmp_path), shop.scene.head)
    assert [point.pairs for point in curve.points] == [50, 100, 180]
    assert [len(point.accuracies) for point in curve.points] == [3, 3, 1]
    assert curve.points[-1].mean > np.mean(
        shop.scene.head.logits(shop.rows["test"]).argmax(axis=1) == shop.scene.labels[-TEST:]
    )
    assert pairs_curve(make_run(), shop.bench(tmp_path), shop.scene.head) == ()


def test_suggestions_start_from_the_adapted_model(shop: Shop, tmp_path: Path) -> None:
    """What it says of validation is cross-fitted, and needs no test part."""
    bench = replace(shop.bench(tmp_path / "a", "train", "validation"), data=hide_test(shop.data))
    prompts = PromptSet(name="p", title="P", language="en", texts={})
    (head, said), scored = read_by(bench, prompts), shop.adapt(tmp_path / "b")
    assert said.logits is not None
    assert np.allclose(said.logits, scored.validation)
    assert not np.allclose(said.logits, shop.scene.head.logits(shop.rows["validation"]))
    assert np.array_equal(head.layer, scored.head.layer)


def test_suggestions_read_titles_where_the_model_does(shop: Shop, tmp_path: Path) -> None:
    """Those of validation, since test is put away; a photo without one is read alone."""
    spec = replace(SPEC, adapt=(), reads=("photo", "title"))
    shop.tower.spec = spec
    bare = [replace(one, text=None) for one in shop.data.dataset.samples]
    prompts = PromptSet(name="p", title="P", language="en", texts={})

    def said(data: StudyData, folder: str) -> FloatArray:
        bench = replace(shop.bench(tmp_path / folder, "validation"), data=hide_test(data))
        logits = read_by(bench, prompts)[1].logits
        assert logits is not None
        return logits

    alone = shop.scene.head.logits(shop.rows["validation"])
    assert not np.allclose(said(shop.data, "a"), alone)
    some = with_samples(shop, [*bare[: -TEST - 1], *shop.data.dataset.samples[-TEST - 1 :]], "r")
    assert np.allclose(said(some.data, "b")[:-1], alone[:-1])


def test_a_supervised_head_learns_titles_beside_features(shop: Shop, tmp_path: Path) -> None:
    """One head over both, cut in two; what it says of test counts the title in."""
    spec = ModelSpec(
        name="m",
        kind="supervised",
        architecture="trunk",
        weights="embedded",
        title="M",
        reads=("photo", "title"),
    )

    class Learner(Tower):
        def head(self, classes: tuple[str, ...], **read: Any) -> Head:
            return fit_logistic_regression(classes, read["train"], read["validation"], seed=0)

    class Desk(Table):
        def reader(self, _spec: ModelSpec, _data: StudyData) -> Tower:  # type: ignore[override]
            return self.tower

    shop.tower = Learner(shop.tower.known, shop.scene.head, spec)
    bench = replace(shop.bench(tmp_path), engine=Desk(tmp_path, shop.tower))
    learnt = Support(embeddings=shop.rows["train"], labels=shop.data.labels(shop.data.ids("train")))
    case = Case(study="s", model=spec, prompts=None)
    made = make_head(case, bench, learnt)
    assert made.head.weight.shape == (CLASSES, DIM)
    assert made.head.title_weight is not None
    assert made.head.title_weight.shape == (CLASSES, DIM)
    said = made.predict(shop.data.samples(shop.data.ids("test"))).logits
    assert not np.allclose(said, made.head.logits(shop.rows["test"]))
