"""All that is explained of one case: photos chosen, maps drawn, and what they are worth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation import records
from evaluation.errors import ModelError
from evaluation.explain.base import Explainable
from evaluation.explain.computed import Asked, Explainer, tower_of
from evaluation.explain.drawing import FOLDER, draw
from evaluation.explain.faithfulness import (
    CONTROLS,
    ENDS,
    forward_passes,
    mean_metric,
    summarise_curves,
)
from evaluation.explain.geometry import Geometry
from evaluation.explain.methods import METHODS, resolve_methods
from evaluation.explain.selection import select_photos
from evaluation.records import ClassMap, ExplainMethod, ExplainSpec, MethodCard, Sample
from evaluation.records.base import silent
from evaluation.stores.maps import ALGORITHMS, MapCache, key_of

Advance = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and how much there is."""


ENOUGH = 5
"""Photos from which the interval of a mean over photos says something."""


def explain_case(
    explainer: Explainer,
    *,
    stamp: Mapping[str, str],
    samples: Sequence[Sample],
    predictions: records.Predictions,
    write: Callable[[str, bytes], None],
    selected: Sequence[records.SelectedPhoto] | None = None,
    folder: str = FOLDER,
    progress: Advance = silent,
) -> records.CaseExplanation:
    """Explains one case; what the cache holds is not computed again, its photos not opened.

    Raises :class:`DataError`: a photo can no longer be read; :class:`StoreError`: the cache cannot
    be used.

    The explainer has the head that made the predictions, whose photos the samples are, in any
    order; ``selected`` are explained, or those of the rules.  ``write`` keeps an overlay: its name
    relative to the case's folder, in ``folder``, and its bytes.  ``stamp`` has fields of the
    record: which case it is, and on which data.  ``progress`` is told of forward passes, those that
    the cache spares included.

    A method that does not apply has a card that says why and which one does; it is no error.
    """
    if selected is None:
        selected = select_photos(predictions, explainer.spec)
    # Photos that all cases share come first everywhere.
    first = sorted(selected, key=lambda photo: all(why.rule != "shared" for why in photo.reasons))
    work = _Work(
        explainer=explainer,
        ids=tuple(photo.sample_id for photo in first),
        predictions=predictions,
        samples={sample.id: sample for sample in samples},
        write=write,
        folder=folder,
        label=f"attention maps of {stamp['case']}",
        advance=progress,
    )
    return work.explained(selected, stamp)


def planned_passes(spec: ExplainSpec, methods: Sequence[ExplainMethod], photos: int) -> int:
    """Forward passes that explaining so many photos takes when the cache is empty.

    A gradient method counts as three: its backward pass costs about two.
    """
    every = range(photos)
    rows = [METHODS[method] for method in methods]
    maps = sum(row.work(spec) * len(every[: row.photos(spec)]) for row in rows)
    curves = ENDS + (len(rows) + len(CONTROLS)) * forward_passes(spec.curve_steps)
    again = sum(row.work(spec) * len(row.shares) for row in rows)
    measured = len(every[: spec.faithfulness_photos]) * curves
    return maps + measured + len(every[: spec.randomisation_photos]) * again


def methods_of(model: Explainable, spec: ExplainSpec, cache: MapCache) -> tuple[ExplainMethod, ...]:
    """The methods of a specification that a model allows."""
    tower = tower_of(model, cache)
    asked = resolve_methods(spec.methods, tower)
    return tuple(method for method in asked if METHODS[method].refuse(tower) is None)


