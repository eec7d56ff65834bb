"""All that is explained of one case: photos chosen, maps drawn, and what they are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation import records
from evaluation.errors import ModelError
from evaluation.explain.base import Explainable, InputMaps
from evaluation.explain.computed import Explainer, tower_of
from evaluation.explain.drawing import FOLDER, draw
from evaluation.explain.faithfulness import (
    CONTROLS,
    ENDS,
    Curves,
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
    work = _Work(
        explainer=explainer,
        predictions=predictions,
        rows={name: row for row, name in enumerate(predictions.sample_ids)},
        samples={sample.id: sample for sample in samples},
        write=write,
        folder=folder,
        label=f"attention maps of {stamp['case']}",
        advance=progress,
    )
    return work.explained(selected, stamp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which of the selected photos are explained how; shared ones come first everywhere."""

    photos: tuple[str, ...]
    """All of them, ids."""
    curves: tuple[str, ...]
    """Those whose deletion and insertion is measured."""
    randomised: tuple[str, ...]
    """Those that are explained again with shuffled weights."""
    limits: Mapping[ExplainMethod, int | None]
    """How many photos a method explains at most, the first ones; None for all."""

    @classmethod
    def of(cls, selected: Sequence[records.SelectedPhoto], spec: ExplainSpec) -> Plan:
        """The plan of a case."""
        first = sorted(selected, key=lambda photo: not _is_shared(photo))
        ids = tuple(photo.sample_id for photo in first)
        return cls(
            photos=ids,
            limits={name: row.photos(spec) for name, row in METHODS.items()},
            curves=ids[: spec.faithfulness_photos],
            randomised=ids[: spec.randomisation_photos],
        )

    def methods_of(
        self, sample_id: str, methods: Sequence[ExplainMethod]
    ) -> tuple[ExplainMethod, ...]:
        """Of the methods that apply, those that a photo is explained by."""
        return tuple(method for method in methods if sample_id in self.photos_of(method))

    def photos_of(self, method: ExplainMethod) -> tuple[str, ...]:
        """The photos that a method explains."""
        return self.photos[: self.limits[method]]


def _is_shared(photo: records.SelectedPhoto) -> bool:
    return any(reason.rule == "shared" for reason in photo.reasons)


def planned_passes(spec: ExplainSpec, methods: Sequence[ExplainMethod], plan: Plan) -> int:
    """Forward passes that explaining a case takes when the cache is empty.

    A gradient method counts as three: its backward pass costs about two.
    """
    maps = sum(METHODS[method].work(spec) * len(plan.photos_of(method)) for method in methods)
    curves = ENDS + (len(methods) + len(CONTROLS)) * forward_passes(spec.curve_steps)
    again = sum(METHODS[method].work(spec) * len(METHODS[method].shares) for method in methods)
    return maps + len(plan.curves) * curves + len(plan.randomised) * again


def methods_of(model: Explainable, spec: ExplainSpec, cache: MapCache) -> tuple[ExplainMethod, ...]:
    """The methods of a specification that a model allows."""
    tower = tower_of(model, cache)
    asked = resolve_methods(spec.methods, tower)
    return tuple(method for method in asked if METHODS[method].refuse(tower) is None)


