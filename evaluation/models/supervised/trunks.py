"""Trunks: any classifier of torchvision or timm, less its last layer, and their weights.

A bare name is torchvision's where torchvision has it (``densenet201``), else timm's;
``timm:densenet201`` and ``torchvision:densenet201`` say which.  Weights
are embedded, ``random``, a local file, or ``imagenet``: what torchvision or timm publishes for the
architecture, through their own code and in their own caches (``TORCH_HOME``, ``HF_HOME``).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from evaluation.errors import ModelError, WeightsUnavailable, one_line
from evaluation.models import embedded
from evaluation.models.base import Loading
from evaluation.models.checkpoints import (
    Checkpoint,
    file_digest,
    misfit,
    read_checkpoint,
    tensors_digest,
)
from evaluation.models.hub import hub_offline
from evaluation.models.supervised.published import (
    Architecture,
    architecture_of,
    embedded_file,
    fetch,
)
from evaluation.records import ModelSpec

State = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """A classifier whose last layer was taken off."""

    module: nn.Module
    """(B, 3, H, W) to (B, D)."""
    architecture: Architecture
    dim: int
    """D: of the features that the last layer read."""
    preprocess: Mapping[str, Any]
    """open_clip's description of the resizing and normalisation."""
    heads: tuple[str, ...]
    """Names, in a checkpoint, of the layers that were taken off."""
    digest: str = ""
    """SHA-256 (hexadecimal) of the file of its weights; of the tensors, without one file."""
    head: Mapping[str, torch.Tensor] = field(default_factory=dict)
    """The checkpoint's own: ``weight`` (C, D) and perhaps ``bias`` (C,); empty without one."""
    pretrained: bool = True

    @property
    def transform(self) -> Any:
        """From an RGB photo to (3, H, W) float32."""
        from open_clip.transform import PreprocessCfg, image_transform_v2

        return image_transform_v2(PreprocessCfg(**self.preprocess), is_train=False)


def create_trunk(spec: ModelSpec) -> Trunk:
    """A trunk with random weights, each time the same."""
    architecture = architecture_of(spec)
    build = _torchvision_trunk if architecture.library == "torchvision" else _timm_trunk
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return build(architecture, spec)


# ----------------------------------------------------------------- torchvision


def _torchvision_trunk(architecture: Architecture, spec: ModelSpec) -> Trunk:
    import torchvision

    # These two warn of their slow initialisation unless they are asked for it.
    slow = {"init_weights": True} if architecture.name in ("googlenet", "inception_v3") else {}
    module = torchvision.models.get_model(architecture.name, weights=None, **slow)
    name, last = _last_linear(module)
    if last is None:
        raise ModelError(
            f"the last layer of {architecture.name} is not linear",
            where=spec.name,
            remedy="choose another architecture",
        )
    module.set_submodule(name, nn.Identity())
    auxiliary = _take_off_auxiliary_heads(module)
    return Trunk(
        module=module,
        architecture=architecture,
        dim=last.in_features,
        preprocess=_torchvision_preprocessing(architecture.name),
        heads=(name, *auxiliary),
    )


def _last_linear(module: nn.Module) -> tuple[str, Any]:
    linear = [
        (name, layer) for name, layer in module.named_modules() if isinstance(layer, nn.Linear)
    ]
    name, last = linear[-1] if linear else ("", None)
    # SqueezeNet's classifier is a convolution: its last linear layer, if any, is not the end.
    return (
        (name, last) if last is not None and last.out_features == _IMAGENET_CLASSES else ("", None)
    )


_IMAGENET_CLASSES = 1000


def _take_off_auxiliary_heads(module: nn.Module) -> tuple[str, ...]:
    """GoogLeNet's and Inception's side classifiers, which only their own training uses."""
    if not hasattr(module, "aux_logits"):
        return ()
    names = tuple(name for name in ("aux1", "aux2", "AuxLogits") if hasattr(module, name))
    module.__dict__["aux_logits"] = False
    for name in names:
        setattr(module, name, None)
    # Their published weights expect inputs normalised otherwise; the module sees to it.
    setattr(module, "transform_input", True)  # noqa: B010 - mypy takes it for a submodule
    return names


