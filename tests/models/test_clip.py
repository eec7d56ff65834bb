"""Zero-shot models: where weights come from, what a head is, and how trouble is told."""

from __future__ import annotations

import builtins
import json
import pickle
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from huggingface_hub import constants as hub_constants
from open_clip import factory
from PIL import Image
from safetensors.torch import save_file

from evaluation.errors import ModelError, VeilleError, WeightsMismatch, WeightsUnavailable
from evaluation.models import Loading, availability, hub, load_model
from evaluation.models.clip import classifier, sources
from evaluation.records import ModelSpec, PromptSet

TINY: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 16, "head_width": 16},
    "text_cfg": {
        "context_length": 12, "vocab_size": 49408, "width": 16, "heads": 1, "layers": 1,
    },
}  # fmt: skip
DEEPER = TINY | {"vision_cfg": TINY["vision_cfg"] | {"layers": 3, "width": 48}}
TEXTS = {"mug": ("a mug", "a coffee cup", "something to drink from"), "rug": ("a rug",)}


@pytest.fixture(autouse=True)
def architectures(tmp_path: Path) -> Iterator[None]:
    """Two tiny architectures that open_clip knows for the time of a test."""
    paths, configs = list(factory._MODEL_CONFIG_PATHS), dict(factory._MODEL_CONFIGS)
    for name, config in (("tiny-vit", TINY), ("tiny-deeper", DEEPER)):
        (tmp_path / f"{name}.json").write_text(json.dumps(config))
        open_clip.add_model_config(tmp_path / f"{name}.json")
    yield
    factory._MODEL_CONFIG_PATHS[:] = paths
    factory._MODEL_CONFIGS.clear()
    factory._MODEL_CONFIGS.update(configs)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """An empty hub cache, and every connection refused; what was asked is listed."""
    asked: list[Any] = []

    def refuse(*given: Any, **_named: Any) -> None:
        asked.append(given)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(hub_constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(hub, "_silent", {})
    return asked


def _state(config: dict[str, Any] = TINY, seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    model = open_clip.model.CLIP(**config)
    state: dict[str, torch.Tensor] = model.state_dict()
    return {name: value.contiguous() for name, value in state.items()}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_file(_state(), path)
    return path


def _spec(weights: object, architecture: str = "tiny-vit", **options: Any) -> ModelSpec:
    return ModelSpec(
        name="essai",
        kind="clip",
        architecture=architecture,
        weights=str(weights),
        title="Essai",
        options=options,
    )


def _load(weights: object, architecture: str = "tiny-vit", **options: Any) -> Any:
    spec = _spec(weights, architecture, **options)
    return load_model(spec, Loading(cache=Path("never-used"), device="cpu", offline=True))


def _prompts(texts: dict[str, tuple[str, ...]], *templates: str) -> PromptSet:
    return PromptSet(
        name="essai", title="Essai", language="en", texts=texts, templates=templates or ("{}",)
    )


def _head(model: Any, texts: dict[str, tuple[str, ...]], *templates: str) -> Any:
    prompts = _prompts(texts, *templates)
    return model.head(tuple(texts), prompts=prompts)


def _photo(seed: int = 0, size: tuple[int, int] = (60, 40)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(pixels)


# -------------------------------------------------------------- what is computed


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
def test_a_local_file_gives_open_clip_s_logits(suffix: str, tmp_path: Path) -> None:
    """Logits equal those of open_clip and NumPy alone, with several texts and templates."""
    path = tmp_path / f"tiny{suffix}"
    if suffix == ".safetensors":
        save_file(_state(), path)
    else:
        torch.save({"state_dict": _state()}, path)
    model = _load(path)
    photos = [_photo(seed) for seed in range(3)]
    templates = ("{}", "a photo of {}")
    found = _head(model, TEXTS, *templates).logits(
        model.embed_images(torch.stack([model.preprocess(photo) for photo in photos]))
    )

    direct, preprocess = open_clip.create_model_from_pretrained("tiny-vit", str(path))
    tokenizer = open_clip.get_tokenizer("tiny-vit")
    with torch.inference_mode():
        images = direct.eval().encode_image(torch.stack([preprocess(photo) for photo in photos]))
        rows = []
        for texts in TEXTS.values():
            sentences = [template.format(text) for text in texts for template in templates]
            encoded = direct.encode_text(tokenizer(sentences)).numpy()
            mean = (encoded / np.linalg.norm(encoded, axis=1, keepdims=True)).mean(axis=0)
            rows.append(mean / np.linalg.norm(mean))
        unit = images.numpy() / np.linalg.norm(images.numpy(), axis=1, keepdims=True)
        expected = float(direct.logit_scale.exp()) * unit @ np.stack(rows).T
    assert np.ptp(expected) > 1e-3
    assert np.abs(found - expected).max() < 1e-5


def test_a_sigmoid_model_s_bias_is_in_its_logits(tmp_path: Path) -> None:
    """A checkpoint with a logit bias (SigLIP) adds it to every logit."""
    folder = tmp_path / "sigmoid"
    folder.mkdir()
    config = TINY | {"init_logit_bias": -10.0, "init_logit_scale": float(np.log(10))}
    save_file(_state(config), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    model = _load(folder, "")
    head = _head(model, TEXTS)
    assert head.bias == pytest.approx([-10, -10])
    assert np.linalg.norm(head.weight, axis=1) == pytest.approx([10, 10])
    image = model.preprocess(_photo())[None]
    tokens = open_clip.get_tokenizer("tiny-vit")(["a rug"])
    with torch.inference_mode():
        expected = model._build().model.get_logits(image, tokens)[0][0, 0]
    assert head.logits(model.embed_images(image))[0, 1] == pytest.approx(float(expected), abs=1e-5)


def test_one_text_weighs_as_much_as_three(checkpoint: Path) -> None:
    """Every class's row has the same length, whatever its number of texts."""
    model = _load(checkpoint)
    head = _head(model, TEXTS)
    scale = head.chosen["logit_scale"]
    assert np.linalg.norm(head.weight, axis=1) == pytest.approx([scale, scale])
    assert head.warnings == ()


def test_a_photo_has_one_embedding_in_any_batch(checkpoint: Path) -> None:
    """Unit length, float32, the same alone and among others."""
    model = _load(checkpoint)
    images = torch.stack([model.preprocess(_photo(seed)) for seed in range(5)])
    together = model.embed_images(images)
    alone = np.concatenate([model.embed_images(image[None]) for image in images])
    assert together.dtype == np.float32
    assert together.shape == (5, model.dim) == (5, 16)
    assert np.abs(together - alone).max() < 1e-6
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(5), abs=1e-6)


def test_a_model_that_is_known_is_built_when_a_photo_comes(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second load gives the same fingerprint and builds no tower; a damaged file is made anew."""
    first = load_model(_spec(checkpoint), Loading(cache=tmp_path, device="cpu", offline=True))
    built: list[int] = []
    build = classifier._build
    monkeypatch.setattr(classifier, "_build", lambda *given: (built.append(1), build(*given))[1])
    again = load_model(_spec(checkpoint), Loading(cache=tmp_path, device="cpu", offline=True))
    assert (again.fingerprint, again.dim, again.device) == (first.fingerprint, first.dim, "cpu")
    assert not built
    pixels = torch.stack([again.preprocess(_photo())])
    assert np.array_equal(again.embed_images(pixels), first.embed_images(pixels))
    assert len(built) == 1
    (file,) = (tmp_path / "models").iterdir()
    file.write_text("{}")
    load_model(_spec(checkpoint), Loading(cache=tmp_path, device="cpu", offline=True))
    assert len(built) == 2
    other = load_model(
        _spec(checkpoint, quick_gelu=True),
        Loading(cache=tmp_path, device="cpu", offline=True),
    )
    assert other.fingerprint != first.fingerprint


def test_its_forward_pass_is_differentiable_and_gives_the_embeddings(checkpoint: Path) -> None:
    """What attention maps are made of: the same numbers, with a graph back to the pixels."""
    model = _load(checkpoint)
    images = torch.stack([model.preprocess(_photo(seed)) for seed in range(2)]).requires_grad_()
    found = model.forward(images)
    assert np.abs(found.detach().numpy() - model.embed_images(images.detach())).max() < 1e-6
    found[0, 0].backward()
    assert images.grad is not None
    assert images.grad[0].any()
    assert not images.grad[1].any()
    assert model.image_tower is model._build().model.visual
    assert {"size", "resize_mode", "mean", "std"} <= set(model.preprocessing)


def test_a_sentence_beyond_the_context_is_counted(checkpoint: Path) -> None:
    """open_clip cuts in silence; the warning names the class and how much is lost."""
    texts = {"mug": ("a mug",), "rug": ("rug " * 10, "rug " * 11)}
    (line,) = _head(_load(checkpoint), texts).warnings
    assert 'class "rug": 1 of 13 tokens are cut (the model reads 12)' in line


# ----------------------------------------------------------------- what names it


def test_the_fingerprint_follows_what_changes_an_embedding(tmp_path: Path) -> None:
    """Other weights or another activation give another key; the same file, the same."""
    for seed in (0, 1):
        save_file(_state(seed=seed), tmp_path / f"{seed}.safetensors")
    save_file(_state(seed=0), tmp_path / "copy.safetensors")
    first = _load(tmp_path / "0.safetensors")
    others = [
        _load(tmp_path / "1.safetensors"),
        _load(tmp_path / "0.safetensors", quick_gelu=True),
    ]
    assert _load(tmp_path / "copy.safetensors").fingerprint == first.fingerprint
    assert len({first.fingerprint, *(one.fingerprint for one in others)}) == 3
    image = first.preprocess(_photo())[None]
    for other in others:
        changed = other.embed_images(other.preprocess(_photo())[None])
        assert np.abs(changed - first.embed_images(image)).max() > 1e-6


def test_a_tag_s_own_activation_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenAI's weights were trained with QuickGELU: open_clip would only warn and go on."""
    monkeypatch.setattr(hub.Published, "fetch", lambda *_given, **_named: Path("never-read"))
    for tag, quick in (("openai", True), ("laion2b_s34b_b79k", False)):
        spec = _spec(tag, "ViT-B-32")
        source = sources.find_source(spec, Loading(cache=Path("unused"), offline=True))
        assert source.overrides["force_quick_gelu"] is quick


def test_a_local_file_gets_its_architecture_s_published_preprocessing() -> None:
    """SigLIP's weights all say mean 0.5; open_clip alone would give a file OpenAI's mean."""
    siglip = sources.preprocessing("ViT-B-16-SigLIP")
    assert siglip["image_mean"] == (0.5, 0.5, 0.5)
    assert siglip["image_resize_mode"] == "squash"
    assert sources.preprocessing("tiny-vit") == {}


# ---------------------------------------------------------------------- trouble


def _refused(kind: type[VeilleError], weights: object, architecture: str, **options: Any) -> str:
    with pytest.raises(kind) as caught:
        _load(weights, architecture, **options)
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    assert caught.value.remedy
    return str(caught.value)


def test_another_architecture_is_refused(checkpoint: Path) -> None:
    """The line counts what is missing, unexpected and of another shape."""
    line = _refused(WeightsMismatch, checkpoint, "tiny-deeper")
    assert "does not fit tiny-deeper" in line
    assert "12 tensors missing (visual.transformer.resblocks.2" in line
    assert "of another shape" in line
    assert "one of RN50" in _refused(WeightsMismatch, checkpoint, "RN50")


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    """A file of tensors that are not a model at all is told as such."""
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    assert "tensors missing" in _refused(WeightsMismatch, path, "tiny-vit")
    torch.save({}, tmp_path / "empty.pt")
    assert "no tensors" in _refused(ModelError, tmp_path / "empty.pt", "tiny-vit")


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("size", [0, 7, 5000])
def test_a_file_cut_short_is_refused(suffix: str, size: int, tmp_path: Path) -> None:
    """Half a download is said to be damaged, whatever its format."""
    path = tmp_path / f"tiny{suffix}"
    if suffix == ".safetensors":
        save_file(_state(), path)
    else:
        torch.save(_state(), path)
    path.write_bytes(path.read_bytes()[:size])
    assert "damaged" in _refused(ModelError, path, "tiny-vit")


class _Trap:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (exec, ("import builtins; builtins.trapped = True",))


def test_a_checkpoint_s_code_is_never_run(tmp_path: Path) -> None:
    """A pickle that would run code is refused before it does."""
    path = tmp_path / "trap.pt"
    torch.save({"state_dict": _Trap()}, path)
    assert "plain tensors" in _refused(ModelError, path, "tiny-vit")
    (tmp_path / "old.pt").write_bytes(pickle.dumps(_Trap(), protocol=2))
    _refused(ModelError, tmp_path / "old.pt", "tiny-vit")
    assert not hasattr(builtins, "trapped")


@pytest.mark.filterwarnings("ignore")  # PyTorch deprecates what people still have on disk
def test_a_torchscript_archive_is_refused(tmp_path: Path) -> None:
    """It cannot be read without running its code; the remedy is another format."""
    path = tmp_path / "script.pt"
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(path))
    assert "TorchScript" in _refused(ModelError, path, "tiny-vit")


def test_a_missing_file_is_unavailable(tmp_path: Path) -> None:
    """Neither availability nor loading finds it, and both say where it should be."""
    path = tmp_path / "absent.safetensors"
    found = availability(_spec(path), offline=True)
    assert not found.ready
    assert str(path) in found.reason
    assert "no such checkpoint" in _refused(WeightsUnavailable, path, "tiny-vit")


def test_a_present_file_is_available(checkpoint: Path) -> None:
    """Nothing is to be downloaded for it."""
    found = availability(_spec(checkpoint), offline=True)
    assert (found.ready, found.download_bytes) == (True, 0)


def test_a_folder_must_hold_a_model(tmp_path: Path) -> None:
    """No configuration, a broken one, or no checkpoint: each is one line."""
    assert "open_clip_config.json" in _refused(WeightsUnavailable, tmp_path, "")
    (tmp_path / "open_clip_config.json").write_text("{")
    with pytest.raises(ModelError, match="not an open_clip configuration"):
        _load(tmp_path, "")
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY}))
    assert "no checkpoint" in _refused(WeightsUnavailable, tmp_path, "")
    save_file(_state(), tmp_path / "open_clip_model.safetensors")
    assert _load(tmp_path, "").dim == 16


