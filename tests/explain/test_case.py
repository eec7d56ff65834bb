"""A case explained from end to end, and explained again at no cost."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from evaluation.errors import StoreError
from evaluation.explain.base import head_logits, margin_score
from evaluation.explain.case import explain_case, planned_passes
from evaluation.explain.computed import Explainer
from evaluation.explain.drawing import MAX_BYTES
from evaluation.explain.selection import select_photos
from evaluation.explain.towers import inspect_tower
from evaluation.records import (
    CaseExplanation,
    ExplainMethod,
    ExplainSpec,
    Head,
    Predictions,
    Sample,
)
from evaluation.stores import artefacts
from evaluation.stores.maps import MapCache
from tests.explain.models import HYBRID, SPATIAL, PlainModel, class_maps, random_head, toy
from tests.explain.shapes import NAMES, make_scenes

STAMP = {"study": "s", "case": "s/m/p", "dataset_revision": "r", "split_digest": "d"}
SPEC = ExplainSpec(
    methods=("chefer", "rise"),
    cap=5,
    masks=24,
    faithfulness_photos=3,
    curve_steps=4,
    randomisation_photos=1,
)


class Bench:
    """A toy, fourteen photos of one object in a wide frame, and what is asked of them."""

    def __init__(self, folder: Path, model: PlainModel, head: Head) -> None:
        self.model, self.head = model, head
        scenes = make_scenes(14, seed=21, objects=1)
        self.samples = []
        for i in range(14):
            # The crop cuts a third of the photo off on each side.
            photo = Image.new("RGB", (192, 64), (128, 128, 128))
            photo.paste(scenes.image(i), (64, 0))
            path = folder / f"{i}.png"
            photo.save(path)
            label = NAMES[int(scenes.present[i].argmax())]
            self.samples.append(
                Sample(
                    id=f"photo {i}",
                    image=path,
                    label=label,
                    digest=hashlib.sha256(path.read_bytes()).hexdigest(),
                    pixels="",
                    width=192,
                    height=64,
                )
            )
        self.loaded: list[str] = []
        self.written: dict[str, bytes] = {}
        self.told: list[tuple[str, int, int]] = []

    def load(self, sample: Sample) -> Image.Image:
        self.loaded.append(sample.id)
        return Image.open(sample.image).convert("RGB")

    def predictions(self, *, wrong: tuple[int, ...] = ()) -> Predictions:
        """The model's own, but for photos whose true class is said to be another one."""
        pixels = torch.stack([self.model.preprocess(self.load(one)) for one in self.samples])
        with torch.no_grad():
            logits = head_logits(self.head)(self.model.forward(pixels)).double()
        labels = np.array([NAMES.index(one.label) for one in self.samples])
        for row in wrong:
            labels[row] = (labels[row] + 1) % len(NAMES)
        return Predictions(
            classes=NAMES,
            sample_ids=tuple(one.id for one in self.samples),
            labels=labels,
            probabilities=logits.softmax(-1).numpy(),
        )

    def explain(
        self,
        cache: MapCache,
        predictions: Predictions,
        spec: ExplainSpec = SPEC,
        head: Head | None = None,
    ) -> CaseExplanation:
        """Counts from zero what this explanation costs."""
        self.loaded.clear()
        self.written.clear()
        self.told.clear()
        self.model.images = 0
        explainer = Explainer(
            model=self.model,
            head=head or self.head,
            spec=spec,
            load=self.load,
            cache=cache,
            batch_size=8,
        )
        return explain_case(
            explainer,
            stamp=STAMP,
            samples=self.samples,
            predictions=predictions,
            write=self.written.__setitem__,
            progress=lambda *told: self.told.append(told),
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, *toy("cls"))


@pytest.fixture
def cache(tmp_path: Path) -> MapCache:
    return MapCache(tmp_path / "cache" / "maps.sqlite")


