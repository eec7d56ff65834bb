"""Where a trunk's weights come from: embedded, ``imagenet``, ``random``, or a local file.

``imagenet`` is what torchvision or timm publishes for the architecture, through their own
code and in their own caches (``TORCH_HOME``, ``HF_HOME``).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import torch

from evaluation.errors import ModelError, WeightsUnavailable, one_line
from evaluation.models import embedded
from evaluation.models.base import Loading
from evaluation.models.checkpoints import file_digest
from evaluation.models.hub import Published, hub_offline, of_hub, of_url
from evaluation.models.supervised.trunks import (
    Trunk,
    architecture_of,
    create_trunk,
    load_state,
    read_state,
    resized,
)
from evaluation.records import Availability, ModelSpec

TIMM_FILES = ("model.safetensors", "pytorch_model.bin")
"""What timm looks for in a repository of the hub, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A trunk with its weights."""

    trunk: Trunk
    digest: str
    """SHA-256 (hexadecimal) of the checkpoint file; of the tensors, when there is no one file."""
    head: Mapping[str, torch.Tensor] = field(default_factory=dict)
    """The checkpoint's own: ``weight`` (C, D) and perhaps ``bias`` (C,); empty without one."""
    pretrained: bool = True


def load_trunk(spec: ModelSpec, loading: Loading) -> Loaded:
    """A trunk with the weights that the study declares, downloaded if they are not here.

    The option ``size`` sets how large (pixels, a square) the photos are that it reads.

    Raises :class:`WeightsUnavailable`, :class:`WeightsMismatch` or :class:`ModelError`.
    """
    loaded = _load_trunk(spec, loading)
    size = spec.options.get("size")
    if size is None:
        return loaded
    return replace(loaded, trunk=resized(loaded.trunk, int(size), where=spec.name))


def _load_trunk(spec: ModelSpec, loading: Loading) -> Loaded:
    trunk = create_trunk(spec, seed=int(spec.options.get("seed", 0)))
    if spec.weights == "embedded":
        return _embedded(spec, trunk)
    path = fetch(spec, loading)
    if path is None:
        return Loaded(trunk=trunk, digest=state_digest(trunk.module), pretrained=False)
    if spec.weights == "imagenet" and trunk.architecture.library == "timm":
        return _timm_imagenet(spec, trunk)
    state, head = read_state(path, trunk)
    load_state(trunk, state, path)
    return Loaded(trunk=trunk, digest=file_digest(path), head=head)


def fetch(spec: ModelSpec, loading: Loading) -> Path | None:
    """The checkpoint file, had ahead of time; None when the weights are drawn at random.

    Raises :class:`WeightsUnavailable` or :class:`ModelError`.
    """
    if spec.weights == "imagenet":
        return published(spec).fetch(loading)
    return None if spec.weights == "random" else _file_here(spec)


def _file_here(spec: ModelSpec) -> Path:
    return _embedded_file(spec) if spec.weights == "embedded" else _local(spec)


def availability(spec: ModelSpec, *, offline: bool) -> Availability:
    """Whether the weights are here; builds and fetches nothing."""
    try:
        architecture_of(spec)
        if spec.weights == "imagenet":
            return published(spec).availability(offline=offline)
        if spec.weights != "random":
            _file_here(spec)
    except ModelError as error:
        return Availability(ready=False, reason=str(error))
    return Availability(ready=True, download_bytes=0)


def state_digest(module: torch.nn.Module) -> str:
    """SHA-256 over the names, shapes and values of a module's tensors."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


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


def published(spec: ModelSpec) -> Published:
    """The checkpoint of ImageNet that torchvision or timm publishes of an architecture."""
    architecture = architecture_of(spec)
    if architecture.library == "timm":
        import timm

        config = timm.get_pretrained_cfg(architecture.name)
        if config is None or not (config.hf_hub_id or config.url):
            raise WeightsUnavailable(
                f"timm publishes no weights of {architecture.name}",
                remedy="choose another architecture, or give a local file",
                reason="unpublished",
            )
        if config.hf_hub_id:
            return of_hub(config.hf_hub_id, TIMM_FILES, what=spec.name)
        return of_url(config.url, target=_torch_hub(config.url), what=spec.name)
    import torchvision

    weights = torchvision.models.get_model_weights(architecture.name).DEFAULT
    megabytes = weights.meta.get("_file_size") if weights.meta else None
    return of_url(
        weights.url,
        target=_torch_hub(weights.url),
        what=spec.name,
        size=None if megabytes is None else int(megabytes * 2**20),
    )


def _torch_hub(url: str) -> Path:
    """Where torch.hub keeps a checkpoint (below ``TORCH_HOME``)."""
    return Path(torch.hub.get_dir()) / "checkpoints" / PurePosixPath(url).name


def _timm_imagenet(spec: ModelSpec, trunk: Trunk) -> Loaded:
    """Timm's own reading of its checkpoint, which is in its cache."""
    import timm

    try:
        with hub_offline():
            full = timm.create_model(trunk.architecture.name, pretrained=True, num_classes=0)
    except Exception as error:  # the libraries raise their own, their transport's, and OSError
        raise WeightsUnavailable(
            f"the weights cannot be read ({one_line(error)})",
            where=spec.name,
            remedy="fetch them again, or give a local file",
            reason="unreadable",
        ) from error
    load_state(trunk, full.state_dict(), spec.name)
    return Loaded(trunk=trunk, digest=state_digest(trunk.module))
