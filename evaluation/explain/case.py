"""All that is explained of one case: photos chosen, maps drawn, and what they are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import ModelError
from evaluation.explain.base import ImageModel, InputMaps, Score, margin_score
from evaluation.explain.cache import MapCache, head_digest, key_of
from evaluation.explain.faithfulness import (
    BASELINES,
    CONTROLS,
    MEASURES,
    Curves,
    control_map,
    curves_of,
    forward_passes,
    mean_metric,
    ranking,
    summarise_curves,
)
from evaluation.explain.geometry import Geometry
from evaluation.explain.methods import class_maps, refusal, resolve_methods
from evaluation.explain.overlay import display_size, render
from evaluation.explain.randomisation import SHARES, randomised, similarity
from evaluation.explain.rise import MaskedEmbeddings, RiseSettings, embed_masked, rise_maps
from evaluation.explain.selection import select_photos
from evaluation.explain.summary import summarise
from evaluation.explain.towers import SpatialLayer, TokenLayout, Tower, inspect_tower
from evaluation.records import (
    CaseExplanation,
    ClassMap,
    ExplainedPhoto,
    ExplainMethod,
    ExplainSpec,
    Faithfulness,
    FloatArray,
    Head,
    MethodCard,
    Metric,
    Predictions,
    Randomisation,
    Sample,
    SelectedPhoto,
)

if TYPE_CHECKING:
    import torch
    from PIL import Image

Advance = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and how much there is."""
FOLDER = "attention"
"""Of the overlays, within the case's folder."""