@dataclass(slots=True, kw_only=True)
class _Work:
    """One case under way."""

    explainer: Explainer
    predictions: records.Predictions
    rows: Mapping[str, int]
    """Of each sample id in the predictions."""
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
        row = self.rows[sample_id]
        predicted, true = self.predictions.predicted[row], self.predictions.labels[row]
        return tuple(dict.fromkeys((int(predicted), int(true))))

    def explained(
        self, selected: Sequence[records.SelectedPhoto], stamp: Mapping[str, Any]
    ) -> records.CaseExplanation:
        """The record of the case."""
        plan = Plan.of(selected, self.spec)
        cards, methods = self.methods(plan)
        photos = tuple(
            self.photo(photo, used)
            for photo in selected
            if (used := plan.methods_of(photo.sample_id, methods)) or not methods
        )
        return records.CaseExplanation(
            **stamp,
            algorithms=ALGORITHMS,
            fingerprint=self.explainer.model.fingerprint,
            classes=self.predictions.classes,
            spec=self.spec,
            methods=cards,
            photos=photos,
            faithfulness=self.faithfulness(methods, plan.curves),
            randomisation=self.randomisation(methods, plan.randomised, stamp["case"]),
        )

    def step(self, passes: int) -> None:
        self._done += passes
        self.tell(self._done)

    def tell(self, done: int) -> None:
        # A method is tried out before its turn: what is told never goes back.
        self._told = max(self._told, min(done, self.total))
        self.advance(self.label, self._told, self.total)

    # -------------------------------------------------------------------- methods

    def methods(self, plan: Plan) -> tuple[tuple[MethodCard, ...], tuple[ExplainMethod, ...]]:
        """What the model allows of the methods asked for, and those that it allows."""
        tower = self.explainer.tower
        asked = resolve_methods(self.spec.methods, tower)
        wanted = [method for method in asked if plan.limits[method] != 0]
        allowed = [method for method in wanted if METHODS[method].refuse(tower) is None]
        self.total = planned_passes(self.spec, allowed, plan)
        cards = tuple(self._card(method, plan.photos_of(method)) for method in wanted)
        return cards, tuple(card.method for card in cards if card.applies)

    def _card(self, method: ExplainMethod, photos: Sequence[str]) -> MethodCard:
        """What applies to the tower is tried on the first of the photos: its gradient may be 0."""
        row, tower = METHODS[method], self.explainer.tower
        grid = None
        try:
            if refused := row.refuse(tower):
                raise refused
            for sample_id in photos[:1]:
                height, width = self._maps(method, sample_id).values.shape[-2:]
                grid = (height, width)
        except ModelError as error:
            return MethodCard(method=method, applies=False, reason=str(error))
        return MethodCard(
            method=method,
            applies=True,
            layer=row.layer(tower),
            forward_passes=row.passes(self.spec),
            grid=grid,
        )

    def _maps(self, method: ExplainMethod, sample_id: str) -> InputMaps:
        return self.explainer.maps(
            method,
            self.samples[sample_id],
            self.classes_of(sample_id),
            progress=lambda done, _: self.tell(self._done + done),
        )

    # --------------------------------------------------------------------- photos

    def photo(
        self, selected: records.SelectedPhoto, methods: Sequence[ExplainMethod]
    ) -> records.ExplainedPhoto:
        """One photo with its maps: the predicted class's, and the true one's if it differs."""
        sample, classes = self.samples[selected.sample_id], self.predictions.classes
        geometry = Geometry.of(self.explainer.model.preprocessing, (sample.width, sample.height))
        row, explained = self.rows[sample.id], self.classes_of(sample.id)
        drawn: list[ClassMap] = []
        extent: tuple[float, float] | None = None
        for method in methods:
            maps = self._maps(method, sample.id)
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

    def faithfulness(
        self, methods: Sequence[ExplainMethod], ids: Sequence[str]
    ) -> tuple[records.Faithfulness, ...]:
        """Deletion and insertion of the predicted class."""
        if not ids or not methods:
            return ()
        curves: dict[str, list[Curves]] = {name: [] for name in (*methods, *CONTROLS)}
        for sample_id in ids:
            sample, classes = self.samples[sample_id], self.classes_of(sample_id)
            for name, of_photos in curves.items():
                of_photos.append(self.explainer.curves(name, sample, classes))
                self.step(forward_passes(self.spec.curve_steps))
            self.step(ENDS)
        return summarise_curves(curves, seed=self.spec.seed)

    def randomisation(
        self, methods: Sequence[ExplainMethod], ids: Sequence[str], case: str
    ) -> tuple[records.Randomisation, ...]:
        """What is left of the maps when the weights are shuffled.

        It is the model that is tested: what was found with the texts of one case stands for
        the others.
        """
        steps = [(method, share) for method in methods for share in METHODS[method].shares]
        steps = steps if ids else []
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
