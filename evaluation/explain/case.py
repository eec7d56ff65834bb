"""All that is explained of one case: photos chosen, maps drawn, and what they are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from evaluation.errors import ModelError
from evaluation.explain.base import ImageModel
from evaluation.explain.cache import MapCache
from evaluation.explain.computed import Explainer
from evaluation.explain.drawing import draw
from evaluation.explain.faithfulness import (
    CONTROLS,
    Curves,
    forward_passes,
    mean_metric,
    summarise_curves,
)
from evaluation.explain.geometry import Geometry
from evaluation.explain.methods import refusal, resolve_methods
from evaluation.explain.randomisation import SHARES
from evaluation.explain.selection import select_photos
from evaluation.records import (
    CaseExplanation,
    ClassMap,
    ExplainedPhoto,
    ExplainMethod,
    ExplainSpec,
    Faithfulness,
    Head,
    MethodCard,
    Metric,
    Predictions,
    Randomisation,
    Sample,
    SelectedPhoto,
)

if TYPE_CHECKING:
    from PIL import Image

Advance = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and how much there is."""


def _silent(_what: str, _done: int, _total: int) -> None:
    """The progress of those who do not watch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseStamp:
    """Which case is explained, and on which data."""

    study: str
    case: str
    dataset_revision: str
    split_digest: str
    predictions_digest: str = ""


def explain_case(
    model: ImageModel,
    head: Head,
    *,
    stamp: CaseStamp,
    samples: Sequence[Sample],
    predictions: Predictions,
    spec: ExplainSpec,
    load: Callable[[Sample], Image.Image],
    write: Callable[[str, bytes], None],
    cache: MapCache,
    batch_size: int = 32,
    progress: Advance = _silent,
) -> CaseExplanation:
    """Explains one case; what the cache holds is not computed again.

    Args:
        model: The model.
        head: The classifier that made the predictions.
        stamp: Written into the record.
        samples: The photos of the predictions, in any order.
        predictions: Of the test photos.
        spec: What to explain, and how.
        load: Opens a photo as RGB; not called for photos whose maps are all in the cache.
        write: Keeps an overlay: its name relative to the case's folder, and its bytes.
        cache: Of maps and measures.
        batch_size: Images a forward pass, for RISE and the curves.
        progress: Told of forward passes, those that the cache spares included.

    Returns:
        The record of attention.json.  A method that does not apply has a card that says why
        and which one does; it is not an error.

    Raises:
        DataError: a photo can no longer be read.
        StoreError: the cache cannot be used.

    """
    selected = select_photos(predictions, spec)
    work = _Work(
        explainer=Explainer(
            model=model, head=head, spec=spec, load=load, cache=cache, batch_size=batch_size
        ),
        predictions=predictions,
        rows={name: row for row, name in enumerate(predictions.sample_ids)},
        samples={sample.id: sample for sample in samples},
        write=write,
        label=f"attention maps of {stamp.case}",
        advance=progress,
    )
    ids = [one.sample_id for one in selected]
    cards, methods = work.methods(ids)
    photos = tuple(work.photo(one, methods) for one in selected)
    return CaseExplanation(
        study=stamp.study,
        case=stamp.case,
        dataset_revision=stamp.dataset_revision,
        split_digest=stamp.split_digest,
        predictions_digest=stamp.predictions_digest,
        fingerprint=model.fingerprint,
        classes=predictions.classes,
        spec=spec,
        methods=cards,
        photos=photos,
        faithfulness=work.faithfulness(methods, ids[: spec.faithfulness_photos]),
        randomisation=work.randomisation(methods, ids[: spec.randomisation_photos]),
    )


def planned_passes(spec: ExplainSpec, methods: Sequence[ExplainMethod], photos: int) -> int:
    """Forward passes that explaining a case takes when the cache is empty.

    A gradient method counts as three: its backward pass costs about two.
    """
    maps = sum(_passes(method, spec) for method in methods)
    curves = (len(methods) + len(CONTROLS)) * forward_passes(spec.curve_steps)
    again = sum(_passes(method, spec) * len(_shares(method)) for method in methods)
    return (
        photos * maps
        + min(photos, spec.faithfulness_photos) * curves
        + min(photos, spec.randomisation_photos) * again
    )


def _passes(method: ExplainMethod, spec: ExplainSpec) -> int:
    return spec.masks if method == "rise" else 3


def _shares(method: ExplainMethod) -> tuple[float, ...]:
    # RISE would cost as much again at every step: its end is what counts.
    return SHARES[-1:] if method == "rise" else SHARES


@dataclass(slots=True, kw_only=True)
class _Work:
    """One case under way."""

    explainer: Explainer
    predictions: Predictions
    rows: Mapping[str, int]
    """Of each sample id in the predictions."""
    samples: Mapping[str, Sample]
    write: Callable[[str, bytes], None]
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

    def step(self, passes: int) -> None:
        self._done += passes
        self.tell(self._done)

    def tell(self, done: int) -> None:
        # A method is tried out before its turn: what is told never goes back.
        self._told = max(self._told, min(done, self.total))
        self.advance(self.label, self._told, self.total)

    # -------------------------------------------------------------------- methods

    def methods(
        self, ids: Sequence[str]
    ) -> tuple[tuple[MethodCard, ...], tuple[ExplainMethod, ...]]:
        """What the model allows of the methods asked for, and those that it allows."""
        tower = self.explainer.tower
        cards = []
        allowed = resolve_methods(self.spec.methods, tower)
        self.total = planned_passes(
            self.spec, [one for one in allowed if refusal(one, tower) is None], len(ids)
        )
        for method in allowed:
            card = self._card(method)
            cards.append(self._tried_out(card, ids[0]) if card.applies and ids else card)
        return tuple(cards), tuple(card.method for card in cards if card.applies)

    def _card(self, method: ExplainMethod) -> MethodCard:
        tower = self.explainer.tower
        refused = refusal(method, tower)
        if refused is not None:
            return MethodCard(method=method, applies=False, reason=str(refused))
        return MethodCard(
            method=method,
            applies=True,
            layer=tower.spatial.name if tower.spatial and method.endswith("cam") else "",
            forward_passes=self.spec.masks if method == "rise" else 1,
        )

    def _tried_out(self, card: MethodCard, sample_id: str) -> MethodCard:
        """The card once the method was tried on a photo: its gradient may be zero."""
        sample, classes = self.samples[sample_id], self.classes_of(sample_id)
        try:
            maps = self.explainer.maps(
                card.method, sample, classes, progress=lambda done, _: self.tell(done)
            )
        except ModelError as error:
            return MethodCard(method=card.method, applies=False, reason=str(error))
        return replace(card, grid=(maps.values.shape[-2], maps.values.shape[-1]))

    # --------------------------------------------------------------------- photos

    def photo(self, selected: SelectedPhoto, methods: Sequence[ExplainMethod]) -> ExplainedPhoto:
        """One photo with its maps: the predicted class's, and the true one's if it differs."""
        sample, classes = self.samples[selected.sample_id], self.predictions.classes
        geometry = Geometry.of(self.explainer.model.preprocessing, (sample.width, sample.height))
        row, explained = self.rows[sample.id], self.classes_of(sample.id)
        drawn: list[ClassMap] = []
        extent: tuple[float, float] | None = None
        for method in methods:
            before = self._done
            maps = self.explainer.maps(
                method,
                sample,
                explained,
                progress=lambda done, _, before=before: self.tell(before + done),  # type: ignore[misc]
            )
            extent = extent or maps.extent
            drawn += draw(
                method,
                maps,
                sample=sample,
                geometry=geometry,
                explained=explained,
                classes=classes,
                write=self.write,
            )
            self.step(_passes(method, self.spec))
        return ExplainedPhoto(
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
    ) -> tuple[Faithfulness, ...]:
        """Deletion and insertion of the predicted class."""
        if not ids or not methods:
            return ()
        curves: dict[str, list[Curves]] = {name: [] for name in (*methods, *CONTROLS)}
        for one in ids:
            for name, found in curves.items():
                found.append(self.explainer.curves(name, self.samples[one], self.classes_of(one)))
                self.step(forward_passes(self.spec.curve_steps))
        return summarise_curves(curves, seed=self.spec.seed)

    def randomisation(
        self, methods: Sequence[ExplainMethod], ids: Sequence[str]
    ) -> tuple[Randomisation, ...]:
        """What is left of the maps when the weights are shuffled."""
        return tuple(
            Randomisation(method=method, share=share, similarity=self._left(method, share, ids))
            for method in methods
            for share in (_shares(method) if ids else ())
        )

    def _left(self, method: ExplainMethod, share: float, ids: Sequence[str]) -> Metric:
        values = []
        for one in ids:
            classes = self.classes_of(one)
            values.append(self.explainer.similarities(method, self.samples[one], classes, share))
            self.step(_passes(method, self.spec))
        # No interval: the classes of a photo are no independent draws.
        metric = mean_metric("spearman", np.concatenate(values))
        return replace(metric, low=None, high=None, method="")
