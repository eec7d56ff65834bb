"""Where a trunk's weights come from: embedded, ``imagenet``, ``random``, or a local file.

``imagenet`` is what torchvision or timm publishes for the architecture, through their own
code and in their own caches (``TORCH_HOME``, ``HF_HOME``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch

from evaluation.errors import WeightsUnavailable, one_line
from evaluation.models import embedded
from evaluation.models.base import Loading
from evaluation.models.checkpoints import file_digest
from evaluation.models.hub import hub_offline
from evaluation.models.supervised.published import embedded_file, fetch
from evaluation.models.supervised.saves import tensors_digest
from evaluation.models.supervised.trunks import Trunk, create_trunk, load_state, read_state
from evaluation.records import ModelSpec


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

    Raises :class:`WeightsUnavailable`, :class:`WeightsMismatch` or :class:`ModelError`.
    """
    trunk = create_trunk(spec)
    if spec.weights == "embedded":
        return _embedded(spec, trunk)
    path = fetch(spec, loading)
    if path is None:
        return Loaded(
            trunk=trunk, digest=tensors_digest(trunk.module.state_dict()), pretrained=False
        )
    if spec.weights == "imagenet" and trunk.architecture.library == "timm":
        return _timm_imagenet(spec, trunk)
    found, head = read_state(path, trunk)
    load_state(trunk, found.tensors, path)
    return Loaded(trunk=trunk, digest=file_digest(path), head=head)


def _embedded(spec: ModelSpec, trunk: Trunk) -> Loaded:
    path = embedded_file(spec)
    state, _ = embedded.split_classifier(embedded.load_classifier_state(path))
    load_state(trunk, state, path)
    described = replace(trunk, preprocess=embedded.PREPROCESS)
    return Loaded(trunk=described, digest=file_digest(path))


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
    return Loaded(trunk=trunk, digest=tensors_digest(trunk.module.state_dict()))
