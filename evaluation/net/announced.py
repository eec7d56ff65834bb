"""One file from the network: resumed after a cut, checked, and put in its place when whole.

What a server announces of a pretrained model's file is held against what comes, and the file
has a name that no library would take for a finished one until it is one.
"""

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluation.errors import DownloadError, WeightsUnavailable, one_line
from evaluation.net.download import Wanted, download
from evaluation.records.base import silent

Progress = Callable[[str, int, int], None]
"""Called with what is being fetched, how many megabytes came, and how many there are."""

WAITS = (0.5, 2.0)
"""Seconds before a server that says 500 is asked again."""
MEGABYTE = 1_000_000
_SERVER_ERROR = 500
_GIT_DIGITS = 40
"""Of a git object's SHA-1, which the hub announces for small files."""
LARGEST = 64 << 30
"""Bytes beyond which nothing is fetched: no published model is that large."""


class RemoteFile(Wanted):
    """A file as its server announces it, before anything of it is fetched.

    Its ``target`` keeps it until a library puts it in its ``place``, on the same file system.  The
    user's token is in the headers of the hub, and of nobody else.
    """

    digest: str
    """Its SHA-256 or git SHA-1 (hexadecimal), or the first digits of a SHA-256; "" if unknown."""
    place: Path
    """Where the library that will read it looks for it."""
    largest: int = LARGEST


@contextlib.contextmanager
def placed(remote: RemoteFile, *, what: str, progress: Progress = silent) -> Iterator[None]:
    """While a library makes an entry of its cache of a file, which is fetched whole and in place.

    What an earlier attempt left is not fetched again.  The library may ask its server once more.
    If that fails, the file is taken back, so that the cache holds nothing that the library would
    not have put there.

    Raises :class:`WeightsUnavailable`: it did not come whole; what came is kept for the next
    attempt, unless its checksum is wrong.
    """
    from filelock import FileLock
    from huggingface_hub import constants

    with fetching(what):
        remote.target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{remote.target}.lock"):
            fresh = not remote.place.is_file()
            # An earlier run may have fetched it, and a library not put it in its place.
            here = remote.target.stat().st_size if remote.target.is_file() else None
            if fresh and (here is None or remote.size not in (None, here)):
                label, total = f"downloading {what} (MB)", max(1, (remote.size or 0) // MEGABYTE)
                wanted = replace(remote, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT)
                download(wanted, progress=lambda done, _: progress(label, done // MEGABYTE, total))
            if fresh and remote.digest:
                _check(remote, what)
        if fresh:
            remote.place.parent.mkdir(parents=True, exist_ok=True)
            remote.target.replace(remote.place)
        try:
            yield
        except BaseException:
            if fresh and remote.place.is_file():
                remote.place.replace(remote.target)
                with contextlib.suppress(OSError):  # a folder that is not empty stays
                    remote.place.parent.rmdir()
                    remote.place.parent.parent.rmdir()
            raise


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


def _check(remote: RemoteFile, what: str) -> None:
    """Raises, and throws the file away, when it is not what was announced."""
    algorithm, start = "sha256", b""
    if len(remote.digest) == _GIT_DIGITS:
        # git's name of a blob, not a security measure: size and SHA-256 are what large files have.
        algorithm, start = "sha1", b"blob %d\0" % remote.target.stat().st_size
    digest = hashlib.new(algorithm, start, usedforsecurity=False)
    with remote.target.open("rb") as file:
        while chunk := file.read(MEGABYTE):
            digest.update(chunk)
    if not digest.hexdigest().startswith(remote.digest):
        remote.target.unlink()
        raise WeightsUnavailable(
            "what came has another checksum than the one announced; it was thrown away",
            where=what,
            remedy="run again; if it says so again, the server or a proxy alters the file",
            reason="altered",
        )


def http_status(error: BaseException) -> int | None:
    """The HTTP status of an error of huggingface_hub or of a transport, if it has one."""
    if isinstance(error, DownloadError):
        return error.status
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
def fetching(what: str) -> Iterator[None]:
    """Turns what the libraries raise into one line of :class:`WeightsUnavailable`."""
    try:
        yield
    except WeightsUnavailable:
        raise
    except Exception as error:  # the libraries raise their own, their transport's, and OSError
        status, said, remedy = http_status(error), one_line(error), "check the network"
        local = ", or give a local file"
        if status is not None:
            trouble = f"the server is in trouble (HTTP {status})"
            another = "try again later, or another server with HF_ENDPOINT"
            said, remedy = _STATUS.get(status, (trouble, another))
        elif isinstance(error, DownloadError):
            said, remedy = error.what, error.remedy or remedy
        elif "Timeout" in type(error).__name__:
            said = "the server does not answer in time"
        elif isinstance(error, OSError) and error.errno is not None and not is_silence(error):
            said = os.strerror(error.errno)
            remedy, local = "check the free space and the permissions of the cache", ""
        raise WeightsUnavailable(
            f"the weights cannot be fetched: {said}",
            where=what,
            remedy=remedy + local,
            reason="unreachable",
        ) from error


_STATUS = {
    401: (
        "the server refuses (HTTP 401): no such repository, or a private or gated one",
        "check its name; if it is gated, accept its terms on its page and set HF_TOKEN",
    ),
    403: (
        "the server forbids it (HTTP 403)",
        "accept the model's terms on its page and set HF_TOKEN",
    ),
    404: ("there is no such repository or file (HTTP 404)", "check its name"),
    429: ("the server is asked too often (HTTP 429)", "try again later"),
}
"""What happened, and the remedy."""
