"""Label-free heads of a study's cases: what they may read is put together here, without labels.

Photos of the training and validation parts come from the store of embeddings.  Titles that were
encoded, and heads that were chosen and fitted, are kept beside the maps: an unchanged case, or
its maps, fit nothing again.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import cattrs
import numpy as np
from numpy.typing import NDArray

from evaluation.errors import DataError
from evaluation.labelfree import Adapted, Unlabelled, adapt, controls, two_folds
from evaluation.records import Adaptation, Case, FloatArray, Fold, Head, MeanGain, Metric, ModelSpec
from evaluation.records.labelfree import METHOD
from evaluation.scoring.paired import mean_gain
from evaluation.stages.engine import Engine
from evaluation.stages.open import StudyData
from evaluation.stages.titles import embed_titles, title_texts

MINIMUM_PAIRS = 30
"""Of photos and titles: with fewer, agreement cannot be told from chance."""
READ: tuple[Fold, Fold] = ("train", "validation")
"""The parts that a label-free head may read, of which it sees no label."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AdaptedCase:
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
    predicted: Fold = "test" if data.split.test else "validation"
    read: tuple[Fold, ...] = READ if "titles" in spec.adapt else (predicted,)
    texts = [sample.text for fold in read for sample in data.samples(data.ids(fold))]
    count = sum(text is not None for text in texts)
    needed = MINIMUM_PAIRS if "titles" in spec.adapt else 1
    if count < needed:
        raise DataError(
            f"reads titles, and {count} of {len(texts)} photos have one"
            + (f" ({needed} are needed)" if needed > 1 else ""),
            where=f"model {spec.name}",
            remedy="name their column under [dataset]: text_column (or title_column)",
        )


def adapt_case(
    case: Case,
    data: StudyData,
    engine: Engine,
    rows: Mapping[Fold, FloatArray],
    zero_shot: Head,
    *,
    controlled: bool = True,
) -> AdaptedCase:
    """The head that a case's declaration makes of its zero-shot head, kept once it is made.

    Controls, which take the test part, are left out unless ``controlled``.

    Raises :class:`DataError` when the declaration does not fit the data.
    """
    from evaluation.stores.maps import head_digest, key_of

    spec = case.model
    check_adaptation(spec, data)
    key = key_of(
        "label-free",
        method=METHOD,
        model=engine.model(spec, data).fingerprint,
        head=head_digest(zero_shot),
        photos=[data.dataset.revision, data.split.digest],
        titles=title_texts(data, _ids(data)),
        declared=[spec.adapt, None if spec.shares is None else dict(spec.shares)],
        prompts=case.prompts and case.prompts.derive,
        controlled=controlled,
    )
    with engine.map_cache() as cache:
        kept = cache.kept_arrays(
            key, lambda: _packed(_adapt(case, data, engine, rows, zero_shot, controlled=controlled))
        )
    return _unpacked(kept, zero_shot)


def _adapt(
    case: Case,
    data: StudyData,
    engine: Engine,
    rows: Mapping[Fold, FloatArray],
    zero_shot: Head,
    *,
    controlled: bool,
) -> AdaptedCase:
    clock, spec = time.perf_counter(), case.model
    seen = unlabelled(spec, data, engine, rows)
    trials = engine.trials(seen, data.split.seed)
    found = adapt(seen, zero_shot, spec.adapt, shares=_shares(spec, data), trials=trials.real)
    without = controls(zero_shot, found, trials.nonsense) if controlled else {}
    accuracies, gains = _controls(data, rows["test"], zero_shot, without) if without else ((), {})
    record = replace(
        _record(spec, data, seen, found),
        texts_from_labels=case.prompts is not None and case.prompts.derive == "subcategories",
        controls=accuracies,
        control_gains=gains,
        seconds=time.perf_counter() - clock,
    )
    return AdaptedCase(head=found.head, validation=_crossed(data, seen, found), record=record)


