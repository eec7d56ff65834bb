"""Classify photos with an exported case: ``python predict.py PHOTO...`` (README.txt says more)."""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image, ImageOps
from safetensors.torch import load_file

HERE = Path(__file__).resolve().parent


def image_tower(made: dict[str, Any]) -> torch.nn.Module:
    """As open_clip, timm or torchvision builds it, without weights yet."""
    if made["library"] == "open_clip":
        from open_clip.model import _build_vision_tower

        net = _build_vision_tower(made["embed_dim"], made["vision"], made["quick_gelu"])
    elif made["library"] == "timm":
        import timm

        net = timm.create_model(made["name"], num_classes=0)
    else:
        import torchvision

        net = torchvision.models.get_model(made["name"], weights=None)
        linear = [name for name, layer in net.named_modules() if isinstance(layer, torch.nn.Linear)]
        net.set_submodule(linear[-1], torch.nn.Identity())
    return net  # type: ignore[no-any-return]


class Classifier(torch.nn.Module):
    """(N, 3, H, W) pixels to (N, C) probabilities, in the order of ``case["classes"]``."""

    def __init__(self) -> None:
        super().__init__()
        self.case = json.loads((HERE / "case.json").read_text(encoding="utf-8"))
        self.pixels = image_transform_v2(PreprocessCfg(**self.case["preprocess"]), is_train=False)
        self.tower = image_tower(self.case["tower"])
        self.tower.load_state_dict(load_file(HERE / "tower.safetensors"))
        self.head = load_file(HERE / "head.safetensors")
        self.eval()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """See the class."""
        rows = self.tower(pixels)
        rows = (rows[0] if isinstance(rows, tuple) else rows).double()
        if self.case["unit"]:
            rows = torch.nn.functional.normalize(rows, dim=-1)
        if "layer" in self.head:
            rows = torch.nn.functional.normalize(rows @ self.head["layer"].T, dim=-1)
        logits: torch.Tensor = rows @ self.head["weight"].T + self.head["bias"]
        return logits.softmax(dim=-1)

    @torch.inference_mode()
    def predict(self, photo: Image.Image) -> torch.Tensor:
        """(C,) probabilities of a photo: upright, transparency laid on white, as RGB."""
        photo = ImageOps.exif_transpose(photo)
        if photo.has_transparency_data:
            white = Image.new("RGBA", photo.size, "white")
            photo = Image.alpha_composite(white, photo.convert("RGBA"))
        return self(self.pixels(photo.convert("RGB"))[None])[0]  # type: ignore[no-any-return]


if __name__ == "__main__":
    classifier = Classifier()
    names, threshold = classifier.case["classes"], classifier.case["threshold"]
    for path in sys.argv[1:]:
        probability, label = classifier.predict(Image.open(path)).max(dim=-1)
        sure = threshold is not None and float(probability) >= threshold
        decision = "keep" if sure else "person"
        sys.stdout.write(f"{path}\t{names[int(label)]}\t{probability:.4f}\t{decision}\n")
