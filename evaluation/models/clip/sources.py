"""Where the weights of a zero-shot model are, how open_clip is told to build it, and how its
refusals are told.
"""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from evaluation import errors
from evaluation.errors import ModelError, VeilleError, WeightsMismatch, WeightsUnavailable, one_line
from evaluation.files import json_object
from evaluation.models import embedded, hub
from evaluation.models.base import READY, Loading
from evaluation.models.cards import QUOTED
from evaluation.models.checkpoints import existing, is_path, misfit
from evaluation.records import Availability, ModelSpec
from evaluation.records.base import Record

_ODD_CONTENT = (LookupError, AttributeError, TypeError, StopIteration, AssertionError, ValueError)
"""What open_clip meets when it looks into a checkpoint of something else."""
_NEEDS_NETWORK = re.compile("Failed (to download|initial config)|couldn't connect|outgoing traffic")
"""What it says, or transformers below it, where something would have had to be fetched."""
_TWIN = (
    "{} also exists with QuickGELU, and the file does not say which it was trained with: GELU is"
    " used; OpenAI's and early OpenCLIP weights need options.quick_gelu = true, and quick_gelu ="
    " false says that this is right"
)
Config = Mapping[str, Any]
"""Of a model, in open_clip's terms."""


class Source(Record):
    """A checkpoint on this machine, and how open_clip is told to build it."""

    model: str
    """open_clip's model name: an architecture, ``local-dir:…`` or ``hf-hub:…``."""
    pretrained: str | None
    """The checkpoint again, for an architecture."""
    checkpoint: Path
    config: Config
    """open_clip's model configuration."""
    overrides: Config
    """Further arguments of ``create_model_from_pretrained``, ``force_quick_gelu`` among them."""
    local: bool
    """Whether nothing of it may need the network."""
    sealed: str | None
    """SHA-256 that the checkpoint must have, when it is known."""
    warnings: tuple[str, ...]
    """What is told of the source with each result, one line each."""


def find_source(spec: ModelSpec, loading: Loading) -> Source:
    """The checkpoint of a model, assembled or fetched when needed.

    Raises :class:`WeightsUnavailable`: it cannot be had; :class:`ModelError`: the declaration makes
    no sense.
    """
    path = existing(spec) if is_path(spec.weights) else None
    sealed: str | None = None
    overrides: Config = {}
    tag: Config = {}
    warnings: tuple[str, ...] = ()
    if spec.weights == "embedded":
        path = embedded.assemble(loading.cache)
        sealed = str(json_object(path / embedded.SEAL_FILE)["weights"])
    if path is not None and path.is_dir():
        model = f"local-dir:{path}"
        checkpoint, config, overrides = _in_folder(spec, path)
    elif spec.weights.startswith(hub.HUB):
        model = spec.weights
        checkpoint, config = _in_repository(spec, loading)
    else:
        import open_clip

        model = spec.architecture
        config, tag = _declared(spec)
        checkpoint = path or published(spec).fetch(loading)
        overrides = preprocessing(model, [spec.weights] if tag else None)
        twin = not tag and f"{model}-quickgelu" in open_clip.list_models()
        if twin and "quick_gelu" not in spec.options:
            warnings = (_TWIN.format(model),)
    # open_clip only warns when the architecture's activation is not the one that the weights were
    # trained with, and goes on with the wrong one.
    asked = (known.get("quick_gelu") for known in (spec.options, tag, config))
    return Source(
        model=model,
        # The file and not the tag: what is loaded is what was digested.
        pretrained=str(checkpoint) if model == spec.architecture else None,
        checkpoint=checkpoint,
        config=config,
        overrides={**overrides, "force_quick_gelu": any(asked)},
        local=path is not None,
        sealed=sealed,
        warnings=warnings,
    )


def _in_folder(spec: ModelSpec, folder: Path) -> tuple[Path, Config, Config]:
    """The checkpoint, its configuration, and what of that lies beside it."""
    if spec.architecture:
        raise ModelError(
            "these weights say their architecture themselves",
            where=spec.name,
            remedy=f'remove architecture = "{spec.architecture}"',
        )
    path, checkpoint = folder / hub.HUB_CONFIG, folder / hub.HUB_WEIGHTS[0]
    if not path.is_file():
        raise _lacking(hub.HUB_CONFIG, folder, "give a folder made by open_clip")
    try:
        config = json_object(path)["model_cfg"]
        text = dict(config["text_cfg"])
        _ = config["vision_cfg"], config["embed_dim"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"not an open_clip configuration ({one_line(error)})", where=path
        ) from error
    if not checkpoint.is_file():
        from open_clip.factory import _find_checkpoint_in_dir

        if (other := _find_checkpoint_in_dir(folder)) is None:
            raise _lacking("checkpoint", folder, f"put {checkpoint.name} there")
        checkpoint = Path(other)
    if text.get("hf_model_name") and (folder / embedded.TEXT_CONFIG_FILE).is_file():
        # The text tower's configuration lies in the folder: the hub need not be asked.
        text |= {"hf_model_name": str(folder), "hf_model_pretrained": False}
        return checkpoint, config, {"text_cfg": text}
    return checkpoint, config, {}


