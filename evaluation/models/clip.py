"""Zero-shot models: everything that open_clip can build, from wherever its weights come."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import (
    ModelError,
    VeilleError,
    WeightsMismatch,
    WeightsUnavailable,
    meant,
    one_line,
)
from evaluation.models import embedded
from evaluation.models.base import check_options, fingerprint_of
from evaluation.models.checkpoints import describe_mismatch, file_digest
from evaluation.models.devices import check_precision, dtype_of, pick_device
from evaluation.models.hub import (
    HUB_CONFIG,
    HUB_WEIGHTS,
    announced_pretrained,
    announced_repository,
    cached_pretrained,
    cached_repository,
    fetch_pretrained,
    fetch_repository,
    hub_offline,
    not_cached,
    require_hub,
)
from evaluation.models.text import TextEncoder, class_embeddings, cut_sentences
from evaluation.net.downloads import Progress, RemoteFile
from evaluation.records import Availability, Head, ModelSpec, PromptSet, Support
from evaluation.records.base import silent

if TYPE_CHECKING:
    import torch
    from PIL import Image

HUB = "hf-hub:"
CHECKPOINT_SUFFIXES = (".pt", ".pth", ".bin", ".safetensors")
OPTIONS: Mapping[str, type] = {"quick_gelu": bool, "resize_mode": str}
RESIZE_MODES = ("shortest", "longest", "squash")


# -------------------------------------------------------------- where weights are


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A checkpoint on this machine, and how open_clip is told to build it."""

    model: str
    """open_clip's model name: an architecture, ``local-dir:…`` or ``hf-hub:…``."""
    pretrained: str | None = None
    """The checkpoint again, for an architecture."""
    checkpoint: Path
    config: Mapping[str, Any]
    """open_clip's model configuration."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of ``create_model_from_pretrained``."""
    local: bool
    """Whether nothing of it may need the network."""
    sealed: str | None = None
    """SHA-256 that the checkpoint must have, when it is known."""


def is_path(weights: str) -> bool:
    """Whether the weights are meant as a file or folder, existing or not."""
    return Path(weights).is_absolute() or weights.endswith(CHECKPOINT_SUFFIXES)


def find_source(
    spec: ModelSpec, *, cache: Path, offline: bool, progress: Progress = silent
) -> Source:
    """The checkpoint of a model, assembled or fetched when needed.

    Raises:
        WeightsUnavailable: it cannot be had.
        ModelError: the declaration makes no sense.

    """
    if spec.weights == "embedded":
        folder = embedded.assemble(cache)
        return replace(_folder_source(spec, folder), sealed=embedded.sealed_digest(folder))
    if spec.weights.startswith(HUB):
        return _hub_source(spec, offline=offline, progress=progress)
    if is_path(spec.weights):
        path = Path(spec.weights)
        if not path.exists():
            raise WeightsUnavailable(
                "no such checkpoint", where=path, remedy="check the path in the study file"
            )
        return _folder_source(spec, path) if path.is_dir() else _file_source(spec, path)
    return _tag_source(spec, offline=offline, progress=progress)


def _folder_source(spec: ModelSpec, folder: Path) -> Source:
    from open_clip.factory import _find_checkpoint_in_dir  # noqa: PLC0415 - open_clip's own choice

    _no_architecture(spec)
    path = folder / HUB_CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))["model_cfg"]
        text = dict(config["text_cfg"])
        _ = config["vision_cfg"], config["embed_dim"]
    except FileNotFoundError as error:
        raise WeightsUnavailable(
            f"the folder has no {HUB_CONFIG}",
            where=folder,
            remedy="give a folder made by open_clip",
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"not an open_clip configuration ({one_line(error)})", where=path
        ) from error
    checkpoint = _find_checkpoint_in_dir(folder)
    if checkpoint is None:
        raise WeightsUnavailable(
            "the folder has no checkpoint", where=folder, remedy=f"put {HUB_WEIGHTS[0]} there"
        )
    overrides: dict[str, Any] = {}
    if text.get("hf_model_name") and (folder / embedded.TEXT_CONFIG_FILE).is_file():
        # The text tower's configuration lies in the folder: the hub need not be asked.
        text |= {"hf_model_name": str(folder), "hf_model_pretrained": False}
        overrides["text_cfg"] = text
    return Source(
        model=f"local-dir:{folder}",
        checkpoint=Path(checkpoint),
        config=config,
        overrides=overrides,
        local=True,
    )