def _controls(
    data: StudyData, photos: FloatArray, zero_shot: Head, without: Mapping[str, Sequence[Head]]
) -> tuple[tuple[Metric, ...], dict[str, MeanGain]]:
    """Accuracy of each control on the (N, D) test photos, and its gain over the model as it is."""
    ids = data.ids("test")
    labels, groups = data.labels(ids), data.groups(ids)
    before = zero_shot.logits(photos).argmax(axis=1) == labels
    accuracies, gains = [], {}
    for name, heads in without.items():
        right = np.stack([head.logits(photos).argmax(axis=1) == labels for head in heads])
        mean = mean_gain(right, groups=groups)
        low, high = max(0.0, mean.low), min(1.0, mean.high)
        accuracies.append(Metric(name=name, value=mean.gain, low=low, high=high, n=mean.n))
        gains[name] = mean_gain(right, before, groups)
    return tuple(accuracies), gains


def unlabelled(
    spec: ModelSpec, data: StudyData, engine: Engine, rows: Mapping[Fold, FloatArray]
) -> Unlabelled:
    """What a head may read; titles are encoded when the model is adapted on them."""
    photos = np.concatenate([rows[fold] for fold in READ]).astype(np.float32)
    ids = _ids(data)
    groups = data.groups(ids)
    titles, names = np.zeros_like(photos), np.full(len(ids), -1)
    if "titles" in spec.adapt:
        titles, names = embed_titles(spec, data, engine, ids)
    return Unlabelled(
        photos=photos,
        titles=titles,
        names=names,
        folds=two_folds(np.arange(len(ids)) if groups is None else groups, data.split.seed),
    )


def _ids(data: StudyData) -> list[str]:
    return [sample_id for fold in READ for sample_id in data.ids(fold)]


def _shares(spec: ModelSpec, data: StudyData) -> FloatArray | None:
    """(C,) declared shares, which add up to one; None when there are none."""
    if spec.shares is None:
        return None
    shares = np.array([spec.shares.get(label, 1.0) for label in data.dataset.classes])
    result: FloatArray = shares / shares.sum()
    return result


def _crossed(data: StudyData, seen: Unlabelled, found: Adapted) -> FloatArray:
    logits = np.empty((len(seen.folds), len(found.head.bias)))
    for fold, head in enumerate(found.crossed):
        rows = seen.folds == fold
        logits[rows] = head.logits(seen.photos[rows])
    return logits[len(data.ids("train")) :]


def _record(spec: ModelSpec, data: StudyData, seen: Unlabelled, found: Adapted) -> Adaptation:
    chosen, classes = found.chosen, data.dataset.classes
    titled = seen.names[seen.titled]
    before = () if found.seen_shares is None else found.seen_shares.tolist()
    declared = _shares(spec, data)
    return Adaptation(
        adapt=spec.adapt,
        photos=len(seen.folds),
        pairs=len(titled),
        titles=len(set(titled.tolist())),
        before=chosen.before if chosen else None,
        after=chosen.after if chosen else None,
        adopted=chosen is not None and chosen.adopted,
        settings=chosen.settings if chosen else (),
        clusters=found.clusters,
        shares={} if declared is None else dict(zip(classes, declared.tolist(), strict=True)),
        seen_shares=dict(zip(classes, before, strict=True)) if before else {},
    )


def _packed(made: AdaptedCase) -> dict[str, NDArray[Any]]:
    plain = json.dumps(asdict(made.record)).encode()
    head = made.head
    layer = {} if head.layer is None else {"layer": np.asarray(head.layer)}
    return {
        "weight": np.asarray(head.weight),
        "bias": np.asarray(head.bias),
        "validation": np.asarray(made.validation),
        "record": np.frombuffer(plain, dtype=np.uint8),
        **layer,
    }


def _unpacked(kept: Mapping[str, NDArray[Any]], zero_shot: Head) -> AdaptedCase:
    return AdaptedCase(
        head=replace(zero_shot, weight=kept["weight"], bias=kept["bias"], layer=kept.get("layer")),
        validation=kept["validation"],
        record=cattrs.structure(json.loads(kept["record"].tobytes()), Adaptation),
    )
