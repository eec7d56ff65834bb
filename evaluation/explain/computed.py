"""Maps, curves and similarities of one model and head, each computed once and then kept."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import cast

import cattrs
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from evaluation.errors import ModelError
from evaluation.explain import faithfulness
from evaluation.explain.base import (
    Embed,
    Explainable,
    Float32Array,
    InputMaps,
    Score,
    margin_score,
    plainly,
    quickly,
)
from evaluation.explain.methods import METHODS, Look, Made, class_maps, masks_of
from evaluation.explain.randomisation import randomised, similarity
from evaluation.explain.towers import Tower, inspect_tower
from evaluation.records import ExplainMethod, ExplainSpec, FloatArray, Head, Sample
from evaluation.records.base import Progress, silent
from evaluation.stores.maps import Arrays, MapCache, head_digest, key_of


@dataclass(kw_only=True)
class Explainer:
    """One model and head, with a cache; photos are decoded only when something is missing."""

    model: Explainable
    head: Head
    spec: ExplainSpec
    load: Callable[[Sample], Image.Image]
    """Opens a photo as RGB."""
    cache: MapCache
    batch_size: int
    _opened: tuple[str, torch.Tensor] | None = None
    """The last photo that was decoded, with its id."""

    @cached_property
    def tower(self) -> Tower:
        """What the tower is made of."""
        return tower_of(self.model, self.cache)

    def maps(
        self,
        method: ExplainMethod,
        sample: Sample,
        classes: tuple[int, ...],
        *,
        progress: Progress = silent,
    ) -> InputMaps:
        """(1, c, h, w): the maps of some classes of one photo; ``progress`` is told of masks.

        Raises :class:`ModelError`: the method does not apply, or its map is empty or not finite.
        """
        key = self._key(
            "maps",
            sample,
            method=method,
            classes=classes,
            settings=METHODS[method].settings(self.spec),
        )

        def make() -> Arrays:
            look = self._look(sample, classes, quickly(self.model))
            maps = class_maps(method, replace(look, progress=progress, keep=self._keep(sample)))
            _check_finite(maps.values, method)
            return {"values": maps.values, "extent": np.array(maps.extent)}

        known = self.cache.kept_arrays(key, make)
        height, width = (float(side) for side in known["extent"])
        return InputMaps(values=known["values"], extent=(height, width))

    def curves(self, name: str, sample: Sample, classes: tuple[int, ...]) -> faithfulness.Curves:
        """Deletion and insertion of the first class, by a method's map or a control's."""
        # Another random control for each photo, the same for every method.
        seed, target = int(sample.digest[:12], 16) ^ self.spec.seed, classes[0]
        settings = {"steps": self.spec.curve_steps, "seed": self.spec.seed}
        method = cast("ExplainMethod", name)
        if name in faithfulness.CONTROLS:
            key = self._photo_key("control", sample, method=name, settings=settings)
        else:
            settings |= METHODS[method].settings(self.spec)
            key = self._key("curves", sample, method=name, target=target, settings=settings)

        def make() -> FloatArray:
            relevance = (
                faithfulness.control_map(name, seed=seed)
                if name in faithfulness.CONTROLS
                else self.maps(method, sample, classes).of(0)[0]
            )
            return faithfulness.embed_curves(
                quickly(self.model),
                self._pixels(sample),
                faithfulness.ranking(relevance, self.tower.input_size, seed=seed),
                self._ends(sample),
                steps=self.spec.curve_steps,
                batch_size=self.batch_size,
            )

        return faithfulness.read_curves(self.cache.kept(key, make), self.head, target)

    def _ends(self, sample: Sample) -> FloatArray:
        """Those of every map's curves, which every prompt set of the model shares."""
        return self.cache.kept(
            self._photo_key("ends", sample),
            lambda: faithfulness.embed_ends(quickly(self.model), self._pixels(sample)),
        )

    def similarities(
        self, method: ExplainMethod, sample: Sample, classes: tuple[int, ...], share: float
    ) -> NDArray[np.float64]:
        """(c,) Spearman's correlations of the maps with those of shuffled weights."""
        key = self._key(
            "randomised",
            sample,
            method=method,
            classes=classes,
            share=share,
            settings={"seed": self.spec.seed} | METHODS[method].settings(self.spec),
        )

        def make() -> NDArray[np.float64]:
            trained = self.maps(method, sample, classes).of(0)
            with randomised(self.model.image_tower, share, seed=self.spec.seed):
                shuffled = self._shuffled(method, sample, classes, trained.shape)
            return similarity(trained, shuffled)

        return self.cache.kept(key, make, "similarity")

    @cached_property
    def _head_digest(self) -> str:
        return head_digest(self.head)

    def _photo_key(self, kind: str, sample: Sample, **more: object) -> str:
        """Of what every prompt set of the model shares."""
        return key_of(kind, model=self.model.fingerprint, image=sample.digest, **more)

    def _key(self, kind: str, sample: Sample, **more: object) -> str:
        return self._photo_key(kind, sample, head=self._head_digest, **more)

    def _score(self, classes: tuple[int, ...]) -> Score:
        """The margins of some classes: every further one costs chefer most of a forward pass."""
        margins = margin_score(self.head)
        return lambda embeddings: margins(embeddings)[:, list(classes)]

    def _pixels(self, sample: Sample) -> torch.Tensor:
        """(3, H, W) of a photo."""
        if self._opened is None or self._opened[0] != sample.id:
            self._opened = (sample.id, self.model.preprocess(self.load(sample)))
        return self._opened[1]

    def _look(self, sample: Sample, classes: tuple[int, ...], embed: Embed) -> Look:
        # One photo at a time: the attention of a large tower takes hundreds of megabytes.
        return Look(
            model=self.model,
            tower=self.tower,
            score=self._score(classes),
            pixels=lambda: self._pixels(sample)[None],
            masks=masks_of(self.spec),
            batch_size=self.batch_size,
            embed=embed,
        )

    def _keep(self, sample: Sample) -> Callable[[Made], Float32Array]:
        """Masked embeddings of a photo, which every prompt set of the model shares."""
        key = self._photo_key("masked", sample, settings=asdict(masks_of(self.spec)))
        return lambda make: self.cache.kept(key, lambda: make()[0])[None]

    def _shuffled(
        self,
        method: ExplainMethod,
        sample: Sample,
        classes: tuple[int, ...],
        shape: tuple[int, ...],
    ) -> FloatArray:
        try:
            maps = class_maps(method, self._look(sample, classes, plainly(self.model)))
            _check_finite(maps.values, method)
        except ModelError:
            # Shuffled weights may leave no gradient, or overflow: nothing is left of the map.
            return np.zeros(shape, dtype=np.float32)
        return maps.of(0)


def _check_finite(values: FloatArray, method: str) -> None:
    if not np.isfinite(values).all():
        raise ModelError(
            f"the map of {method} is not finite", remedy="use rise, or --precision fp32"
        )


def tower_of(model: Explainable, cache: MapCache) -> Tower:
    """What the tower of a model is made of; looked at once for each model."""
    key = key_of("tower", model=model.fingerprint)
    known = cache.plain(key)
    if known is not None:
        return cattrs.structure(known, Tower)
    tower = inspect_tower(model)
    cache.put_plain(key, asdict(tower))
    return tower
