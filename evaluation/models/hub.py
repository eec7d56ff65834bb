"""Pretrained weights that are fetched: what is in the caches, and what the servers announce.

The caches are those of the libraries (``HF_HOME``, ``~/.cache/clip``), shared with every
other tool that uses them; the server is the one of ``HF_ENDPOINT``.  A large file is fetched
by ``net.announced``, which resumes and checks it, and then lies where its library looks for it.
"""

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from evaluation.errors import WeightsUnavailable, one_line
from evaluation.models.base import READY, Loading
from evaluation.net.announced import (
    RemoteFile,
    download,
    http_status,
    is_silence,
    patiently,
    placed,
    told,
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
    cached: Callable[[], Path | None]
    """The file, when it is in the cache."""
    announced: Callable[[], RemoteFile]
    """What its server says of it; raises :class:`WeightsUnavailable` when it does not answer."""
    settle: Callable[[RemoteFile], Path]
    """Has the library make its entry of what was fetched."""
    size: int | None = None
    """Bytes, where its library says it without asking."""

    def availability(self, *, offline: bool) -> Availability:
        """Whether it is here; otherwise its server is asked how large it is.

        Raises :class:`WeightsUnavailable` when it may not be asked, or does not answer.
        """
        if self.cached() is not None:
            return READY
        if offline:
            raise self._not_here()
        return Availability(
            ready=False,
            reason="not in the cache; the first run fetches it",
            download_bytes=self.size or self.announced().size,
        )

    def fetch(self, loading: Loading) -> Path:
        """The file, downloaded when it is not in the cache.

        Raises :class:`WeightsUnavailable` when it cannot be had.
        """
        found = self.cached()
        if found is not None:
            return found
        if loading.offline:
            raise self._not_here()
        remote = self.announced()
        download(remote, what=self.what, progress=loading.progress)
        with placed(remote, what=self.what):
            return self.settle(remote)

    def _not_here(self) -> WeightsUnavailable:
        return WeightsUnavailable(
            "the weights are not in the cache and --offline forbids to fetch them",
            where=self.what,
            remedy="run once with the network, or give a local file",
            reason="offline",
        )


def of_hub(repository: str, names: tuple[str, ...], *, what: str) -> Published:
    """The first of these files that a repository of the hub has."""

    def settle(remote: RemoteFile) -> Path:
        from huggingface_hub import hf_hub_download

        return Path(hf_hub_download(repository, PurePosixPath(urlsplit(remote.url).path).name))

    return Published(
        what=what,
        cached=lambda: cached_file(repository, names),
        announced=lambda: _announced_by_hub(repository, names, what=what),
        settle=settle,
    )


def of_url(url: str, *, target: Path, what: str, size: int | None = None) -> Published:
    """A file at a plain address, which its library looks for at ``target``."""
    return Published(
        what=what,
        cached=lambda: target if target.is_file() else None,
        announced=lambda: announced_by_url(url, target=target, what=what),
        settle=lambda remote: remote.place,
        size=size,
    )


def of_tag(tag: Mapping[str, Any], *, what: str) -> Published:
    """The file of an open_clip pretrained tag."""
    if tag.get("hf_hub"):
        repository, name = str(tag["hf_hub"]).rsplit("/", 1)
        return of_hub(repository, _alternatives(name), what=what)
    url = str(tag["url"])
    name = PurePosixPath(urlsplit(url).path).name
    return of_url(url, target=Path("~/.cache/clip").expanduser() / name, what=what)


def of_repository(repository: str) -> Published:
    """The weights of a repository of the hub, of which open_clip reads a configuration too."""
    what = f"{HUB}{repository}"
    config = of_hub(repository, (HUB_CONFIG,), what=what)
    weights = of_hub(repository, HUB_WEIGHTS, what=what)

    def announced() -> RemoteFile:
        if config.cached() is None:
            config.announced()  # without one, nothing need be fetched
        return weights.announced()

    def settle(remote: RemoteFile) -> Path:
        config.fetch(Loading(cache=remote.place.parent))
        return weights.settle(remote)

    return replace(
        weights,
        cached=lambda: weights.cached() if config.cached() else None,
        announced=announced,
        settle=settle,
    )


def _alternatives(name: str) -> tuple[str, ...]:
    """The names under which open_clip would take a file of the hub, in its order."""
    if name in ("", HUB_WEIGHTS[1]):
        return HUB_WEIGHTS
    if name.endswith((".bin", ".pth")):
        return (str(PurePosixPath(name).with_suffix(".safetensors")), name)
    return (name,)


# ----------------------------------------------------------------- what is announced


def announced_by_url(url: str, *, target: Path, what: str) -> RemoteFile:
    """A file at a plain address as its server announces it; its checksum is in the address.

    Raises :class:`WeightsUnavailable` when the server refuses, or does not answer.
    """
    from huggingface_hub import constants, get_session

    def ask() -> Any:
        answer = get_session().head(
            url, headers={"accept-encoding": "identity"}, timeout=constants.HF_HUB_ETAG_TIMEOUT
        )
        answer.raise_for_status()
        return answer

    with _asking(url, what):
        length = patiently(ask).headers.get("content-length")
    return RemoteFile(
        url=url,
        size=whole_number(length),
        digest=digest_in_url(url),
        place=target,
        target=target.with_name(f"{target.name}.fetched"),
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
        place=cache / folder / "blobs" / found.etag,
        # Among the locks, where the hub's tools do not look for entries of the cache.
        target=cache / ".locks" / folder / f"{found.etag}.veille.fetched",
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
