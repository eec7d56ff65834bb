"""Train the tiny CLIP models of the tests, and write them as open_clip folders.

    python -m tests.explain.train_toy [FOLDER]

Three models read 64-pixel scenes of coloured shapes and seven prompts, one a colour:

- ``cls``     a ViT whose class token is read (as OpenAI's CLIP)
- ``map``     a ViT read by attention pooling (as CoCa and SigLIP)
- ``random``  the first, trained on labels drawn at random (Adebayo et al. 2018)

Each is a folder that open_clip reads (``local-dir:``), with its own tokenizer of some twenty
words; tensors are stored as float16.  About a minute a model on two cores.
"""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from safetensors.torch import save_file
from torch.nn import functional

from tests.explain.shapes import NAMES, PROMPTS, SIDE, TEMPLATES, make_scenes

FOLDER = Path(__file__).with_name("toy")
WORDS = ("[PAD]", "[UNK]", *sorted({w for t in TEMPLATES for w in t.split()} - {"{}"}), *NAMES)
CONTEXT = 12
MEAN = STD = 0.5
STEPS, BATCH, RATE = 500, 64, 1.5e-3
MEMORISED = 256
"""Scenes that the model of random labels learns by heart."""


def config(pooling: str) -> dict[str, Any]:
    """open_clip's configuration; ``pooling`` is "cls" or "map"."""
    vision: dict[str, Any] = {
        "image_size": SIDE, "patch_size": 8, "width": 64, "layers": 4, "head_width": 16,
        "mlp_ratio": 2.0,
    }  # fmt: skip
    if pooling == "map":
        vision |= {"attentional_pool": True, "attn_pooler_queries": 1, "attn_pooler_heads": 4}
    text = {
        "context_length": CONTEXT, "vocab_size": len(WORDS) + 1, "width": 32, "heads": 2,
        "layers": 1, "hf_tokenizer_name": "toy",
    }  # fmt: skip
    return {"embed_dim": 64, "vision_cfg": vision, "text_cfg": text}


def write_folder(folder: Path, model: torch.nn.Module, pooling: str) -> None:
    """The checkpoint, its configuration and its tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors")
    preprocess = {"size": [SIDE, SIDE], "mean": [MEAN] * 3, "std": [STD] * 3}
    full = {"model_cfg": config(pooling), "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(full, indent=1) + "\n")
    write_tokenizer(folder)


def write_tokenizer(folder: Path) -> None:
    """One word, one token; the end token has the largest number, where CLIP reads."""
    vocabulary = {word: i for i, word in enumerate((*WORDS, "[EOS]"))}
    special = [
        {"id": vocabulary[word], "content": word, "single_word": False, "lstrip": False,
         "rstrip": False, "normalized": False, "special": True}
        for word in ("[PAD]", "[UNK]", "[EOS]")
    ]  # fmt: skip
    end = vocabulary["[EOS]"]
    piece = [
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[EOS]", "type_id": 0}},
    ]
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing", "single": piece, "pair": piece,
            "special_tokens": {"[EOS]": {"id": "[EOS]", "ids": [end], "tokens": ["[EOS]"]}},
        },
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, indent=1) + "\n")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "unk_token": "[UNK]",
        "eos_token": "[EOS]", "model_max_length": CONTEXT,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n")


def to_input(pixels: np.ndarray) -> torch.Tensor:
    """(N, 64, 64, 3) in [0, 1] to the model's (N, 3, 64, 64)."""
    return torch.from_numpy((pixels - MEAN) / STD).permute(0, 3, 1, 2).contiguous()


def train(pooling: str, tokenizer: Any, *, seed: int, random_labels: bool = False) -> Any:
    """A trained model: each scene's colours, in equal shares, against the seven prompts."""
    torch.manual_seed(seed)
    model = open_clip.model.CLIP(**config(pooling), init_logit_scale=math.log(10.0))
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS)
    texts = [tokenizer([t.format(name) for name in NAMES]) for t in TEMPLATES]
    rng = np.random.default_rng(seed)
    learnt = _random_labels(MEMORISED, rng) if random_labels else None
    for step in range(STEPS):
        images, targets = _batch(learnt, rng)
        text = model.encode_text(texts[step % len(texts)], normalize=True)
        features = model.encode_image(images, normalize=True)
        logits = model.logit_scale.exp() * features @ text.T
        loss = functional.cross_entropy(logits, targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(max=math.log(30.0))
        if step % 100 == 0:
            sys.stderr.write(f"{pooling} {step}: {loss.item():.3f}\n")
    return model.eval()


def _batch(
    learnt: tuple[torch.Tensor, torch.Tensor] | None, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    if learnt is not None:
        chosen = torch.from_numpy(rng.permutation(len(learnt[0]))[:BATCH])
        return learnt[0][chosen], learnt[1][chosen]
    scenes = make_scenes(BATCH, seed=int(rng.integers(2**31)))
    present = torch.from_numpy(scenes.present.astype(np.float32))
    present[present.sum(1) == 0] = 1.0  # nothing there: no colour more than another
    return to_input(scenes.pixels), present / present.sum(1, keepdim=True)


def _random_labels(n: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    scenes = make_scenes(n, seed=int(rng.integers(2**31)), objects=2)
    labels = torch.from_numpy(rng.integers(len(NAMES), size=n))
    return to_input(scenes.pixels), functional.one_hot(labels, len(NAMES)).float()


def accuracy(model: Any, tokenizer: Any) -> float:
    """Of the first colour, on scenes of one object."""
    scenes = make_scenes(500, seed=1, objects=1)
    with torch.no_grad():
        text = model.encode_text(tokenizer(list(PROMPTS)), normalize=True)
        logits = model.encode_image(to_input(scenes.pixels), normalize=True) @ text.T
    return float((logits.argmax(1).numpy() == scenes.present.argmax(1)).mean())


def main(folder: Path) -> None:
    """Trains and writes the three models."""
    for name, pooling, noise in (
        ("cls", "cls", False),
        ("map", "map", False),
        ("random", "cls", True),
    ):
        clock = time.perf_counter()
        (folder / name).mkdir(parents=True, exist_ok=True)
        write_tokenizer(folder / name)
        from open_clip.tokenizer import HFTokenizer

        tokenizer = HFTokenizer(str(folder / name), context_length=CONTEXT)
        model = train(pooling, tokenizer, seed=0, random_labels=noise)
        write_folder(folder / name, model, pooling)
        seconds = time.perf_counter() - clock
        sys.stderr.write(f"{name}: accuracy {accuracy(model, tokenizer):.3f}, {seconds:.0f} s\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
