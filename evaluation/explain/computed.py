"""Maps, curves and similarities of one model and head, each computed once and then kept."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from typing import cast

import cattrs
import numpy as np
import torch
from PIL import Image

from evaluation.errors import ModelError
from evaluation.explain import faithfulness
from evaluation.explain.base import Embed, InputMaps, embedded, margin_score, plainly, to_array
from evaluation.explain.cam import Tail, ends_in_pool, last_features
from evaluation.explain.methods import METHODS, Look, masks_of
from evaluation.explain.rise import masked_images
from evaluation.explain.towers import SpatialLayer, Tower, inspect_tower
from evaluation.models.base import Explainable
from evaluation.models.embedder import Classifier
from evaluation.records import ExplainMethod, ExplainSpec, FloatArray, Head, Sample
from evaluation.records.base import silent
from evaluation.stores.feeding import AsFits
from evaluation.stores.maps import MapCache, head_digest, key_of

Asked = tuple[Sample, tuple[int, ...]]
"""A photo, and its classes that are explained."""
Wanted = tuple[str, Callable[[], Iterable[torch.Tensor]]]
"""The key of an entry, and the images that it is made of."""
Passed = Callable[[int], None]
"""Told how many forward passes are done."""


@dataclass(kw_only=True)
class Explainer:
    """One model and head, with a cache; photos are decoded only when something is missing."""

    model: Classifier
    """Its trunk embeds photos that are masked or erased, once for all cases that have it."""
    head: Head
    spec: ExplainSpec
    load: Callable[[Sample], Image.Image]
    """Opens a photo as RGB."""
    cache: MapCache
    batch_size: int
    _pixels: dict[str, torch.Tensor] = field(default_factory=dict)
    """(3, H, W) of the last photo that was opened, by its id."""
    _ends: dict[str, list[torch.Tensor]] = field(default_factory=dict)
    """The same photo, and what stands in place of its pixels."""

    @cached_property
    def tower(self) -> Tower:
        """What the tower is made of."""
        return tower_of(self.model, self.cache)

    def maps(self, method: ExplainMethod, sample: Sample, classes: tuple[int, ...]) -> InputMaps:
        """(1, c, h, w): the maps of some classes of one photo.

        Raises as :meth:`make_maps`.
        """
        key = self._maps_key(method, sample, classes)
        known = self.cache.arrays(key)
        if known is None:
            self.make_maps(method, [(sample, classes)])
            known = self.cache.arrays(key) or {}
        height, width = map(float, known["extent"])
        return InputMaps(values=known["values"], extent=(height, width))

    def make_maps(
        self, method: ExplainMethod, asked: Iterable[Asked], passed: Passed = silent
    ) -> None:
        """Makes and keeps the maps of photos that the cache lacks, in batches across photos.

        Raises :class:`ModelError`: a map is empty or not finite.
        """
        row, masks = METHODS[method], masks_of(self.spec)

        def images(sample: Sample) -> Iterator[torch.Tensor]:
            return masked_images(self._opened(sample), masks)

        every = {self._maps_key(method, *photo): photo for photo in asked}
        missing = [(key, photo) for key, photo in every.items() if self.cache.arrays(key) is None]
        wanted: list[Wanted] = []
        for _, (sample, _) in missing if row.masked else ():
            key = self._key("masked", sample, shared=True, settings=asdict(masks))
            wanted.append((key, partial(images, sample)))
        masked, few = self._embeddings(wanted, passed), self.batch_size if row.together else 1
        for start in range(0, len(missing), few):
            keys, photos = zip(*missing[start : start + few], strict=True)
            tail = self._tail if row.together else None
            maps = self._made(method, photos, lambda: [next(masked)], tail)
            for key, (_, classes), values in zip(keys, photos, maps.values, strict=True):
                kept = {"values": values[None, : len(classes)], "extent": np.array(maps.extent)}
                self.cache.put_arrays(key, kept)

    def curves(
        self, names: Sequence[str], asked: Sequence[Asked], passed: Passed = silent
    ) -> Iterator[dict[str, faithfulness.Curves]]:
        """Of each photo, deletion and insertion of its first class, by methods and controls."""
        wanted: list[Wanted] = []
        for sample, classes in asked:
            ends = self._key("ends", sample, shared=True)
            wanted.append((ends, partial(self._end_images, sample)))
            wanted += [self._erased(name, sample, classes) for name in names]
        rows = self._embeddings(wanted, passed)
        for _, classes in asked:
            first = next(rows)
            yield {
                name: faithfulness.read_curves(first, next(rows), self.head, classes[0])
                for name in names
            }

    def similarities(
        self, method: ExplainMethod, sample: Sample, classes: tuple[int, ...], share: float
    ) -> FloatArray:
        """(c,) Spearman's correlations of the maps with those of shuffled weights."""
        settings = {"seed": self.spec.seed} | METHODS[method].settings(self.spec)
        key = self._key(
            "randomised", sample, method=method, classes=classes, share=share, settings=settings
        )

        def masked() -> Iterator[FloatArray]:
            images = masked_images(self._opened(sample), masks_of(self.spec))
            each, embed = ((sample.id, image) for image in images), plainly(self.model)
            return (rows for _, rows in embedded(embed, each, self.batch_size))

        def make() -> FloatArray:
            trained = self.maps(method, sample, classes).values[0]
            # Shuffled weights may leave no gradient, or overflow: nothing is left of the map.
            shuffled = np.zeros_like(trained)
            with (
                suppress(ModelError),
                faithfulness.randomised(self.model.image_tower, share, seed=self.spec.seed),
            ):
                shuffled = self._made(method, [(sample, classes)], masked).values[0]
            return faithfulness.similarity(trained, shuffled)

        return self.cache.kept(key, make, "similarity")

    # ----------------------------------------------------------------------- keys

    @cached_property
    def _head_digest(self) -> str:
        return head_digest(self.head)

    def _key(self, kind: str, sample: Sample, *, shared: bool = False, **more: object) -> str:
        """Of what is made of a photo by this model and head, or by any over the same trunk."""
        maker = {"trunk": self.model.trunk.key}
        if not shared:
            maker = {"model": self.model.fingerprint, "head": self._head_digest}
        return key_of(kind, image=sample.digest, **maker, **more)

    def _maps_key(self, method: ExplainMethod, sample: Sample, classes: tuple[int, ...]) -> str:
        settings = METHODS[method].settings(self.spec)
        return self._key("maps", sample, method=method, classes=classes, settings=settings)

    # --------------------------------------------------------------------- images

    def _opened(self, sample: Sample) -> torch.Tensor:
        if sample.id not in self._pixels:
            self._pixels = {sample.id: self.model.preprocess(self.load(sample))}
        return self._pixels[sample.id]

    def _end_images(self, sample: Sample) -> list[torch.Tensor]:
        if sample.id not in self._ends:
            pixels = self._opened(sample)
            self._ends = {sample.id: [pixels, *faithfulness.baselines(pixels)]}
        return self._ends[sample.id]

    def _erased(self, name: str, sample: Sample, classes: tuple[int, ...]) -> Wanted:
        """The images that a map's curves look at, and their key."""
        # Another random control for each photo, the same for every method.
        seed = int(sample.digest[:12], 16) ^ self.spec.seed
        settings = {"steps": self.spec.curve_steps, "seed": self.spec.seed}
        control = name in faithfulness.CONTROLS
        if control:
            key = self._key("control", sample, shared=True, method=name, settings=settings)
        else:
            settings |= METHODS[name].settings(self.spec)
            key = self._key(
                "curves", sample, trunk=self.model.trunk.key, method=name, target=classes[0],
                settings=settings,
            )  # fmt: skip

        def images() -> Iterator[torch.Tensor]:
            relevance = (
                faithfulness.control_map(name, seed=seed)
                if control
                else self.maps(name, sample, classes).values[0, 0]
            )
            order = faithfulness.ranking(relevance, self.tower.input_size, seed=seed)
            pixels, *hidden = self._end_images(sample)
            return faithfulness.erased_images(pixels, hidden, order, self.spec.curve_steps)

        return key, images

    # ------------------------------------------------------------------- features

    def _kept(
        self, wanted: Sequence[Wanted], through: Embed, passed: Passed
    ) -> Iterator[FloatArray]:
        """What is made of some images a key: kept from before, or made in batches across keys."""
        missing = {key: images for key, images in wanted if self.cache.arrays(key) is None}
        images = ((key, image) for key, of_key in missing.items() for image in of_key())
        made = embedded(through, images, self.batch_size, passed)
        for key, _ in wanted:
            # Those that another process has kept meanwhile are passed over.
            yield self.cache.kept(key, lambda: next(rows for of, rows in made if of == key))  # noqa: B023 - called at once

    def _embeddings(self, wanted: Sequence[Wanted], passed: Passed) -> Iterator[FloatArray]:
        """The same of the trunk's features, projected."""
        for rows in self._kept(wanted, self.model.trunk.embed, passed):
            yield to_array(self.model.trunk.project(torch.from_numpy(rows)))

    @cached_property
    def _tail(self) -> Tail | None:
        """What is explained in place of a tower that ends in an average pool."""
        layer, key = self.tower.spatial, key_of("pool", model=self.model.fingerprint)
        known = self.cache.plain(key)
        if known is None:
            known = layer is not None and ends_in_pool(self.model, self.model.trunk, layer)
            self.cache.put_plain(key, known)
        return Tail(self.model.trunk) if known else None

    def _last_features(self, samples: Sequence[Sample]) -> torch.Tensor:
        """(B, K, h, w): the last feature maps of photos, which every head over the trunk shares."""
        layer = cast("SpatialLayer", self.tower.spatial)
        wanted: list[Wanted] = []
        for sample in samples:
            images = partial(lambda sample: [self._opened(sample)], sample)
            wanted.append((self._key("layer", sample, shared=True), images))

        def through(pixels: torch.Tensor) -> FloatArray:
            return last_features(self.model, pixels, layer)[0]

        return torch.from_numpy(np.concatenate(list(self._kept(wanted, through, silent))))

    # ----------------------------------------------------------------------- maps

    def _made(
        self,
        method: ExplainMethod,
        asked: Sequence[Asked],
        masked: Callable[[], Iterable[FloatArray]],
        tail: Tail | None = None,
    ) -> InputMaps:
        """(B, c, h, w) maps of some photos, in as few passes as fit into memory."""
        tower = replace(self.tower, spatial=Tail.LAYER) if tail else self.tower
        margins, extents = margin_score(self.head), list[tuple[float, float]]()
        most = max(len(classes) for _, classes in asked)

        def work(few: Sequence[Asked]) -> FloatArray:
            samples = [sample for sample, _ in few]
            # The margins of some classes an image: each further one costs chefer most of a pass.
            index = torch.tensor([(*c, *c[:1] * (most - len(c))) for _, c in few])

            def score(embeddings: torch.Tensor) -> torch.Tensor:
                chosen = index.to(embeddings.device).expand(len(embeddings), -1)
                return margins(embeddings).gather(1, chosen)

            def pixels() -> torch.Tensor:
                if tail:
                    return self._last_features(samples)
                return torch.stack([self._opened(sample) for sample in samples])

            look = Look(
                model=cast("Explainable", tail or self.model),
                tower=tower,
                score=score,
                pixels=pixels,
                masks=masks_of(self.spec),
                masked=masked,
            )
            maps = METHODS[method].run(look)
            extents.append(self.tower.input_size if tail else maps.extent)
            return maps.values

        values = AsFits(work, limit=len(asked))(asked)
        if not np.isfinite(values).all():
            raise ModelError(
                f"the map of {method} is not finite", remedy="use rise, or --precision fp32"
            )
        return InputMaps(values=values, extent=extents[-1])


def tower_of(model: Explainable, cache: MapCache) -> Tower:
    """What the tower of a model is made of; looked at once for each model."""
    key = key_of("tower", model=model.fingerprint)
    known = cache.plain(key)
    if known is not None:
        return cattrs.structure(known, Tower)
    tower = inspect_tower(model)
    cache.put_plain(key, asdict(tower))
    return tower
