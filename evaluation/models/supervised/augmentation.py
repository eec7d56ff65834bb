"""Augmented views of a photo: random, and the same for the same photo, number and seed."""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from evaluation.records import AugmentationSpec, digest_of

VERSION = 1
"""Raised when the same declaration gives other views."""
_SPARED = 0.1
"""Share of the area that an erased rectangle takes at most: products fill the photo, and
torchvision's third of it would hide some."""
_draws = threading.Lock()


class Augmentation:
    """Turns a photo into random views, as a study declares them.

    Each view is drawn from the photo's pixels, the view's number and the seed alone, so that it
    is the same in any order, thread and process.  torchvision draws from torch's one global
    generator: it is lent to one view at a time, and given back as it was.
    """

    def __init__(self, spec: AugmentationSpec, preprocess: Mapping[str, Any], *, seed: int) -> None:
        from torchvision.transforms import InterpolationMode, v2

        size, way = tuple(preprocess["size"]), InterpolationMode(preprocess["interpolation"])
        resized: dict[str, Any] = {"interpolation": way, "antialias": True}
        steps: list[Any] = [v2.Resize(min(size), **resized), v2.CenterCrop(size)]
        if spec.crop < 1:
            steps = [v2.RandomResizedCrop(size, scale=(spec.crop, 1.0), **resized)]
        if spec.flip:
            steps.append(v2.RandomHorizontalFlip())
        if spec.rotation:
            bilinear = InterpolationMode.BILINEAR
            steps.append(v2.RandomRotation(spec.rotation, interpolation=bilinear, fill=255))
        if spec.randaugment:
            steps.append(v2.RandAugment(spec.randaugment, magnitude=spec.magnitude, fill=255))
        if spec.colour:
            steps.append(v2.ColorJitter(*(spec.colour,) * 3, hue=spec.colour / 4))
        steps += [v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
        steps.append(v2.Normalize(list(preprocess["mean"]), list(preprocess["std"])))
        if spec.erasing:
            steps.append(v2.RandomErasing(spec.erasing, scale=(0.02, _SPARED)))
        steps.append(v2.ToPureTensor())
        self._seed, self._transform = seed, v2.Compose(steps)
        self.identity = {"version": VERSION, "seed": seed, **asdict(spec)}
        """What of it changes a view."""

    def view(self, image: Image.Image, number: int) -> torch.Tensor:
        """The view of that number: RGB photo to (3, H, W) float32, normalised."""
        content = hashlib.sha256(f"{self._seed} {number} {image.size}".encode())
        content.update(image.tobytes())
        with _draws, torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(int.from_bytes(content.digest()[:7], "big"))
            result: torch.Tensor = self._transform(image)
            return result


def picture_of(pixels: torch.Tensor, preprocess: Mapping[str, Any]) -> Image.Image:
    """A normalised (3, H, W) tensor as an RGB image, for the eye."""
    from torchvision.transforms.v2 import functional

    std, mean = (torch.tensor(preprocess[name])[:, None, None] for name in ("std", "mean"))
    result: Image.Image = functional.to_pil_image((pixels * std + mean).clamp(0, 1))
    return result


class AugmentedViews:
    """Embeds K views of a photo at once, as K x D numbers: what the store keeps of it.

    The views of a photo are kept together because they come of one decoding.
    """

    def __init__(
        self,
        augmentation: Augmentation,
        views: int,
        *,
        trunk: str,
        dim: int,
        device: str,
        embed: Callable[[torch.Tensor], NDArray[np.float32]],
    ) -> None:
        self.views = views
        self.dim = views * dim
        self.device = device
        self.fingerprint = digest_of(
            {"trunk": trunk, "views": views, "augmentation": augmentation.identity}
        )
        self._augmentation = augmentation
        self._embed = embed

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """RGB photo to (K, 3, H, W) float32."""
        return torch.stack([self._augmentation.view(image, number) for number in range(self.views)])

    def embed_images(self, batch: torch.Tensor) -> NDArray[np.float32]:
        """(B, K, 3, H, W) to (B, K x D) float32."""
        # View by view: the forward passes are as large as those of plain photos.
        rows = [self._embed(batch[:, number].contiguous()) for number in range(self.views)]
        return np.concatenate(rows, axis=1)