@dataclass(slots=True, kw_only=True)
class _Work:
    """One case under way."""

    explainer: Explainer
    ids: tuple[str, ...]
    """Of all photos that are explained; where only some are, the first ones."""
    predictions: records.Predictions
    samples: Mapping[str, Sample]
    write: Callable[[str, bytes], None]
    folder: str
    label: str
    advance: Advance
    total: int = 0
    """Forward passes that are planned."""
    _done: int = 0
    _told: int = 0

    @property
    def spec(self) -> ExplainSpec:
        return self.explainer.spec

    def classes_of(self, sample_id: str) -> tuple[int, ...]:
        """The classes that are explained of a photo: the predicted one, then the true one."""
        row = self.predictions.sample_ids.index(sample_id)
        predicted, true = self.predictions.predicted[row], self.predictions.labels[row]
        return tuple(dict.fromkeys((int(predicted), int(true))))

    def asked(self, sample_id: str) -> Asked:
        """A photo, and its classes that are explained."""
        return self.samples[sample_id], self.classes_of(sample_id)

    def explained(
        self, selected: Sequence[records.SelectedPhoto], stamp: Mapping[str, Any]
    ) -> records.CaseExplanation:
        """The record of the case."""
        cards = self.cards()
        methods = tuple(card.method for card in cards if card.applies)
        for method in methods:
            asked = [self.asked(sample_id) for sample_id in self.photos_of(method)]
            self.explainer.make_maps(method, asked, self.tell)
        photos = []
        for photo in selected:
            used = [method for method in methods if photo.sample_id in self.photos_of(method)]
            if used or not methods:
                photos.append(self.photo(photo, used))
        return records.CaseExplanation(
            **stamp,
            algorithms=ALGORITHMS,
            fingerprint=self.explainer.model.fingerprint,
            classes=self.predictions.classes,
            spec=self.spec,
            methods=cards,
            photos=tuple(photos),
            faithfulness=self.faithfulness(methods),
            randomisation=self.randomisation(methods, stamp["case"]),
        )

    def step(self, passes: int) -> None:
        self._done += passes
        self.tell(self._done)

    def tell(self, done: int) -> None:
        # A method is tried out before its turn: what is told never goes back.
        self._told = max(self._told, min(done, self.total))
        self.advance(self.label, self._told, self.total)

    # -------------------------------------------------------------------- methods

    def photos_of(self, method: ExplainMethod) -> tuple[str, ...]:
        """The photos that a method explains."""
        return self.ids[: METHODS[method].photos(self.spec)]

    def cards(self) -> tuple[MethodCard, ...]:
        """What the model allows of the methods asked for."""
        asked = resolve_methods(self.spec.methods, self.explainer.tower)
        wanted = [method for method in asked if METHODS[method].photos(self.spec) != 0]
        refuse = {method: METHODS[method].refuse(self.explainer.tower) for method in wanted}
        allowed = [method for method, refused in refuse.items() if refused is None]
        self.total = planned_passes(self.spec, allowed, len(self.ids))
        return tuple(self._card(method, refused) for method, refused in refuse.items())

    def _card(self, method: ExplainMethod, refused: ModelError | None) -> MethodCard:
        """What applies to the tower is tried on the first of the photos: its gradient may be 0."""
        grid = None
        try:
            if refused:
                raise refused
            for sample_id in self.photos_of(method)[:1]:
                maps = self.explainer.maps(method, *self.asked(sample_id))
                height, width = maps.values.shape[-2:]
                grid = (height, width)
        except ModelError as error:
            return MethodCard(method=method, applies=False, reason=str(error))
        return MethodCard(
            method=method,
            applies=True,
            layer=METHODS[method].layer(self.explainer.tower),
            forward_passes=METHODS[method].passes(self.spec),
            grid=grid,
        )

    # --------------------------------------------------------------------- photos

    def photo(
        self, selected: records.SelectedPhoto, methods: Sequence[ExplainMethod]
    ) -> records.ExplainedPhoto:
        """One photo with its maps: the predicted class's, and the true one's if it differs."""
        sample, classes = self.samples[selected.sample_id], self.predictions.classes
        geometry = Geometry.of(self.explainer.model.preprocessing, (sample.width, sample.height))
        row, explained = self.predictions.sample_ids.index(sample.id), self.classes_of(sample.id)
        drawn: list[ClassMap] = []
        extent: tuple[float, float] | None = None
        for method in methods:
            maps = self.explainer.maps(method, sample, explained)
            extent = extent or maps.extent
            drawn += draw(
                method,
                maps,
                sample=sample,
                geometry=geometry,
                explained=explained,
                classes=classes,
                write=self.write,
                folder=self.folder,
            )
            self.step(METHODS[method].work(self.spec))
        return records.ExplainedPhoto(
            sample_id=sample.id,
            label=classes[self.predictions.labels[row]],
            predicted=classes[explained[0]],
            probabilities=tuple(float(p) for p in self.predictions.probabilities[row]),
            reasons=selected.reasons,
            seen=geometry.seen(extent),
            maps=tuple(drawn),
        )

    # ------------------------------------------------------------------- measures

    def faithfulness(self, methods: Sequence[ExplainMethod]) -> tuple[records.Faithfulness, ...]:
        """Deletion and insertion of the predicted class."""
        ids = self.ids[: self.spec.faithfulness_photos]
        if not ids or not methods:
            return ()
        names, before = (*methods, *CONTROLS), self._done
        asked = [self.asked(sample_id) for sample_id in ids]
        photos = []
        for found in self.explainer.curves(names, asked, lambda done: self.tell(before + done)):
            photos.append(found)
            self.step(ENDS + len(names) * forward_passes(self.spec.curve_steps))
        curves = {name: [photo[name] for photo in photos] for name in names}
        return summarise_curves(curves, seed=self.spec.seed)

    def randomisation(
        self, methods: Sequence[ExplainMethod], case: str
    ) -> tuple[records.Randomisation, ...]:
        """What is left of the maps when the weights are shuffled.

        It is the model that is tested: what was found with the texts of one case stands for
        the others.
        """
        ids = self.ids[: self.spec.randomisation_photos]
        steps = [(method, share) for method in methods for share in METHODS[method].shares if ids]
        key = key_of(
            "randomisation",
            interval="over photos",
            model=self.explainer.model.fingerprint,
            images=[self.samples[sample_id].digest for sample_id in ids],
            classes=self.predictions.classes,
            steps=steps,
            masks=self.spec.masks,
            seed=self.spec.seed,
        )
        cache = self.explainer.cache
        known = cache.plain(key)
        if known is None:
            known = [(case, *self._left(method, share, ids)) for method, share in steps]
            cache.put_plain(key, known)
        else:
            self.step(sum(METHODS[method].work(self.spec) for method, _ in steps) * len(ids))
        return tuple(
            records.Randomisation(
                method=method,
                share=share,
                similarity=records.Metric(name="spearman", value=value, low=low, high=high, n=n),
                case=case_of,
            )
            for (method, share), (case_of, value, low, high, n) in zip(steps, known, strict=True)
        )

    def _left(
        self, method: ExplainMethod, share: float, ids: Sequence[str]
    ) -> tuple[float, float | None, float | None, int]:
        """The mean correlation over the maps of some photos, its interval, how many they are.

        The interval is over photos, whose classes are no independent draws; fewer than
        :data:`ENOUGH` have none.
        """
        values = []
        for sample_id in ids:
            classes = self.classes_of(sample_id)
            values.append(
                self.explainer.similarities(method, self.samples[sample_id], classes, share)
            )
            self.step(METHODS[method].work(self.spec))
        photos = mean_metric("spearman", np.array([photo.mean() for photo in values]))
        low, high = (photos.low, photos.high) if len(values) >= ENOUGH else (None, None)
        together = np.concatenate(values)
        return float(together.mean()), low, high, len(together)