def _lacking(what: str, folder: Path, remedy: str) -> WeightsUnavailable:
    return WeightsUnavailable(
        f"the folder has no {what}", where=folder, remedy=remedy, reason="no-file"
    )


def _in_repository(spec: ModelSpec, loading: Loading) -> tuple[Path, Config]:
    from open_clip.factory import get_model_config

    if twin := QUOTED["transformers"].get(spec.weights.removeprefix(hub.HUB)):
        raise ModelError(
            "a repository of transformers, which open_clip does not read",
            where=spec.weights,
            remedy="open_clip has the same weights: architecture ="
            f' "{twin[0]}", weights = "{twin[1]}"',
        )
    checkpoint = published(spec).fetch(loading)
    try:
        with hub.hub_offline():
            return checkpoint, get_model_config(spec.weights)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"its {hub.HUB_CONFIG} cannot be read ({one_line(error)})", where=spec.weights
        ) from error


def _declared(spec: ModelSpec) -> tuple[Config, Config]:
    """open_clip's configuration of an architecture, and its entry for a tag; {} for a file."""
    import open_clip
    from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

    config: Config | None = open_clip.get_model_config(spec.architecture)
    if config is None:
        raise ModelError(
            f'open_clip has no architecture "{spec.architecture}"',
            where=spec.name,
            remedy=errors.meant(spec.architecture, open_clip.list_models(), most=3),
        )
    tag: Config = {}
    if not is_path(spec.weights):
        tag = get_pretrained_cfg(spec.architecture, spec.weights)
        if not tag:
            known = list_pretrained_tags_by_model(spec.architecture)
            raise ModelError(
                f'open_clip has no weights "{spec.weights}" for {spec.architecture}',
                where=spec.name,
                remedy=errors.meant(spec.weights, known, most=3),
            )
    return config, tag


def preprocessing(architecture: str, tags: Sequence[str] | None = None) -> dict[str, Any]:
    """That of an architecture's published weights, when they all agree, as arguments of
    ``create_model_from_pretrained``; ``tags`` are those that count, None for all.

    open_clip would give any file OpenAI's mean and deviation, which is wrong for SigLIP,
    MobileCLIP, PE… whose own weights all say otherwise.
    """
    from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

    ways = [
        {
            f"image_{key}": get_pretrained_cfg(architecture, tag)[key]
            for key in ("mean", "std", "interpolation", "resize_mode")
        }
        for tag in tags or list_pretrained_tags_by_model(architecture)
    ]
    return ways[0] if ways and all(way == ways[0] for way in ways) else {}


def published(spec: ModelSpec) -> hub.Published:
    """The file of weights that are fetched.

    Raises :class:`ModelError` for an architecture or a tag that open_clip does not know.
    """
    what = f"{spec.architecture}, {spec.weights}" if spec.architecture else spec.weights
    if spec.weights.startswith(hub.HUB):
        repository = spec.weights.removeprefix(hub.HUB)
        config = hub.HubFile(what=what, repository=repository, names=(hub.HUB_CONFIG,))
        return hub.HubFile(what=what, repository=repository, config=config)
    _, tag = _declared(spec)
    if tag.get("hf_hub"):
        repository, _, name = str(tag["hf_hub"]).rpartition("/")
        # As open_clip takes them: the safetensors of a pickle first.
        first = re.sub(r"\.(bin|pth)$", ".safetensors", name)
        names = hub.HUB_WEIGHTS if name in ("", hub.HUB_WEIGHTS[1]) else (first, name)
        return hub.HubFile(what=what, repository=repository, names=names)
    name = PurePosixPath(urlsplit(tag["url"]).path).name
    return hub.PlainFile(
        what=what, url=tag["url"], target=Path("~/.cache/clip").expanduser() / name
    )


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


# ------------------------------------------------------------- around open_clip's loading


@contextlib.contextmanager
def telling(
    spec: ModelSpec, source: Source, read: Callable[[Path], dict[str, Any]] | None = None
) -> Iterator[None]:
    """Turns what PyTorch, transformers and open_clip raise into one line.

    open_clip's own reader of a checkpoint knows two wrappers of it: ``read`` stands in for it.
    """
    from open_clip import factory

    theirs = factory.load_state_dict
    if read is not None:
        factory.load_state_dict = lambda path, **_how: read(Path(path))
    try:
        yield
    except (MemoryError, VeilleError):
        raise
    except Exception as error:
        what = spec.architecture or source.config.get("name") or "its own configuration"
        if "Error(s) in loading state_dict" in str(error):
            raise misfit(error, what, source.checkpoint) from error
        of_the_hub = type(error).__module__.startswith(("huggingface_hub", "httpx"))
        if of_the_hub or _NEEDS_NETWORK.search(str(error)):
            raise WeightsUnavailable(
                f"a part of the model cannot be fetched ({one_line(error)})",
                where=spec.name,
                remedy="run once with the network",
                reason="unreachable",
            ) from error
        if isinstance(error, _ODD_CONTENT):
            raise WeightsMismatch(
                f"the checkpoint does not look like one of {what} ({one_line(error)})",
                where=source.checkpoint,
                remedy="declare the architecture that it was trained with",
            ) from error
        raise ModelError(
            f"cannot be loaded ({one_line(error)})", where=source.checkpoint
        ) from error
    finally:
        factory.load_state_dict = theirs