def _hub_source(spec: ModelSpec, *, offline: bool, progress: Progress) -> Source:
    from open_clip.factory import get_model_config  # noqa: PLC0415 - slow to import

    _no_architecture(spec)
    checkpoint = fetch_repository(
        spec.weights.removeprefix(HUB), offline=offline, progress=progress
    )
    try:
        with hub_offline():
            config = get_model_config(spec.weights)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"its {HUB_CONFIG} cannot be read ({one_line(error)})", where=spec.weights
        ) from error
    return Source(model=spec.weights, checkpoint=checkpoint, config=config, local=False)


def _file_source(spec: ModelSpec, path: Path) -> Source:
    config = _architecture_config(spec)
    return Source(
        model=spec.architecture,
        pretrained=str(path),
        checkpoint=path,
        config=config,
        overrides=_published_preprocessing(spec.architecture),
        local=True,
    )


def _tag_source(spec: ModelSpec, *, offline: bool, progress: Progress) -> Source:
    config = _architecture_config(spec)
    tag = _tag(spec)
    checkpoint = fetch_pretrained(tag, what=_what(spec), offline=offline, progress=progress)
    return Source(
        model=spec.architecture,
        # The file and not the tag: what is loaded is what was digested.
        pretrained=str(checkpoint),
        checkpoint=checkpoint,
        config=config,
        # open_clip only warns when the architecture's activation is not the one that the
        # weights were trained with, and goes on with the wrong one.
        overrides=_preprocessing(tag) | {"force_quick_gelu": bool(tag.get("quick_gelu"))},
        local=False,
    )


def _what(spec: ModelSpec) -> str:
    """The weights as messages name them: "ViT-B-32, openai"."""
    return f"{spec.architecture}, {spec.weights}" if spec.architecture else spec.weights


def _no_architecture(spec: ModelSpec) -> None:
    if spec.architecture:
        raise ModelError(
            "these weights say their architecture themselves",
            where=spec.name,
            remedy=f'remove architecture = "{spec.architecture}"',
        )


def _architecture_config(spec: ModelSpec) -> Mapping[str, Any]:
    import open_clip  # noqa: PLC0415 - slow to import

    config: Mapping[str, Any] | None = open_clip.get_model_config(spec.architecture)
    if config is None:
        known = open_clip.list_models()
        raise ModelError(
            f'open_clip has no architecture "{spec.architecture}"',
            where=spec.name,
            remedy=meant(spec.architecture, known, most=3),
        )
    return config


def _tag(spec: ModelSpec) -> Mapping[str, Any]:
    from open_clip.pretrained import (  # noqa: PLC0415 - slow to import
        get_pretrained_cfg,
        list_pretrained_tags_by_model,
    )

    tag: Mapping[str, Any] = get_pretrained_cfg(spec.architecture, spec.weights)
    if not tag:
        raise ModelError(
            f'open_clip has no weights "{spec.weights}" for {spec.architecture}',
            where=spec.name,
            remedy=meant(spec.weights, list_pretrained_tags_by_model(spec.architecture), most=3),
        )
    return tag


def _published_preprocessing(architecture: str) -> dict[str, Any]:
    """The preprocessing of an architecture's published weights, when they all agree.

    open_clip would give any file OpenAI's mean and deviation, which is wrong for SigLIP,
    MobileCLIP, PE… whose own weights all say otherwise.
    """
    from open_clip.pretrained import (  # noqa: PLC0415 - slow to import
        get_pretrained_cfg,
        list_pretrained_tags_by_model,
    )

    found = [
        _preprocessing(get_pretrained_cfg(architecture, tag))
        for tag in list_pretrained_tags_by_model(architecture)
    ]
    return found[0] if found and all(one == found[0] for one in found) else {}


def _preprocessing(tag: Mapping[str, Any]) -> dict[str, Any]:
    """A pretrained tag's preprocessing, as arguments of ``create_model_from_pretrained``."""
    return {f"image_{key}": tag[key] for key in ("mean", "std", "interpolation", "resize_mode")}