def test_a_case_is_explained_whole(bench: Bench, cache: MapCache) -> None:
    """Photos by the rules, a map of each class that matters, measures of every method."""
    predictions = bench.predictions(wrong=(2, 5))
    found = bench.explain(cache, predictions)
    assert (found.study, found.case, found.fingerprint) == ("s", "s/m/p", "toy-cls")
    assert [p.sample_id for p in found.photos] == [
        p.sample_id for p in select_photos(predictions, SPEC)
    ]
    assert len(found.photos) == 5
    assert [(c.method, c.applies) for c in found.methods] == [("chefer", True), ("rise", True)]
    assert [c.grid for c in found.methods] == [(8, 8), (64, 64)]
    for photo in found.photos:
        explained = dict.fromkeys((photo.predicted, photo.label))
        assert [(m.method, m.label) for m in photo.maps] == [
            (method, label) for method in ("chefer", "rise") for label in explained
        ]
        assert photo.seen == pytest.approx((1 / 3, 0, 2 / 3, 1))
        assert sum(photo.probabilities) == pytest.approx(1)
    wrong = [p for p in found.photos if p.predicted != p.label]
    assert wrong
    rows = {(f.method, f.measure, f.baseline) for f in found.faithfulness}
    assert len(rows) == len(found.faithfulness) == 4 * 4
    assert all(f.area.n == 3 and len(f.curve) == 5 for f in found.faithfulness)
    assert [(r.method, r.share) for r in found.randomisation] == [
        ("chefer", 0.25), ("chefer", 0.5), ("chefer", 0.75), ("chefer", 1.0), ("rise", 1.0),
    ]  # fmt: skip


def test_every_overlay_is_written_small_and_shows_the_whole_photo(
    bench: Bench, cache: MapCache
) -> None:
    """What the crop cut off is hatched, and the maps of a wrong photo share their scale."""
    found = bench.explain(cache, bench.predictions(wrong=(2, 5)))
    maps = [one for photo in found.photos for one in photo.maps]
    assert {one.overlay for one in maps} == set(bench.written)
    for one in maps:
        content = bench.written[one.overlay]
        image = Image.open(io.BytesIO(content))
        assert image.format == "WEBP"
        assert image.size == (one.width, one.height) == (192, 64)
        assert len(content) <= MAX_BYTES
        assert one.overlay.startswith("attention/")
        pixels = np.asarray(image.convert("RGBA"))
        assert (pixels[:, 70:122, 3] == 255).all()
        assert pixels[:, :58, 3].mean() < 200
    for photo in found.photos:
        for method in ("chefer", "rise"):
            pair = [one for one in photo.maps if one.method == method]
            assert len({one.scale for one in pair}) == 1
            assert pair[0].scale == pytest.approx(max(0.0, *(one.peak for one in pair)))


def test_the_map_of_a_photo_lies_on_its_object(bench: Bench, cache: MapCache) -> None:
    """Overlay and words agree with where the shape was drawn, in the middle of a wide photo."""
    spec = replace(SPEC, masks=150, cap=6, faithfulness_photos=0, randomisation_photos=0)
    found = bench.explain(cache, bench.predictions(), spec)
    scenes = make_scenes(14, seed=21, objects=1)
    for photo in found.photos:
        row = int(photo.sample_id.split()[1])
        where = scenes.objects[row].any(axis=0)
        for one in photo.maps:
            image = Image.open(io.BytesIO(bench.written[one.overlay])).convert("RGB")
            light = np.asarray(image).astype(float).sum(-1)[:, 64:128]
            assert light[where].mean() > 1.5 * light[~where].mean()
            thirds = np.array_split(np.arange(64), 3)
            rows, columns = thirds[one.summary.top_row], thirds[one.summary.top_column]
            # RISE with so few masks may put its heaviest ninth beside the object.
            assert one.method == "rise" or where[np.ix_(rows, columns)].any()


def test_an_unchanged_case_recomputes_nothing(bench: Bench, cache: MapCache) -> None:
    """Not one image through the model, not one photo decoded: the same record, the same files."""
    predictions = bench.predictions(wrong=(2,))
    first = bench.explain(cache, predictions)
    files = dict(bench.written)
    assert bench.model.images > 0
    again = bench.explain(cache, predictions)
    assert (bench.model.images, bench.loaded) == (0, [])
    assert again == first
    assert bench.written == files


def test_another_prompt_set_costs_rise_nothing(bench: Bench, cache: MapCache) -> None:
    """Its masked images are embedded already; the maps are new ones."""
    spec = replace(SPEC, methods=("rise",), faithfulness_photos=0, randomisation_photos=0)
    predictions = bench.predictions()
    first = bench.explain(cache, predictions, spec)
    other = Head(weight=bench.head.weight[::-1].copy(), bias=bench.head.bias)
    again = bench.explain(cache, predictions, spec, head=other)
    assert bench.model.images == 0
    assert again.photos[0].maps[0].peak != first.photos[0].maps[0].peak


