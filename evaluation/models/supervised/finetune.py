"""The ``finetune`` regime: the last blocks of a trunk, or all of it, learn with the head.

AdamW with a warm-up and a cosine descent; the head starts as a linear probe, so that the first
steps do not spoil what the trunk knows (LP-FT, Kumar et al. 2022).  The epoch that does best on
validation is kept.  An epoch depends on the weights before it and on (seed, epoch) alone: its
order, its views and its dropout are drawn anew from them, which is why an interrupted training
continues exactly as if nothing had happened.

What a training leaves in the cache is one safetensors file, which each epoch replaces: the numbers
of the epochs, the weights of the best one ("best.…") and, until the training is over, all that the
next epoch depends on.  A process killed at any moment leaves a training that can be continued.
"""

import contextlib
import json
import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cattrs
import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from evaluation import records
from evaluation.errors import ModelError, VeilleWarning, one_line
from evaluation.files import replacing
from evaluation.models.base import Loading, Watch
from evaluation.models.checkpoints import tensors_digest
from evaluation.models.devices import pick_device
from evaluation.models.supervised.schedule import best_of, chosen_of, is_over, record_of, summary_of
from evaluation.models.supervised.trainer import Trainer
from evaluation.models.supervised.trunks import Trunk, below

VERSION = 2
"""Raised when the same declaration trains otherwise: what is in the caches is then left."""
Tuned = tuple[str, records.Head]
"""The SHA-256 (hexadecimal) of the weights of a trunk that learnt, and its head."""
_Saved = tuple[dict[str, Any], dict[str, torch.Tensor]]
"""The numbers of a training so far, JSON values, and its tensors."""


def finetune(
    trunk: Trunk, spec: records.ModelSpec, photos: records.TrainingPhotos, loading: Loading
) -> Tuned:
    """Trains a trunk, or finds it trained, and leaves the best epoch's weights in it.

    One process at a time trains a model; another that wants it waits, and finds it.

    Raises :class:`ModelError`: a class has no training photo, the loss is no number, or a
    checkpoint cannot be written.

    The module of the trunk is changed in place.  ``loading`` says where trainings are kept, whether
    one is resumed, and who is told of epochs.
    """
    device = pick_device(loading.device)
    folder, asked = loading.cache / "trainings", time.time()
    file = folder / f"{_key(trunk, spec, photos, device)[:32]}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file.with_suffix(".lock"))
        lock.acquire()
    except OSError as error:
        raise ModelError(
            f"the cache of trainings cannot be written ({error.strerror})",
            where=folder,
            remedy="make it writable, or choose another with VEILLE_CACHE",
        ) from error
    try:
        saved = _read(file)
        # Without --resume an earlier training is left aside, but not that of a process that has
        # trained the very same model while this one waited for it.
        if saved and not loading.resume and saved[0].get("ended", 0.0) < asked:
            saved = None
        if saved is None or "ended" not in saved[0]:
            trainer = Trainer(trunk, spec, photos, device)
            saved = _train(trainer, file, saved, loading.watch)
    finally:
        lock.release()
    info, tensors = saved
    trunk.module.load_state_dict(below("best.trunk.", tensors))
    record = cattrs.structure(info["record"], records.TrainingRecord)
    head = records.Head(
        weight=tensors["best.head.weight"].double().cpu().numpy(),
        bias=tensors["best.head.bias"].double().cpu().numpy(),
        chosen={
            **chosen_of(record.epochs, len(photos.validation)),
            "train_images": len(photos.train),
        },
        warnings=() if photos.validation else ("no validation part: the last epoch was kept",),
        training=record,
    )
    return tensors_digest(tensors), head


def _key(
    trunk: Trunk, spec: records.ModelSpec, photos: records.TrainingPhotos, device: torch.device
) -> str:
    """Equal exactly when a training would give the same weights, rounding apart."""
    parts = {"train": photos.train, "validation": photos.validation}
    return records.digest_of(
        {
            "version": VERSION,
            "weights": trunk.digest,
            "architecture": dict(trunk.architecture),
            "preprocess": dict(trunk.preprocess),
            "training": asdict(spec.training or records.TrainingSpec()),
            "augmentation": asdict(spec.augmentation) if spec.augmentation else None,
            "classes": list(photos.classes),
            **{name: [[s.digest, s.label] for s in part] for name, part in parts.items()},
            "seed": photos.seed,
            "device": device.type,
        }
    )


def _train(trainer: Trainer, file: Path, saved: _Saved | None, watch: Watch) -> _Saved:
    """All the epochs that are still to do; returns the best one's weights, and the record."""
    info: dict[str, Any] = {"epochs": [], "seconds": 0.0}
    best: dict[str, torch.Tensor] = {}
    if saved is None:
        trainer.start()
    else:
        info, tensors = saved
        best = {name: tensor for name, tensor in tensors.items() if name.startswith("best.")}
        trainer.restore(tensors)
    epochs = [records.TrainingEpoch(**epoch) for epoch in info["epochs"]]
    if epochs:
        watch(len(epochs), trainer.plan.epochs, summary_of(epochs[-1]))
    while not is_over(epochs, trainer.plan):
        clock = time.perf_counter()
        epochs.append(trainer.run_epoch(len(epochs) + 1))
        if best_of(epochs) is epochs[-1]:
            kept = trainer.kept.state_dict()
            best = {f"best.{name}": weight.clone() for name, weight in kept.items()}
        info["epochs"] = [asdict(epoch) for epoch in epochs]
        info["seconds"] += time.perf_counter() - clock
        _write(file, info, {**trainer.tensors(), **best})
        watch(len(epochs), trainer.plan.epochs, summary_of(epochs[-1]))
    record = record_of(
        "finetune",
        epochs,
        trainer.plan,
        trained_parameters=trainer.trained_parameters,
        frozen_parameters=trainer.parameters - trainer.trained_parameters,
        seconds=info["seconds"],
        device=trainer.device.type,
    )
    over = {"ended": time.time(), "record": asdict(record)}
    _write(file, over, best)
    return over, best


def _write(file: Path, info: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
    """Saves a training; raises :class:`ModelError` when it cannot be written."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(info, sort_keys=True, allow_nan=False)
    seal = records.digest_of([text, tensors_digest(plain)])
    try:
        with replacing(file) as draft:
            save_file(plain, draft, metadata={"info": text, "seal": seal})
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"the checkpoint of a training cannot be written ({one_line(error)})",
            where=file,
            remedy="free some disk space, or choose another folder with VEILLE_CACHE;"
            " the epochs that are saved are kept",
        ) from error


def _read(file: Path) -> _Saved | None:
    """What is saved of a training; None, with a warning for a damaged file, when nothing is."""
    if not file.exists():
        return None
    with contextlib.suppress(OSError, SafetensorError, ValueError, KeyError, TypeError):
        with safe_open(file, framework="pt") as saved:
            notes = saved.metadata()
            tensors = {name: saved.get_tensor(name) for name in saved.keys()}  # noqa: SIM118
        if notes["seal"] == records.digest_of([notes["info"], tensors_digest(tensors)]):
            return json.loads(notes["info"]), tensors
    warnings.warn(
        f"{file}: a training that was kept is damaged: its epochs are made again",
        VeilleWarning,
        stacklevel=2,
    )
    return None
