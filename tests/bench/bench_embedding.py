"""How long a photo takes in the embedded model, in two precisions: decoding is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from evaluation.models import Loading, load_model
from evaluation.records import ModelSpec
from evaluation.study.config import SHIPPED

PHOTOS = 16
SPEC = ModelSpec(name="embedded", kind="clip", weights="embedded", title="")


@pytest.mark.benchmark(group="embed a batch of 16")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def bench_embed_batch(benchmark: BenchmarkFixture, models_cache: Path, precision: str) -> None:
    """A forward pass of real photos on the best device."""
    model = load_model(SPEC, Loading(cache=models_cache, precision=precision, offline=True))
    files = sorted((SHIPPED / "demo" / "photos").rglob("*.jpg"))[:PHOTOS]
    batch = torch.stack([model.preprocess(Image.open(one).convert("RGB")) for one in files])
    found = benchmark.pedantic(model.embed_images, (batch,), rounds=5, warmup_rounds=1)
    assert found.shape == (PHOTOS, model.dim)
    benchmark.extra_info["device"] = model.device
    benchmark.extra_info["images_per_second"] = PHOTOS / benchmark.stats.stats.median
