"""Supervised models: the trunks of both libraries, and where their weights come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file

from evaluation.errors import ModelError, VeilleError, WeightsMismatch, WeightsUnavailable
from evaluation.models import Loading, availability, embedded, load_model
from evaluation.models.supervised.published import architecture_of
from evaluation.models.supervised.trunks import create_trunk
from evaluation.records import ModelSpec, Support
from tests.models.clouds import class_names as _names

SMALL = "mobilenetv3_small_050"


def _spec(weights: object, architecture: str = "", **options: Any) -> ModelSpec:
    return ModelSpec(
        name="essai",
        kind="supervised",
        architecture=architecture,
        weights=str(weights),
        title="Essai",
        options=options,
    )


def _load(spec: ModelSpec) -> Any:
    return load_model(spec, Loading(cache=Path("never-used"), device="cpu", offline=True))


def test_the_embedded_trunk_gives_its_pooled_features() -> None:
    """1280 raw features, as timm pools them, the same in any batch."""
    model = _load(_spec("embedded"))
    trunk = timm.create_model(embedded.TRUNK).eval()
    trunk.load_state_dict(embedded.load_classifier_state(embedded.trunk_file()))
    images = torch.randn(3, 3, 260, 260, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = trunk.forward_head(trunk.forward_features(images), pre_logits=True).numpy()
    found = model.embed_images(images)
    alone = np.concatenate([model.embed_images(image[None]) for image in images])
    assert found.dtype == np.float32
    assert found.shape == (3, model.dim) == (3, 1280)
    assert np.abs(found - expected).max() < 1e-5
    assert np.abs(found - alone).max() < 1e-5
    assert model.needs_training


@pytest.fixture(scope="module")
def small() -> Any:
    torch.manual_seed(0)
    return timm.create_model(SMALL, num_classes=10).eval()


def test_a_local_checkpoint_with_a_head_is_a_trunk(small: Any, tmp_path: Path) -> None:
    """The classifier in the file, whatever its number of classes, is left out."""
    path = tmp_path / "small.safetensors"
    save_file(small.state_dict(), path)
    model = _load(_spec(path, SMALL))
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = small.forward_head(small.forward_features(images), pre_logits=True).numpy()
    assert np.abs(model.embed_images(images) - expected).max() < 1e-5
    head = model.head(
        _names(2),
        prompts=None,
        train=Support(embeddings=model.embed_images(images), labels=np.arange(2)),
        validation=None,
        seed=0,
    )
    assert head.weight.shape == (2, model.dim)


def test_its_forward_pass_is_differentiable_and_gives_the_embeddings(
    small: Any, tmp_path: Path
) -> None:
    """What attention maps are made of: the same numbers, with a graph back to the pixels."""
    path = tmp_path / "small.safetensors"
    save_file(small.state_dict(), path)
    model = _load(_spec(path, SMALL))
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    images.requires_grad_()
    found = model.forward(images)
    assert np.abs(found.detach().numpy() - model.embed_images(images.detach())).max() < 1e-5
    found[0].sum().backward()
    assert images.grad is not None
    assert images.grad[0].any()
    assert not images.grad[1].any()
    assert {"size", "resize_mode", "mean", "std"} <= set(model.preprocessing)


def test_two_files_have_two_fingerprints(small: Any, tmp_path: Path) -> None:
    """Other weights, another key."""
    save_file(small.state_dict(), tmp_path / "one.safetensors")
    other = {name: value * 2 for name, value in small.state_dict().items()}
    save_file(other, tmp_path / "other.safetensors")
    prints = [
        _load(_spec(tmp_path / f"{n}.safetensors", SMALL)).fingerprint for n in ("one", "other")
    ]
    assert prints[0] != prints[1]


def _refused(kind: type[VeilleError], spec: ModelSpec) -> str:
    with pytest.raises(kind) as caught:
        _load(spec)
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    assert caught.value.remedy
    return str(caught.value)


def test_trouble_is_one_line(small: Any, tmp_path: Path) -> None:
    """Another architecture, an unknown one, no file, half a file, an unknown option."""
    path = tmp_path / "small.safetensors"
    save_file(small.state_dict(), path)
    assert "does not fit resnet18" in _refused(WeightsMismatch, _spec(path, "resnet18"))
    assert "torchvision or timm has no" in _refused(ModelError, _spec(path, "resnet18000"))
    assert "timm has no" in _refused(ModelError, _spec(path, "timm:resnet18000"))
    assert "unknown library" in _refused(ModelError, _spec(path, "keras:resnet18"))
    assert "no such" in _refused(WeightsUnavailable, _spec(tmp_path / "absent.pt", SMALL))
    assert "unknown option" in _refused(ModelError, _spec(path, SMALL, max_iteration=3))
    assert "embedded weights" in _refused(ModelError, _spec("embedded", "resnet18"))
    path.write_bytes(path.read_bytes()[:100])
    assert "plain tensors" in _refused(ModelError, _spec(path, SMALL))


def test_weights_that_cannot_be_had_are_unavailable(tmp_path: Path) -> None:
    """Asking first and loading say the same."""
    spec = _spec(tmp_path / "absent.pt", SMALL)
    found = availability(spec, offline=True)
    assert not found.ready
    assert "absent.pt" in found.reason
    assert availability(_spec("embedded"), offline=True).ready


def test_a_supervised_model_needs_a_training_part(small: Any, tmp_path: Path) -> None:
    """It says so rather than guessing."""
    path = tmp_path / "small.safetensors"
    save_file(small.state_dict(), path)
    with pytest.raises(ModelError, match="needs a training part"):
        _load(_spec(path, SMALL)).head(_names(2), seed=0)


# ------------------------------------------------------------------ both libraries


def _architecture(name: str) -> tuple[str, str]:
    found = architecture_of(_spec("random", name))
    return found["library"], found["name"]


def test_a_name_that_both_libraries_have_is_torchvision_s() -> None:
    """The slides' DenseNet201 is torchvision's; a prefix asks for the other one."""
    assert _architecture("densenet201") == ("torchvision", "densenet201")
    assert _architecture("timm:densenet201") == ("timm", "densenet201")
    assert _architecture("torchvision:resnet18") == ("torchvision", "resnet18")
    assert _architecture(embedded.TRUNK) == ("timm", embedded.TRUNK)


@pytest.mark.parametrize(
    ("name", "dim", "size"),
    [
        ("densenet121", 1024, 64),
        ("shufflenet_v2_x0_5", 1024, 64),
        ("mobilenet_v3_small", 1024, 64),
        ("vit_b_32", 768, 224),
        ("convnext_tiny", 768, 64),
        ("googlenet", 1024, 64),
        ("timm:test_vit", 64, 160),
        ("timm:test_resnet", 96, 64),
    ],
)
def test_any_architecture_is_a_trunk(name: str, dim: int, size: int) -> None:
    """Whatever its last layer is called, what comes out is what that layer would read."""
    trunk = create_trunk(_spec("random", name))
    with torch.inference_mode():
        features = trunk.module.eval()(torch.zeros(2, 3, size, size))
    assert features.shape == (2, trunk.dim) == (2, dim)


def test_the_features_are_those_of_torchvision_s_own_model(tmp_path: Path) -> None:
    """A checkpoint with its head, through torchvision's layers up to that head."""
    torch.manual_seed(0)
    whole = torchvision.models.shufflenet_v2_x0_5(weights=None).eval()
    torch.save(whole.state_dict(), tmp_path / "whole.pth")
    model = _load(_spec(tmp_path / "whole.pth", "shufflenet_v2_x0_5"))
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        logits = whole(images).numpy()
    features = model.embed_images(images)
    again = features @ whole.fc.weight.detach().numpy().T + whole.fc.bias.detach().numpy()
    assert np.abs(again - logits).max() < 1e-4


