"""Label-free heads of a study's cases: what they may read is put together here, without labels.

Photos of the training and validation parts come from the store of embeddings.  Titles that were
encoded, and heads that were chosen and fitted, are kept beside the maps: an unchanged case, or
its maps, fit nothing again.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import cattrs
import numpy as np
from numpy.typing import NDArray

from evaluation import records
from evaluation.errors import DataError
from evaluation.labelfree import Unlabelled, adapt, controls, learn, two_folds
from evaluation.records import Adaptation, Case, FloatArray, Head, Metric, ModelSpec
from evaluation.records.runs import ADAPTING
from evaluation.scoring.paired import band, mean_gain
from evaluation.stages.engine import READ, Bench
from evaluation.stages.open import StudyData

MINIMUM_PAIRS = 30
"""Of photos and titles: with fewer, agreement cannot be told from chance."""
PAIRS = (50, 100, 200, 400)
PAIR_SEEDS = (0, 1, 2)
"""Numbers of pairs of a learning curve, and draws of each."""


class AdaptedCase(NamedTuple):
    """A label-free head, and what it says of the photos that it read."""

    head: Head
    validation: FloatArray
    """(N, C) logits of the validation part, each photo by a head that had not read it."""
    record: Adaptation


def check_adaptation(spec: ModelSpec, data: StudyData) -> None:
    """Raises :class:`DataError` when a model's declaration does not fit the data."""
    classes = data.dataset.classes
    if spec.shares:
        odd = sorted(set(spec.shares) ^ set(classes))
        if odd:
            raise DataError(
                f"shares: {odd[0]!r} is " + ("no class" if odd[0] in spec.shares else "left out"),
                where=f"model {spec.name}",
                remedy=f"give a share to each of {', '.join(classes)}",
            )
    if "titles" not in spec.adapt and "title" not in spec.reads:
        return
    ids, needed = data.split.test or data.split.validation, 1
    if "titles" in spec.adapt:
        ids, needed = _ids(data), MINIMUM_PAIRS
    texts = [sample.text for sample in data.samples(ids)]
    count = sum(text is not None for text in texts)
    if count < needed:
        raise DataError(
            f"reads titles, and {count} of {len(texts)} photos have one"
            + (f" ({needed} are needed)" if needed > 1 else ""),
            where=f"model {spec.name}",
            remedy="name their column under [dataset]: text_column (or title_column)",
        )


def adapt_case(
    case: Case, bench: Bench, zero_shot: Head, *, controlled: bool = True
) -> AdaptedCase:
    """The head that a case's declaration makes of its zero-shot head, kept once it is made.

    Controls, which take the test part, are left out unless ``controlled``.
    """
    from evaluation.stores.maps import head_digest, key_of

    spec, data = case.model, bench.data
    key = key_of(
        "label-free",
        method=ADAPTING,
        model=bench.model.fingerprint,
        head=head_digest(zero_shot),
        photos=[data.dataset.revision, data.split.digest],
        titles=[sample.text or "" for sample in data.samples(_ids(data))],
        declared=[spec.adapt, None if spec.shares is None else dict(spec.shares)],
        prompts=case.prompts and case.prompts.derive,
        controlled=controlled,
    )
    with bench.engine.map_cache() as cache:
        kept = cache.kept_arrays(
            key, lambda: _adapted(case, bench, zero_shot, controlled=controlled)
        )
    return AdaptedCase(
        head=replace(zero_shot, weight=kept["weight"], bias=kept["bias"], layer=kept.get("layer")),
        validation=kept["validation"],
        record=cattrs.structure(json.loads(kept["record"].tobytes()), Adaptation),
    )


