"""Checkpoint files as they come: their tensors, their digest, and what is told of a misfit.

A training loop wraps what it saves: Lightning in ``state_dict`` and below ``model.``,
DataParallel below ``module.``, ``torch.compile`` below ``_orig_mod.``.  What is read is the
plain tensors of one network, without running any code of the file.
"""

from __future__ import annotations

import codecs
import hashlib
import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluation.errors import ModelError, WeightsMismatch, WeightsUnavailable, one_line
from evaluation.files import LFS_POINTER
from evaluation.records import ModelSpec
from evaluation.records.base import Record
from evaluation.study.model_spec import WEIGHT_SUFFIXES

if TYPE_CHECKING:
    import torch

WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "module", "net", "network")
"""Keys under which a training loop keeps the weights, beside its own numbers."""
PREFIXES = {"module.": " (DataParallel)", "_orig_mod.": " (torch.compile)"} | dict.fromkeys(
    ("model.", "net.", "network.", "backbone."), ""
)
"""Of all names, when the network is a part of what was saved, and who writes them so."""
_FLOATS = ("weight", "bias", "running_mean", "running_var")


def is_path(weights: str) -> bool:
    """Whether the weights are meant as a file or folder, existing or not."""
    return Path(weights).is_absolute() or weights.endswith(WEIGHT_SUFFIXES)


def existing(spec: ModelSpec, is_there: Callable[[Path], bool] = Path.exists) -> Path:
    """The file or folder of a model's weights; raises :class:`WeightsUnavailable` without it."""
    path = Path(spec.weights)
    if not is_there(path):
        raise WeightsUnavailable(
            "no such checkpoint",
            where=path,
            remedy="check the path in the study file"
            + ("" if path.suffix else '; of the Hugging Face hub: weights = "hf-hub:OWNER/NAME"'),
            reason="no-file",
        )
    return path


def file_digest(path: Path) -> str:
    """SHA-256 (hexadecimal) of a file's bytes; raises :class:`ModelError` if it has none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"the checkpoint cannot be read ({error.strerror})",
            where=path,
            remedy="check that it is a file, and its permissions",
        ) from error


def tensors_digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 (hexadecimal) over the names, types, shapes and values of tensors."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        plain = tensor.detach().cpu().contiguous().flatten()
        digest.update(plain.view(torch.uint8).numpy().data)  # NumPy has no bfloat16
    return digest.hexdigest()


class Checkpoint(Record):
    """What was read of a checkpoint file."""

    tensors: dict[str, torch.Tensor]
    """By their names within the network."""
    form: str
    """In words: the format, what saved it and when, where in the file the tensors lay."""

    def fits(self, architecture: str) -> str:
        """What is told of one whose tensors are all the architecture's."""
        return f"{self.form}: {len(self.tensors)} tensors, which fit {architecture}"


def read_checkpoint(path: Path) -> Checkpoint:
    """The tensors of a checkpoint, and what it is.

    Raises :class:`ModelError`: it cannot be read, is a whole pickled model, holds no tensors, or
    one that no network computes with: complex, integers where a weight is expected, not a number.
    """
    saved = _opened(path)
    form = ["safetensors" if path.suffix == ".safetensors" else "PyTorch"]
    if isinstance(saved, dict):  # what a training loop says of itself beside the weights
        lightning, epoch = saved.get("pytorch-lightning_version"), saved.get("epoch")
        form += [f"Lightning {one_line(lightning, 20)}"] if isinstance(lightning, str) else []
        form += [f"epoch {epoch}"] if isinstance(epoch, int) else []
    while not (state := _tensors_of(saved)) and isinstance(saved, dict):
        key = next((key for key in WRAPPERS if isinstance(saved.get(key), dict)), None)
        if key is None:
            break
        form.append(f"in {key}")
        saved = saved[key]
    if not state:
        raise ModelError(
            f"the file holds a {type(saved).__name__} and no tensors of a network",
            where=path,
            remedy="save the weights alone: torch.save(model.state_dict(), path)",
        )
    state, prefix = _without_prefix(state)
    for name, value in state.items():
        _refuse_odd(name, value, path)
    form += [f"below {prefix}{PREFIXES.get(prefix, '')}"] if prefix else []
    return Checkpoint(tensors=state, form=", ".join(form))