# ------------------------------------------------------------------- availability


def availability(spec: ModelSpec, *, offline: bool) -> Availability:
    """Whether the weights are here, and how large they are otherwise; fetches nothing."""
    if spec.weights == "embedded":
        reason = embedded.check_sources()
        return _ready() if reason is None else Availability(ready=False, reason=reason)
    if is_path(spec.weights):
        if Path(spec.weights).exists():
            return _ready()
        return Availability(
            ready=False, reason=f"{spec.weights}: no such checkpoint; check the path in the study"
        )
    try:
        if cached(spec) is not None:
            return _ready()
        if offline:
            raise not_cached(_what(spec))
        return Availability(
            ready=False,
            reason="not in the cache; the first run fetches it",
            download_bytes=_announced(spec).size,
        )
    except VeilleError as error:
        return Availability(ready=False, reason=str(error))


def _ready() -> Availability:
    return Availability(ready=True, download_bytes=0)


def cached(spec: ModelSpec) -> Path | None:
    """The checkpoint of weights that are fetched, when it is in the cache.

    Raises :class:`ModelError` for an architecture or a tag that open_clip does not know.
    """
    if spec.weights.startswith(HUB):
        return cached_repository(spec.weights.removeprefix(HUB))
    _architecture_config(spec)
    return cached_pretrained(_tag(spec))


def _announced(spec: ModelSpec) -> RemoteFile:
    if spec.weights.startswith(HUB):
        return announced_repository(spec.weights.removeprefix(HUB))
    return announced_pretrained(_tag(spec), what=_what(spec))


def fetch(spec: ModelSpec, *, cache: Path, offline: bool, progress: Progress = silent) -> Path:
    """The checkpoint of a model, with all that loading it needs, so that it loads offline.

    Raises:
        WeightsUnavailable: a part of it cannot be had.
        ModelError: the declaration makes no sense.

    """
    source = find_source(spec, cache=cache, offline=offline, progress=progress)
    with hub_offline():
        try:
            _fetch_texts(spec, source)
        except WeightsUnavailable:
            if offline or source.local:
                raise
        else:
            return source.checkpoint
    require_hub(spec.name)
    _fetch_texts(spec, source)
    return source.checkpoint


def _fetch_texts(spec: ModelSpec, source: Source) -> None:
    """The tokenizer, and the configuration of a text tower that comes from transformers."""
    _tokenizer(spec, source)
    text = {**source.config["text_cfg"], **source.overrides.get("text_cfg", {})}
    if text.get("hf_model_name"):
        from transformers import AutoConfig  # noqa: PLC0415 - slow to import

        with _telling(spec, source):
            AutoConfig.from_pretrained(text["hf_model_name"])


# ---------------------------------------------------------------------- the model


