"""Where the weights of a zero-shot model are, and how open_clip is told to build it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from evaluation.errors import ModelError, WeightsUnavailable, meant, one_line
from evaluation.files import json_object
from evaluation.models import embedded, hub
from evaluation.models.base import READY, Loading
from evaluation.models.cards import facts
from evaluation.models.checkpoints import existing, is_path
from evaluation.records import Availability, ModelSpec


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
    warnings: tuple[str, ...] = ()
    """What is told of the source with each result, one line each."""


def find_source(spec: ModelSpec, loading: Loading) -> Source:
    """The checkpoint of a model, assembled or fetched when needed.

    Raises :class:`WeightsUnavailable`: it cannot be had; :class:`ModelError`: the declaration makes
    no sense.
    """
    if spec.weights == "embedded":
        folder = embedded.assemble(loading.cache)
        source = _folder_source(spec, folder, folder / embedded.WEIGHTS_FILE)
        return replace(source, sealed=embedded.sealed_digest(folder))
    if spec.weights.startswith(hub.HUB):
        return _hub_source(spec, loading)
    if is_path(spec.weights):
        path = existing(spec)
        return _folder_source(spec, path) if path.is_dir() else _file_source(spec, path)
    return _tag_source(spec, loading)


def _folder_source(spec: ModelSpec, folder: Path, checkpoint: Path | None = None) -> Source:
    if spec.architecture:
        raise ModelError(
            "these weights say their architecture themselves",
            where=spec.name,
            remedy=f'remove architecture = "{spec.architecture}"',
        )
    path = folder / hub.HUB_CONFIG
    try:
        config = json_object(path)["model_cfg"]
        text = dict(config["text_cfg"])
        _ = config["vision_cfg"], config["embed_dim"]
    except FileNotFoundError as error:
        raise WeightsUnavailable(
            f"the folder has no {hub.HUB_CONFIG}",
            where=folder,
            remedy="give a folder made by open_clip",
            reason="no-file",
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"not an open_clip configuration ({one_line(error)})", where=path
        ) from error
    if checkpoint is None:
        from open_clip.factory import _find_checkpoint_in_dir

        checkpoint = _find_checkpoint_in_dir(folder)
    if checkpoint is None:
        raise WeightsUnavailable(
            "the folder has no checkpoint",
            where=folder,
            remedy=f"put {hub.HUB_WEIGHTS[0]} there",
            reason="no-file",
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


def _hub_source(spec: ModelSpec, loading: Loading) -> Source:
    from open_clip.factory import get_model_config

    if twin := facts()["transformers"].get(spec.weights.removeprefix(hub.HUB)):
        raise ModelError(
            "a repository of transformers, which open_clip does not read",
            where=spec.weights,
            remedy="open_clip has the same weights: architecture ="
            f' "{twin[0]}", weights = "{twin[1]}"',
        )
    checkpoint = published(spec).fetch(loading)
    try:
        with hub.hub_offline():
            config = get_model_config(spec.weights)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"its {hub.HUB_CONFIG} cannot be read ({one_line(error)})", where=spec.weights
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
        warnings=_activation_warning(spec),
    )


def _activation_warning(spec: ModelSpec) -> tuple[str, ...]:
    """A file does not say which of two activations it was trained with."""
    import open_clip

    twin = f"{spec.architecture}-quickgelu"
    if "quick_gelu" in spec.options or twin not in open_clip.list_models():
        return ()
    warning = (
        f"{spec.architecture} also exists with QuickGELU, and the file does not say which it was"
        " trained with: GELU is used; OpenAI's and early OpenCLIP weights need options.quick_gelu"
        " = true, and quick_gelu = false says that this is right"
    )
    return (warning,)


def _tag_source(spec: ModelSpec, loading: Loading) -> Source:
    config = _architecture_config(spec)
    tag = _tag(spec)
    checkpoint = published(spec).fetch(loading)
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


def published(spec: ModelSpec) -> hub.Published:
    """The file of weights that are fetched.

    Raises :class:`ModelError` for an architecture or a tag that open_clip does not know.
    """
    what = f"{spec.architecture}, {spec.weights}" if spec.architecture else spec.weights
    if spec.weights.startswith(hub.HUB):
        repository = spec.weights.removeprefix(hub.HUB)
        config = hub.HubFile(what=what, repository=repository, names=(hub.HUB_CONFIG,))
        return hub.HubFile(what=what, repository=repository, config=config)
    _architecture_config(spec)
    tag = _tag(spec)
    if tag.get("hf_hub"):
        repository, _, name = str(tag["hf_hub"]).rpartition("/")
        return hub.HubFile(what=what, repository=repository, names=hub.alternatives(name))
    folder = Path("~/.cache/clip").expanduser()
    target = folder / PurePosixPath(urlsplit(tag["url"]).path).name
    return hub.PlainFile(what=what, url=tag["url"], target=target)


def _architecture_config(spec: ModelSpec) -> Mapping[str, Any]:
    import open_clip

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
    from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

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
    from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

    ways = [
        _preprocessing(get_pretrained_cfg(architecture, tag))
        for tag in list_pretrained_tags_by_model(architecture)
    ]
    return ways[0] if ways and all(other == ways[0] for other in ways) else {}


def _preprocessing(tag: Mapping[str, Any]) -> dict[str, Any]:
    """A pretrained tag's preprocessing, as arguments of ``create_model_from_pretrained``."""
    return {f"image_{key}": tag[key] for key in ("mean", "std", "interpolation", "resize_mode")}


def availability(spec: ModelSpec, *, offline: bool) -> Availability:
    """Whether the weights are here, and how large they are otherwise; fetches nothing."""
    if spec.weights == "embedded":
        embedded.trunk_file()
        embedded.text_folder()
    elif is_path(spec.weights):
        existing(spec)
    else:
        return published(spec).availability(offline=offline)
    return READY
