"""Models to explain: the trained toys, and towers of every family with random weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from open_clip.tokenizer import HFTokenizer
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from evaluation.explain.base import Embed, InputMaps, Score, embedded, plainly
from evaluation.explain.faithfulness import ENDS, Curves, baselines, erased_images, read_curves
from evaluation.explain.methods import METHODS, Look
from evaluation.explain.rise import RiseSettings, masked_images
from evaluation.explain.towers import Tower
from evaluation.models.base import Explainable
from evaluation.models.embedder import Trunk
from evaluation.records import ExplainMethod, FloatArray, Head
from tests.explain.shapes import PROMPTS, SIDE


def embed_masked(
    embed: Embed, pixels: torch.Tensor, settings: RiseSettings, *, batch_size: int = 32
) -> FloatArray:
    """(N, D) embeddings of one image, (3, H, W), under every mask."""
    images = (("", image) for image in masked_images(pixels, settings))
    ((_, rows),) = embedded(embed, images, batch_size)
    return rows


def class_maps(
    method: ExplainMethod,
    model: Explainable,
    tower: Tower,
    score: Score,
    pixels: torch.Tensor,
    *,
    settings: RiseSettings | None = None,
    **how: Any,
) -> InputMaps:
    """The maps of images that lie here as tensors, nothing kept."""
    masks = settings or RiseSettings()
    look = Look(
        model=model,
        tower=tower,
        score=score,
        pixels=lambda: pixels,
        masks=masks,
        masked=lambda: [embed_masked(plainly(model), image, masks, **how) for image in pixels],
    )
    if refused := METHODS[method].refuse(tower):
        raise refused
    return METHODS[method].run(look)


def curves_of(
    model: Explainable,
    head: Head,
    pixels: torch.Tensor,
    target: int,
    order: NDArray[np.intp],
    *,
    steps: int,
) -> Curves:
    """The curves of one photo, nothing kept."""
    ends = [pixels, *baselines(pixels)]
    images = [*ends, *erased_images(pixels, ends[1:], order, steps)]
    made = plainly(model)(torch.stack(images))
    return read_curves(made[:ENDS], made[ENDS:], head, target)


TOYS = Path(__file__).with_name("toy")


class PlainModel:
    """Any tower as an :class:`evaluation.models.base.Explainable`; counts what it is asked."""

    def __init__(
        self,
        tower: torch.nn.Module,
        size: int | tuple[int, int],
        *,
        normalise: bool = True,
        dtype: torch.dtype = torch.float32,
        name: str = "plain",
    ) -> None:
        self.image_tower = tower.to(dtype).eval()
        self.preprocessing: Mapping[str, Any] = {
            "size": size,
            "resize_mode": "shortest",
            "mean": (0.5, 0.5, 0.5),
            "std": (0.5, 0.5, 0.5),
        }
        self.fingerprint = name
        self.images = 0
        """Images that went through the tower."""
        self.calls = 0
        self._normalise = normalise
        self._dtype = dtype
        self._transform = image_transform_v2(PreprocessCfg(**self.preprocessing), is_train=False)

    @property
    def trunk(self) -> Trunk:
        return Trunk(key=self.fingerprint, embed=plainly(self), project=lambda rows: rows)

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        return self._transform(image)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.images += len(pixels)
        features = self.image_tower(pixels.to(self._dtype))
        features = features[0] if isinstance(features, tuple) else features
        features = features.flatten(1)  # open_clip keeps the one query of its cascade
        return torch.nn.functional.normalize(features, dim=-1) if self._normalise else features


def toy(name: str) -> tuple[PlainModel, Head]:
    """A shipped toy ("cls", "map" or "random") and its zero-shot head of seven colours."""
    folder = TOYS / name
    model = open_clip.create_model(f"local-dir:{folder}", weights_only=True).eval()
    tokenizer = HFTokenizer(str(folder), context_length=model.context_length)
    with torch.no_grad():
        texts = model.encode_text(tokenizer(list(PROMPTS)), normalize=True)
        weight = (model.logit_scale.exp() * texts).double().numpy()
    plain = PlainModel(model.visual, SIDE, name=f"toy-{name}")
    return plain, Head(weight=weight, bias=np.zeros(len(weight)))


def random_head(model: PlainModel, size: int, *, classes: int = 3, seed: int = 0) -> Head:
    """A head for whatever the model returns."""
    with torch.no_grad():
        dim = model.forward(torch.zeros(1, 3, size, size)).shape[-1]
    rng = np.random.default_rng(seed)
    return Head(weight=rng.normal(size=(classes, dim)), bias=rng.normal(size=classes))


# ------------------------------------------------- random weights, every family


def open_clip_tower(vision: Mapping[str, Any], embed_dim: int = 16) -> torch.nn.Module:
    """An image tower as open_clip builds it."""
    torch.manual_seed(0)
    tower: torch.nn.Module = open_clip.model._build_vision_tower(embed_dim, dict(vision))
    for name, parameter in tower.named_parameters():
        if name.endswith("bn3.weight"):  # zero at first: the block would be its shortcut
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
        if name.endswith("gamma") and parameter.ndim == 1:  # 1e-5 at first, likewise
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    return tower


def timm_tower(name: str, size: int, pool: str = "", proj: str | None = None) -> torch.nn.Module:
    """A timm trunk inside open_clip's adapter."""
    vision = {
        "timm_model_name": name,
        "timm_pool": pool,
        "timm_proj": proj,
        "image_size": size,
        "timm_model_pretrained": False,
    }
    return open_clip_tower(vision)