def test_unknown_names_are_refused_with_their_neighbours(checkpoint: Path) -> None:
    """An architecture, tag, option or resize mode that does not exist."""
    assert "ViT-B-32" in _refused(ModelError, checkpoint, "ViT-B32")
    assert "laion2b_s34b_b79k" in _refused(ModelError, "laion2b_s34b", "ViT-B-32")
    assert "quick_gelu" in _refused(ModelError, checkpoint, "tiny-vit", quick_gellu=True)
    with pytest.raises(ModelError, match="must be a bool, not 'yes'"):
        _load(checkpoint, "tiny-vit", quick_gelu="yes")


def test_a_class_without_text_is_refused(checkpoint: Path) -> None:
    """A head has no empty row."""
    model = _load(checkpoint)
    with pytest.raises(ModelError, match='no text for the class "lamp"'):
        model.head(("mug", "lamp"), prompts=_prompts(TEXTS))


# -------------------------------------------------------------------------- the hub


def test_offline_asks_nobody(no_network: list[Any]) -> None:
    """Weights of the hub that are not cached are unavailable, without a single request."""
    for weights, architecture in (
        ("laion2b_s34b_b79k", "ViT-B-32"),
        ("hf-hub:nobody/nothing", ""),
    ):
        found = availability(_spec(weights, architecture), offline=True)
        assert not found.ready
        assert "--offline" in found.reason
        assert "--offline" in _refused(WeightsUnavailable, weights, architecture)
    assert no_network == []


