"""Pretrained weights that are fetched: what is in the caches, and what the servers announce.

The caches are those of the libraries (``HF_HOME``, ``~/.cache/clip``), shared with every
other tool that uses them; the server is the one of ``HF_ENDPOINT``.  A large file is fetched
by ``net.announced``, which resumes and checks it, and open_clip's own functions then find it in
the cache and lay it out as they do.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from evaluation.errors import WeightsUnavailable, one_line
from evaluation.net.announced import (
    Progress,
    RemoteFile,
    download,
    http_status,
    is_silence,
    patiently,
    placed,
    told,
)
from evaluation.net.transport import whole_number
from evaluation.records.base import silent

HUB = "hf-hub:"
"""Begins weights that are a repository of the hub."""
HUB_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""What open_clip looks for in a repository of the hub, in this order."""
HUB_CONFIG = "open_clip_config.json"
SILENCE = 120.0
"""Seconds for which a server that did not answer is not asked again: a study has several
models, and each would wait for it anew."""
_NOT_FOUND = 404

_silent: dict[str, tuple[float, str]] = {}
"""Servers that did not answer: when, and what they were told of."""


@contextlib.contextmanager
def hub_offline(offline: bool = True) -> Iterator[None]:
    """Within it, huggingface_hub and transformers answer from their cache or refuse.

    The environment variable is read once, when huggingface_hub is imported, which may have
    happened long ago: so its constant is set, and restored.
    """
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or offline
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


# ------------------------------------------------------------------------ the caches


def cached_file(repository: str, names: tuple[str, ...]) -> Path | None:
    """The first of these files of a hub repository that is in the cache."""
    from huggingface_hub import try_to_load_from_cache

    for name in names:
        path = try_to_load_from_cache(repository, name)
        if isinstance(path, str):
            return Path(path)
    return None


def cached_pretrained(tag: Mapping[str, Any]) -> Path | None:
    """The file of an open_clip pretrained tag, when it is in the cache."""
    if tag.get("hf_hub"):
        return cached_file(*_place(tag))
    path = _url_target(str(tag["url"]))
    return path if path.is_file() else None


def cached_repository(repository: str) -> Path | None:
    """The weights of a hub repository, when they and its configuration are in the cache."""
    if cached_file(repository, (HUB_CONFIG,)) is None:
        return None
    return cached_file(repository, HUB_WEIGHTS)


