"""Where a trunk's weights come from: embedded, ``imagenet``, ``random``, or a local file.

``imagenet`` is what torchvision or timm publishes for the architecture, through their own
code and in their own caches (``TORCH_HOME``, ``HF_HOME``).
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from evaluation.errors import ModelError, WeightsUnavailable, one_line
from evaluation.models import embedded
from evaluation.models.checkpoints import file_digest
from evaluation.models.hub import announced_by_url, cached_file, fetch_file, hub_offline
from evaluation.models.supervised.trunks import (
    Architecture,
    Trunk,
    architecture_of,
    create_trunk,
    load_state,
    read_state,
    resized,
)
from evaluation.net.announced import Progress, download, placed
from evaluation.records import Availability, ModelSpec
from evaluation.records.base import silent

if TYPE_CHECKING:
    import torch

TIMM_FILES = ("model.safetensors", "pytorch_model.bin")
"""What timm looks for in a repository of the hub, in this order."""
_REMEDY = 'run once with a network, or give a local file: weights = "path"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A trunk with its weights."""

    trunk: Trunk
    digest: str
    """SHA-256 (hexadecimal) of the checkpoint file; of the tensors, when there is no one file."""
    head: Mapping[str, torch.Tensor] = field(default_factory=dict)
    """The checkpoint's own: ``weight`` (C, D) and perhaps ``bias`` (C,); empty without one."""
    pretrained: bool = True


def load_trunk(spec: ModelSpec, *, offline: bool) -> Loaded:
    """A trunk with the weights that the study declares, downloaded if they are not here.

    The option ``size`` sets how large (pixels, a square) the photos are that it reads.

    Raises :class:`WeightsUnavailable`, :class:`WeightsMismatch` or :class:`ModelError`.
    """
    loaded = _load_trunk(spec, offline=offline)
    size = spec.options.get("size")
    if size is None:
        return loaded
    return replace(loaded, trunk=resized(loaded.trunk, int(size), where=spec.name))


def _load_trunk(spec: ModelSpec, *, offline: bool) -> Loaded:
    trunk = create_trunk(spec, seed=int(spec.options.get("seed", 0)))
    if spec.weights == "random":
        return Loaded(trunk=trunk, digest=state_digest(trunk.module), pretrained=False)
    if spec.weights == "embedded":
        return _embedded(spec, trunk)
    if spec.weights == "imagenet" and trunk.architecture.library == "timm":
        return _timm_imagenet(spec, trunk, offline=offline)
    if spec.weights == "imagenet":
        path = fetch_torchvision(trunk.architecture, where=spec.name, offline=offline)
    else:
        path = _local(spec)
    state, head = read_state(path, trunk)
    load_state(trunk, state, path)
    return Loaded(trunk=trunk, digest=file_digest(path), head=head)


def fetch(
    spec: ModelSpec,
    *,
    cache: Path,  # noqa: ARG001 - theirs are the caches of torchvision and timm
    offline: bool,
    progress: Progress = silent,
) -> Path | None:
    """The checkpoint file, had ahead of time; None when the weights are drawn at random.

    Raises :class:`WeightsUnavailable` or :class:`ModelError`.
    """
    if spec.weights == "random":
        return None
    if spec.weights == "embedded":
        return _embedded_file(spec)
    if spec.weights != "imagenet":
        return _local(spec)
    architecture = architecture_of(spec)
    if architecture.library == "torchvision":
        return fetch_torchvision(architecture, where=spec.name, offline=offline, progress=progress)
    _fetch_timm(spec.name, architecture, offline=offline, progress=progress)
    return _timm_file(architecture)


def availability(spec: ModelSpec, *, offline: bool) -> Availability:
    """Whether the weights are here; builds and fetches nothing."""
    try:
        missing = _missing_download(spec)
    except ModelError as error:
        return Availability(ready=False, reason=str(error))
    if missing is None:
        return Availability(ready=True, download_bytes=0)
    if offline:
        return Availability(ready=False, reason=str(_not_here(spec.name)))
    return Availability(ready=False, reason=missing.what, download_bytes=missing.size)


