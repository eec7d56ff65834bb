"""What there is of a supervised model before anything is built: its architecture, its weights.

No torch is imported before an architecture or a published checkpoint has to be looked up.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from evaluation.errors import ModelError, WeightsUnavailable, meant
from evaluation.models import embedded
from evaluation.models.base import READY, Loading
from evaluation.models.checkpoints import existing
from evaluation.models.hub import HubFile, PlainFile, Published
from evaluation.records import Availability, ModelSpec

LIBRARIES = ("torchvision", "timm")
TIMM_FILES = ("model.safetensors", "pytorch_model.bin")
"""What timm looks for in a repository of the hub, in this order."""


def architecture_of(spec: ModelSpec) -> Mapping[str, str]:
    """What of a classifier changes embeddings: the library that builds it, and its name there.

    Raises :class:`ModelError` if there is none of that name.
    """
    library, colon, name = spec.architecture.partition(":")
    if not colon:
        library, name = "", spec.architecture or embedded.TRUNK
    if library not in ("", *LIBRARIES):
        raise ModelError(
            f'unknown library "{library}"',
            where=spec.name,
            remedy=f"write one of {', '.join(LIBRARIES)} before the colon, or the bare name",
        )
    searched = [each for each in LIBRARIES if library in ("", each)]
    for each in searched:
        if name in _known(each):
            return {"library": each, "name": name, "output": "pooled"}
    raise ModelError(
        f'{library or "torchvision or timm"} has no architecture "{name}"',
        where=spec.name,
        remedy=meant(name, set().union(*map(_known, searched)), most=3),
    )


def _known(library: str) -> set[str]:
    if library == "timm":
        import timm

        return set(timm.list_models())
    import torchvision

    return set(torchvision.models.list_models(module=torchvision.models))


def fetch(spec: ModelSpec, loading: Loading) -> Path | None:
    """The checkpoint file, had ahead of time; None when the weights are drawn at random.

    Raises :class:`WeightsUnavailable` or :class:`ModelError`.
    """
    if spec.weights == "imagenet":
        return published(spec).fetch(loading)
    return None if spec.weights == "random" else _file_here(spec)


def _file_here(spec: ModelSpec) -> Path:
    if spec.weights == "embedded":
        if spec.architecture not in ("", embedded.TRUNK, f"timm:{embedded.TRUNK}"):
            raise ModelError(
                f"the embedded weights are those of {embedded.TRUNK}, not {spec.architecture}",
                where=spec.name,
                remedy="remove its architecture",
            )
        return embedded.trunk_file()
    if not Path(spec.weights).is_absolute():
        raise WeightsUnavailable(
            f'no supervised weights "{spec.weights}" can be had',
            where=spec.name,
            remedy='use weights = "imagenet", "embedded", "random" or a local file',
            reason="unpublished",
        )
    return existing(spec, Path.is_file)


def availability(spec: ModelSpec, *, offline: bool) -> Availability:
    """Whether the weights are here; builds and fetches nothing."""
    if spec.weights == "imagenet":
        return published(spec).availability(offline=offline)
    if spec.weights != "embedded":  # whose one architecture is known without its library
        architecture_of(spec)
    if spec.weights != "random":
        _file_here(spec)
    return READY


def published(spec: ModelSpec) -> Published:
    """The checkpoint of ImageNet that torchvision or timm publishes of an architecture."""
    architecture, size = architecture_of(spec), None
    name = architecture["name"]
    if architecture["library"] == "timm":
        import timm

        config = timm.get_pretrained_cfg(name)
        if config is not None and config.hf_hub_id:
            return HubFile(what=spec.name, repository=config.hf_hub_id, names=TIMM_FILES)
        if config is None or not config.url:
            raise WeightsUnavailable(
                f"timm publishes no weights of {name}",
                remedy="choose another architecture, or give a local file",
                reason="unpublished",
            )
        url = config.url
    else:
        import torchvision

        weights = torchvision.models.get_model_weights(name).DEFAULT
        url, megabytes = weights.url, (weights.meta or {}).get("_file_size")
        size = None if megabytes is None else int(megabytes * 2**20)
    import torch

    # Where torch.hub keeps a checkpoint (below ``TORCH_HOME``).
    target = Path(torch.hub.get_dir()) / "checkpoints" / PurePosixPath(url).name
    return PlainFile(what=spec.name, url=url, target=target, size=size)