def test_a_dead_network_is_one_line(no_network: list[Any]) -> None:
    """Without --offline the hub is asked, and its silence makes the model unavailable."""
    for weights, architecture in (
        ("laion2b_s34b_b79k", "ViT-B-32"),
        ("hf-hub:nobody/nothing", ""),
    ):
        with pytest.raises(WeightsUnavailable, match="cannot be fetched") as caught:
            load_model(_spec(weights, architecture), Loading(cache=Path("unused"), device="cpu"))
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 400
    assert no_network


def _cache_file(cache: Path, repository: str, name: str) -> Path:
    """Lays a file out as huggingface_hub does."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs" / "main").write_text("abc")
    path = folder / "snapshots" / "abc" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_a_cached_repository_needs_no_network(no_network: list[Any]) -> None:
    """A hub model whose files are in the hub's cache is ready, and loads offline."""
    cache = Path(hub_constants.HF_HUB_CACHE)
    config = _cache_file(cache, "someone/tiny", "open_clip_config.json")
    config.write_text(json.dumps({"model_cfg": TINY}))
    spec = _spec("hf-hub:someone/tiny", "")
    assert not availability(spec, offline=True).ready
    save_file(_state(), _cache_file(cache, "someone/tiny", "open_clip_model.safetensors"))
    assert availability(spec, offline=True).ready
    model = _load("hf-hub:someone/tiny", "")
    assert model.embed_images(model.preprocess(_photo())[None]).shape == (1, 16)
    assert no_network == []


