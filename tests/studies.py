"""A study of the tests' own: three classes of noise, and a tiny open_clip model."""

from __future__ import annotations

import json
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file

STUDY = """
schema = 1
title = "Essai"
question = "Suffit-il ?"
prompts = ["noms", "descriptions"]

[dataset]
kind = "folder"
root = "photos"

[split]
seed = 1
test_share = 0.4
validation_share = 0.2

[[models]]
name = "tiny"
kind = "clip"
weights = "./tiny"
title = "Tout petit"

{more}
"""


def tiny_model(folder: Path, width: int = 32) -> None:
    """A folder that open_clip writes and reads: a ViT of a few kilobytes, random weights."""
    config = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": width, "patch_size": 16,
                       "head_width": 16},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 1,
                     "layers": 1},
    }  # fmt: skip
    torch.manual_seed(0)
    model = open_clip.model.CLIP(**config)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3}
    text = json.dumps({"model_cfg": config, "preprocess_cfg": preprocess})
    (folder / "open_clip_config.json").write_text(text)


def write_study(folder: Path, more: str = "") -> None:
    (folder / "study.toml").write_text(STUDY.format(more=more))
