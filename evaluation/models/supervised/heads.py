"""The ``head`` regime: a linear head learnt by gradient descent on embedded views."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from evaluation.models.base import Watch
from evaluation.models.supervised.logistic import check_support, has_images
from evaluation.models.supervised.schedule import (
    Plan,
    best_of,
    is_over,
    merit,
    plan_of,
    require_finite,
    told,
)
from evaluation.records import Head, Support, TrainingEpoch, TrainingRecord, TrainingSpec
from evaluation.records.base import silent

EPOCHS = 40
BATCH_SIZE = 64
LEARNING_RATE = 1e-3
WEIGHT_DECAYS = (0.3, 1.0, 3.0, 10.0, 30.0)
"""Decoupled decays (AdamW, Loshchilov and Hutter 2019) that are tried on validation."""
DEFAULT_WEIGHT_DECAY = 3.0
"""Used when there is no validation part to choose on."""


_Part = tuple["torch.Tensor", "torch.Tensor"]
"""The standardised features (N, D) and the labels (N,) of a part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What every weight decay is tried on."""

    train: _Part
    validation: _Part | None
    classes: int
    plan: Plan
    seed: int
    where: object


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """A training with one weight decay."""

    decay: float
    planned: int
    """Epochs that it might have had."""
    epochs: tuple[TrainingEpoch, ...]
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    """Of the best epoch, over standardised features."""


def train_head(
    classes: tuple[str, ...],
    train: Support,
    validation: Support | None,
    spec: TrainingSpec,
    *,
    seed: int,
    frozen_parameters: int = 0,
    where: object = None,
    watch: Watch = silent,
) -> Head:
    """A linear head by AdamW on standardised features, its best epoch on validation.

    The weight decay is the study's, or the one of ``WEIGHT_DECAYS`` whose best epoch does best
    on ``validation``; without that part the last epoch is kept.  ``train`` holds (N, D) features,
    K rows a photo if it has K views.  Everything is drawn from the seed, on one thread: the same
    features give the same head.

    Raises :class:`ModelError`: a class has no training photo, there is only one class, or the
    loss is no number; ``where`` says of what.
    """
    check_support(classes, train)
    clock = time.perf_counter()
    plan = plan_of(spec, epochs=EPOCHS, batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE)
    rows = np.asarray(train.embeddings, dtype=np.float64)
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    deviation[deviation == 0] = 1.0  # a feature that never varies says nothing
    held_out = None
    if validation is not None and has_images(validation):
        held_out = _features(validation, mean, deviation)
    decays = _decays(spec, tried=held_out is not None)
    task = _Task(
        train=_features(train, mean, deviation),
        validation=held_out,
        classes=len(classes),
        plan=plan,
        seed=seed,
        where=where,
    )
    runs = _all_decays(task, decays, watch)
    # The most decayed of equals.
    best = max(runs, key=lambda run: (*merit(best_of(run.epochs))[:2], run.decay))
    head = _as_head(best, mean, deviation, frozen_parameters, time.perf_counter() - clock)
    head = replace(head, chosen=_chosen(best, train, validation))
    if held_out is None:
        warning = f"no validation part: the weight decay was not chosen ({decays[0]:g})"
        return replace(head, warnings=(warning,))
    return head


def _as_head(
    best: _Run,
    mean: NDArray[np.float64],
    deviation: NDArray[np.float64],
    frozen_parameters: int,
    seconds: float,
) -> Head:
    """The head over features as they are, with the record of its training."""
    weight = best.weight / deviation
    return Head(
        weight=weight,
        bias=best.bias - weight @ mean,
        training=TrainingRecord(
            regime="head",
            epochs=best.epochs,
            best_epoch=best_of(best.epochs).epoch,
            stopped_early=len(best.epochs) < best.planned,
            trained_parameters=weight.size + best.bias.size,
            frozen_parameters=frozen_parameters,
            seconds=seconds,
            device="cpu",
        ),
    )


def _all_decays(task: _Task, decays: Sequence[float], watch: Watch) -> list[_Run]:
    """A training with each weight decay; progress is that of all of them together."""
    epochs, runs = task.plan.epochs, []
    with _one_thread():
        for number, decay in enumerate(decays):

            def watch_all(done: int, _total: int, note: str, start: int = number * epochs) -> None:
                watch(start + done, len(decays) * epochs, note)

            runs.append(_train(task, decay, watch_all))
    return runs


def _decays(spec: TrainingSpec, *, tried: bool) -> tuple[float, ...]:
    if spec.weight_decay is not None:
        return (spec.weight_decay,)
    return WEIGHT_DECAYS if tried else (DEFAULT_WEIGHT_DECAY,)


def _chosen(best: _Run, train: Support, validation: Support | None) -> dict[str, Any]:
    kept = best_of(best.epochs)
    chosen: dict[str, Any] = {
        "weight_decay": best.decay,
        "best_epoch": kept.epoch,
        "train_views": len(train.labels),
    }
    if validation is not None and kept.validation_accuracy is not None:
        chosen["validation_accuracy"] = kept.validation_accuracy
        chosen["validation_images"] = len(validation.labels)
    return chosen


def _features(support: Support, mean: NDArray[np.float64], deviation: NDArray[np.float64]) -> _Part:
    rows = (np.asarray(support.embeddings, dtype=np.float64) - mean) / deviation
    labels = np.asarray(support.labels, dtype=np.int64)
    return torch.from_numpy(rows.astype(np.float32)), torch.from_numpy(labels)


def _train(task: _Task, decay: float, watch: Watch) -> _Run:
    (features, truth), plan = task.train, task.plan
    generator = torch.Generator().manual_seed(task.seed)
    layer = nn.Linear(features.shape[1], task.classes)
    nn.init.zeros_(layer.weight)  # convex: nothing is gained by a random start
    nn.init.zeros_(layer.bias)
    optimiser = torch.optim.AdamW(
        [
            {"params": [layer.weight], "weight_decay": decay},
            {"params": [layer.bias], "weight_decay": 0.0},
        ],
        lr=plan.learning_rate,
    )
    steps = -(-len(truth) // plan.batch_size)
    epochs: list[TrainingEpoch] = []
    kept: tuple[torch.Tensor, torch.Tensor] = (layer.weight, layer.bias)
    while not is_over(epochs, plan):
        number = len(epochs) + 1
        order = torch.randperm(len(truth), generator=generator)
        loss_sum, hits, rate = 0.0, 0, 0.0
        for step, rows in enumerate(torch.split(order, plan.batch_size)):
            rate = plan.rate((number - 1) * steps + step, steps)
            for group in optimiser.param_groups:
                group["lr"] = rate
            logits = layer(features[rows])
            loss = nn.functional.cross_entropy(
                logits, truth[rows], label_smoothing=plan.label_smoothing
            )
            require_finite(loss.item(), epoch=number, plan=plan, where=task.where)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            loss_sum += loss.item() * len(rows)
            hits += int((logits.argmax(dim=1) == truth[rows]).sum())
        epoch = TrainingEpoch(
            epoch=number,
            learning_rate=rate,
            train_loss=loss_sum / len(order),
            train_accuracy=hits / len(order),
            **_validate(layer, task.validation),
        )
        epochs.append(epoch)
        if best_of(epochs) is epoch:
            kept = (layer.weight.detach().clone(), layer.bias.detach().clone())
        watch(number, plan.epochs, told(epoch))
    return _Run(
        decay=decay,
        planned=plan.epochs,
        epochs=tuple(epochs),
        weight=kept[0].double().numpy(),
        bias=kept[1].double().numpy(),
    )


def _validate(layer: Any, validation: _Part | None) -> dict[str, float]:
    if validation is None:
        return {}
    with torch.inference_mode():
        logits, truth = layer(validation[0]), validation[1]
        loss = torch.nn.functional.cross_entropy(logits, truth).item()
        accuracy = (logits.argmax(dim=1) == truth).double().mean().item()
    return {"validation_loss": loss, "validation_accuracy": accuracy}


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """These products are too small to share, and one thread fixes the order of the sums."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