def test_a_cached_tag_is_ready(no_network: list[Any]) -> None:
    """A pretrained tag is found in the hub's cache under its safetensors name."""
    spec = _spec("laion2b_s34b_b79k", "ViT-B-32")
    assert not availability(spec, offline=True).ready
    tag = open_clip.pretrained.get_pretrained_cfg("ViT-B-32", "laion2b_s34b_b79k")
    repository = tag["hf_hub"].rstrip("/")
    path = _cache_file(Path(hub_constants.HF_HUB_CACHE), repository, "open_clip_model.safetensors")
    path.write_bytes(b"x")
    assert availability(spec, offline=False).ready
    assert no_network == []


def test_offline_is_lifted_again() -> None:
    """The hub's switch is restored, even after an error."""

    def fail() -> None:
        with hub.hub_offline():
            assert hub_constants.HF_HUB_OFFLINE
            raise ValueError("inside")

    before = hub_constants.HF_HUB_OFFLINE
    with pytest.raises(ValueError, match="inside"):
        fail()
    assert before == hub_constants.HF_HUB_OFFLINE


# -------------------------------------------------------------------------- devices


def test_unknown_devices_and_precisions_are_refused(checkpoint: Path) -> None:
    """A device that does not exist, one that is not here, a precision that is not one."""
    spec = _spec(checkpoint)
    for device in ("gpu", "cuda:x", "cuda:99", ""):
        with pytest.raises(ModelError, match="device"):
            load_model(spec, Loading(cache=Path("unused"), device=device))
    with pytest.raises(ModelError, match='unknown precision "fp8"'):
        load_model(spec, Loading(cache=Path("unused"), device="cpu", precision="fp8"))
    assert load_model(spec, Loading(cache=Path("unused"))).device in {"cpu", "cuda:0", "mps"}


def test_half_precision_is_close_and_has_its_own_key(checkpoint: Path) -> None:
    """bfloat16 embeddings agree within its rounding and are stored apart."""
    spec = _spec(checkpoint)
    full, half = (
        load_model(spec, Loading(cache=Path("unused"), device="cpu", precision=precision))
        for precision in ("fp32", "bf16")
    )
    image = full.preprocess(_photo())[None]
    assert half.embed_images(image).dtype == np.float32
    assert np.abs(full.embed_images(image) - half.embed_images(image)).max() < 0.03
    assert full.fingerprint != half.fingerprint