def _silent(_what: str, _done: int, _total: int) -> None:
    """The progress of those who do not watch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseStamp:
    """Which case is explained, and on which data."""

    study: str
    case: str
    dataset_revision: str
    split_digest: str


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
    rows = {name: row for row, name in enumerate(predictions.sample_ids)}
    explained = {
        one.sample_id: _explained_classes(predictions, rows[one.sample_id]) for one in selected
    }
    explainer = _Explainer(
        model=model,
        head=head,
        spec=spec,
        samples={sample.id: sample for sample in samples},
        explained=explained,
        load=load,
        cache=cache,
        batch_size=batch_size,
        label=f"attention maps of {stamp.case}",
        advance=progress,
    )
    cards = explainer.cards()
    usable = tuple(card.method for card in cards if card.applies)
    explainer.total = planned_passes(spec, usable, len(selected))
    cards, usable = explainer.try_out(cards, selected)
    photos = tuple(
        explainer.photo(one, rows[one.sample_id], predictions, usable, write) for one in selected
    )
    return CaseExplanation(
        study=stamp.study,
        case=stamp.case,
        dataset_revision=stamp.dataset_revision,
        split_digest=stamp.split_digest,
        fingerprint=model.fingerprint,
        classes=predictions.classes,
        spec=spec,
        methods=cards,
        photos=photos,
        faithfulness=explainer.faithfulness(usable),
        randomisation=explainer.randomisation(usable),
    )


def _explained_classes(predictions: Predictions, row: int) -> tuple[int, ...]:
    """The predicted class, and the true one if it differs."""
    return tuple(dict.fromkeys((int(predictions.predicted[row]), int(predictions.labels[row]))))


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
class _Explainer:
    """One case under way."""

    model: ImageModel
    head: Head
    spec: ExplainSpec
    samples: Mapping[str, Sample]
    explained: Mapping[str, tuple[int, ...]]
    """Of each chosen photo, the classes whose maps are made: the predicted one first."""
    load: Callable[[Sample], Image.Image]
    cache: MapCache
    batch_size: int
    label: str
    advance: Advance
    total: int = 0
    _done: int = 0
    _told: int = 0
    _tower: Tower | None = None
    _head_digest: str = ""
    _opened: tuple[str, torch.Tensor] | None = None
    """The last photo that was decoded, with its id."""

    # ------------------------------------------------------------------ the parts

    @property
    def settings(self) -> RiseSettings:
        return RiseSettings(masks=self.spec.masks, seed=self.spec.seed)

    def score(self, sample: Sample) -> Score:
        """The margins of the classes that are explained of a photo, (B, D) to (B, c)."""
        margins, classes = margin_score(self.head), list(self.explained[sample.id])
        # Every further class of chefer costs most of a forward pass.
        return lambda embeddings: margins(embeddings)[:, classes]

    @property
    def tower(self) -> Tower:
        """What the tower is made of; looked at once for each model."""
        if self._tower is None:
            key = key_of("tower", model=self.model.fingerprint)
            known = self.cache.plain(key)
            self._tower = inspect_tower(self.model) if known is None else _tower_of(known)
            if known is None:
                self.cache.put_plain(key, asdict(self._tower))
        return self._tower

    def pixels(self, sample: Sample) -> torch.Tensor:
        """(3, H, W) of a photo."""
        if self._opened is None or self._opened[0] != sample.id:
            self._opened = (sample.id, self.model.preprocess(self.load(sample)))
        return self._opened[1]

    def step(self, passes: int) -> None:
        self._done += passes
        self._tell(self._done)

    def _tell(self, done: int) -> None:
        # A method is tried out before its turn: what is told never goes back.
        self._told = max(self._told, min(done, self.total))
        self.advance(self.label, self._told, self.total)

    def _key(self, kind: str, sample: Sample, **more: object) -> str:
        self._head_digest = self._head_digest or head_digest(self.head)
        return key_of(
            kind,
            model=self.model.fingerprint,
            image=sample.digest,
            head=self._head_digest,
            **more,
        )

    # -------------------------------------------------------------------- methods

    def cards(self) -> tuple[MethodCard, ...]:
        """What the tower allows of the methods asked for."""
        cards = []
        for method in resolve_methods(self.spec.methods, self.tower):
            refused = refusal(method, self.tower)
            if refused is not None:
                cards.append(MethodCard(method=method, applies=False, reason=str(refused)))
                continue
            spatial = self.tower.spatial
            cards.append(
                MethodCard(
                    method=method,
                    applies=True,
                    layer=spatial.name if spatial and method.endswith("cam") else "",
                    forward_passes=self.spec.masks if method == "rise" else 1,
                )
            )
        return tuple(cards)

    def try_out(
        self, cards: Sequence[MethodCard], selected: Sequence[SelectedPhoto]
    ) -> tuple[tuple[MethodCard, ...], tuple[ExplainMethod, ...]]:
        """The cards once each method was tried on a photo: its gradient may be zero."""
        found = []
        for card in cards:
            one = card
            if card.applies and selected:
                try:
                    maps = self.maps(card.method, self.samples[selected[0].sample_id])
                    one = replace(card, grid=(maps.values.shape[-2], maps.values.shape[-1]))
                except ModelError as error:
                    one = MethodCard(method=card.method, applies=False, reason=str(error))
            found.append(one)
        return tuple(found), tuple(card.method for card in found if card.applies)

    # ----------------------------------------------------------------------- maps

    def maps(self, method: ExplainMethod, sample: Sample) -> InputMaps:
        """(1, c, h, w) of one photo and its explained classes, from the cache if it is there."""
        settings = asdict(self.settings) if method == "rise" else {}
        key = self._key(
            "maps", sample, method=method, settings=settings, classes=self.explained[sample.id]
        )
        known = self.cache.arrays(key)
        if known is not None:
            height, width = (float(side) for side in known["extent"])
            return InputMaps(values=known["values"], extent=(height, width))
        maps = self._rise(sample) if method == "rise" else self._gradient_maps(method, sample)
        _check_finite(maps.values, method)
        self.cache.put_arrays(key, {"values": maps.values, "extent": np.array(maps.extent)})
        return maps

    def _gradient_maps(self, method: ExplainMethod, sample: Sample) -> InputMaps:
        # One photo at a time: the attention of a large tower takes hundreds of megabytes.
        return class_maps(
            method, self.model, self.tower, self.score(sample), self.pixels(sample)[None]
        )

    def _rise(self, sample: Sample) -> InputMaps:
        """RISE from embeddings that every prompt set of the model shares."""
        key = key_of(
            "masked",
            model=self.model.fingerprint,
            image=sample.digest,
            settings=asdict(self.settings),
        )
        known = self.cache.arrays(key)
        if known is None:
            before = self._done
            masked = embed_masked(
                self.model,
                self.pixels(sample),
                self.settings,
                batch_size=self.batch_size,
                progress=lambda done, _: self._tell(before + done),
            )
            self.cache.put_arrays(key, {"values": masked.values})
        else:
            masked = MaskedEmbeddings(
                values=known["values"], settings=self.settings, size=self.tower.input_size
            )
        return rise_maps(masked, self.score(sample))

    # --------------------------------------------------------------------- photos

    def photo(
        self,
        selected: SelectedPhoto,
        row: int,
        predictions: Predictions,
        methods: Sequence[ExplainMethod],
        write: Callable[[str, bytes], None],
    ) -> ExplainedPhoto:
        """One photo with its maps: the predicted class's, and the true one's if it differs."""
        sample = self.samples[selected.sample_id]
        geometry = Geometry.of(self.model.preprocessing, (sample.width, sample.height))
        explained = self.explained[sample.id]
        drawn: list[ClassMap] = []
        extent: tuple[float, float] | None = None
        for method in methods:
            maps = self.maps(method, sample)
            extent = extent or maps.extent
            drawn += _draw(
                method,
                maps,
                explained=explained,
                geometry=geometry,
                sample=sample,
                classes=predictions.classes,
                write=write,
            )
            self.step(_passes(method, self.spec))
        return ExplainedPhoto(
            sample_id=selected.sample_id,
            label=predictions.classes[predictions.labels[row]],
            predicted=predictions.classes[explained[0]],
            probabilities=tuple(float(p) for p in predictions.probabilities[row]),
            reasons=selected.reasons,
            seen=geometry.seen(extent),
            maps=tuple(drawn),
        )

    # --------------------------------------------------------------- faithfulness

    def faithfulness(self, methods: Sequence[ExplainMethod]) -> tuple[Faithfulness, ...]:
        """Deletion and insertion of the predicted class, on the first photos."""
        ids = list(self.explained)[: self.spec.faithfulness_photos]
        if not ids or not methods:
            return ()
        curves: dict[str, list[Curves]] = {name: [] for name in (*methods, *CONTROLS)}
        for one in ids:
            for name, found in curves.items():
                found.append(self._curves(name, self.samples[one]))
                self.step(forward_passes(self.spec.curve_steps))
        return summarise_curves(curves, seed=self.spec.seed)

    def _curves(self, name: str, sample: Sample) -> Curves:
        target = self.explained[sample.id][0]
        settings = {"steps": self.spec.curve_steps, "seed": self.spec.seed}
        if name == "rise":
            settings |= {"masks": self.spec.masks}
        key = self._key("curves", sample, method=name, target=target, settings=settings)
        known = self.cache.arrays(key)
        kinds = [(measure, baseline) for measure in MEASURES for baseline in BASELINES]
        if known is not None:
            return Curves(values={kind: known["-".join(kind)] for kind in kinds})
        seed = _seed_of(sample, self.spec.seed)
        curves = curves_of(
            self.model,
            self.head,
            self.pixels(sample),
            target,
            ranking(self._relevance(name, sample, seed), self.tower.input_size, seed=seed),
            steps=self.spec.curve_steps,
            batch_size=self.batch_size,
        )
        self.cache.put_arrays(key, {"-".join(kind): curves.values[kind] for kind in kinds})
        return curves

    def _relevance(self, name: str, sample: Sample, seed: int) -> FloatArray:
        if name in CONTROLS:
            return control_map(name, seed=seed)
        maps: FloatArray = self.maps(cast("ExplainMethod", name), sample).of(0)[0]
        return maps

    # -------------------------------------------------------------- randomisation

    def randomisation(self, methods: Sequence[ExplainMethod]) -> tuple[Randomisation, ...]:
        """What is left of the maps when the weights are shuffled."""
        ids = list(self.explained)[: self.spec.randomisation_photos]
        if not ids:
            return ()
        return tuple(
            Randomisation(
                method=method, share=share, similarity=self._similarity(method, share, ids)
            )
            for method in methods
            for share in _shares(method)
        )

    def _similarity(self, method: ExplainMethod, share: float, ids: Sequence[str]) -> Metric:
        values = np.concatenate([self._similar(method, share, self.samples[one]) for one in ids])
        # No interval: the classes of a photo are no independent draws.
        return replace(mean_metric("spearman", values), low=None, high=None, method="")

    def _similar(self, method: ExplainMethod, share: float, sample: Sample) -> NDArray[np.float64]:
        """(c,) similarities of a photo's maps before and after."""
        settings = asdict(self.settings) if method == "rise" else {}
        key = self._key(
            "randomised",
            sample,
            method=method,
            settings=settings,
            share=share,
            classes=self.explained[sample.id],
            seed=self.spec.seed,
        )
        known = self.cache.arrays(key)
        if known is None:
            trained = self.maps(method, sample).values[0]
            with randomised(self.model.image_tower, share, seed=self.spec.seed):
                shuffled = self._shuffled_maps(method, sample, trained.shape)
            known = {"similarity": similarity(trained, shuffled)}
            self.cache.put_arrays(key, known)
        self.step(_passes(method, self.spec))
        return known["similarity"]

    def _shuffled_maps(
        self, method: ExplainMethod, sample: Sample, shape: tuple[int, ...]
    ) -> FloatArray:
        try:
            maps = class_maps(
                method,
                self.model,
                self.tower,
                self.score(sample),
                self.pixels(sample)[None],
                settings=self.settings,
                batch_size=self.batch_size,
            )
            _check_finite(maps.values, method)
        except ModelError:
            # Shuffled weights may leave no gradient, or overflow: nothing is left of the map.
            return np.zeros(shape, dtype=np.float32)
        return maps.of(0)


