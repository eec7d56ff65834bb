"""Fetching one large file over HTTP, resumed where an earlier attempt was cut.

The standard library's client: what the tree has beside it (huggingface_hub, torch.hub) comes
with the ``eval`` extra, which fetching photos does not need, and neither resumes an arbitrary
address in a later run.  Proxies are those of the environment (``HTTPS_PROXY``…).
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from evaluation.errors import DataError
from evaluation.records.base import Progress

CHUNK = 1 << 18
"""Bytes read at a time."""
TIMEOUT = 30.0
"""Seconds without a byte after which the server is taken for gone."""
PAUSES = (1.0, 3.0, 9.0)
"""Seconds before each new attempt; an attempt that brought ``HEADWAY`` starts them again."""
HEADWAY = 1 << 20
LARGEST = 8 << 30
"""Bytes beyond which nothing is fetched: no data set of photos is meant to be that large."""

Announce = Callable[[int | None, int], None]
"""Told the size of the whole file (None when the server does not say) and what is here of it."""


class _Interrupted(Exception):
    """An attempt that another one may complete; its text says what happened."""


class Part:
    """What is here of a file, and which version of it: ``NAME.part`` and ``NAME.part.json``.

    A later attempt goes on from it only when the server still has that very version (its
    entity tag or its date), which the ``If-Range`` header asks for.
    """

    def __init__(self, target: Path, url: str) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._origin = target.with_name(f"{target.name}.part.json")
        self._url = url

    @property
    def size(self) -> int:
        """Bytes that are here."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    @property
    def validator(self) -> str | None:
        """The entity tag or date of the version that is here; None when it is of no use."""
        try:
            origin = json.loads(self._origin.read_text(encoding="utf-8"))
            if origin["url"] != self._url:
                return None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return str(origin["validator"]) if origin.get("validator") else None

    def open(self, start: int, validator: str | None) -> BinaryIO:
        """The file, to write from ``start`` on."""
        with writing(self.path):
            if start == 0:
                self.drop()
                text = json.dumps({"url": self._url, "validator": validator})
                self._origin.write_text(text, encoding="utf-8")
            return self.path.open("ab" if start else "wb")

    def drop(self) -> None:
        """Forgets what is here."""
        with writing(self.path):
            self.path.unlink(missing_ok=True)
            self._origin.unlink(missing_ok=True)

    def finish(self) -> None:
        """Gives the complete file its name."""
        with writing(self.target):
            self.path.replace(self.target)
            self._origin.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(where: Path) -> Iterator[None]:
    """Turns what the disk refuses into one line."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise DataError(
            "the disk is full" if full else f"cannot be written ({error.strerror or error})",
            where=where,
            remedy="free some space, then run again: what is here is kept"
            if full
            else "make the folder writable, or choose another with --root",
        ) from error


def download(
    url: str,
    target: Path,
    *,
    announce: Announce | None = None,
    progress: Progress | None = None,
    pauses: Sequence[float] = PAUSES,
) -> None:
    """Fetches a file; what an earlier call left of it is not fetched again.

    Args:
        url: http or https.
        target: Where the complete file goes, at once.
        announce: Told the size before the first byte is read.
        progress: Told how many bytes are here, of how many (0 when that is not known).
        pauses: Seconds before each new attempt after a cut, a timeout or a 5xx.

    Raises:
        DataError: The server refuses, does not answer, or stops for good; the disk is full.

    """
    part = Part(target, url)
    failures = 0
    while True:
        before = part.size
        try:
            _attempt(url, part, announce, progress)
        except _Interrupted as error:
            failures = 0 if part.size - before >= HEADWAY else failures
            if failures == len(pauses):
                kept = f" after {part.size / 1e6:.1f} MB" if part.size else ""
                raise DataError(
                    f"the download stopped{kept} ({error})",
                    where=url,
                    remedy="check the network and run again: it goes on from there"
                    if part.size
                    else "check the network, or fetch it otherwise and give the file",
                ) from error
            time.sleep(pauses[failures])
            failures += 1
        else:
            part.finish()
            return


def _attempt(url: str, part: Part, announce: Announce | None, progress: Progress | None) -> None:
    request = urllib.request.Request(  # noqa: S310 - the opener knows http and https alone
        url, headers={"User-Agent": "veille-clip", "Accept-Encoding": "identity"}
    )
    if part.size and part.validator:
        request.add_header("Range", f"bytes={part.size}-")
        request.add_header("If-Range", part.validator)
    with _told(url, part), _opener().open(request, timeout=TIMEOUT) as response:
        done, total = _extent(response, part)
        _refuse_size(url, part, done, total)
        if announce is not None:
            announce(total, done)
        with part.open(done, _validator(response)) as file:
            while chunk := response.read(CHUNK):
                with writing(part.path):
                    file.write(chunk)
                done += len(chunk)
                _refuse_size(url, part, done, None)
                if progress is not None:
                    progress(done, total or 0)
            with writing(part.path):
                file.flush()
    if total is not None and done < total:
        raise _Interrupted(f"cut at {done / 1e6:.1f} of {total / 1e6:.1f} MB")


def _opener() -> urllib.request.OpenerDirector:
    """An opener of http and https: a redirection to a local file or to FTP leads nowhere."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener


def _extent(response: http.client.HTTPResponse, part: Part) -> tuple[int, int | None]:
    """Where the answer starts in the file, and how long the file is."""
    if response.status == http.client.PARTIAL_CONTENT:
        said = re.fullmatch(
            r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip()
        )
        if said is None or int(said[1]) != part.size:
            part.drop()
            raise _Interrupted("the server answers with another part than was asked for")
        return part.size, None if said[2] == "*" else int(said[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _validator(response: http.client.HTTPResponse) -> str | None:
    """What identifies this version of the file; a weak tag may not be used with ``If-Range``."""
    tag: str = response.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return tag
    date: str | None = response.headers.get("Last-Modified")
    return date


def _refuse_size(url: str, part: Part, done: int, total: int | None) -> None:
    if max(done, total or 0) > LARGEST:
        part.drop()
        raise DataError(
            f"the file is larger than {LARGEST >> 30} GiB", where=url, remedy="check the address"
        )
    if total is not None and total - done > shutil.disk_usage(part.path.parent).free:
        raise DataError(
            f"the disk is full: {(total - done) / 1e6:.0f} MB are needed",
            where=part.path.parent,
            remedy="free some space, or choose another folder with --root",
        )


@contextlib.contextmanager
def _told(url: str, part: Part) -> Iterator[None]:
    """Tells what may pass (:class:`_Interrupted`) from what will not (:class:`DataError`)."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        answer = f"the server answers {error.code} {error.reason}".rstrip()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.drop()
            raise _Interrupted(answer) from error
        if error.code >= http.client.INTERNAL_SERVER_ERROR or error.code in (408, 429):
            raise _Interrupted(answer) from error
        raise DataError(
            answer, where=url, remedy="check the address, or fetch it otherwise and give the file"
        ) from error
    except urllib.error.URLError as error:
        reason = error.reason
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise DataError(
                f"the server's certificate is not valid ({reason.verify_message})",
                where=url,
                remedy="check the address and the clock",
            ) from error
        host = urlsplit(url).netloc
        raise _Interrupted(f"{host} does not answer: {_first_line(reason)}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(f"the connection broke: {_first_line(error)}") from error


def _first_line(error: object) -> str:
    strerror = getattr(error, "strerror", None)
    return (str(strerror or error) or type(error).__name__).splitlines()[0]