def test_rise_explains_the_shared_photos_first(bench: Bench, cache: MapCache) -> None:
    """It costs most: the others have the cheap methods alone; curves are of its photos."""
    spec = replace(SPEC, cap=9, rise_photos=4, faithfulness_photos=3, randomisation_photos=0)
    found = bench.explain(cache, bench.predictions(wrong=(2, 5)), spec)
    by_rise = [p for p in found.photos if {m.method for m in p.maps} == {"chefer", "rise"}]
    assert len(by_rise) == 4
    assert all(any(r.rule == "shared" for r in p.reasons) for p in by_rise)
    assert {m.method for p in found.photos for m in p.maps if p not in by_rise} == {"chefer"}
    assert {row.area.n for row in found.faithfulness} == {3}
    without = replace(spec, rise_photos=0, faithfulness_photos=0)
    assert [c.method for c in bench.explain(cache, bench.predictions(), without).methods] == [
        "chefer"
    ]


def test_photos_that_only_rise_could_explain_are_as_many_as_it_may(
    bench: Bench, cache: MapCache
) -> None:
    spec = replace(SPEC, methods=("rise",), cap=9, rise_photos=2, faithfulness_photos=0)
    found = bench.explain(cache, bench.predictions(), replace(spec, randomisation_photos=0))
    assert len(found.photos) == 2
    assert all(photo.maps for photo in found.photos)


def test_controls_and_randomisation_are_computed_once_a_model(
    bench: Bench, cache: MapCache
) -> None:
    """Another prompt set pays for its own maps and their curves, and names whose test it quotes."""
    predictions = bench.predictions()
    first = bench.explain(cache, predictions)
    other = Head(weight=bench.head.weight[::-1].copy(), bias=bench.head.bias)
    again = bench.explain(cache, predictions, head=other)
    assert again.randomisation == first.randomisation
    assert {row.case for row in again.randomisation} == {"s/m/p"}
    # chefer on each photo; the curves of chefer and rise, not those of the two controls nor ends.
    assert bench.model.images == 5 + 3 * 2 * 2 * 2 * (SPEC.curve_steps - 1)
    controls = [row for row in again.faithfulness if row.method in {"random", "centre"}]
    assert controls != [row for row in first.faithfulness if row.method in {"random", "centre"}]


