"""What a training leaves in the cache: one safetensors file, which each epoch replaces.

It holds the numbers of the epochs, the weights of the best one ("best.…") and, until the training
is over, all that the next epoch depends on.  It is written under a temporary name and renamed: a
process killed at any moment leaves a training that can be continued.
"""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from evaluation.errors import ModelError, VeilleWarning, one_line
from evaluation.files import replacing
from evaluation.models.checkpoints import tensors_digest
from evaluation.records import digest_of

Tensors = Mapping[str, torch.Tensor]
Saved = tuple[dict[str, Any], dict[str, torch.Tensor]]
"""The numbers of a training so far, JSON values, and its tensors."""


def write(file: Path, info: Mapping[str, Any], tensors: Tensors) -> None:
    """Saves a training; raises :class:`ModelError` when it cannot be written."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(info, sort_keys=True, allow_nan=False)
    seal = digest_of([text, tensors_digest(plain)])
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


def read(file: Path) -> Saved | None:
    """What is saved of a training; None, with a warning for a damaged file, when nothing is."""
    try:
        with safe_open(file, framework="pt") as saved:
            notes = saved.metadata()
            tensors = {name: saved.get_tensor(name) for name in saved.keys()}  # noqa: SIM118
        if notes["seal"] == digest_of([notes["info"], tensors_digest(tensors)]):
            return json.loads(notes["info"]), tensors
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        pass
    warnings.warn(
        f"{file}: a training that was kept is damaged: its epochs are made again",
        VeilleWarning,
        stacklevel=2,
    )
    return None


def below(prefix: str, tensors: Tensors) -> dict[str, torch.Tensor]:
    """The tensors whose names begin so, by the rest of their names."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
