"""What every training by gradient descent has: its numbers, its schedule, its best epoch."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import torch

from evaluation.errors import ModelError
from evaluation.records import Option, TrainingEpoch, TrainingRecord, TrainingSpec


class Plan(TrainingSpec):
    """A :class:`TrainingSpec` with every number decided."""

    epochs: int
    batch_size: int
    learning_rate: float

    def rate(self, step: int, steps_per_epoch: int) -> float:
        """The learning rate of a step: a straight rise, then a half cosine down to 0.

        Goyal et al. 2017, section 2.2; Loshchilov and Hutter 2017, without restarts.
        """
        warmup = min(self.warmup_epochs, self.epochs - 1) * steps_per_epoch
        if step < warmup:
            return self.learning_rate * (step + 1) / warmup
        left = self.epochs * steps_per_epoch - warmup
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / left))


def plan_of(spec: TrainingSpec, **own: Any) -> Plan:
    """The study's numbers, with the regime's own where it gives none."""
    missing = {name: value for name, value in own.items() if getattr(spec, name) is None}
    return Plan(**(asdict(spec) | missing))


def merit(epoch: TrainingEpoch) -> tuple[float, float, int]:
    """What makes an epoch the better one: validation accuracy, then its loss, then its age.

    Without a validation part the last epoch is the best.
    """
    if epoch.validation_accuracy is None or epoch.validation_loss is None:
        return (0.0, 0.0, epoch.epoch)
    return (epoch.validation_accuracy, -epoch.validation_loss, -epoch.epoch)


def best_of(epochs: Sequence[TrainingEpoch]) -> TrainingEpoch:
    """The epoch that is kept."""
    return max(epochs, key=merit)


def is_over(epochs: Sequence[TrainingEpoch], plan: Plan) -> bool:
    """Whether training stops here: all epochs are done, or ``patience`` has run out."""
    if not epochs:
        return False
    waited = epochs[-1].epoch - best_of(epochs).epoch
    return len(epochs) >= plan.epochs or (plan.patience is not None and waited >= plan.patience)


def require_finite(loss: float, *, epoch: int, plan: Plan, where: object) -> None:
    """Raises :class:`ModelError` for a loss that is no number, with the epoch and a remedy."""
    if not math.isfinite(loss):
        raise ModelError(
            f"the loss is not finite in epoch {epoch}",
            where=where,
            remedy=f"lower learning_rate in [models.training] (it is {plan.learning_rate:g}),"
            " or check the weights",
        )


def summary_of(epoch: TrainingEpoch) -> str:
    """An epoch's numbers for the progress bar."""
    text = f"loss {epoch.train_loss:.3f}, accuracy {epoch.train_accuracy:.3f}"
    if epoch.validation_accuracy is None:
        return text
    return f"{text}, validation {epoch.validation_accuracy:.3f}"


def adamw(
    parameters: Iterable[torch.nn.Parameter], *, decay: float, rate: float
) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019); biases and norms do not decay (Goyal 2017, 5.3)."""
    learnt = list(parameters)
    groups = [
        {"params": [weight for weight in learnt if weight.ndim > 1], "weight_decay": decay},
        {"params": [weight for weight in learnt if weight.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate)


@torch.inference_mode()
def judged(logits: torch.Tensor, truth: torch.Tensor) -> dict[str, float]:
    """Loss and accuracy of (N, C) logits of the validation part, as an epoch names them."""
    loss = torch.nn.functional.cross_entropy(logits, truth).item()
    accuracy = (logits.argmax(dim=1) == truth).double().mean().item()
    return {"validation_loss": loss, "validation_accuracy": accuracy}


def chosen_of(epochs: Sequence[TrainingEpoch], validation: int) -> dict[str, Option]:
    """What was chosen on so many validation photos, as a head says it."""
    kept = best_of(epochs)
    chosen: dict[str, Option] = {"best_epoch": kept.epoch}
    if kept.validation_accuracy is not None:
        chosen["validation_accuracy"] = kept.validation_accuracy
        chosen["validation_images"] = validation
    return chosen


def record_of(
    regime: Any, epochs: Sequence[TrainingEpoch], plan: Plan, **measured: Any
) -> TrainingRecord:
    """The record of a training, of which parameters, seconds and device are measured."""
    return TrainingRecord(
        regime=regime,
        epochs=tuple(epochs),
        best_epoch=best_of(epochs).epoch,
        stopped_early=len(epochs) < plan.epochs,
        **measured,
    )
