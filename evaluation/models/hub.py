"""Pretrained weights that are fetched: what is in the caches, and what the servers announce.

The caches are those of the libraries (``HF_HOME``, ``~/.cache/clip``), shared with every
other tool that uses them; the server is the one of ``HF_ENDPOINT``.  A large file is fetched
by ``net.announced``, which resumes and checks it, and then lies where its library looks for it.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from evaluation.errors import WeightsUnavailable, one_line
from evaluation.models.base import READY, Loading
from evaluation.net.announced import (
    RemoteFile,
    download,
    fetching,
    http_status,
    is_silence,
    patiently,
    placed,
)
from evaluation.net.transport import whole_number
from evaluation.records import Availability

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
def hub_offline() -> Iterator[None]:
    """Within it, huggingface_hub and transformers answer from their cache or refuse.

    The environment variable is read once, when huggingface_hub is imported, which may have
    happened long ago: so its constant is set, and restored.
    """
    from huggingface_hub import constants

    with _offline.lock:
        if not _offline.inside:
            _offline.before = constants.HF_HUB_OFFLINE
        _offline.inside += 1
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        with _offline.lock:
            _offline.inside -= 1
            if not _offline.inside:
                constants.HF_HUB_OFFLINE = _offline.before


@dataclass(slots=True)
class _Offline:
    """Who is within :func:`hub_offline`: threads come and go in any order."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    inside: int = 0
    before: bool = False


_offline = _Offline()


# ------------------------------------------------------------------------ the caches


def cached_file(repository: str, names: tuple[str, ...]) -> Path | None:
    """The first of these files of a hub repository that is in the cache."""
    from huggingface_hub import try_to_load_from_cache

    for name in names:
        path = try_to_load_from_cache(repository, name)
        if isinstance(path, str):
            return Path(path)
    return None


# ----------------------------------------------------------------- published weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A file of weights that someone publishes, in the cache of the library that reads it."""

    what: str
    """As messages name it."""
    size: int | None = None
    """Bytes, where its library says it without asking."""

    @abstractmethod
    def cached(self) -> Path | None:
        """The file, when it is in the cache."""

    @abstractmethod
    def announced(self) -> RemoteFile:
        """What its server says of it.

        Raises :class:`WeightsUnavailable` when the server refuses, or does not answer.
        """

    def settled(self, remote: RemoteFile) -> Path:
        """The file, once its library has made its entry of what was fetched."""
        return remote.place

    def availability(self, *, offline: bool) -> Availability:
        """Whether it is here; otherwise its server is asked how large it is.

        Raises :class:`WeightsUnavailable` when it may not be asked, or does not answer.
        """
        if self.cached() is not None:
            return READY
        if offline:
            raise _offline_error(self.what, "--offline", "run once with the network")
        return Availability(
            ready=False,
            reason="not in the cache; the first run fetches it",
            download_bytes=self.size or self.announced().size,
        )

    def fetch(self, loading: Loading) -> Path:
        """The file, downloaded when it is not in the cache.

        Raises :class:`WeightsUnavailable` when it cannot be had.
        """
        if (path := self.cached()) is not None:
            return path
        if loading.offline:
            raise _offline_error(self.what, "--offline", "run once with the network")
        remote = self.announced()
        download(remote, what=self.what, progress=loading.progress)
        with placed(remote, what=self.what):
            return self.settled(remote)


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile(Published):
    """The first of some files that a repository of the hub has."""

    repository: str
    names: tuple[str, ...] = HUB_WEIGHTS
    config: HubFile | None = None
    """What open_clip reads beside it; without one, nothing need be fetched."""

    def cached(self) -> Path | None:
        """See :class:`Published`."""
        if self.config is not None and self.config.cached() is None:
            return None
        return cached_file(self.repository, self.names)

    def settled(self, remote: RemoteFile) -> Path:
        """See :class:`Published`."""
        from huggingface_hub import hf_hub_download

        if self.config is not None:
            self.config.fetch(Loading(cache=remote.place.parent))
        name = PurePosixPath(urlsplit(remote.url).path).name
        return Path(hf_hub_download(self.repository, name))

    def announced(self) -> RemoteFile:
        """See :class:`Published`."""
        from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

        if self.config is not None and self.config.cached() is None:
            self.config.announced()
        with _asking(constants.ENDPOINT, self.what):
            name, head = _first_there(
                self.names,
                lambda name: get_hf_file_metadata(
                    hf_hub_url(self.repository, name), timeout=constants.HF_HUB_ETAG_TIMEOUT
                ),
            )
        if not head.etag or not head.commit_hash:
            raise WeightsUnavailable(
                "the weights cannot be fetched: the server does not answer as a hub",
                where=self.what,
                remedy="check HF_ENDPOINT and the proxy, or give a local file",
                reason="unreachable",
            )
        cache, folder = (
            Path(constants.HF_HUB_CACHE),
            f"models--{self.repository.replace('/', '--')}",
        )
        return RemoteFile(
            url=hf_hub_url(self.repository, name, revision=head.commit_hash),
            size=head.size,
            digest=head.etag if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", head.etag) else "",
            place=cache / folder / "blobs" / head.etag,
            # Among the locks, where the hub's tools do not look for entries of the cache.
            target=cache / ".locks" / folder / f"{head.etag}.veille.fetched",
            headers=build_hf_headers(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainFile(Published):
    """A file at a plain address, whose checksum is in the address."""

    url: str
    target: Path
    """Where its library looks for it."""

    def cached(self) -> Path | None:
        """See :class:`Published`."""
        return self.target if self.target.is_file() else None

    def announced(self) -> RemoteFile:
        """See :class:`Published`."""
        from huggingface_hub import constants, get_session

        def ask() -> Any:
            answer = get_session().head(
                self.url,
                headers={"accept-encoding": "identity"},
                timeout=constants.HF_HUB_ETAG_TIMEOUT,
            )
            answer.raise_for_status()
            return answer

        with _asking(self.url, self.what):
            length = patiently(ask).headers.get("content-length")
        return RemoteFile(
            url=self.url,
            size=whole_number(length),
            digest=digest_in_url(self.url),
            place=self.target,
            target=self.target.with_name(f"{self.target.name}.fetched"),
        )


def alternatives(name: str) -> tuple[str, ...]:
    """The names under which open_clip would take a file of the hub, in its order."""
    if name in ("", HUB_WEIGHTS[1]):
        return HUB_WEIGHTS
    if name.endswith((".bin", ".pth")):
        return (str(PurePosixPath(name).with_suffix(".safetensors")), name)
    return (name,)


# ----------------------------------------------------------------- what is announced


def digest_in_url(url: str) -> str:
    """The SHA-256, or its first digits, that an address holds; "" when it holds none.

    OpenAI's hold it as a folder, open_clip's and torchvision's as the end of the file's name.
    """
    path = PurePosixPath(urlsplit(url).path)
    for part in (path.parent.name, path.stem.rpartition("-")[2]):
        if re.fullmatch(r"[0-9a-f]{8}|[0-9a-f]{64}", part):
            return part
    return ""


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
        raise _offline_error(what, "HF_HUB_OFFLINE", "unset it")
    host = urlsplit(url).netloc
    since, reason = _silent.get(host, (float("-inf"), ""))
    if time.monotonic() - since < SILENCE:
        raise _no_answer(host, reason, what)
    with fetching(what):
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


def _offline_error(what: str, switch: str, remedy: str) -> WeightsUnavailable:
    return WeightsUnavailable(
        f"the weights are not in the cache and {switch} forbids to fetch them",
        where=what,
        remedy=f"{remedy}, or give a local file",
        reason="offline",
    )
