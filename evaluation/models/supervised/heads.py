"""The ``head`` regime: a linear head learnt by gradient descent on embedded views."""

import contextlib
import time
from typing import Any

import numpy as np
import torch
from torch import nn

from evaluation.models.base import Watch
from evaluation.models.supervised import schedule
from evaluation.models.supervised.logistic import check_support, spread_of
from evaluation.records import FloatArray, Head, Support, TrainingEpoch, TrainingSpec
from evaluation.records.base import silent

DEFAULTS = {"epochs": 40, "batch_size": 64, "learning_rate": 1e-3}
WEIGHT_DECAYS = (0.3, 1.0, 3.0, 10.0, 30.0)
"""Decoupled decays (AdamW, Loshchilov and Hutter 2019) that are tried on validation."""
DEFAULT_WEIGHT_DECAY = 3.0
"""Used when there is no validation part to choose on."""

_Part = tuple[torch.Tensor, torch.Tensor]
"""The standardised features (N, D) and the labels (N,) of a part."""
_Run = tuple[list[TrainingEpoch], FloatArray, FloatArray]
"""The epochs of a training, and the (C, D) weight and (C,) bias of the best one."""


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
    plan = schedule.plan_of(spec, **DEFAULTS)
    mean, deviation = spread_of(train)
    if validation is not None and not len(validation.labels):
        validation = None
    decays = WEIGHT_DECAYS if validation else (DEFAULT_WEIGHT_DECAY,)
    if spec.weight_decay is not None:
        decays = (spec.weight_decay,)
    learnt = _features(train, mean, deviation)
    judge = _features(validation, mean, deviation) if validation else None
    how: dict[str, Any] = {"classes": len(classes), "seed": seed, "where": where, "watch": watch}
    runs = _trained(learnt, judge, plan, decays, **how)
    # The most decayed of equals.
    decay = max(
        runs, key=lambda tried: (*schedule.merit(schedule.best_of(runs[tried][0]))[:2], tried)
    )
    epochs, weight, bias = runs[decay]
    weight = weight / deviation
    unchosen = f"no validation part: the weight decay was not chosen ({decay:g})"
    return Head(
        weight=weight,
        bias=bias - weight @ mean,
        chosen={
            "weight_decay": decay,
            "train_views": len(train.labels),
            **schedule.chosen_of(epochs, len(validation.labels) if validation else 0),
        },
        warnings=() if validation else (unchosen,),
        training=schedule.record_of(
            "head",
            epochs,
            plan,
            trained_parameters=weight.size + bias.size,
            frozen_parameters=frozen_parameters,
            seconds=time.perf_counter() - clock,
            device="cpu",
        ),
    )


def _features(support: Support, mean: FloatArray, deviation: FloatArray) -> _Part:
    rows = (np.asarray(support.embeddings, dtype=np.float64) - mean) / deviation
    labels = np.asarray(support.labels, dtype=np.int64)
    return torch.from_numpy(rows.astype(np.float32)), torch.from_numpy(labels)


def _trained(
    train: _Part,
    validation: _Part | None,
    plan: schedule.Plan,
    decays: tuple[float, ...],
    *,
    classes: int,
    seed: int,
    where: object,
    watch: Watch,
) -> dict[float, _Run]:
    """A training with each weight decay, judged on validation where there is any."""
    features, truth = train
    steps, runs = -(-len(truth) // plan.batch_size), dict[float, _Run]()
    with contextlib.ExitStack() as after:
        # These products are too small to share, and one thread fixes the order of the sums.
        after.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(1)
        for decay in decays:
            layer = nn.Linear(features.shape[1], classes)
            generator = torch.Generator().manual_seed(seed)
            nn.init.zeros_(layer.weight)  # convex: nothing is gained by a random start
            nn.init.zeros_(layer.bias)
            optimiser = schedule.adamw(layer.parameters(), decay=decay, rate=plan.learning_rate)
            epochs: list[TrainingEpoch] = []
            while not schedule.is_over(epochs, plan):
                number, order = len(epochs) + 1, torch.randperm(len(truth), generator=generator)
                loss_sum, hits, rate = 0.0, 0, 0.0
                for step, rows in enumerate(torch.split(order, plan.batch_size)):
                    rate = plan.rate((number - 1) * steps + step, steps)
                    for group in optimiser.param_groups:
                        group["lr"] = rate
                    logits, labels = layer(features[rows]), truth[rows]
                    loss = nn.functional.cross_entropy(
                        logits, labels, label_smoothing=plan.label_smoothing
                    )
                    schedule.require_finite(loss.item(), epoch=number, plan=plan, where=where)
                    optimiser.zero_grad()
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimiser.step()
                    loss_sum += loss.item() * len(rows)
                    hits += int((logits.argmax(dim=1) == labels).sum())
                epoch = TrainingEpoch(
                    epoch=number,
                    learning_rate=rate,
                    train_loss=loss_sum / len(order),
                    train_accuracy=hits / len(order),
                    **(schedule.judged(layer(validation[0]), validation[1]) if validation else {}),
                )
                epochs.append(epoch)
                if schedule.best_of(epochs) is epoch:
                    kept = layer.weight.detach().double(), layer.bias.detach().double()
                done, total = len(runs) * plan.epochs + number, len(decays) * plan.epochs
                watch(done, total, schedule.told(epoch))
            runs[decay] = epochs, kept[0].numpy(), kept[1].numpy()
    return runs
