"""Devices and precisions: every model honours them, and they agree within what is stated.

Tolerances are of the angle between an embedding and that of fp32 on the CPU, as one minus its
cosine: bf16 keeps 8 bits of a number and fp16 11, and a deep network adds up their roundings.
On CUDA, fp32 means TF32 off, which is PyTorch's own default for products of matrices.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from evaluation.errors import ModelError
from evaluation.models import Classifier, Loading, load_model
from evaluation.models.base import input_size
from evaluation.models.devices import check_precision, pick_device, warn_of_emulation
from evaluation.records import ModelSpec, PromptSet
from tests.conftest import Assembly
from tests.models.conftest import EMBEDDED

TOYS = Path(__file__).resolve().parent.parent / "explain" / "toy"
TOLERANCES = {"fp32": 1e-5, "bf16": 1e-2, "fp16": 1e-3}
"""One minus the cosine, at most."""
SUPERVISED = ModelSpec(
    name="supervised", kind="supervised", weights="embedded",
    architecture="tf_efficientnet_lite2", title="",
)  # fmt: skip
TEXTS = {"circle": ("a red circle", "a circle"), "square": ("a blue square",)}
PROMPTS = PromptSet(name="p", title="", language="en", texts=TEXTS)

no_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="PyTorch finds no CUDA device on this machine"
)
no_mps = pytest.mark.skipif(
    not torch.backends.mps.is_available(), reason="PyTorch finds no Metal device on this machine"
)


def spec_of(name: str) -> ModelSpec:
    known = {"embedded": EMBEDDED, "supervised": SUPERVISED}
    return known.get(name) or ModelSpec(
        name=name, kind="clip", weights=str(TOYS / name), title=name
    )


def loaded(spec: ModelSpec, cache: Path, device: str, precision: str) -> Classifier:
    return load_model(
        spec, Loading(cache=cache, device=device, precision=precision, offline=True)
    )  # fmt: skip


def embedded_by(model: Classifier) -> np.ndarray:
    rng = np.random.default_rng(0)
    photos = [
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).resize((260, 260))
        for _ in range(3)
    ]
    return model.embed_images(torch.stack([model.preprocess(photo) for photo in photos]))


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """The largest of one minus the cosine, over rows."""
    cosines = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return float(1 - cosines.min())


def agree(spec: ModelSpec, cache: Path, device: str, precision: str) -> None:
    """The embeddings and the zero-shot head are those of fp32 on the CPU, within tolerance."""
    reference = loaded(spec, cache, "cpu", "fp32")
    model = loaded(spec, cache, device, precision)
    assert model.precision == precision
    assert torch.device(model.device).type == device
    found = embedded_by(model)
    assert found.dtype == np.float32
    assert apart(found, embedded_by(reference)) < TOLERANCES[precision]
    same = (precision, model.fingerprint) == ("fp32", reference.fingerprint)
    assert same or model.fingerprint != reference.fingerprint
    if not model.needs_training:
        heads = [one.head(tuple(TEXTS), prompts=PROMPTS) for one in (model, reference)]
        assert apart(heads[0].weight, heads[1].weight) < TOLERANCES[precision]
        scale = heads[1].chosen["logit_scale"]
        assert heads[0].chosen["logit_scale"] == pytest.approx(scale, rel=1e-6)


@pytest.mark.parametrize("name", ["map", "embedded", "supervised"])
def test_a_trunk_s_features_projected_are_the_embeddings(assembly: Assembly, name: str) -> None:
    """And gradients go through the projection: maps are made of it."""
    model = loaded(spec_of(name), assembly.cache, "cpu", "fp32")
    height, width = input_size(model.preprocessing)
    pixels = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    trunk = model.trunk
    features = torch.from_numpy(trunk.embed(pixels)).requires_grad_()
    projected = trunk.project(features)
    (slope,) = torch.autograd.grad(projected.sum(), features)
    assert slope.any()
    expected = model.embed_images(pixels)
    np.testing.assert_allclose(projected.detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_models_over_the_same_trunk_share_its_features(assembly: Assembly) -> None:
    """The embedded model and the classifier whose weights it is made of; not in bf16."""
    names = ("embedded", "supervised", "embedded")
    precisions = ("fp32", "fp32", "bf16")
    keys = [
        loaded(spec_of(name), assembly.cache, "cpu", precision).trunk.key
        for name, precision in zip(names, precisions, strict=True)
    ]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("name", ["cls", "map", "random"])
def test_low_precision_agrees_on_the_cpu(models_cache: Path, name: str, precision: str) -> None:
    """Small ViTs with a class token and with attentional pooling, trained and not."""
    agree(spec_of(name), models_cache, "cpu", precision)


@pytest.mark.parametrize("name", ["embedded", "supervised"])
def test_real_weights_agree_in_bf16(assembly: Assembly, name: str) -> None:
    """A convolutional trunk of thirty layers; fp16 is left to CUDA, the CPU takes a minute."""
    agree(spec_of(name), assembly.cache, "cpu", "bf16")


@no_cuda
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("name", ["cls", "map", "random", "embedded", "supervised"])
def test_cuda_agrees_with_the_cpu(assembly: Assembly, name: str, precision: str) -> None:
    """Every kind of model, in every precision."""
    agree(spec_of(name), assembly.cache, "cuda", precision)


@no_mps
@pytest.mark.parametrize("name", ["cls", "map", "embedded", "supervised"])
def test_mps_agrees_with_the_cpu(assembly: Assembly, name: str) -> None:
    """Metal, in full precision."""
    agree(spec_of(name), assembly.cache, "mps", "fp32")


def test_coca_runs_in_low_precision(tmp_path: Path) -> None:
    """Its pooling query and its text token, which open_clip leaves in fp32, are lowered too."""
    config = {
        "embed_dim": 16,
        "vision_cfg": {
            "image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16,
            "attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True,
        },
        "text_cfg": {
            "context_length": 8, "vocab_size": 49408, "width": 16, "heads": 1, "layers": 1,
            "embed_cls": True, "output_tokens": True,
        },
        "multimodal_cfg": {
            "context_length": 8, "vocab_size": 49408, "width": 16, "heads": 1, "layers": 1,
            "attn_pooler_heads": 2,
        },
    }  # fmt: skip
    torch.manual_seed(0)
    state = open_clip.coca_model.CoCa(**config).state_dict()
    save_file(state, tmp_path / "open_clip_model.safetensors")
    preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3}
    declared = {"model_cfg": config | {"custom_text": True}, "preprocess_cfg": preprocess}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(declared))
    spec = ModelSpec(name="coca", kind="clip", weights=str(tmp_path), title="CoCa")
    agree(spec, tmp_path, "cpu", "bf16")


# -------------------------------------------------------------------- choosing one


def test_auto_takes_what_is_there() -> None:
    """CUDA before Metal before the processor."""
    best = (
        "cuda" if torch.cuda.is_available()
        else "mps" if torch.backends.mps.is_available() else "cpu"
    )  # fmt: skip
    assert pick_device("auto").type == best


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "tpu", ""])
def test_an_unknown_device_is_one_line(name: str) -> None:
    """The line says what can be chosen."""
    with pytest.raises(ModelError, match="choose auto, cpu, cuda or mps"):
        pick_device(name)


def test_an_absent_device_is_one_line() -> None:
    """A card that this machine lacks."""
    with pytest.raises(ModelError, match="no device"):
        pick_device(f"cuda:{torch.cuda.device_count()}")


@pytest.mark.parametrize("own", [True, False])
def test_emulated_bf16_is_said_in_one_line(own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the processor says that it has none; fp32 says nothing."""
    monkeypatch.setattr(
        torch.cpu, "get_capabilities", lambda: {"avx512_bf16": own, "avx2": True}, raising=False
    )
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for precision in ("fp32", "bf16"):
            warn_of_emulation(torch.device("cpu"), precision)
    assert [str(line.message) for line in said] == (
        [] if own else ["cpu has no bf16 arithmetic: it is emulated, and fp32 may be the faster"]
    )


def test_an_unknown_precision_is_one_line() -> None:
    """The line says what can be chosen."""
    with pytest.raises(ModelError, match="fp32, bf16, fp16"):
        check_precision("fp8")
