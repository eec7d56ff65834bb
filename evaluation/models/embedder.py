"""What every loaded model does alike: photos to embeddings, through one image tower."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evaluation.models.base import fingerprint_of, input_size
from evaluation.models.checkpoints import tensors_digest
from evaluation.models.devices import dtype_of, keep_freed_memory, warn_of_emulation
from evaluation.models.fusing import fused
from evaluation.records import FloatArray, Head, ModelSpec, PromptSet, Support
from evaluation.records.base import Record
from evaluation.stores.embeddings import Embedder

if TYPE_CHECKING:
    import torch
    from PIL import Image


class Identity(Record):
    """What a model is beside its tower; plain, so that it can be kept without one."""

    fingerprint: str
    dim: int
    device: str
    precision: str
    weights_digest: str
    architecture: Mapping[str, Any]
    """What builds the tower, without what fusing changes of it."""
    preprocessing: Mapping[str, Any]
    logit_scale: float = 1.0
    """By which a head of texts is multiplied; ``logit_bias`` is added (SigLIP)."""
    logit_bias: float = 0.0


class Tower:
    """An image tower on its device."""

    def __init__(
        self,
        module: torch.nn.Module,
        transform: Callable[[Image.Image], torch.Tensor],
        preprocessing: Mapping[str, Any],
        *,
        device: torch.device,
        precision: str,
    ) -> None:
        """A module of that precision on that device, made as fast as it gets.

        ``preprocessing`` says what ``transform`` does, under the keys of open_clip's
        ``PreprocessCfg``.
        """
        import torch

        self.transform, self.preprocessing = transform, preprocessing
        self.device, self.precision, self.dtype = device, precision, dtype_of(precision)
        # More convolutions than a patch embedding are worth laying out photos channels last.
        convolutional = sum(isinstance(layer, torch.nn.Conv2d) for layer in module.modules()) > 1
        self.layout = torch.channels_last if convolutional else torch.contiguous_format
        self.module = module.to(memory_format=self.layout)
        """As it is, for maps and training."""
        warn_of_emulation(device, precision)
        if device.type == "cpu":
            keep_freed_memory()
        quick = None
        if convolutional and precision == "fp32":
            quick = fused(self.module, input_size(preprocessing))
        self.quick = quick or self.module
        """For inference: the same with its norms fused, or ``module`` itself."""

    def identity(
        self, *, dim: int, weights_digest: str, architecture: Mapping[str, Any], **logits: float
    ) -> Identity:
        """What its embeddings are, of weights and an architecture that say themselves apart."""
        norms = {} if self.quick is self.module else {"norms": "fused"}
        return Identity(
            fingerprint=fingerprint_of(
                weights=weights_digest,
                architecture={**architecture, **norms},
                preprocess=self.preprocessing,
                precision=self.precision,
            ),
            dim=dim,
            device=str(self.device),
            precision=self.precision,
            weights_digest=weights_digest,
            architecture=architecture,
            preprocessing=self.preprocessing,
            **logits,
        )


class Trunk(Record, eq=False):
    """What models of one image trunk have in common: all but a last linear projection."""

    key: str
    """SHA-256 over what its features are made of: equal for equal features."""
    embed: Callable[[torch.Tensor], FloatArray]
    """(B, 3, H, W) pixels to (B, F) features, without gradients and fused where it can be."""
    project: Callable[[torch.Tensor], torch.Tensor]
    """(N, F) features to (N, D) embeddings; differentiable."""


class Classifier(ABC):
    """A loaded model that embeds photos, and makes a linear head over the embeddings.

    It has the roles ``Embedder`` and ``Explainable``, over an image tower.  The embeddings know
    nothing of classes or prompts: they are what the store keeps.  They have unit length for a CLIP
    model; of a supervised one they are the trunk's pooled features, as they are.
    """

    unit = False
    """Whether embeddings are brought to unit length."""
    views: Embedder | None = None
    """What :meth:`head` fits instead of the training photos as they are.

    K augmented views of a photo are embedded together: ``preprocess`` gives (K, 3, H, W),
    ``embed_images`` takes (B, K, 3, H, W) and gives (B, K x D), and ``dim`` is K x D.
    """
    needs_training: bool
    """Whether :meth:`head` fits labelled embeddings; otherwise it reads prompts, or the model
    has learnt already."""

    def __init__(self, spec: ModelSpec, identity: Identity, tower: Callable[[], Tower]) -> None:
        """A model whose tower is made when a photo needs it, once."""
        self.spec, self.dim, self.fingerprint = spec, identity.dim, identity.fingerprint
        self.device, self.precision = identity.device, identity.precision
        self.weights_digest, self.preprocessing = identity.weights_digest, identity.preprocessing
        self.architecture = identity.architecture
        self._tower = cache(tower)

    @abstractmethod
    def head(
        self,
        classes: tuple[str, ...],
        *,
        prompts: PromptSet | None = None,
        train: Support | None = None,
        validation: Support | None = None,
        seed: int = 0,
    ) -> Head:
        """The classifier of these classes.

        Raises :class:`ModelError`: what it needs is missing, or cannot be learnt from.

        Args:
            classes: C names, in the order of the head's rows.
            prompts: What a model that reads texts reads; another one ignores it.
            train: What a supervised model learns from, K rows a photo if it has views; a CLIP
                model, or one that has learnt already, ignores it.
            validation: What its hyper-parameters are chosen on.
            seed: Of whatever is random.

        """

    def pictures(self, image: Image.Image, count: int) -> tuple[Image.Image, ...]:  # noqa: ARG002
        """The photo as the model reads it, then ``count - 1`` of its augmented views.

        Nothing for a model that is trained without augmentation, or not at all.
        """
        return ()

    @property
    def image_tower(self) -> torch.nn.Module:
        """See :class:`evaluation.models.base.Explainable`."""
        return self._tower().module

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """See :meth:`Embedder.preprocess`."""
        return self._tower().transform(image)

    def embed_images(self, batch: torch.Tensor) -> NDArray[np.float32]:
        """See :meth:`Embedder.embed_images`."""
        import torch

        with torch.inference_mode():
            features = self._features(self._tower().quick, batch)
            result: NDArray[np.float32] = self._scaled(features).cpu().numpy()
        return result

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """See :meth:`evaluation.models.base.Explainable.forward`."""
        return self._scaled(self._features(self.image_tower, pixels))

    def _scaled(self, features: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.nn.functional.normalize(features, dim=-1) if self.unit else features

    def _features(self, module: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
        tower = self._tower()
        output = module(pixels.to(tower.device, tower.dtype, memory_format=tower.layout))
        # CoCa's tower gives its tokens as well.
        features: torch.Tensor = output[0] if isinstance(output, tuple) else output
        return features.float()

    @cached_property
    def trunk(self) -> Trunk:
        """The trunk of open_clip's timm towers, or the whole tower of any other."""
        import torch

        tower = self._tower()
        module, quick = (getattr(made, "trunk", made) for made in (tower.module, tower.quick))

        def embed(pixels: torch.Tensor) -> FloatArray:
            with torch.inference_mode():
                return self._features(quick, pixels).cpu().numpy()

        def project(features: torch.Tensor) -> torch.Tensor:
            features = features.to(tower.device)
            if module is not tower.module:
                # Not the fused copy's, which was made in inference mode: no gradient goes through.
                features = tower.module.get_submodule("head")(features.to(tower.dtype)).float()
            return self._scaled(features)

        key = fingerprint_of(
            weights=tensors_digest(module.state_dict()),
            # Some layers are shown with the address of a function.
            architecture={
                "layers": re.sub(" at 0x[0-9a-f]+", "", str(module)),
                "fused": tower.quick is not tower.module,
            },
            preprocess=self.preprocessing,
            precision=self.precision,
        )
        return Trunk(key=key, embed=embed, project=project)
