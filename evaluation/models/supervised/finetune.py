"""The ``finetune`` regime: the last blocks of a trunk, or all of it, learn with the head.

AdamW with a warm-up and a cosine descent; the head starts as a linear probe, so that the first
steps do not spoil what the trunk knows (LP-FT, Kumar et al. 2022).  The epoch that does best on
validation is kept.  An epoch depends on the weights before it and on (seed, epoch) alone: its
order, its views and its dropout are drawn anew from them, which is why an interrupted training
continues exactly as if nothing had happened.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import cattrs
import torch
from filelock import FileLock
from safetensors.torch import load_file

from evaluation.errors import ModelError
from evaluation.models.base import Loading, Watch
from evaluation.models.checkpoints import file_digest
from evaluation.models.supervised.saves import Saves
from evaluation.models.supervised.schedule import best_of, chosen_of, is_over, record_of, told
from evaluation.models.supervised.trainer import Trainer
from evaluation.models.supervised.weights import Loaded
from evaluation.records import (
    Head,
    ModelSpec,
    TrainingEpoch,
    TrainingPhotos,
    TrainingRecord,
    TrainingSpec,
    digest_of,
)

VERSION = 1
"""Raised when the same declaration trains otherwise: what is in the caches is then left."""
Tuned = tuple[str, Head]
"""The SHA-256 (hexadecimal) of the file of a trunk that learnt, and its head."""


def finetune(
    loaded: Loaded,
    spec: ModelSpec,
    photos: TrainingPhotos,
    *,
    transform: Any,
    device: torch.device,
    loading: Loading,
) -> Tuned:
    """Trains a trunk, or finds it trained, and leaves the best epoch's weights in it.

    One process at a time trains a model; another that wants it waits, and finds it.

    Raises :class:`ModelError`: a class has no training photo, the loss is no number, or a
    checkpoint cannot be written.

    The module of the trunk that is ``loaded`` is changed in place.  ``transform`` makes of a photo
    what the trunk reads, without augmentation; ``loading`` says where trainings are kept, whether
    one is resumed, and who is told of epochs.
    """
    folder, resume = loading.cache / "trainings", loading.resume
    place = folder / _key(loaded, spec, photos, device)[:32]
    saves = Saves(place)
    asked = time.time()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place.with_suffix(".lock"))
        lock.acquire()
    except OSError as error:
        raise ModelError(
            f"the cache of trainings cannot be written ({error.strerror})",
            where=folder,
            remedy="make it writable, or choose another with VEILLE_CACHE",
        ) from error
    try:
        result = saves.result()
        # Without --resume an earlier result is left aside, but not that of a process that has
        # trained the very same model while this one waited for it.
        if result is None or not (resume or result["ended"] >= asked):
            if not resume:
                saves.clear()
            trainer = Trainer(loaded, spec, photos, transform=transform, device=device)
            result = _train(trainer, saves, loading.watch)
        return _tuned(result, saves, loaded, photos)
    finally:
        lock.release()


def _key(loaded: Loaded, spec: ModelSpec, photos: TrainingPhotos, device: torch.device) -> str:
    """Equal exactly when a training would give the same weights, rounding apart."""
    photo_of = {
        name: [[sample.digest, sample.label] for sample in part]
        for name, part in (("train", photos.train), ("validation", photos.validation))
    }
    return digest_of(
        {
            "version": VERSION,
            "weights": loaded.digest,
            "architecture": loaded.trunk.architecture.identity,
            "preprocess": dict(loaded.trunk.preprocess),
            "training": asdict(spec.training or TrainingSpec()),
            "augmentation": asdict(spec.augmentation) if spec.augmentation else None,
            "classes": list(photos.classes),
            **photo_of,
            "seed": photos.seed,
            "device": device.type,
        }
    )


def _train(trainer: Trainer, saves: Saves, watch: Watch) -> dict[str, Any]:
    """All the epochs that are still to do; returns what is told of the training."""
    info: dict[str, Any] = {"epochs": [], "best": "", "seconds": 0.0}
    last = saves.last_epoch()
    if last is None:
        saves.clear()
        trainer.start()
    else:
        info, tensors = last
        trainer.restore(tensors, info)
    epochs = [TrainingEpoch(**epoch) for epoch in info["epochs"]]
    if epochs:
        watch(len(epochs), trainer.plan.epochs, told(epochs[-1]))
    while not is_over(epochs, trainer.plan):
        clock = time.perf_counter()
        epochs.append(trainer.run_epoch(len(epochs) + 1))
        if best_of(epochs) is epochs[-1]:
            info["best"] = saves.write_best(len(epochs), trainer.weights())
        info["epochs"] = [asdict(epoch) for epoch in epochs]
        info["seconds"] += time.perf_counter() - clock
        saves.write_epoch(
            len(epochs), {**info, "scaler": trainer.scaler.state_dict()}, trainer.tensors()
        )
        watch(len(epochs), trainer.plan.epochs, told(epochs[-1]))
    result = {
        "best": info["best"],
        "ended": time.time(),
        "record": asdict(
            record_of(
                "finetune",
                epochs,
                trainer.plan,
                trained_parameters=trainer.trained_parameters,
                frozen_parameters=trainer.parameters - trainer.trained_parameters,
                seconds=info["seconds"],
                device=trainer.device.type,
            )
        ),
    }
    saves.finish(result)
    return result


def _tuned(
    result: Mapping[str, Any], saves: Saves, loaded: Loaded, photos: TrainingPhotos
) -> Tuned:
    """Fills the trunk with the kept weights, and says how they came about."""
    record = cattrs.structure(result["record"], TrainingRecord)
    file = saves.folder / result["best"]
    tensors = load_file(file)
    weight, bias = tensors.pop("head.weight"), tensors.pop("head.bias")
    loaded.trunk.module.load_state_dict(
        {name.removeprefix("trunk."): value for name, value in tensors.items()}
    )
    chosen = chosen_of(record.epochs, len(photos.validation))
    head = Head(
        weight=weight.double().numpy(),
        bias=bias.double().numpy(),
        chosen={**chosen, "train_images": len(photos.train)},
        warnings=() if photos.validation else ("no validation part: the last epoch was kept",),
        training=record,
    )
    return file_digest(file), head