def _place(tag: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The repository of a pretrained tag, and the names that its file may have there."""
    repository, name = str(tag["hf_hub"]).rsplit("/", 1)
    return repository, _alternatives(name)


def _alternatives(name: str) -> tuple[str, ...]:
    """The names under which open_clip would take a file of the hub, in its order."""
    if name in ("", HUB_WEIGHTS[1]):
        return HUB_WEIGHTS
    if name.endswith((".bin", ".pth")):
        return (str(PurePosixPath(name).with_suffix(".safetensors")), name)
    return (name,)


def _url_target(url: str) -> Path:
    """Where open_clip keeps the file of a plain address."""
    return Path("~/.cache/clip").expanduser() / PurePosixPath(urlsplit(url).path).name


# ----------------------------------------------------------------- what is announced


def announced_pretrained(tag: Mapping[str, Any], *, what: str) -> RemoteFile:
    """The file of a pretrained tag as its server announces it; nothing of it is fetched.

    Raises :class:`WeightsUnavailable` when the server refuses, or does not answer.
    """
    if tag.get("hf_hub"):
        return _announced_by_hub(*_place(tag), what=what)
    return announced_by_url(str(tag["url"]), target=_url_target(str(tag["url"])), what=what)


def announced_repository(repository: str) -> RemoteFile:
    """The weights of a hub repository as the hub announces them.

    Raises :class:`WeightsUnavailable` when the hub refuses, or does not answer.
    """
    return _announced_by_hub(repository, HUB_WEIGHTS, what=f"{HUB}{repository}")


def announced_by_url(url: str, *, target: Path, what: str, sha256: str = "") -> RemoteFile:
    """A file at a plain address as its server announces it.

    Args:
        url: Its address.
        target: Where the library that reads it looks for it.
        what: What it is, for the errors.
        sha256: The first digits of its checksum; those in the address when it is not given.

    Raises:
        WeightsUnavailable: the server refuses, or does not answer.

    """
    from huggingface_hub import constants, get_session

    def ask() -> Any:
        answer = get_session().head(
            url,
            headers={"accept-encoding": "identity"},
            timeout=constants.HF_HUB_ETAG_TIMEOUT,
        )
        answer.raise_for_status()
        return answer

    with _asking(url, what):
        length = patiently(ask).headers.get("content-length")
    return RemoteFile(
        url=url,
        size=whole_number(length),
        digest=sha256 or digest_in_url(url),
        target=target,
        partial=target.with_name(f"{target.name}.fetched"),
    )


def digest_in_url(url: str) -> str:
    """The SHA-256, or its first digits, that an address holds; "" when it holds none.

    OpenAI's hold it as a folder, open_clip's and torchvision's as the end of the file's name.
    """
    path = PurePosixPath(urlsplit(url).path)
    for part in (path.parent.name, path.stem.rpartition("-")[2]):
        if re.fullmatch(r"[0-9a-f]{8}|[0-9a-f]{64}", part):
            return part
    return ""


def _announced_by_hub(repository: str, names: tuple[str, ...], *, what: str) -> RemoteFile:
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    with _asking(constants.ENDPOINT, what):
        name, found = _first_there(
            names,
            lambda name: get_hf_file_metadata(
                hf_hub_url(repository, name), timeout=constants.HF_HUB_ETAG_TIMEOUT
            ),
        )
    if not found.etag or not found.commit_hash:
        raise WeightsUnavailable(
            "the weights cannot be fetched: the server does not answer as a hub",
            where=what,
            remedy="check HF_ENDPOINT and the proxy, or give a local file",
            reason="unreachable",
        )
    cache, folder = Path(constants.HF_HUB_CACHE), f"models--{repository.replace('/', '--')}"
    return RemoteFile(
        url=hf_hub_url(repository, name, revision=found.commit_hash),
        size=found.size,
        digest=found.etag if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", found.etag) else "",
        target=cache / folder / "blobs" / found.etag,
        # Among the locks, where the hub's tools do not look for entries of the cache.
        partial=cache / ".locks" / folder / f"{found.etag}.veille.fetched",
        headers=build_hf_headers(),
    )


def _first_there(names: tuple[str, ...], ask: Any) -> tuple[str, Any]:
    """The first of these names that the hub has, and what it says of it."""
    *others, last = names
    for name in others:
        try:
            return name, patiently(partial(ask, name))
        except Exception as error:
            if http_status(error) != _NOT_FOUND:
                raise
    return last, patiently(partial(ask, last))


# --------------------------------------------------------------------- what is fetched


def fetch_pretrained(
    tag: Mapping[str, Any], *, what: str, offline: bool, progress: Progress = silent
) -> Path:
    """The file of an open_clip pretrained tag, downloaded when it is not in the cache.

    Raises :class:`WeightsUnavailable` when it cannot be had.
    """
    from open_clip import download_pretrained

    found = cached_pretrained(tag)
    if found is not None:
        return found
    if offline:
        raise not_cached(what)
    remote = announced_pretrained(tag, what=what)
    download(remote, what=what, progress=progress)
    with placed(remote, what=what):
        return Path(download_pretrained(dict(tag)))


def fetch_repository(repository: str, *, offline: bool, progress: Progress = silent) -> Path:
    """The weights of a hub repository, downloaded with its configuration when needed.

    Raises :class:`WeightsUnavailable` when they cannot be had.
    """
    from open_clip.pretrained import download_pretrained_from_hf

    found = cached_repository(repository)
    if found is not None:
        return found
    what = f"{HUB}{repository}"
    if offline:
        raise not_cached(what)
    config = _announced_by_hub(repository, (HUB_CONFIG,), what=what)
    weights = announced_repository(repository)
    for remote in (config, weights):
        download(remote, what=what, progress=progress)
    with placed(config, what=what):
        download_pretrained_from_hf(repository, filename=HUB_CONFIG)
    with placed(weights, what=what):
        return Path(download_pretrained_from_hf(repository))


def fetch_file(
    repository: str, names: tuple[str, ...], *, what: str, progress: Progress = silent
) -> Path:
    """The first of these files that a hub repository has, downloaded into the hub's cache.

    Raises :class:`WeightsUnavailable` when none can be had.
    """
    from huggingface_hub import hf_hub_download

    remote = _announced_by_hub(repository, names, what=what)
    download(remote, what=what, progress=progress)
    with placed(remote, what=what):
        return Path(hf_hub_download(repository, PurePosixPath(urlsplit(remote.url).path).name))


def require_hub(what: str) -> None:
    """Raises :class:`WeightsUnavailable` when the hub does not answer.

    One request, so that a dead network is known at once: huggingface_hub would try each file
    six times, half a minute for every file.
    """
    from huggingface_hub import constants, get_session

    with _asking(constants.ENDPOINT, what):
        get_session().head(constants.ENDPOINT, timeout=constants.HF_HUB_ETAG_TIMEOUT)


@contextlib.contextmanager
def _asking(url: str, what: str) -> Iterator[None]:
    """While a server is asked for the first time: a silent one is remembered for a while."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise WeightsUnavailable(
            "the weights are not in the cache and HF_HUB_OFFLINE forbids to fetch them",
            where=what,
            remedy="unset it, or give a local file",
            reason="offline",
        )
    host = urlsplit(url).netloc
    since, reason = _silent.get(host, (float("-inf"), ""))
    if time.monotonic() - since < SILENCE:
        raise _no_answer(host, reason, what)
    with told(what):
        try:
            yield
        except Exception as error:
            if not is_silence(error):
                raise
            words = re.sub(r"\[Errno [^]]*\] ", "", one_line(error, 80))
            reason = "in time" if "Timeout" in type(error).__name__ else f"({words})"
            _silent[host] = (time.monotonic(), reason)
            raise _no_answer(host, reason, what) from error


def _no_answer(host: str, reason: str, what: str) -> WeightsUnavailable:
    return WeightsUnavailable(
        f"the weights cannot be fetched: {host} does not answer {reason}",
        where=what,
        remedy="check the network, or give a local file",
        reason="unreachable",
    )


def not_cached(what: str) -> WeightsUnavailable:
    """The error of weights that are not here while the network may not be used."""
    return WeightsUnavailable(
        "the weights are not in the cache and --offline forbids to fetch them",
        where=what,
        remedy="run once without --offline, or give a local file",
        reason="offline",
    )
