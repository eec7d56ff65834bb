"""All that is explained of one case: photos chosen, maps drawn, and what they are worth."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from evaluation import records
from evaluation.errors import ModelError
from evaluation.explain import faithfulness
from evaluation.explain.computed import Asked, Explainer
from evaluation.explain.drawing import Geometry, display_size, render, summarise
from evaluation.explain.methods import METHODS, resolve_methods
from evaluation.explain.selection import select_photos
from evaluation.explain.towers import Tower
from evaluation.records import ClassMap, ExplainMethod, ExplainSpec, MethodCard, Sample
from evaluation.records.base import silent
from evaluation.stores.maps import ALGORITHMS, key_of

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
    folder: str = "attention",
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
    sample_of = {sample.id: sample for sample in samples}
    # Photos that all cases share come first everywhere.
    first = sorted(selected, key=lambda photo: all(why.rule != "shared" for why in photo.reasons))
    asked = {}
    for photo in first:
        row = predictions.sample_ids.index(photo.sample_id)
        # The predicted class, then the true one.
        classes = dict.fromkeys((int(predictions.predicted[row]), int(predictions.labels[row])))
        asked[photo.sample_id] = (sample_of[photo.sample_id], tuple(classes))
    work = _Work(
        explainer=explainer,
        predictions=predictions,
        asked=asked,
        stamp=stamp,
        write=write,
        folder=folder,
        advance=progress,
    )
    return work.explained(selected)


def planned_passes(spec: ExplainSpec, tower: Tower, photos: int) -> int:
    """Forward passes that explaining so many photos takes when the cache is empty.

    A gradient method counts as three: its backward pass costs about two.
    """
    every = range(photos)
    rows = [METHODS[method] for method in resolve_methods(spec, tower)]
    rows = [row for row in rows if row.refuse(tower) is None]
    maps = sum(row.work(spec) * len(every[: row.photos(spec)]) for row in rows)
    curves = faithfulness.curve_passes(len(rows) + len(faithfulness.CONTROLS), spec.curve_steps)
    again = sum(row.work(spec) * len(row.shares) for row in rows)
    measured = len(every[: spec.faithfulness_photos]) * curves
    return maps + measured + len(every[: spec.randomisation_photos]) * again


@dataclass(slots=True, kw_only=True)
class _Work:
    """One case under way."""

    explainer: Explainer
    predictions: records.Predictions
    asked: Mapping[str, Asked]
    """All photos that are explained, by their id; where only some are, the first ones."""
    stamp: Mapping[str, Any]
    write: Callable[[str, bytes], None]
    folder: str
    advance: Advance
    total: int = 0
    """Forward passes that are planned."""
    _done: int = 0
    _shown: int = 0

    @property
    def spec(self) -> ExplainSpec:
        return self.explainer.spec

    def explained(self, selected: Sequence[records.SelectedPhoto]) -> records.CaseExplanation:
        """The record of the case."""
        cards = self.cards()
        methods = [card.method for card in cards if card.applies]
        for method in methods:
            self.explainer.make_maps(method, self.asked_of(method).values(), self.tell)
        photos = [self.photo(photo, methods) for photo in selected]
        return records.CaseExplanation(
            **self.stamp,
            algorithms=ALGORITHMS,
            fingerprint=self.explainer.model.fingerprint,
            classes=self.predictions.classes,
            spec=self.spec,
            methods=cards,
            photos=tuple(photo for photo in photos if photo.maps or not methods),
            faithfulness=self.faithfulness(methods),
            randomisation=self.randomisation(methods),
        )

    def step(self, passes: int) -> None:
        self._done += passes
        self.tell(self._done)

    def tell(self, done: int) -> None:
        # A method is tried out before its turn: what is told never goes back.
        self._shown = max(self._shown, min(done, self.total))
        self.advance(f"attention maps of {self.stamp['case']}", self._shown, self.total)

    # -------------------------------------------------------------------- methods

    def first(self, count: int | None) -> dict[str, Asked]:
        """So many of the photos; all when None."""
        return dict(islice(self.asked.items(), count))

    def asked_of(self, method: ExplainMethod) -> dict[str, Asked]:
        """The photos that a method explains."""
        return self.first(METHODS[method].photos(self.spec))

    def cards(self) -> tuple[MethodCard, ...]:
        """What the model allows of the methods asked for.

        What applies to the tower is tried on the first of the photos: its gradient may be 0.
        """
        tower, cards = self.explainer.tower, []
        self.total = planned_passes(self.spec, tower, len(self.asked))
        for method in resolve_methods(self.spec, tower):
            row, grid = METHODS[method], None
            try:
                if refused := row.refuse(tower):
                    raise refused
                for photo in list(self.asked_of(method).values())[:1]:
                    height, width = self.explainer.maps(method, *photo).values.shape[-2:]
                    grid = (height, width)
            except ModelError as error:
                cards.append(MethodCard(method=method, applies=False, reason=str(error)))
            else:
                layer, passes = row.layer(tower), row.passes(self.spec)
                cards.append(
                    MethodCard(
                        method=method, applies=True, layer=layer, forward_passes=passes, grid=grid
                    )
                )
        return tuple(cards)

    # --------------------------------------------------------------------- photos

    def photo(
        self, selected: records.SelectedPhoto, methods: Sequence[ExplainMethod]
    ) -> records.ExplainedPhoto:
        """One photo with its maps, of the predicted class and of the true one if it differs.

        The overlays of one method are on the same scale.
        """
        (sample, explained), classes = self.asked[selected.sample_id], self.predictions.classes
        geometry = Geometry.of(self.explainer.model.preprocessing, (sample.width, sample.height))
        width, height = display_size(geometry.photo)
        # Two photos may have the same pixels and different labels: their id tells them apart.
        stem = hashlib.sha256(sample.id.encode()).hexdigest()[:16]
        drawn: list[ClassMap] = []
        extent: tuple[float, float] | None = None
        for method in methods:
            if sample.id not in self.asked_of(method):
                continue
            maps = self.explainer.maps(method, sample, explained)
            extent = extent or maps.extent
            placed, seen = geometry.lay_out(
                maps.values[0], extent=maps.extent, size=(width, height)
            )
            scale = float(max(0.0, placed.max()))
            for values, c in zip(placed, explained, strict=True):
                content = render(values, seen, scale)
                # The content too is in the name: a record never shows another one's overlay.
                seal = hashlib.sha256(content).hexdigest()[:8]
                name = f"{self.folder}/{stem}-{method}-{c}-{seal}.webp"
                self.write(name, content)
                drawn.append(
                    ClassMap(
                        method=method,
                        label=classes[c],
                        overlay=name,
                        width=width,
                        height=height,
                        peak=float(values.max()),
                        scale=scale,
                        summary=summarise(values[np.ix_(seen.any(axis=1), seen.any(axis=0))]),
                    )
                )
            self.step(METHODS[method].work(self.spec))
        row = self.predictions.sample_ids.index(sample.id)
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
        asked = list(self.first(self.spec.faithfulness_photos).values())
        if not asked or not methods:
            return ()
        names, before, photos = (*methods, *faithfulness.CONTROLS), self._done, []
        for curves in self.explainer.curves(names, asked, lambda done: self.tell(before + done)):
            photos.append(curves)
            self.step(faithfulness.curve_passes(len(names), self.spec.curve_steps))
        by_name = {name: [curves[name] for curves in photos] for name in names}
        return faithfulness.summarise_curves(by_name, seed=self.spec.seed)

    def randomisation(self, methods: Sequence[ExplainMethod]) -> tuple[records.Randomisation, ...]:
        """What is left of the maps when the weights are shuffled.

        It is the model that is tested: what was found with the texts of one case stands for
        the others.  The interval is over photos, whose classes are no independent draws; fewer
        than :data:`ENOUGH` have none.
        """
        asked = list(self.first(self.spec.randomisation_photos).values())
        steps = [(method, share) for method in methods for share in METHODS[method].shares if asked]
        key = key_of(
            "randomisation",
            interval="over photos",
            model=self.explainer.model.fingerprint,
            images=[sample.digest for sample, _ in asked],
            classes=self.predictions.classes,
            steps=steps,
            masks=self.spec.masks,
            seed=self.spec.seed,
        )
        known = self.explainer.cache.plain(key)
        if known is not None:
            self.step(sum(METHODS[method].work(self.spec) for method, _ in steps) * len(asked))
        else:
            known = []
            for method, share in steps:
                values = []
                for photo in asked:
                    values.append(self.explainer.similarities(method, *photo, share))
                    self.step(METHODS[method].work(self.spec))
                means = np.array([photo.mean() for photo in values])
                mean = faithfulness.mean_metric("spearman", means)
                low, high = (mean.low, mean.high) if len(asked) >= ENOUGH else (None, None)
                together = np.concatenate(values)
                known.append((self.stamp["case"], float(together.mean()), low, high, len(together)))
            self.explainer.cache.put_plain(key, known)
        return tuple(
            records.Randomisation(
                method=method,
                share=share,
                similarity=records.Metric(name="spearman", value=value, low=low, high=high, n=n),
                case=case_of,
            )
            for (method, share), (case_of, value, low, high, n) in zip(steps, known, strict=True)
        )