def timm_trunk(name: str, **arguments: Any) -> torch.nn.Module:
    """A timm trunk alone, pooled: a supervised model."""
    import timm

    torch.manual_seed(0)
    trunk: torch.nn.Module = timm.create_model(name, num_classes=0, **arguments)
    return trunk


def torchvision_vit() -> torch.nn.Module:
    """torchvision's ViT without its head: a supervised model."""
    import torchvision

    torch.manual_seed(0)
    tower: torch.nn.Module = torchvision.models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=32, mlp_dim=64
    )
    tower.heads = torch.nn.Identity()
    return tower


def torchvision_cnn(name: str) -> torch.nn.Module:
    """One of torchvision's CNNs without its last layer: a supervised model."""
    import torchvision

    torch.manual_seed(0)
    tower: torch.nn.Module = torchvision.models.get_model(name)
    tower.classifier = torch.nn.Flatten()
    return tower


VIT = {"image_size": 32, "patch_size": 8, "width": 32, "layers": 2, "head_width": 16}
COCA = VIT | {"attentional_pool": True, "attn_pooler_queries": 8, "attn_pooler_heads": 2}
CASCADE = COCA | {"attentional_pool": "cascade"}
RESNET = {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "head_width": 8}

ATTENTION: dict[str, tuple[Callable[[], torch.nn.Module], int]] = {
    "open_clip ViT": (lambda: open_clip_tower(VIT), 32),
    "open_clip ViT, mean pool": (lambda: open_clip_tower(VIT | {"pool_type": "avg"}), 32),
    "open_clip ViT, qk norm": (lambda: open_clip_tower(VIT | {"qk_norm": True}), 32),
    "CoCa": (lambda: open_clip_tower(COCA), 32),
    "torchvision ViT": (torchvision_vit, 32),
    "timm ViT": (lambda: timm_tower("test_vit", 160, "token", "linear"), 160),
    "timm ViT, mean pool": (lambda: timm_trunk("test_vit2", img_size=64), 64),
    "SigLIP (attention pool)": (lambda: timm_tower("test_vit3", 160, "map", "none"), 160),
    "EVA02": (
        lambda: timm_trunk("eva02_tiny_patch14_224", img_size=56, depth=2),
        56,
    ),
    "PE": (lambda: timm_trunk("vit_pe_core_tiny_patch16_384", img_size=64, depth=2), 64),
    "MobileCLIP-B": (lambda: timm_trunk("vit_base_mci_224", depth=1, img_size=64), 64),
}
"""Towers that read tokens, with the side of their input."""
HYBRID: dict[str, tuple[Callable[[], torch.nn.Module], int]] = {
    "CLIP ResNet": (lambda: open_clip_tower(RESNET), 64),
    "MobileCLIP-S0 (FastViT)": (lambda: timm_tower("fastvit_mci0", 128, "avg", None), 128),
}
"""Towers with a last feature map, and attention over the image."""
SPATIAL: dict[str, tuple[Callable[[], torch.nn.Module], int]] = {
    "EfficientNet-Lite": (lambda: timm_tower("tf_efficientnet_lite0", 96, "avg", "linear"), 96),
    "EfficientNet": (lambda: timm_trunk("test_efficientnet"), 96),
    "DenseNet": (lambda: timm_trunk("densenet121"), 96),
    "DenseNet201 of torchvision": (lambda: torchvision_cnn("densenet201"), 64),
    "ConvNeXt": (lambda: timm_tower("test_convnext", 96, "", "linear"), 96),
    "ResNet": (lambda: timm_trunk("test_resnet"), 96),
    "Swin": (lambda: timm_trunk("swin_tiny_patch4_window7_224", depths=(1, 1, 1, 1)), 224),
}
"""Towers with a last feature map, and no attention over the image."""
