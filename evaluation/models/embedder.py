"""What every loaded model does alike: photos to embeddings, through one image tower."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evaluation.models.base import fingerprint_of, input_size
from evaluation.models.devices import dtype_of, keep_freed_memory
from evaluation.models.fusing import fused
from evaluation.records import ModelSpec
from evaluation.stores.embeddings import Embedder

if TYPE_CHECKING:
    import torch
    from PIL import Image


class TowerEmbedder:
    """The roles ``Embedder`` and ``Explainable`` over an image tower; see ``models.base``."""

    unit = False
    """Whether embeddings are brought to unit length."""
    views: Embedder | None = None

    def __init__(
        self,
        spec: ModelSpec,
        tower: torch.nn.Module,
        *,
        dim: int,
        transform: Callable[[Image.Image], torch.Tensor],
        preprocessing: Mapping[str, Any],
        weights_digest: str,
        architecture: Mapping[str, Any],
        device: torch.device,
        precision: str,
    ) -> None:
        import torch

        self.spec, self.dim = spec, dim
        self.device, self.precision = str(device), precision
        self.weights_digest, self.preprocessing = weights_digest, preprocessing
        self.architecture = architecture
        self._place, self._dtype, self._transform = device, dtype_of(precision), transform
        # More convolutions than a patch embedding are worth laying out photos channels last.
        convolutional = sum(isinstance(module, torch.nn.Conv2d) for module in tower.modules()) > 1
        self._layout = torch.channels_last if convolutional else torch.contiguous_format
        self.image_tower: torch.nn.Module = tower.to(memory_format=self._layout)
        if device.type == "cpu":
            keep_freed_memory()
        self._fused: torch.nn.Module | None = None
        if convolutional and precision == "fp32":
            self._fused = fused(self.image_tower, input_size(preprocessing))
        self.fingerprint = fingerprint_of(
            weights=weights_digest,
            architecture={**architecture, **({"norms": "fused"} if self._fused else {})},
            preprocess=preprocessing,
            precision=precision,
        )

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """See :meth:`Embedder.preprocess`."""
        return self._transform(image)

    def embed_images(self, batch: torch.Tensor) -> NDArray[np.float32]:
        """See :meth:`Embedder.embed_images`."""
        import torch

        with torch.inference_mode():
            rows = self._embeddings(self._fused or self.image_tower, batch)
            result: NDArray[np.float32] = rows.cpu().numpy()
        return result

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """See :meth:`Explainable.forward`."""
        return self._embeddings(self.image_tower, pixels)

    def _embeddings(self, tower: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
        import torch

        found = tower(pixels.to(self._place, self._dtype, memory_format=self._layout))
        # CoCa's tower gives its tokens as well.
        features = (found[0] if isinstance(found, tuple) else found).float()
        return torch.nn.functional.normalize(features, dim=-1) if self.unit else features

    def pictures(self, image: Image.Image, count: int) -> tuple[Image.Image, ...]:  # noqa: ARG002
        """Nothing, unless it is trained on augmented views."""
        return ()