class ClipClassifier:
    """A zero-shot model of open_clip; see :class:`evaluation.models.base.Classifier`."""

    needs_training = False
    views = None

    def __init__(
        self, spec: ModelSpec, source: Source, *, device: torch.device, precision: str
    ) -> None:
        self.spec = spec
        self.device = str(device)
        self.precision = precision
        self.weights_digest = _checked_digest(source)
        self.dim = int(source.config["embed_dim"])
        self.model, self._transform = _build(spec, source, device=device, precision=precision)
        self._device = device
        self._channels_last = _is_convolutional(self.model.visual)
        if self._channels_last:
            import torch  # noqa: PLC0415 - slow to import

            self.model.visual.to(memory_format=torch.channels_last)
        self.image_tower: torch.nn.Module = self.model.visual
        self.preprocessing: Mapping[str, Any] = self.model.visual.preprocess_cfg
        self._texts = TextEncoder(self.model, _tokenizer(spec, source), device=device)
        self.fingerprint = fingerprint_of(
            weights=self.weights_digest,
            architecture={
                "library": "open_clip",
                "embed_dim": source.config["embed_dim"],
                "vision": source.config["vision_cfg"],
                "quick_gelu": _quick_gelu(spec, source),
            },
            preprocess=self.preprocessing,
            precision=precision,
        )

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """See :meth:`Classifier.preprocess`."""
        result: torch.Tensor = self._transform(image)
        return result

    def embed_images(self, batch: torch.Tensor) -> NDArray[np.float32]:
        """See :meth:`Classifier.embed_images`; the embeddings have unit length."""
        import torch  # noqa: PLC0415 - slow to import

        with torch.inference_mode():
            result: NDArray[np.float32] = self.forward(batch).cpu().numpy()
        return result

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """See :meth:`Classifier.forward`."""
        import torch  # noqa: PLC0415 - slow to import
        from open_clip import get_input_dtype  # noqa: PLC0415

        layout = torch.channels_last if self._channels_last else torch.contiguous_format
        images = pixels.to(
            self._device, dtype=get_input_dtype(self.precision), memory_format=layout
        )
        features = self.model.encode_image(images).float()
        return torch.nn.functional.normalize(features, dim=-1)

    def pictures(self, image: Image.Image, count: int) -> tuple[Image.Image, ...]:  # noqa: ARG002
        """Nothing: it is not trained."""
        return ()

    def head(
        self,
        classes: tuple[str, ...],
        *,
        prompts: PromptSet | None,
        train: Support | None,  # noqa: ARG002 - a zero-shot model learns nothing
        validation: Support | None,  # noqa: ARG002
        seed: int,  # noqa: ARG002
    ) -> Head:
        """The zero-shot head: mean text embedding of each class, times the logit scale.

        A bias is that of the sigmoid loss (SigLIP, Zhai et al. 2023); it moves all classes
        alike.

        Raises :class:`ModelError` when a class has no text.
        """
        if prompts is None:
            raise ModelError(
                "a zero-shot model needs a prompt set",
                where=self.spec.name,
                remedy="declare one in the study file",
            )
        weight = class_embeddings(self._texts, classes, prompts)
        scale = float(self.model.logit_scale.detach().double().exp())
        bias = getattr(self.model, "logit_bias", None)
        offset = 0.0 if bias is None else float(bias.detach().double())
        return Head(
            weight=scale * weight,
            bias=np.full(len(classes), offset),
            chosen={"logit_scale": scale},
            warnings=cut_sentences(self._texts, classes, prompts),
        )


def load_clip(
    spec: ModelSpec,
    *,
    cache: Path,
    device: str,
    precision: str,
    offline: bool,
    progress: Progress = silent,
) -> ClipClassifier:
    """Loads a zero-shot model; see :func:`evaluation.models.load_model`."""
    check_options(spec, OPTIONS)
    _check_resize_mode(spec)
    place, precision = pick_device(device), check_precision(precision)
    source = find_source(spec, cache=cache, offline=offline, progress=progress)
    with hub_offline():
        try:
            # With everything in the caches no request is made, not even to ask for news.
            return ClipClassifier(spec, source, device=place, precision=precision)
        except WeightsUnavailable:
            if offline or source.local:
                raise
    require_hub(spec.name)
    return ClipClassifier(spec, source, device=place, precision=precision)


def _checked_digest(source: Source) -> str:
    digest = file_digest(source.checkpoint)
    if source.sealed not in (None, digest):
        raise WeightsMismatch(
            "the checkpoint has changed since it was assembled",
            where=source.checkpoint,
            remedy="delete its folder: it is assembled again",
        )
    return digest


def _check_resize_mode(spec: ModelSpec) -> None:
    if spec.options.get("resize_mode", "squash") not in RESIZE_MODES:
        raise ModelError(
            f'unknown resize_mode "{spec.options["resize_mode"]}"',
            where=spec.name,
            remedy=f"choose one of {', '.join(RESIZE_MODES)}",
        )


def _quick_gelu(spec: ModelSpec, source: Source) -> bool:
    return bool(
        spec.options.get("quick_gelu")
        or source.overrides.get("force_quick_gelu")
        or source.config.get("quick_gelu")
    )


def _build(
    spec: ModelSpec, source: Source, *, device: torch.device, precision: str
) -> tuple[Any, Any]:
    import open_clip  # noqa: PLC0415 - slow to import

    arguments = dict(source.overrides)
    arguments["force_quick_gelu"] = _quick_gelu(spec, source)
    if "resize_mode" in spec.options:
        arguments["image_resize_mode"] = spec.options["resize_mode"]
    with _telling(spec, source):
        model, transform = open_clip.create_model_from_pretrained(
            source.model,
            source.pretrained,
            device="cpu",
            weights_only=True,
            **arguments,
        )
        _move(model, device, precision)
    model.eval()
    return model, transform


