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
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from evaluation.errors import Reason, WeightsUnavailable, one_line
from evaluation.models.base import READY, Loading
from evaluation.net import announced
from evaluation.net.announced import RemoteFile
from evaluation.net.transport import whole_number
from evaluation.records import Availability
from evaluation.records.base import Record

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
_switching = threading.Lock()
_switched: list[bool] = []
"""What the hub's switch was before each :func:`hub_offline` that is not over."""


@contextlib.contextmanager
def hub_offline() -> Iterator[None]:
    """Within it, huggingface_hub and transformers answer from their cache or refuse.

    The environment variable is read once, when huggingface_hub is imported, which may have
    happened long ago: so its constant is set, and restored.
    """
    from huggingface_hub import constants

    with _switching:
        _switched.append(constants.HF_HUB_OFFLINE)
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        with _switching:  # threads leave in any order: the last one out restores the first value
            constants.HF_HUB_OFFLINE = _switched.pop()


# ----------------------------------------------------------------- published weights


class Published(Record):
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

    def _here(self, *, offline: bool) -> Path | None:
        path = self.cached()
        if path is None and offline:
            raise _refused(self.what, "offline", "--offline", "run once with the network")
        return path

    def availability(self, *, offline: bool) -> Availability:
        """Whether it is here; otherwise its server is asked how large it is.

        Raises :class:`WeightsUnavailable` when it may not be asked, or does not answer.
        """
        if self._here(offline=offline) is not None:
            return READY
        return Availability(
            ready=False,
            reason="not in the cache; the first run fetches it",
            download_bytes=self.size or self.announced().size,
        )

    def fetch(self, loading: Loading) -> Path:
        """The file, downloaded when it is not in the cache.

        Raises :class:`WeightsUnavailable` when it cannot be had.
        """
        if (path := self._here(offline=loading.offline)) is not None:
            return path
        remote = self.announced()
        with announced.placed(remote, what=self.what, progress=loading.progress):
            return self.settled(remote)


class HubFile(Published):
    """The first of some files that a repository of the hub has."""

    repository: str
    names: tuple[str, ...] = HUB_WEIGHTS
    config: HubFile | None = None
    """What open_clip reads beside it; without one, nothing need be fetched."""

    def cached(self) -> Path | None:
        """See :class:`Published`."""
        from huggingface_hub import try_to_load_from_cache

        if self.config is not None and self.config.cached() is None:
            return None
        paths = (try_to_load_from_cache(self.repository, name) for name in self.names)
        return next((Path(path) for path in paths if isinstance(path, str)), None)

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
        ask = partial(get_hf_file_metadata, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        with _asking(constants.ENDPOINT, self.what):
            for name in self.names:
                try:
                    head = announced.patiently(partial(ask, hf_hub_url(self.repository, name)))
                    break
                except Exception as error:
                    if name == self.names[-1] or announced.http_status(error) != _NOT_FOUND:
                        raise
        if not head.etag or not head.commit_hash:
            trouble = "the server does not answer as a hub"
            raise _refused(self.what, "unreachable", trouble, "check HF_ENDPOINT and the proxy")
        cache = Path(constants.HF_HUB_CACHE)
        folder = f"models--{self.repository.replace('/', '--')}"
        return RemoteFile(
            url=hf_hub_url(self.repository, name, revision=head.commit_hash),
            size=head.size,
            digest=head.etag if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", head.etag) else "",
            place=cache / folder / "blobs" / head.etag,
            # Among the locks, where the hub's tools do not look for entries of the cache.
            target=cache / ".locks" / folder / f"{head.etag}.veille.fetched",
            headers=build_hf_headers(),
        )


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

        head = partial(get_session().head, self.url, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        plain = {"accept-encoding": "identity"}
        with _asking(self.url, self.what):
            answer = announced.patiently(lambda: head(headers=plain).raise_for_status())
        return RemoteFile(
            url=self.url,
            size=whole_number(answer.headers.get("content-length")),
            digest=digest_in_url(self.url),
            place=self.target,
            target=self.target.with_name(f"{self.target.name}.fetched"),
        )


def digest_in_url(url: str) -> str:
    """The SHA-256, or its first digits, that an address holds; "" when it holds none.

    OpenAI's hold it as a folder, open_clip's and torchvision's as the end of the file's name.
    """
    match = re.search(r"[/-]([0-9a-f]{8}|[0-9a-f]{64})(/[^/]+|\.\w+)?$", urlsplit(url).path)
    return match[1] if match else ""


# ------------------------------------------------------------------------ asking


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
        raise _refused(what, "offline", "HF_HUB_OFFLINE", "unset it")
    host = urlsplit(url).netloc
    since, silence = _silent.get(host, (float("-inf"), ""))
    if time.monotonic() - since >= SILENCE:
        with announced.fetching(what):
            try:
                yield
            except Exception as error:
                if not announced.is_silence(error):
                    raise
                words = re.sub(r"\[Errno [^]]*\] ", "", one_line(error, 80))
                silence = "in time" if "Timeout" in type(error).__name__ else f"({words})"
                _silent[host] = (time.monotonic(), silence)
            else:
                return
    raise _refused(what, "unreachable", f"{host} does not answer {silence}", "check the network")


def _refused(what: str, reason: Reason, trouble: str, remedy: str) -> WeightsUnavailable:
    """Of a server that cannot be asked, or of a switch that forbids it (``trouble``)."""
    text = f"the weights cannot be fetched: {trouble}"
    if reason == "offline":
        text = f"the weights are not in the cache and {trouble} forbids to fetch them"
    remedy = f"{remedy}, or give a local file"
    return WeightsUnavailable(text, where=what, remedy=remedy, reason=reason)