def _tensors_of(saved: Any) -> dict[str, torch.Tensor]:
    import torch

    items = saved.items() if isinstance(saved, dict) else ()
    return {str(name): value for name, value in items if isinstance(value, torch.Tensor)}


def _opened(path: Path) -> Any:
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        # Lightning and many training loops keep a NumPy number beside the weights.
        with torch.serialization.safe_globals(_numpy_numbers()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # torch, pickle and safetensors raise many kinds
        pickled = re.search(r"GLOBAL ([\w.]*\.\w+)", str(error))
        what = "the checkpoint is damaged, cut short, or not a file of plain tensors"
        remedy = "fetch or write it again, if possible as .safetensors"
        code = ", which cannot be read without running its code"
        if isinstance(error, pickle.UnpicklingError) and pickled:
            what = f"a whole pickled model or object ({pickled[1]}){code}"
            remedy = "load it where its code is, then torch.save(model.state_dict(), path)"
        elif "TorchScript" in str(error):
            what, remedy = f"a TorchScript archive{code}", "convert it to .safetensors"
        else:
            with path.open("rb") as file:
                if file.read(len(LFS_POINTER)) == LFS_POINTER:
                    what = "only the pointer of a file that Git LFS has not fetched"
                    remedy = "git lfs pull"
        raise ModelError(what, where=path, remedy=remedy) from error


def _numpy_numbers() -> list[Any]:
    """What unpickling a NumPy scalar or array calls; none of it runs code of the file."""
    from numpy._core import multiarray

    builders = (multiarray.scalar, multiarray._reconstruct)  # noqa: SLF001
    dtypes = {type(np.dtype(code)) for code in np.typecodes["All"]}
    # NumPy 1 wrote another name of the same functions.
    old = [(builder, f"numpy.core.multiarray.{builder.__name__}") for builder in builders]
    return [np.ndarray, np.dtype, codecs.encode, *builders, *old, *dtypes]


def _without_prefix(state: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], str]:
    """The network alone, when it was a part of what was saved, of a loss, say; and its prefix."""
    for prefix in PREFIXES:
        below = [name for name in state if name.startswith(prefix)]
        # What lies beside it has few weights of its own: a loss, a metric.
        if sum(state[name].numel() for name in below) > sum(t.numel() for t in state.values()) / 2:
            inner = {name.removeprefix(prefix): state[name] for name in below}
            network, deeper = _without_prefix(inner)
            return network, prefix + deeper
    return state, ""


def _refuse_odd(name: str, value: torch.Tensor, path: Path) -> None:
    kind = str(value.dtype).removeprefix("torch.")
    whole = not value.is_floating_point() and not value.is_complex()
    problem = ""
    if value.is_complex() or value.is_quantized or (whole and name.endswith(_FLOATS)):
        problem = f"holds {kind} numbers, where a network has single precision or less"
    # CoCa's decoder only writes captions, and a part of it is never even initialised.
    elif not name.startswith("text_decoder.") and bool(value.isnan().any()):
        problem = "holds values that are not a number (NaN)"
    if problem:
        raise ModelError(
            f"the tensor {name} {list(value.shape)} {problem}",
            where=path,
            remedy="save the weights again as float32, from a training that did not diverge",
        )


def misfit(
    error: Exception, architecture: str, where: object, tensors: int | None = None
) -> WeightsMismatch:
    """PyTorch's account of a state dict of so many tensors that does not fit, in a few words."""
    text, names = str(error), {}
    for key, label in (("Missing", "tensors missing"), ("Unexpected", "unexpected")):
        named = re.search(rf"{key} key\(s\) in state_dict: (.*?)\. *(?:\n|$)", text, re.DOTALL)
        names[label] = re.findall(r'"([^"]+)"', named[1]) if named else []
    names["of another shape"] = re.findall(r"size mismatch for ([^:]+):", text)
    counts = [f"{len(named)} {label} ({named[0]}…)" for label, named in names.items() if named]
    if counts and tensors is not None:
        fit = tensors - len(names["unexpected"]) - len(names["of another shape"])
        counts.append(f"{fit} of its {tensors} fit")
    return WeightsMismatch(
        f"the checkpoint does not fit {architecture}: {', '.join(counts) or one_line(error)}",
        where=where,
        remedy="declare the architecture that it was trained with",
    )