def _move(model: Any, device: torch.device, precision: str) -> None:
    """Takes a model to its device and precision, all but the scale and bias of its logits.

    open_clip's own conversion rounds them too in some models (a scale of 100 becomes 98.9 in
    bf16, which changes every probability), and leaves CoCa with parameters of two types,
    whose product PyTorch refuses.
    """
    exact = {
        name: parameter.data.float()
        for name in ("logit_scale", "logit_bias")
        if (parameter := getattr(model, name, None)) is not None
    }
    model.to(device=device, dtype=dtype_of(precision))
    for name, value in exact.items():
        getattr(model, name).data = value.to(device)


def _tokenizer(spec: ModelSpec, source: Source) -> Any:
    import open_clip  # noqa: PLC0415 - slow to import

    try:
        return open_clip.get_tokenizer(source.model)
    except Exception as error:  # transformers and the hub raise many kinds
        raise WeightsUnavailable(
            f"the tokenizer cannot be had ({one_line(error)})",
            where=spec.name,
            remedy="run once with the network, or give a folder that holds the tokenizer's files",
        ) from error


def _is_convolutional(tower: torch.nn.Module) -> bool:
    """Whether it is worth laying out images channels last: more than a patch embedding."""
    import torch  # noqa: PLC0415 - slow to import

    return sum(isinstance(module, torch.nn.Conv2d) for module in tower.modules()) > 1


# ------------------------------------------------------------------------- errors


@contextlib.contextmanager
def _telling(spec: ModelSpec, source: Source) -> Iterator[None]:
    """Turns what PyTorch, safetensors and open_clip raise into one line."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise _loading_error(spec, source, error) from error


def _loading_error(spec: ModelSpec, source: Source, error: Exception) -> ModelError:
    what = spec.architecture or source.config.get("name") or "its own configuration"
    text = str(error)
    if "Error(s) in loading state_dict" in text:
        return WeightsMismatch(
            f"the checkpoint does not fit {what}: {describe_mismatch(text)}",
            where=source.checkpoint,
            remedy="declare the architecture that it was trained with",
        )
    if "TorchScript" in text:
        return ModelError(
            "a TorchScript archive, which cannot be read without running its code",
            where=source.checkpoint,
            remedy="convert it to .safetensors",
        )
    if _needs_network(error):
        return WeightsUnavailable(
            f"a part of the model cannot be fetched ({one_line(error)})",
            where=spec.name,
            remedy="run once with the network",
        )
    if _is_unreadable(error):
        return ModelError(
            "the checkpoint is damaged, cut short, or not a file of plain tensors",
            where=source.checkpoint,
            remedy="fetch or write it again, if possible as .safetensors",
        )
    if isinstance(error, _ODD_CONTENT):
        return WeightsMismatch(
            f"the checkpoint does not look like one of {what} ({one_line(error)})",
            where=source.checkpoint,
            remedy="declare the architecture that it was trained with",
        )
    return ModelError(f"cannot be loaded ({one_line(error)})", where=source.checkpoint)


_ODD_CONTENT = (
    KeyError, AttributeError, IndexError, TypeError, StopIteration, AssertionError, ValueError,
)  # fmt: skip
"""What open_clip meets when it looks into a checkpoint of something else."""


def _needs_network(error: BaseException) -> bool:
    """Whether open_clip, or transformers below it, would have had to fetch something."""
    signs = ("Failed to download", "Failed initial config", "couldn't connect", "outgoing traffic")
    hub = type(error).__module__.startswith(("huggingface_hub", "httpx"))
    return hub or any(sign in str(error) for sign in signs)


def _is_unreadable(error: BaseException) -> bool:
    """Whether the file is no checkpoint at all, or half of one."""
    signs = ("PytorchStreamReader", "Weights only load failed", "invalid load key")
    return (
        type(error).__name__ == "SafetensorError"
        or isinstance(error, (EOFError, OSError))
        or any(sign in str(error) for sign in signs)
    )
