"""Pretrained weights that are fetched: what is in the caches, and how errors are told.

The caches are those of the libraries (``HF_HOME``, ``~/.cache/clip``), shared with every
other tool that uses them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from evaluation.errors import WeightsUnavailable
from evaluation.models.checkpoints import one_line

HUB_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""What open_clip looks for in a repository of the hub, in this order."""
HUB_CONFIG = "open_clip_config.json"


@contextlib.contextmanager
def hub_offline(offline: bool = True) -> Iterator[None]:
    """Within it, huggingface_hub and transformers answer from their cache or refuse.

    The environment variable is read once, when huggingface_hub is imported, which may have
    happened long ago: so its constant is set, and restored.
    """
    from huggingface_hub import constants  # noqa: PLC0415 - slow to import

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or offline
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def cached_file(repository: str, names: tuple[str, ...]) -> Path | None:
    """The first of these files of a hub repository that is in the cache."""
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - slow to import

    for name in names:
        path = try_to_load_from_cache(repository, name)
        if isinstance(path, str):
            return Path(path)
    return None


def cached_pretrained(tag: Mapping[str, Any]) -> Path | None:
    """The file of an open_clip pretrained tag, when it is in the cache."""
    if tag.get("hf_hub"):
        repository, name = str(tag["hf_hub"]).rsplit("/", 1)
        return cached_file(repository, _alternatives(name))
    path = Path("~/.cache/clip").expanduser() / PurePosixPath(str(tag["url"])).name
    return path if path.is_file() else None


def _alternatives(name: str) -> tuple[str, ...]:
    """The names under which open_clip would take a file of the hub, in its order."""
    if name in ("", HUB_WEIGHTS[1]):
        return HUB_WEIGHTS
    if name.endswith((".bin", ".pth")):
        return (str(PurePosixPath(name).with_suffix(".safetensors")), name)
    return (name,)


def fetch_pretrained(tag: Mapping[str, Any], *, what: str, offline: bool) -> Path:
    """The file of an open_clip pretrained tag, downloaded when it is not in the cache.

    Raises :class:`WeightsUnavailable` when it cannot be had.
    """
    from open_clip import download_pretrained  # noqa: PLC0415 - slow to import

    found = cached_pretrained(tag)
    if found is not None:
        return found
    if offline:
        raise not_cached(what)
    with _fetching(what):
        if tag.get("hf_hub"):
            _reach_hub()
        return Path(download_pretrained(dict(tag)))


def fetch_repository(repository: str, *, offline: bool) -> Path:
    """The weights of a hub repository, downloaded with its configuration when needed.

    Raises :class:`WeightsUnavailable` when they cannot be had.
    """
    from open_clip.pretrained import download_pretrained_from_hf  # noqa: PLC0415

    found = cached_repository(repository)
    if found is not None:
        return found
    what = f"hf-hub:{repository}"
    if offline:
        raise not_cached(what)
    with _fetching(what):
        _reach_hub()
        download_pretrained_from_hf(repository, filename=HUB_CONFIG)
        return Path(download_pretrained_from_hf(repository))


def cached_repository(repository: str) -> Path | None:
    """The weights of a hub repository, when they and its configuration are in the cache."""
    if cached_file(repository, (HUB_CONFIG,)) is None:
        return None
    return cached_file(repository, HUB_WEIGHTS)


def require_hub(what: str) -> None:
    """Raises :class:`WeightsUnavailable` when the hub does not answer."""
    with _fetching(what):
        _reach_hub()


def _reach_hub() -> None:
    """One request, so that a dead network is known at once.

    huggingface_hub would try each file six times, half a minute for every file.
    """
    from huggingface_hub import constants, get_session  # noqa: PLC0415 - slow to import

    get_session().head(constants.ENDPOINT, timeout=10)


def not_cached(what: str) -> WeightsUnavailable:
    """The error of weights that are not here while the network may not be used."""
    return WeightsUnavailable(
        "the weights are not in the cache and --offline forbids to fetch them",
        where=what,
        remedy="run once without --offline, or give a local file",
    )


@contextlib.contextmanager
def _fetching(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the libraries raise their own, their transport's, and OSError
        raise WeightsUnavailable(
            f"the weights cannot be fetched ({one_line(error)})",
            where=what,
            remedy="check the network, or give a local file",
        ) from error
