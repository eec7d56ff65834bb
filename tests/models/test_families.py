"""Every family of open_clip, small and with random weights: our logits are its own.

The other side is open_clip alone: its loader, its tokenizer, and the model's ``forward``, which
is what it was trained with.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from open_clip.coca_model import CoCa
from open_clip.model import CLIP, CustomTextCLIP
from PIL import Image
from safetensors.torch import save_model

from evaluation.models import Loading, load_model
from evaluation.records import ModelSpec, PromptSet

TOKENIZER = Path(__file__).parents[1] / "explain" / "toy" / "cls"
TEXT = {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
TRUNK = {"timm_model_pretrained": False}

FAMILIES: dict[str, dict[str, Any]] = {
    "vit": {
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 16,
                       "head_width": 16},
        "text_cfg": TEXT,
    },
    "vit-openai": {
        "quick_gelu": True,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 16,
                       "head_width": 16},
        "text_cfg": TEXT,
    },
    "modified-resnet": {
        "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None},
        "text_cfg": TEXT,
    },
    "siglip": {
        "custom_text": True,
        "init_logit_bias": -10,
        "init_logit_scale": float(np.log(10)),
        "vision_cfg": {"image_size": 160, "timm_model_name": "test_vit3", "timm_pool": "map",
                       "timm_proj": "linear", **TRUNK},
        "text_cfg": {"context_length": 8, "vocab_size": 18, "width": 16, "heads": 2, "layers": 1,
                     "hf_tokenizer_name": "toy", "tokenizer_kwargs": {"clean": "canonicalize"},
                     "no_causal_mask": True, "proj_bias": True, "pool_type": "last",
                     "norm_kwargs": {"eps": 1e-6}},
    },
    "coca": {
        "custom_text": True,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 16,
                       "head_width": 16, "attentional_pool": True, "attn_pooler_heads": 2,
                       "attn_pooler_queries": 4, "output_tokens": True},
        "text_cfg": {**TEXT, "context_length": 11, "embed_cls": True, "output_tokens": True},
        "multimodal_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2,
                           "layers": 1, "attn_pooler_heads": 2},
    },
    "mobileclip": {
        "custom_text": True,
        "vision_cfg": {"image_size": 64, "timm_model_name": "fastvit_mci0", "timm_pool": "avg",
                       "timm_proj": None, **TRUNK},
        "text_cfg": {**TEXT, "no_causal_mask": True},
        "embed_dim": 512,
    },
    "eva": {
        "custom_text": True,
        "vision_cfg": {"image_size": 224, "timm_model_name": "eva02_tiny_patch14_224",
                       "timm_pool": "token", "timm_proj": "linear", **TRUNK},
        "text_cfg": TEXT,
    },
    "convnext": {
        "vision_cfg": {"image_size": 64, "timm_model_name": "test_convnext", "timm_pool": "",
                       "timm_proj": "mlp", **TRUNK},
        "text_cfg": TEXT,
    },
}  # fmt: skip
"""Reduced configurations of each family, with the keys that make it what it is."""

SENTENCES = {
    "red disc": ("red disc",),
    "blue": ("blue square", "a blue thing that is much longer than what these towers read " * 2),
}


def _built(family: str, folder: Path) -> None:
    """A folder as open_clip writes one."""
    config = {"embed_dim": 16, **FAMILIES[family]}
    arguments = {key: value for key, value in config.items() if key != "custom_text"}
    kind = CoCa if "multimodal_cfg" in config else CLIP
    if config.get("custom_text") and kind is CLIP:
        kind = CustomTextCLIP
    torch.manual_seed(0)
    model = kind(**arguments).eval()
    with torch.no_grad():  # some layers begin as zeros or ones, which would hide mistakes
        for parameter in model.parameters():
            if parameter.ndim:
                parameter.add_(torch.randn_like(parameter) * 0.02)
    save_model(model, str(folder / "open_clip_model.safetensors"))
    preprocess = {"mean": [0.5] * 3, "std": [0.4, 0.5, 0.6], "interpolation": "bicubic"}
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": preprocess})
    )
    if "hf_tokenizer_name" in config["text_cfg"]:
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(TOKENIZER / name, folder)


def _photos() -> list[Image.Image]:
    draw = np.random.default_rng(0)
    return [Image.fromarray(draw.integers(0, 256, (48, 72, 3), np.uint8)) for _ in range(3)]


def _by_open_clip(folder: Path) -> np.ndarray:
    """(3, 2) logits: what the model's own ``forward`` makes of photos and texts."""
    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    images = torch.stack([transform(photo) for photo in _photos()])
    columns = []
    with torch.inference_mode():
        for texts in SENTENCES.values():
            found: Any = model.eval()(images, tokenizer(list(texts) * 3)[:3])
            if not isinstance(found, dict):
                names = ("image_features", "text_features", "logit_scale", "logit_bias")
                found = dict(zip(names, found, strict=False))
            mean = found["text_features"][: len(texts)].double().mean(dim=0)
            scale, bias = found["logit_scale"].double(), found.get("logit_bias", torch.zeros(()))
            direction = mean / mean.norm()
            columns.append(scale * found["image_features"].double() @ direction + bias)
    return torch.stack(columns, dim=1).numpy()


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_are_those_of_open_clip_s_forward(family: str, tmp_path: Path) -> None:
    """Image tower, text tower, context length, scale and bias: all as the family has them."""
    _built(family, tmp_path)
    spec = ModelSpec(name="m", kind="clip", weights=str(tmp_path), title="M")
    model: Any = load_model(spec, Loading(cache=Path("unused"), device="cpu", offline=True))
    prompts = PromptSet(name="p", title="P", language="en", texts=SENTENCES)
    head = model.head(tuple(SENTENCES), prompts=prompts)
    batch = torch.stack([model.preprocess(photo) for photo in _photos()])
    found, expected = head.logits(model.embed_images(batch)), _by_open_clip(tmp_path)

    assert np.ptp(expected, axis=0).max() > 1e-4
    assert np.abs(found - expected).max() < 1e-4
    assert (head.bias == FAMILIES[family].get("init_logit_bias", 0)).all()
    # The long sentence is cut at this tower's own length, and that is told.
    length = FAMILIES[family]["text_cfg"]["context_length"]
    (cut,) = head.warnings
    assert f"(the model reads {length})" in cut
