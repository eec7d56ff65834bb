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
        names = (name, _safe_name(name)) if name else HUB_WEIGHTS
        return cached_file(repository, names)
    path = Path("~/.cache/clip").expanduser() / PurePosixPath(str(tag["url"])).name
    return path if path.is_file() else None


def _safe_name(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(".safetensors"))


def fetch_pretrained(tag: Mapping[str, Any], *, what: str, offline: bool) -> Path:
    """The file of an open_clip pretrained tag, downloaded when it is not in the cache.

    Raises :class:`WeightsUnavailable` when it cannot be had.
    """
    from open_clip import download_pretrained  # noqa: PLC0415 - slow to import

    if offline:
        found = cached_pretrained(tag)
        if found is None:
            raise not_cached(what)
        return found
    with _fetching(what):
        return Path(download_pretrained(dict(tag)))


def fetch_repository(repository: str, *, offline: bool) -> Path:
    """The weights of a hub repository (its configuration is fetched first).

    Raises :class:`WeightsUnavailable` when they cannot be had.
    """
    from open_clip.pretrained import download_pretrained_from_hf  # noqa: PLC0415

    what = f"hf-hub:{repository}"
    if offline and not (
        cached_file(repository, (HUB_CONFIG,)) and cached_file(repository, HUB_WEIGHTS)
    ):
        raise not_cached(what)
    with hub_offline(offline), _fetching(what):
        download_pretrained_from_hf(repository, filename=HUB_CONFIG)
        return Path(download_pretrained_from_hf(repository))


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