def state_digest(module: torch.nn.Module) -> str:
    """SHA-256 over the names, shapes and values of a module's tensors."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


# ----------------------------------------------------------------- local files


def _embedded(spec: ModelSpec, trunk: Trunk) -> Loaded:
    path = _embedded_file(spec)
    state, _ = embedded.split_classifier(embedded.load_classifier_state(path))
    load_state(trunk, state, path)
    described = replace(trunk, preprocess=embedded.PREPROCESS)
    return Loaded(trunk=described, digest=file_digest(path))


def _embedded_file(spec: ModelSpec) -> Path:
    if spec.architecture not in ("", embedded.TRUNK, f"timm:{embedded.TRUNK}"):
        raise ModelError(
            f"the embedded weights are those of {embedded.TRUNK}, not {spec.architecture}",
            where=spec.name,
            remedy="remove its architecture",
        )
    return embedded.trunk_file()


def _local(spec: ModelSpec) -> Path:
    path = Path(spec.weights)
    if not path.is_absolute():
        raise WeightsUnavailable(
            f'no supervised weights "{spec.weights}" can be had',
            where=spec.name,
            remedy='use weights = "imagenet", "embedded", "random" or a local file',
            reason="unpublished",
        )
    if not path.is_file():
        raise WeightsUnavailable(
            "no such checkpoint",
            where=path,
            remedy="check the path in the study file",
            reason="no-file",
        )
    return path


# ------------------------------------------------------------------- downloads


@dataclass(frozen=True, slots=True, kw_only=True)
class _Missing:
    """What a first run would fetch."""

    what: str
    size: int | None
    """Bytes, where the library tells."""


def _missing_download(spec: ModelSpec) -> _Missing | None:
    """What has to be downloaded; raises :class:`ModelError` when nothing could help."""
    architecture = architecture_of(spec)
    if spec.weights == "embedded":
        _embedded_file(spec)
        return None
    if spec.weights != "imagenet":
        if spec.weights != "random":
            _local(spec)
        return None
    if architecture.library == "timm":
        return None if _timm_file(architecture) else _Missing(what="timm's weights", size=None)
    weights = _torchvision_weights(architecture)
    if torchvision_file(weights.url).is_file():
        return None
    megabytes = weights.meta.get("_file_size") if weights.meta else None
    return _Missing(
        what="torchvision's weights", size=None if megabytes is None else int(megabytes * 2**20)
    )


def _torchvision_weights(architecture: Architecture) -> Any:
    import torchvision

    return torchvision.models.get_model_weights(architecture.name).DEFAULT


def torchvision_file(url: str) -> Path:
    """Where torch.hub keeps a checkpoint (below ``TORCH_HOME``)."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / PurePosixPath(url).name


def fetch_torchvision(
    architecture: Architecture, *, where: str, offline: bool, progress: Progress = silent
) -> Path:
    """The checkpoint that torchvision publishes, downloaded if torch.hub's cache has it not.

    It comes as every file does: resumed after a cut, held against the digits of its hash that
    its name carries, and in its place only when whole.
    """
    weights = _torchvision_weights(architecture)
    path = torchvision_file(weights.url)
    if path.is_file():
        return path
    if offline:
        raise _not_here(where)
    _fetch_url(weights.url, where, progress)
    return path


def _fetch_url(url: str, what: str, progress: Progress) -> None:
    """A checkpoint at a plain address, into torch.hub's cache."""
    remote = announced_by_url(url, target=torchvision_file(url), what=what)
    download(remote, what=what, progress=progress)
    with placed(remote, what=what):
        pass  # torch.hub's cache is its files


def _timm_imagenet(spec: ModelSpec, trunk: Trunk, *, offline: bool) -> Loaded:
    import timm

    _fetch_timm(spec.name, trunk.architecture, offline=offline)
    with _telling(spec.name), hub_offline():
        full = timm.create_model(trunk.architecture.name, pretrained=True, num_classes=0)
    load_state(trunk, full.state_dict(), spec.name)
    return Loaded(trunk=trunk, digest=state_digest(trunk.module))


def _fetch_timm(
    what: str, architecture: Architecture, *, offline: bool, progress: Progress = silent
) -> None:
    """Timm's checkpoint, downloaded if the cache of its library has it not."""
    import timm

    if _timm_file(architecture) is not None:
        return
    if offline:
        raise _not_here(what)
    config = timm.get_pretrained_cfg(architecture.name)
    if config.hf_hub_id:
        fetch_file(config.hf_hub_id, TIMM_FILES, what=what, progress=progress)
    else:
        _fetch_url(config.url, what, progress)


def _timm_file(architecture: Architecture) -> Path | None:
    """Timm's checkpoint in the cache of its library, if it is there."""
    import timm

    config = timm.get_pretrained_cfg(architecture.name)
    if config is None or not (config.hf_hub_id or config.url):
        raise WeightsUnavailable(
            f"timm publishes no weights of {architecture.name}",
            remedy="choose another architecture, or give a local file",
            reason="unpublished",
        )
    if config.hf_hub_id:
        return cached_file(config.hf_hub_id, TIMM_FILES)
    path = torchvision_file(config.url)
    return path if path.is_file() else None


@contextlib.contextmanager
def _telling(where: object) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the libraries raise their own, their transport's, and OSError
        raise WeightsUnavailable(
            f"the weights cannot be read ({one_line(error)})",
            where=where,
            remedy=_REMEDY,
            reason="unreadable",
        ) from error


def _not_here(where: object) -> WeightsUnavailable:
    return WeightsUnavailable(
        "the ImageNet weights are not on this machine and --offline forbids to fetch them",
        where=where,
        remedy=_REMEDY,
        reason="offline",
    )
