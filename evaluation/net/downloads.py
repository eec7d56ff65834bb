"""One file from the network: resumed after a cut, checked, and put in its place when whole.

The transfer is huggingface_hub's own (``http_get``: its proxies, its retries, its timeouts).
What it leaves out is added here: a partial file that the next run goes on from, a checksum,
and a name that no library would take for a finished file until it is one.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from evaluation.errors import WeightsUnavailable, one_line
from evaluation.records.base import silent

Progress = Callable[[str, int, int], None]
"""Called with what is being fetched, how many megabytes came, and how many there are."""

WAITS = (0.5, 2.0)
"""Seconds before a server that says 500 is asked again."""
MEGABYTE = 1_000_000
_SERVER_ERROR = 500
_STARTS_OVER = 3
"""A server that cuts and cannot resume sends the same bytes again: this many times the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file as its server announces it, before anything of it is fetched."""

    url: str
    size: int | None
    """Bytes; None when the server does not say."""
    digest: str
    """Its SHA-256 or git SHA-1 (hexadecimal), or the first digits of a SHA-256; "" if unknown."""
    target: Path
    """Where the library that will read it looks for it."""
    partial: Path
    """Where it is kept until it is whole, on the same file system."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the request: the user's token goes to the hub and to nobody else."""


def download(remote: RemoteFile, *, what: str, progress: Progress = silent) -> Path:
    """Fetches a file whole, going on from an earlier attempt; :func:`placed` puts it in place.

    Returns where it is: its place when it was there already, or the partial file, complete.

    Raises:
        WeightsUnavailable: it did not come whole; what came is kept for the next attempt,
            unless its checksum is wrong.

    """
    from filelock import FileLock  # noqa: PLC0415 - not in the site's environment

    with told(what):
        remote.partial.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{remote.partial}.lock"):
            if remote.target.is_file():
                return remote.target
            _transfer(remote, what, progress)
            _check(remote, what)
    return remote.partial


@contextlib.contextmanager
def placed(remote: RemoteFile, *, what: str) -> Iterator[None]:
    """While a library makes an entry of its cache of a file that was fetched.

    The library may ask its server once more.  If that fails, the file is taken back, so that
    the cache holds nothing that the library would not have put there.
    """
    fresh = not remote.target.is_file()
    with told(what):
        if fresh:
            remote.target.parent.mkdir(parents=True, exist_ok=True)
            remote.partial.replace(remote.target)
        try:
            yield
        except BaseException:
            if fresh and remote.target.is_file():
                remote.target.replace(remote.partial)
                _remove_empty(remote.target.parent, remote.target.parent.parent)
            raise


def _remove_empty(*folders: Path) -> None:
    with contextlib.suppress(OSError):  # one that is not empty stays, and so do those around it
        for folder in folders:
            folder.rmdir()


def patiently(ask: Callable[[], Any]) -> Any:
    """What ``ask`` returns; asked again, a little later, when the server says 500 and above."""
    for wait in WAITS:
        try:
            return ask()
        except Exception as error:  # the transport's own kinds
            if (http_status(error) or 0) < _SERVER_ERROR:
                raise
            time.sleep(wait)
    return ask()


def _transfer(remote: RemoteFile, what: str, progress: Progress) -> None:
    from huggingface_hub.file_download import http_get  # noqa: PLC0415 - slow to import

    if _size(remote.partial) > (remote.size or 0) and remote.size is not None:
        remote.partial.unlink()  # of another version of the file
    label = f"downloading {what} (MB)"

    def attempt() -> None:
        start = _size(remote.partial)
        with remote.partial.open("r+b" if start else "wb") as file, _silenced():
            file.seek(start)
            http_get(
                remote.url,
                # It only seeks, tells, truncates and writes.
                _Watched(file, remote.size, lambda done, total: progress(label, done, total)),  # type: ignore[arg-type]
                resume_size=start,
                headers={**remote.headers, "accept-encoding": "identity"},
                expected_size=remote.size,
                displayed_filename=what,
            )

    patiently(attempt)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


