"""Heads over the features of a frozen trunk: a regression, or gradient descent on embedded views.

Linear probing is the usual yardstick of CLIP (Radford et al. 2021, section 3.2).
"""

import contextlib
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from evaluation.errors import ModelError
from evaluation.models.base import Watch
from evaluation.models.supervised import schedule
from evaluation.records import FloatArray, Head, Option, Support, TrainingEpoch, TrainingSpec
from evaluation.records.base import silent

STRENGTHS = tuple(float(c) for c in np.logspace(-4, 0, 9))
"""Inverse regularisations C that are tried, on standardised features."""
DEFAULT_STRENGTH = 1e-2
"""Used when there is no validation part to choose on."""
MAX_ITERATIONS = 2000
TOLERANCE = 1e-6
"""Of the solver's gradient: the optimum is unique, and this close to it predictions are too."""
MANY_CLASSES, COARSE = 300, 1e-4
"""Above so many classes a fit takes minutes: each strength starts where the one before ended, and
ends at this tolerance."""

DEFAULTS = {"epochs": 40, "batch_size": 64, "learning_rate": 1e-3}
WEIGHT_DECAYS = (0.3, 1.0, 3.0, 10.0, 30.0)
"""Decoupled decays (AdamW, Loshchilov and Hutter 2019) that are tried on validation."""
DEFAULT_WEIGHT_DECAY = 3.0
"""Used when there is no validation part to choose on."""

_Part = tuple[torch.Tensor, torch.Tensor]
"""The standardised features (N, D) and the labels (N,) of a part."""
_Run = tuple[list[TrainingEpoch], FloatArray, FloatArray]
"""The epochs of a training, and the (C, D) weight and (C,) bias of the best one."""


def fit_logistic_regression(
    classes: tuple[str, ...], train: Support, validation: Support | None, *, seed: int
) -> Head:
    """Multinomial logistic regression on standardised features.

    The regularisation is the one of ``STRENGTHS`` with the best accuracy on validation, the
    most regularised of equals.  The head is the one fitted on the training part with it;
    validation is not added to it afterwards, so that the validation accuracy in the record
    is that of the very head that is scored.

    ``train`` holds (N, D) features; without ``validation`` the strength is ``DEFAULT_STRENGTH``.
    The solver (L-BFGS) is deterministic, and has ``MAX_ITERATIONS`` for each strength.

    Raises :class:`ModelError`: a class has no training photo, or there is only one class.
    """
    check_support(classes, train)
    if validation is not None and not len(validation.labels):
        validation = None
    strengths = STRENGTHS if validation else (DEFAULT_STRENGTH,)
    fits = _fit_all(train, len(classes), strengths, seed=seed)
    chosen: dict[str, Option] = {"train_images": len(train.labels)}
    best, notes = DEFAULT_STRENGTH, []
    if validation:
        scores = {}
        for strength, (head, _) in fits.items():
            right = head.logits(validation.embeddings).argmax(axis=1) == validation.labels
            scores[strength] = float(np.mean(right))
        best = max(strengths, key=lambda strength: (scores[strength], -strength))
        chosen |= {"validation_accuracy": scores[best], "validation_images": len(validation.labels)}
    else:
        notes.append(f"no validation part: the regularisation was not chosen (C = {best:g})")
    head, converged = fits[best]
    if not converged:
        line = f"the logistic regression did not converge in {MAX_ITERATIONS} iterations"
        notes.append(f"{line} (C = {best:g})")
    return replace(head, chosen={"C": best, **chosen}, warnings=tuple(notes))


def spread_of(support: Support) -> tuple[FloatArray, FloatArray]:
    """(D,) mean and deviation of features; 1 for one that never varies, and says nothing."""
    features = np.asarray(support.embeddings, dtype=np.float64)
    deviation = features.std(axis=0)
    return features.mean(axis=0), np.where(deviation == 0, 1.0, deviation)


def check_support(classes: tuple[str, ...], train: Support) -> None:
    """Raises :class:`ModelError` when a class cannot be learnt."""
    if len(classes) < 2:  # noqa: PLR2004 - a choice needs two
        raise ModelError("a classifier needs at least two classes", remedy="add one to the study")
    counts = np.bincount(train.labels, minlength=len(classes))
    if empty := [label for label, count in zip(classes, counts, strict=True) if count == 0]:
        raise ModelError(
            f'no training photo of the class "{empty[0]}"',
            remedy="add photos of it, or make the test and validation parts smaller",
        )


def _fit_all(
    train: Support, classes: int, strengths: Sequence[float], *, seed: int
) -> dict[float, tuple[Head, bool]]:
    """The head of each regularisation, over the features as they are; whether it converged."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    features = np.asarray(train.embeddings, dtype=np.float64)
    mean, deviation = spread_of(train)
    # One thread: these products are too small to share, and threads that wait for each other
    # on a busy machine made them twenty times slower. It also fixes the order of the sums.
    with threadpool_limits(limits=1):
        # An L2 penalty keeps the weights in the span of the photos, so N coordinates in that
        # span say as much as D features: the same solution, several times faster.
        left, lengths, span = np.linalg.svd((features - mean) / deviation, full_matrices=False)
        fits = {}
        many = classes > MANY_CLASSES
        model = LogisticRegression(
            tol=COARSE if many else TOLERANCE,
            max_iter=MAX_ITERATIONS,
            random_state=seed,
            warm_start=many,
        )
        for strength in strengths:
            model.set_params(C=strength)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                model.fit(left * lengths, train.labels)
            converged = not any(issubclass(note.category, ConvergenceWarning) for note in caught)
            weight, bias = model.coef_ @ span, model.intercept_
            if classes == 2:  # noqa: PLR2004 - scikit-learn gives one row for two classes
                # The softmax of (-z/2, z/2) is the sigmoid of z.
                weight, bias = np.vstack([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
            weight = weight / deviation
            fits[strength] = Head(weight=weight, bias=bias - weight @ mean), converged
    return fits


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
                watch(done, total, schedule.summary_of(epoch))
            runs[decay] = epochs, kept[0].numpy(), kept[1].numpy()
    return runs