@pytest.mark.parametrize(
    "change",
    [{"masks": 25}, {"seed": 1}, {"curve_steps": 5}],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_setting_is_computed_anew(
    bench: Bench, cache: MapCache, change: dict[str, int]
) -> None:
    predictions = bench.predictions()
    bench.explain(cache, predictions)
    bench.explain(cache, predictions, replace(SPEC, **change))
    assert bench.model.images > 0


def test_another_model_shares_no_entry(bench: Bench, cache: MapCache) -> None:
    predictions = bench.predictions()
    bench.explain(cache, predictions)
    cost = bench.model.images
    bench.model.fingerprint = "another"
    bench.explain(cache, predictions)
    assert bench.model.images == cost


def test_the_cost_is_announced_and_progress_reaches_it(bench: Bench, cache: MapCache) -> None:
    """Forward passes; a gradient method counts as three."""
    bench.explain(cache, bench.predictions())
    maps = 5 * (3 + 24)
    curves = 3 * (3 + 4 * 2 * 2 * 3)
    again = 4 * 3 + 24
    photos = len(select_photos(bench.predictions(), SPEC))
    tower = inspect_tower(bench.model)
    assert planned_passes(SPEC, tower, photos) == maps + curves + again
    label, done, total = bench.told[-1]
    assert label == "attention maps of s/m/p"
    assert done == total == maps + curves + again
    steps = [told[1] for told in bench.told]
    assert steps == sorted(steps)


def test_the_maps_of_a_photo_cost_at_most_four_forward_passes(
    bench: Bench, cache: MapCache
) -> None:
    """By a gradient method: one, and one backward pass for all its classes."""
    spec = replace(SPEC, methods=("chefer",), faithfulness_photos=0, randomisation_photos=0)
    predictions = bench.predictions(wrong=(2,))
    found = bench.explain(cache, predictions, spec)
    # One more, once for each model, to look at its tower.
    assert bench.model.images == len(found.photos) + 1 == 6


def test_a_method_that_does_not_apply_has_a_card_that_says_why(
    bench: Bench, cache: MapCache
) -> None:
    """The others go on; the line names one that does."""
    spec = replace(SPEC, methods=("hirescam", "chefer"), randomisation_photos=0)
    found = bench.explain(cache, bench.predictions(), spec)
    refused, usable = found.methods
    assert not refused.applies
    assert "use attention-gradient, chefer or rise" in refused.reason
    assert usable.applies
    assert {one.method for photo in found.photos for one in photo.maps} == {"chefer"}


@pytest.mark.parametrize("family", ["EfficientNet", "CLIP ResNet"])
def test_a_cnn_is_explained_like_a_clip(tmp_path: Path, family: str) -> None:
    """The default methods: HiResCAM on the layer that is named, then RISE."""
    build, size = (SPATIAL | HYBRID)[family]
    model = PlainModel(build(), size, normalise=False)
    bench = Bench(tmp_path, model, random_head(model, size, classes=len(NAMES)))
    with MapCache(tmp_path / "maps.sqlite") as cache:
        found = bench.explain(cache, bench.predictions(), replace(SPEC, methods=()))
        again = bench.explain(cache, bench.predictions(), replace(SPEC, methods=()))
    assert [(card.method, card.layer) for card in found.methods] == [
        ("hirescam", "layer4" if family == "CLIP ResNet" else "bn2"),
        ("rise", ""),
    ]
    assert again == found


@pytest.mark.parametrize("method", ["hirescam", "gradcam"])
def test_behind_an_average_pool_another_head_costs_no_pass(
    tmp_path: Path, cache: MapCache, method: ExplainMethod
) -> None:
    """The last feature maps are kept, and give the maps that the whole tower gives."""
    build, size = SPATIAL["EfficientNet"]
    model = PlainModel(build(), size, normalise=False)
    bench = Bench(tmp_path, model, random_head(model, size, classes=len(NAMES)))
    spec = replace(SPEC, methods=(method,), faithfulness_photos=0, randomisation_photos=0)
    bench.explain(cache, bench.predictions(), spec)
    assert model.images == 5 + 2  # noise to look at the tower, and at what follows its last layer
    other = Head(weight=bench.head.weight[::-1].copy(), bias=bench.head.bias)
    bench.explain(cache, bench.predictions(), spec, head=other)
    assert model.images == 0
    explainer = Explainer(
        model=model, head=other, spec=spec, load=bench.load, cache=cache, batch_size=8
    )
    sample = bench.samples[0]
    found = explainer.maps(method, sample, (1, 3))
    pixels = model.preprocess(bench.load(sample))[None]
    whole = class_maps(method, model, explainer.tower, margin_score(other), pixels)
    scale = abs(whole.values).max()
    np.testing.assert_allclose(found.values[0], whole.values[0][[1, 3]], atol=1e-4 * scale)
    assert found.extent == whole.extent


def test_the_record_survives_its_file(bench: Bench, cache: MapCache, tmp_path: Path) -> None:
    """attention.json gives back the same record, whatever is in it."""
    spec = replace(SPEC, methods=("hirescam", "chefer"))
    found = bench.explain(cache, bench.predictions(wrong=(2,)), spec)
    path = tmp_path / "attention.json"
    path.write_text(artefacts.to_json(found), encoding="utf-8")
    assert artefacts.read_json(path, CaseExplanation) == found


def test_a_case_of_no_photos_has_an_empty_record(bench: Bench, cache: MapCache) -> None:
    none = Predictions(
        classes=NAMES, sample_ids=(), labels=np.zeros(0, int), probabilities=np.zeros((0, 7))
    )
    found = bench.explain(cache, none)
    assert (found.photos, found.faithfulness, found.randomisation) == ((), (), ())


def test_values_that_are_not_finite_are_refused(bench: Bench, cache: MapCache) -> None:
    """A photo on which the model overflows has no map rather than a wrong one."""
    predictions = bench.predictions()
    spec = replace(SPEC, randomisation_photos=0, faithfulness_photos=0)
    plain: Callable[[torch.Tensor], torch.Tensor] = bench.model.forward
    bench.model.forward = lambda pixels: plain(pixels) * torch.inf  # type: ignore[method-assign]
    found = bench.explain(cache, predictions, spec)
    assert [card.applies for card in found.methods] == [False, False]
    assert all("not finite" in card.reason for card in found.methods)
    assert all(photo.maps == () for photo in found.photos)


def test_a_cache_that_cannot_be_used_is_reported(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        bench.explain(MapCache(tmp_path / "file" / "x"), bench.predictions())
