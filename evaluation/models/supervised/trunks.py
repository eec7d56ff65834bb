"""Trunks: any classifier of torchvision or timm, less its last layer, and their weights.

A bare name is torchvision's where torchvision has it (``densenet201``), else timm's;
``timm:densenet201`` and ``torchvision:densenet201`` say which.  Weights
are embedded, ``random``, a local file, or ``imagenet``: what torchvision or timm publishes for the
architecture, through their own code and in their own caches (``TORCH_HOME``, ``HF_HOME``).
"""

import re
from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from evaluation.errors import ModelError, WeightsUnavailable, one_line
from evaluation.models import checkpoints, embedded
from evaluation.models.base import Loading
from evaluation.models.hub import hub_offline
from evaluation.models.supervised.published import architecture_of, fetch
from evaluation.records import ModelSpec, Record

IMAGENET_CLASSES = 1000
State = dict[str, torch.Tensor]


class Trunk(Record):
    """A classifier whose last layer was taken off."""

    module: nn.Module
    """(B, 3, H, W) to (B, D)."""
    architecture: Mapping[str, str]
    """See :func:`architecture_of`."""
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
    """A trunk with random weights, each time the same.

    Raises :class:`ModelError`: no such architecture, or one whose last layer is not linear.
    """
    architecture = architecture_of(spec)
    build = _of_timm if architecture["library"] == "timm" else _of_torchvision
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        module, dim, heads, reading = build(architecture["name"], spec.name)
    # The whole photo counts: its shortest side is resized, without ImageNet's margin.
    preprocess = {
        "size": list(reading["size"]),
        "mode": "RGB",
        "mean": list(reading["mean"]),
        "std": list(reading["std"]),
        "interpolation": "bilinear" if reading["interpolation"] == "bilinear" else "bicubic",
        "resize_mode": "shortest",
        "fill_color": 0,
    }
    return Trunk(
        module=module, architecture=architecture, dim=dim, preprocess=preprocess, heads=heads
    )


_Built = tuple[nn.Module, int, tuple[str, ...], Mapping[str, Any]]
"""A module, its features, the names of the layers that it lacks, and how it reads photos."""


def _of_torchvision(name: str, where: str) -> _Built:
    import torchvision

    # Their side classifiers serve their own training alone; their published weights expect inputs
    # normalised otherwise, which the module sees to; they warn of their slow initialisation unless
    # they are asked for it.
    asked = {"aux_logits": False, "transform_input": True, "init_weights": True}
    plain = name not in ("googlenet", "inception_v3")
    module = torchvision.models.get_model(name, weights=None, **({} if plain else asked))
    layers = [named for named in module.named_modules() if isinstance(named[1], nn.Linear)]
    # SqueezeNet's classifier is a convolution: its last linear layer, if any, is not the end.
    if not layers or layers[-1][1].out_features != IMAGENET_CLASSES:
        raise ModelError(
            f"the last layer of {name} is not linear",
            where=where,
            remedy="choose another architecture",
        )
    last, layer = layers[-1]
    module.set_submodule(last, nn.Identity())
    reading = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    size, interpolation = reading.crop_size * 2, reading.interpolation.value
    how = {"size": size, "mean": reading.mean, "std": reading.std, "interpolation": interpolation}
    return module, layer.in_features, (last, "aux1", "aux2", "AuxLogits"), how


def _of_timm(name: str, _where: str) -> _Built:
    import timm

    module = timm.create_model(name, pretrained=False, num_classes=0)
    config = module.pretrained_cfg
    heads = config.get("classifier") or ()
    # Some trunks have one more layer between the pooling and the classifier.
    dim = int(getattr(module, "head_hidden_size", None) or module.num_features)
    how = {**config, "size": config["input_size"][1:]}
    return module, dim, (heads,) if isinstance(heads, str) else tuple(heads), how


def load_trunk(spec: ModelSpec, loading: Loading) -> Trunk:
    """A trunk with the weights that the study declares, downloaded if they are not here.

    Raises :class:`WeightsUnavailable`, :class:`WeightsMismatch` or :class:`ModelError`.
    """
    trunk, path = create_trunk(spec), fetch(spec, loading)
    if path is None:
        digest = checkpoints.tensors_digest(trunk.module.state_dict())
        return replace(trunk, digest=digest, pretrained=False)
    if spec.weights == "embedded":
        state, _ = embedded.split_classifier(embedded.load_classifier_state(path))
        load_state(trunk, state, path)
        digest = checkpoints.file_digest(path)
        return replace(trunk, preprocess=embedded.PREPROCESS, digest=digest)
    if spec.weights == "imagenet" and trunk.architecture["library"] == "timm":
        import timm

        try:
            with hub_offline():  # timm's own reading of the checkpoint, which is in its cache
                full = timm.create_model(trunk.architecture["name"], pretrained=True, num_classes=0)
        except Exception as error:  # the libraries raise their own, their transport's, and OSError
            raise WeightsUnavailable(
                f"the weights cannot be read ({one_line(error)})",
                where=spec.name,
                remedy="fetch them again, or give a local file",
                reason="unreadable",
            ) from error
        return replace(trunk, module=full, digest=checkpoints.tensors_digest(full.state_dict()))
    checkpoint, head = read_state(path, trunk)
    load_state(trunk, checkpoint.tensors, path)
    return replace(trunk, digest=checkpoints.file_digest(path), head=head)


def read_state(path: Path, trunk: Trunk) -> tuple[checkpoints.Checkpoint, State]:
    """A checkpoint's tensors less its classifier, and that one's ``weight`` and ``bias``, if any.

    Raises :class:`ModelError` when the file holds no plain tensors.
    """
    checkpoint = checkpoints.read_checkpoint(path)
    state = checkpoint.tensors
    if trunk.architecture["library"] == "torchvision":
        # Published DenseNets are older than the rule that module names have no dot
        # (torchvision/models/densenet.py, ``_load_state_dict``).
        state = {_DENSE_LAYER.sub(r"\1\2", name): value for name, value in state.items()}
    heads = tuple(f"{head}." for head in trunk.heads)
    kept = {name: value for name, value in state.items() if not name.startswith(heads)}
    own = below(heads[0], state) if heads else {}
    return replace(checkpoint, tensors=kept), own


_DENSE_LAYER = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)$")


def load_state(trunk: Trunk, state: State, where: object) -> None:
    """Fills a trunk; raises :class:`WeightsMismatch` when the tensors are another's."""
    try:
        trunk.module.load_state_dict(state)
    except RuntimeError as error:
        name = trunk.architecture["name"]
        raise checkpoints.misfit(error, name, where, len(state)) from error


def below(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors whose names begin so, by the rest of their names."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