def _torchvision_preprocessing(name: str) -> Mapping[str, Any]:
    import torchvision

    transforms = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    return _preprocessing(
        size=(transforms.crop_size[0],) * 2,
        mean=transforms.mean,
        std=transforms.std,
        interpolation=transforms.interpolation.value,
    )


def renamed(state: State) -> State:
    """A DenseNet's tensors under today's names.

    The published files are older than the rule that module names have no dot
    (torchvision/models/densenet.py, ``_load_state_dict``).
    """
    return {_DENSE_LAYER.sub(r"\1\2", name): value for name, value in state.items()}


_DENSE_LAYER = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)$")


# ------------------------------------------------------------------------ timm


def _timm_trunk(architecture: Architecture, spec: ModelSpec) -> Trunk:  # noqa: ARG001
    import timm

    module = timm.create_model(architecture.name, pretrained=False, num_classes=0)
    config = module.pretrained_cfg
    heads = config.get("classifier") or ()
    return Trunk(
        module=module,
        architecture=architecture,
        # Some trunks have one more layer between the pooling and the classifier.
        dim=int(getattr(module, "head_hidden_size", None) or module.num_features),
        preprocess=_preprocessing(
            size=config["input_size"][1:],
            mean=config["mean"],
            std=config["std"],
            interpolation=config["interpolation"],
        ),
        heads=(heads,) if isinstance(heads, str) else tuple(heads),
    )


def _preprocessing(*, size: Any, mean: Any, std: Any, interpolation: str) -> Mapping[str, Any]:
    """The whole photo counts: its shortest side is resized, without ImageNet's margin."""
    return {
        "size": list(size),
        "mode": "RGB",
        "mean": list(mean),
        "std": list(std),
        "interpolation": "bilinear" if interpolation == "bilinear" else "bicubic",
        "resize_mode": "shortest",
        "fill_color": 0,
    }


# --------------------------------------------------------------------- weights


def load_trunk(spec: ModelSpec, loading: Loading) -> Trunk:
    """A trunk with the weights that the study declares, downloaded if they are not here.

    Raises :class:`WeightsUnavailable`, :class:`WeightsMismatch` or :class:`ModelError`.
    """
    trunk = create_trunk(spec)
    if spec.weights == "embedded":
        return _embedded(spec, trunk)
    path = fetch(spec, loading)
    if path is None:
        return replace(trunk, digest=_state_digest(trunk), pretrained=False)
    if spec.weights == "imagenet" and trunk.architecture.library == "timm":
        return _timm_imagenet(spec, trunk)
    checkpoint, head = read_state(path, trunk)
    load_state(trunk, checkpoint.tensors, path)
    return replace(trunk, digest=file_digest(path), head=head)


def _embedded(spec: ModelSpec, trunk: Trunk) -> Trunk:
    path = embedded_file(spec)
    state, _ = embedded.split_classifier(embedded.load_classifier_state(path))
    load_state(trunk, state, path)
    return replace(trunk, preprocess=embedded.PREPROCESS, digest=file_digest(path))


def _timm_imagenet(spec: ModelSpec, trunk: Trunk) -> Trunk:
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
    return replace(trunk, digest=_state_digest(trunk))


def _state_digest(trunk: Trunk) -> str:
    return tensors_digest(trunk.module.state_dict())


def read_state(path: Path, trunk: Trunk) -> tuple[Checkpoint, State]:
    """A checkpoint's tensors less its classifier, and that one's ``weight`` and ``bias``, if any.

    Raises :class:`ModelError` when the file holds no plain tensors.
    """
    checkpoint = read_checkpoint(path)
    state = checkpoint.tensors
    if trunk.architecture.library == "torchvision":
        state = renamed(state)
    heads = tuple(f"{head}." for head in trunk.heads)
    kept = {name: value for name, value in state.items() if not name.startswith(heads)}
    own = {name: tensor for name, tensor in state.items() if heads and name.startswith(heads[0])}
    head = {name.removeprefix(heads[0]): tensor for name, tensor in own.items()}
    return replace(checkpoint, tensors=kept), head


def load_state(trunk: Trunk, state: State, where: object) -> None:
    """Fills a trunk; raises :class:`WeightsMismatch` when the tensors are another's."""
    try:
        trunk.module.load_state_dict(state)
    except RuntimeError as error:
        raise misfit(error, trunk.architecture.name, where, len(state)) from error