def test_a_densenet_s_old_names_are_understood(tmp_path: Path) -> None:
    """torchvision's published DenseNets are older than the names of its layers."""
    torch.manual_seed(0)
    whole = torchvision.models.densenet121(weights=None)
    old = {
        name.replace("norm1.", "norm.1.").replace("conv1.", "conv.1.").replace("norm2.", "norm.2.")
        .replace("conv2.", "conv.2.") if "denselayer" in name else name: value
        for name, value in whole.state_dict().items()
    }  # fmt: skip
    assert set(old) != set(whole.state_dict())
    save_file(old, tmp_path / "old.safetensors")
    model = _load(_spec(tmp_path / "old.safetensors", "densenet121"))
    name = "features.denseblock1.denselayer1.conv1.weight"
    assert torch.equal(model.image_tower.state_dict()[name], whole.state_dict()[name])


def test_random_weights_are_the_same_each_time() -> None:
    """Two builds are equal, and torch's own draws are untouched."""
    torch.manual_seed(1)
    before = torch.rand(1)
    torch.manual_seed(1)
    one, again = (_load(_spec("random", "timm:test_resnet")) for _ in range(2))
    assert torch.equal(torch.rand(1), before)
    assert one.fingerprint == again.fingerprint


def test_imagenet_weights_without_network_are_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that names both remedies, for torchvision and for timm, asked first or loaded."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("densenet201", "timm:densenet201"):
        line = _refused(WeightsUnavailable, _spec("imagenet", name))
        assert "network" in line
        assert "local file" in line
        found = availability(_spec("imagenet", name), offline=True)
        assert (found.ready, found.reason) == (False, line)
    online = availability(_spec("imagenet", "densenet201"), offline=False)
    assert online.download_bytes == pytest.approx(77.4 * 2**20, rel=0.01)
    assert list(tmp_path.iterdir()) == []


def test_another_number_of_classes_is_said(small: Any, tmp_path: Path) -> None:
    """A local checkpoint's own head is left out, and the record tells it."""
    save_file(small.state_dict(), tmp_path / "ten.safetensors")
    model = _load(_spec(tmp_path / "ten.safetensors", SMALL))
    rows = np.random.default_rng(0).normal(size=(6, model.dim)).astype(np.float32)
    train = Support(embeddings=rows, labels=np.arange(6) % 2)
    head = model.head(_names(2), prompts=None, train=train, validation=None, seed=0)
    (line,) = (one for one in head.warnings if "head" in one)
    assert "10 classes" in line
    assert "the study has 2" in line