def _draw(
    method: ExplainMethod,
    maps: InputMaps,
    *,
    explained: Sequence[int],
    geometry: Geometry,
    sample: Sample,
    classes: Sequence[str],
    write: Callable[[str, bytes], None],
) -> list[ClassMap]:
    """Writes the overlays of the explained classes, all on the same scale."""
    values = maps.of(0)
    size = display_size(geometry.photo)
    placed, seen = geometry.lay_out(values, extent=maps.extent, size=size)
    scale = float(max(0.0, placed.max()))
    visible = _visible(placed, seen)
    drawn = []
    for i, c in enumerate(explained):
        name = f"{FOLDER}/{sample.digest[:16]}-{method}-{c}.webp"
        write(name, render(placed[i], seen, scale))
        drawn.append(
            ClassMap(
                method=method,
                label=classes[c],
                overlay=name,
                width=size[0],
                height=size[1],
                peak=float(placed[i].max()),
                scale=scale,
                summary=summarise(visible[i]),
            )
        )
    return drawn


def _visible(placed: FloatArray, seen: NDArray[np.bool_]) -> FloatArray:
    """(…, height, width) cut to the rectangle that was seen; the padding is left out."""
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not len(rows):
        return placed[..., :1, :1]
    return placed[..., rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _check_finite(values: FloatArray, method: str) -> None:
    if not np.isfinite(values).all():
        raise ModelError(
            f"the map of {method} is not finite", remedy="use rise, or --precision fp32"
        )


def _seed_of(sample: Sample, seed: int) -> int:
    """Of the random control: another one for each photo, the same for every method."""
    return int(sample.digest[:12], 16) ^ seed


def _tower_of(plain: Mapping[str, Any]) -> Tower:
    layout, spatial = plain["layout"], plain["spatial"]
    return Tower(
        attentions=tuple(tuple(shape) for shape in plain["attentions"]),
        layout=None
        if layout is None
        else TokenLayout(
            prefix=layout["prefix"],
            grid=(layout["grid"][0], layout["grid"][1]),
            extent=(layout["extent"][0], layout["extent"][1]),
        ),
        spatial=None if spatial is None else SpatialLayer(**spatial),
        input_size=(plain["input_size"][0], plain["input_size"][1]),
    )