def _adapted(
    case: Case, bench: Bench, zero_shot: Head, *, controlled: bool
) -> dict[str, NDArray[Any]]:
    """What is kept of an :class:`AdaptedCase`."""
    clock, spec, data = time.perf_counter(), case.model, bench.data
    classes, seen = data.dataset.classes, unlabelled(bench)
    shares: FloatArray | None = None
    if spec.shares is not None:
        shares = np.array([spec.shares.get(label, 1.0) for label in classes])
        shares /= shares.sum()
    trials, nonsense = bench.engine.trials(seen, data.split.seed)
    made = adapt(seen, zero_shot, spec.adapt, shares=shares, trials=trials)
    chosen, titled = made.chosen, seen.names[seen.titled].tolist()
    without = controls(zero_shot, made, nonsense) if controlled else {}
    accuracies, gains = _controls(bench, zero_shot, without) if without else ((), {})

    def by_class(values: FloatArray | None) -> dict[str, float]:
        return {} if values is None else dict(zip(classes, values.tolist(), strict=True))

    record = Adaptation(
        adapt=spec.adapt,
        photos=len(seen.folds),
        pairs=len(titled),
        titles=len(set(titled)),
        before=chosen.before if chosen else None,
        after=chosen.after if chosen else None,
        adopted=chosen is not None and chosen.adopted,
        settings=chosen.settings if chosen else (),
        clusters=made.clusters,
        shares=by_class(shares),
        seen_shares=by_class(made.seen_shares),
        texts_from_labels=case.prompts is not None and case.prompts.derive == "subcategories",
        controls=accuracies,
        control_gains=gains,
        seconds=time.perf_counter() - clock,
    )
    logits = np.empty((len(seen.folds), len(made.head.bias)))
    for fold, head in enumerate(made.crossed):
        logits[seen.folds == fold] = head.logits(seen.photos[seen.folds == fold])
    kept = {
        "weight": made.head.weight,
        "bias": made.head.bias,
        "layer": made.head.layer,
        "validation": logits[len(data.ids("train")) :],
        "record": np.frombuffer(json.dumps(asdict(record)).encode(), dtype=np.uint8),
    }
    return {name: part for name, part in kept.items() if part is not None}


def _right(bench: Bench, heads: Sequence[Head]) -> records.BoolArray:
    """(S, N) whether each of the heads is right on each test photo."""
    photos, labels = bench.rows["test"], bench.data.labels(bench.data.ids("test"))
    return np.stack([head.logits(photos).argmax(axis=1) == labels for head in heads])


def _controls(
    bench: Bench, zero_shot: Head, without: Mapping[str, Sequence[Head]]
) -> tuple[tuple[Metric, ...], dict[str, records.MeanGain]]:
    """Accuracy of each control on the test photos, and its gain over the model as it is."""
    groups, (before,) = bench.data.groups(bench.data.ids("test")), _right(bench, [zero_shot])
    accuracies, gains = [], {}
    for name, heads in without.items():
        right = _right(bench, heads)
        mean = mean_gain(right, groups=groups)
        accuracies.append(
            Metric(name=name, value=mean.gain, low=mean.low, high=mean.high, n=mean.n)
        )
        gains[name] = mean_gain(right, before, groups)
    return tuple(accuracies), gains


def unlabelled(bench: Bench) -> Unlabelled:
    """What a head may read; titles are encoded when the model is adapted on them."""
    photos = np.concatenate([bench.rows[fold] for fold in READ]).astype(np.float32)
    ids = _ids(bench.data)
    groups = bench.data.groups(ids)
    titles, names = np.zeros_like(photos), np.full(len(ids), -1)
    if "titles" in bench.model.spec.adapt:
        titles, names = bench.embed_titles(ids)
    return Unlabelled(
        photos=photos,
        titles=titles,
        names=names,
        folds=two_folds(np.arange(len(ids)) if groups is None else groups, bench.data.split.seed),
    )


def _ids(data: StudyData) -> tuple[str, ...]:
    return data.split.train + data.split.validation


def pairs_curve(
    run: records.RunRecord, bench: Bench, zero_shot: Head
) -> tuple[records.PairsCurve, ...]:
    """Test accuracy by number of pairs, at the first setting that a case chose.

    Nothing for a case that no title adapted.  Draws are nested, as those of the learning curves
    of labels; clusters and shares are left out.
    """
    if run.adaptation is None or not run.adaptation.settings:
        return ()
    seen, groups = unlabelled(bench), bench.data.groups(bench.data.ids("test"))
    titled, best = np.flatnonzero(seen.titled), run.adaptation.settings[0]
    points = []
    for size in (*(size for size in PAIRS if size < len(titled)), len(titled)):
        heads = []
        for seed in PAIR_SEEDS if size < len(titled) else PAIR_SEEDS[:1]:
            drawn = np.sort(np.random.default_rng(seed).permutation(titled)[:size])
            layer = learn(seen, drawn, best, bench.data.split.seed)
            heads.append(replace(zero_shot, layer=layer))
        points.append(records.PairsPoint(pairs=size, **band(_right(bench, heads), groups)))
    return (records.PairsCurve(case=run.case, points=tuple(points)),)