class _Watched:
    """A file that tells how much of it there is, and when the same bytes come for ever."""

    def __init__(
        self, file: IO[bytes], size: int | None, advance: Callable[[int, int], None]
    ) -> None:
        self._file = file
        self._size = size
        self._advance = advance
        self._received = 0
        self.tell, self.seek, self.truncate = file.tell, file.seek, file.truncate

    def write(self, chunk: bytes) -> int:
        written = self._file.write(chunk)
        self._received += written
        if self._size is not None:
            if self._received > _STARTS_OVER * self._size:
                raise OSError("the server cuts the file and cannot resume it")
            self._advance(self._file.tell() // MEGABYTE, max(1, self._size // MEGABYTE))
        return written


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Without huggingface_hub's own bar and retry messages: progress and errors are told here."""
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # noqa: PLC0415 - slow to import
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )
    from huggingface_hub.utils import logging as hub_logging  # noqa: PLC0415

    verbosity, bars = hub_logging.get_verbosity(), not are_progress_bars_disabled()
    hub_logging.set_verbosity(logging.ERROR)
    if bars:
        disable_progress_bars()
    try:
        yield
    finally:
        hub_logging.set_verbosity(verbosity)
        if bars:
            enable_progress_bars()


# ------------------------------------------------------------------------ checksum


_GIT_DIGITS = 40
"""Of a git object's SHA-1, which the hub announces for small files."""


def _check(remote: RemoteFile, what: str) -> None:
    """Raises, and throws the file away, when it is not what was announced."""
    if remote.digest and not _file_digest(remote.partial, remote.digest).startswith(remote.digest):
        remote.partial.unlink()
        raise WeightsUnavailable(
            "what came has another checksum than the one announced; it was thrown away",
            where=what,
            remedy="run again; if it says so again, the server or a proxy alters the file",
        )


def _file_digest(path: Path, like: str) -> str:
    with path.open("rb") as file:
        if len(like) != _GIT_DIGITS:
            return hashlib.file_digest(file, "sha256").hexdigest()
        # git's name of a blob, not a security measure: size and SHA-256 are what large files have.
        blob = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        while chunk := file.read(MEGABYTE):
            blob.update(chunk)
        return blob.hexdigest()


# -------------------------------------------------------------------------- errors


def http_status(error: BaseException) -> int | None:
    """The HTTP status of an error of huggingface_hub or of its transport, if it has one."""
    code = getattr(getattr(error, "response", None), "status_code", None)
    return code if isinstance(code, int) else None


def is_silence(error: BaseException) -> bool:
    """Whether nobody answered at all, as opposed to a refusal."""
    transport = type(error).__module__.partition(".")[0].rstrip("2")
    return http_status(error) is None and (
        transport in ("httpx", "httpcore", "requests", "urllib")
        or isinstance(error, (ConnectionError, TimeoutError))
    )


@contextlib.contextmanager
def told(what: str) -> Iterator[None]:
    """Turns what the libraries raise into one line of :class:`WeightsUnavailable`."""
    try:
        yield
    except WeightsUnavailable:
        raise
    except Exception as error:  # the libraries raise their own, their transport's, and OSError
        reason, remedy = _reason(error)
        raise WeightsUnavailable(
            f"the weights cannot be fetched: {reason}", where=what, remedy=remedy
        ) from error


_LOCAL = "or give a local file"
_STATUS = {
    401: (
        "the server refuses (HTTP 401): no such repository, or a private or gated one",
        f"check its name; if it is gated, accept its terms on its page and set HF_TOKEN, {_LOCAL}",
    ),
    403: (
        "the server forbids it (HTTP 403)",
        f"accept the model's terms on its page and set HF_TOKEN, {_LOCAL}",
    ),
    404: ("there is no such repository or file (HTTP 404)", f"check its name, {_LOCAL}"),
    429: ("the server is asked too often (HTTP 429)", f"try again later, {_LOCAL}"),
}


def _reason(error: Exception) -> tuple[str, str]:
    """What happened, and the remedy."""
    status = http_status(error)
    if status is not None:
        trouble = f"the server is in trouble (HTTP {status})"
        return _STATUS.get(
            status, (trouble, f"try again later, or another server with HF_ENDPOINT, {_LOCAL}")
        )
    again = f"run again: it goes on from what came, {_LOCAL}"
    if "Timeout" in type(error).__name__:
        return "the server does not answer in time", f"check the network, {_LOCAL}"
    if "RemoteProtocol" in type(error).__name__ or "Consistency check" in str(error):
        return "the connection was cut before the end", again
    if "cannot resume" in str(error):
        return str(error), f"try another server with HF_ENDPOINT, {_LOCAL}"
    if isinstance(error, OSError) and error.errno is not None and not is_silence(error):
        return os.strerror(error.errno), "check the free space and the permissions of the cache"
    return one_line(error), f"check the network, {_LOCAL}"
