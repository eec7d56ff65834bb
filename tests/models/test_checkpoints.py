"""Checkpoints as they come: unwrapped, or refused by the name of what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from evaluation.errors import ModelError
from evaluation.models import Loading, opened
from evaluation.models.checkpoints import read_checkpoint
from evaluation.models.clip.sources import find_source
from evaluation.models.supervised.classifier import own_head
from evaluation.records import ModelSpec

State = dict[str, torch.Tensor]


def _state() -> State:
    return {"conv.weight": torch.ones(2, 3), "conv.bias": torch.zeros(2)}


def _below(prefix: str) -> State:
    return {f"{prefix}{name}": one for name, one in _state().items()}


def _lightning() -> dict[str, Any]:
    """With the weights of a loss beside those of the network, and numbers of NumPy."""
    weights = _below("model.") | {"criterion.weight": torch.ones(1)}
    return {"state_dict": weights, "epoch": 3, "best": np.float64(0.9), "lr": [np.float32(0.1)]}


@pytest.mark.parametrize(
    "make",
    [
        _state,
        _lightning,
        lambda: _below("module."),
        lambda: _below("_orig_mod.module."),
        lambda: {"model_state_dict": _state(), "optimizer": {"lr": 0.1}},
        lambda: {"state_dict": {"model": _below("net.")}},
    ],
)
@pytest.mark.parametrize("suffix", [".ckpt", ".pt"])
def test_what_a_training_loop_saved_is_unwrapped(
    make: Callable[[], Any], suffix: str, tmp_path: Path
) -> None:
    """Lightning, DataParallel, torch.compile and their nestings give the plain tensors."""
    path = tmp_path / f"last{suffix}"
    torch.save(make(), path)
    found = read_checkpoint(path).tensors
    assert {name: one.tolist() for name, one in found.items()} == {
        name: one.tolist() for name, one in _state().items()
    }


class Whole(nn.Module):
    """Pickled with its class, as torch.save(model) does."""


@pytest.mark.parametrize(
    ("saved", "told"),
    [
        (Whole(), r"a whole pickled model or object \(.*Whole\)"),
        ([1, 2], "holds a list and no tensors"),
        ({"epoch": 3}, "holds a dict and no tensors"),
        ({"a.weight": torch.ones(2, 2, dtype=torch.int8)}, r"a.weight \[2, 2\] holds int8"),
        ({"a.gain": torch.ones(2, dtype=torch.complex64)}, r"a.gain \[2\] holds complex64"),
        ({"a.bias": torch.tensor([1.0, torch.nan])}, r"a.bias \[2\] .*NaN"),
    ],
)
def test_what_no_network_computes_with_is_refused_by_name(
    saved: Any, told: str, tmp_path: Path
) -> None:
    """One line with the tensor, the file, and how to save it."""
    path = tmp_path / "odd.pt"
    torch.save(saved, path)
    with pytest.raises(ModelError, match=told) as caught:
        read_checkpoint(path)
    assert caught.value.remedy
    assert "save" in caught.value.remedy


def test_a_pointer_of_git_lfs_is_named(tmp_path: Path) -> None:
    """The file was not fetched; it is not damaged."""
    path = tmp_path / "model.pt"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    with pytest.raises(ModelError, match=r"only the pointer .*git lfs pull"):
        read_checkpoint(path)


def test_counters_may_be_whole_numbers(tmp_path: Path) -> None:
    """Those of batch norms and of positions are what they are."""
    path = tmp_path / "plain.safetensors"
    save_file(_state() | {"bn.num_batches_tracked": torch.tensor(7)}, path)
    assert int(read_checkpoint(path).tensors["bn.num_batches_tracked"]) == 7


# ------------------------------------------------------------------- what check says


def _resnet(**more: Any) -> ModelSpec:
    return ModelSpec(
        name="mine", kind="supervised", architecture="resnet18", title="Le mien", **more
    )


@pytest.fixture(scope="module")
def trained() -> State:
    """A classifier of three classes, as a person trained it."""
    return torchvision.models.resnet18(num_classes=3).state_dict()


def test_a_checkpoint_is_said_to_be_what_it_is(trained: State, tmp_path: Path) -> None:
    """Its format, what saved it and when, where the tensors lay, how many fit, and its head."""
    path = tmp_path / "last.ckpt"
    torch.save(
        {
            "pytorch-lightning_version": "2.5.0",
            "epoch": 7,
            "state_dict": {f"model.{name}": value for name, value in trained.items()},
        },
        path,
    )
    assert opened(_resnet(weights=str(path)), ("a", "b")) == (
        "PyTorch, Lightning 2.5.0, epoch 7, in state_dict, below model.: 120 tensors, which fit"
        " resnet18; its head of 3 classes is left out"
    )
    kept = _resnet(weights=str(path), head_classes=("a", "b", "c"))
    assert opened(kept, ("c", "b", "a")).endswith("its head of 3 classes is kept")
    with pytest.raises(ModelError, match=r"head_classes names 3 and .* has 2"):
        opened(kept, ("a", "b"))


def test_a_checkpoint_of_another_architecture_is_counted(trained: State, tmp_path: Path) -> None:
    """How many tensors fit, before anything is scored."""
    path = tmp_path / "parallel.pt"
    torch.save({f"module.{name}": value for name, value in trained.items()}, path)
    spec = replace(_resnet(weights=str(path)), architecture="resnet34")
    with pytest.raises(ModelError, match=r"missing \(.*, 120 of its 120 fit"):
        opened(spec, ("a", "b"))
    assert ", below module. (DataParallel): " in opened(_resnet(weights=str(path)), ("a", "b"))


def test_a_clip_checkpoint_is_compared_and_its_twin_told_of(tmp_path: Path) -> None:
    """A fine-tuned CLIP in a file says how many tensors fit, and which activation is assumed."""
    model = open_clip.create_model("RN50", pretrained=None)
    path = tmp_path / "tuned.safetensors"
    save_file(model.state_dict(), path)
    spec = ModelSpec(name="m", kind="clip", architecture="RN50", weights=str(path), title="M")
    said = opened(spec, ("a", "b"))
    assert said.startswith(f"safetensors: {len(model.state_dict())} tensors, which fit RN50; ")
    assert "QuickGELU" in said
    with pytest.raises(ModelError, match="does not fit RN101"):
        opened(replace(spec, architecture="RN101"), ("a", "b"))


# --------------------------------------------------------------------- its own head


def _keeping(*classes: str) -> ModelSpec:
    return ModelSpec(
        name="mine", kind="supervised", weights="/w.ckpt", title="Le mien", head_classes=classes
    )


def test_a_kept_head_answers_in_the_study_s_order() -> None:
    """Its rows are named by head_classes, whatever order the study has."""
    head = {"weight": torch.tensor([[1.0, 0.0], [0.0, 2.0]]), "bias": torch.tensor([5.0, 6.0])}
    found = own_head(_keeping("mug", "lamp"), head, ("lamp", "mug"), 2)
    np.testing.assert_array_equal(found.weight, [[0, 2], [1, 0]])
    np.testing.assert_array_equal(found.bias, [6, 5])
    del head["bias"]
    assert own_head(_keeping("mug", "lamp"), head, ("lamp", "mug"), 2).bias.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("named", "rows", "told"),
    [
        (("a", "b"), 3, "tells 3 classes apart, head_classes names 2 and the study has 2"),
        (("a", "b", "c"), 3, "tells 3 .* names 3 and the study has 2; not in both: 'c'"),
        (("a", "c"), 2, "not in both: 'b', 'c'"),
        (("a", "b"), 0, "has no head"),
    ],
)
def test_a_head_of_other_classes_is_refused_with_the_numbers(
    named: tuple[str, ...], rows: int, told: str
) -> None:
    head = {"weight": torch.ones(rows, 4)} if rows else {}
    with pytest.raises(ModelError, match=told):
        own_head(_keeping(*named), head, ("a", "b"), 4)


# ------------------------------------------------------------------------ open_clip


def test_a_file_whose_architecture_has_a_twin_is_warned_of(tmp_path: Path) -> None:
    """Unless the study says which of the two activations it is."""
    path, loading = tmp_path / "w.pt", Loading(cache=tmp_path, offline=True)
    path.touch()
    spec = ModelSpec(name="m", kind="clip", architecture="ViT-B-32", weights=str(path), title="M")
    assert "QuickGELU" in find_source(spec, loading).warnings[0]
    for quick in (True, False):
        source = find_source(replace(spec, options={"quick_gelu": quick}), loading)
        assert source.warnings == ()
        assert source.overrides["force_quick_gelu"] is quick


def test_a_repository_of_transformers_is_named_as_what_it_is(tmp_path: Path) -> None:
    """With open_clip's tag of the same weights; nothing is asked of the network."""
    spec = ModelSpec(
        name="m", kind="clip", weights="hf-hub:openai/clip-vit-base-patch32", title="M"
    )
    with pytest.raises(ModelError, match='architecture = "ViT-B-32", weights = "openai"'):
        find_source(spec, Loading(cache=tmp_path, offline=False))
