"""Fetching one large file over HTTP, resumed where an earlier attempt was cut.

The standard library's client: what the tree has beside it (huggingface_hub, torch.hub) comes
with the ``eval`` extra, which fetching photos does not need, and does not resume an arbitrary
address in a later run.
"""

import contextlib
import http.client
import json
import os
import re
import shutil
import ssl
import time
import urllib.error
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from evaluation import files
from evaluation.errors import DownloadError, one_line
from evaluation.net.transport import open_url, whole_number
from evaluation.records.base import Progress, Record, silent

CHUNK = 1 << 18
"""Bytes read at a time."""
PAUSES = (1.0, 3.0, 9.0)
"""Seconds before each new attempt; an attempt that brought ``HEADWAY`` starts them again."""
HEADWAY = 1 << 20
LARGEST = 8 << 30
"""Bytes beyond which nothing is fetched: no data set of photos is meant to be that large."""
_SERVER_ERROR = 500

Announce = Callable[[int | None, int], None]
"""Told the size of the whole file (None when the server does not say) and what is here of it."""


class _Interrupted(DownloadError):
    """An attempt that another one may complete."""


class Wanted(Record):
    """A file to be fetched, and what is known of it before."""

    url: str
    target: Path
    """Where the complete file goes, at once."""
    headers: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    """Bytes, where they were announced."""
    largest: int = LARGEST
    """Bytes beyond which it is not what is wanted."""
    timeout: float | None = None
    """Seconds without a byte after which a server is given up."""


_writing = partial(
    files.writing, kind=DownloadError, elsewhere="make the folder writable, or choose another"
)
_SPAN = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)")
_OTHERWISE = "check the address, or fetch it otherwise and give the file"


class Part:
    """What is here of a file, and which version of it: ``NAME.part`` and ``NAME.part.json``.

    A later attempt goes on from it only when the server still has that very version (its
    entity tag or its date), which the ``If-Range`` header asks for.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._url, name = wanted.url, f"{wanted.target.name}.part"
        self.path = wanted.target.with_name(name)
        self._origin = wanted.target.with_name(f"{name}.json")

    @property
    def size(self) -> int:
        """Bytes that are here."""
        with contextlib.suppress(OSError):
            return self.path.stat().st_size
        return 0

    @property
    def validator(self) -> str | None:
        """The entity tag or date of the version that is here; None when it is of no use."""
        with contextlib.suppress(OSError, ValueError):
            origin = files.json_object(self._origin)
            if origin.get("url") == self._url and origin.get("validator"):
                return str(origin["validator"])
        return None

    def open(self, start: int, validator: str | None) -> BinaryIO:
        """The file, to write from ``start`` on."""
        with _writing(self.path):
            if start == 0:
                self.drop()
                text = json.dumps({"url": self._url, "validator": validator})
                files.write_bytes(self._origin, text.encode())
            return self.path.open("ab" if start else "wb")

    def drop(self) -> None:
        """Forgets what is here."""
        with _writing(self.path):
            self.path.unlink(missing_ok=True)
            self._origin.unlink(missing_ok=True)


def download(
    wanted: Wanted,
    *,
    announce: Announce = silent,
    progress: Progress = silent,
    pauses: Sequence[float] = PAUSES,
) -> None:
    """Fetches a file; what an earlier call left of it is not fetched again.

    ``announce`` is told the size before the first byte is read, ``progress`` how many bytes are
    here, of how many (0 when that is not known); ``pauses`` are the seconds before each new attempt
    after a cut, a timeout or a 5xx.

    Raises :class:`DownloadError`: the server refuses, does not answer, or stops for good; the disk
    is full.
    """
    part = Part(wanted)
    failures, most = 0, part.size
    while True:
        try:
            _attempt(wanted, part, announce, progress)
        except _Interrupted as error:
            # What comes again, from a server that cannot resume, is no headway.
            failures = 0 if part.size - most >= HEADWAY else failures
            most = max(most, part.size)
            if failures == len(pauses):
                kept = f" after {part.size / 1e6:.1f} MB" if part.size else ""
                raise DownloadError(
                    f"the download stopped{kept} ({error})",
                    where=wanted.url,
                    remedy="check the network and run again: it goes on from there"
                    if part.size
                    else "check the network, or fetch it otherwise and give the file",
                    status=error.status,
                ) from error
            time.sleep(pauses[failures])
            failures += 1
        else:
            with _writing(wanted.target):
                part.path.replace(wanted.target)
                part.drop()
            return


def _attempt(wanted: Wanted, part: Part, announce: Announce, progress: Progress) -> None:
    headers = dict(wanted.headers)
    # Without a validator, a size that was announced tells whether it is the same file.
    if part.size and (part.validator or wanted.size):
        headers["Range"] = f"bytes={part.size}-"
        if part.validator:
            headers["If-Range"] = part.validator
    with (
        _judging(wanted.url, part),
        open_url(wanted.url, headers, timeout=wanted.timeout) as response,
    ):
        # Where the answer starts in the file, and how long the file is.
        done, total = 0, wanted.size or whole_number(response.headers.get("Content-Length"))
        if response.status == http.client.PARTIAL_CONTENT:
            span = _SPAN.fullmatch(response.headers.get("Content-Range", "").strip())
            whole = None if span is None or span[2] == "*" else int(span[2])
            another = wanted.size is not None and whole not in (None, wanted.size)
            if span is None or int(span[1]) != part.size or another:
                part.drop()
                raise _Interrupted("the server answers with another part than was asked for")
            done, total = part.size, wanted.size or whole
        _refuse_size(wanted, part, done, total)
        announce(total, done)
        # What identifies this version; a weak tag may not be used with ``If-Range``.
        tag: str = response.headers.get("ETag", "")
        validator = response.headers.get("Last-Modified") if tag[:2] in ("", "W/") else tag
        with part.open(done, validator) as file:
            while chunk := response.read1(CHUNK):
                with _writing(part.path):
                    file.write(chunk)
                done += len(chunk)
                _refuse_size(wanted, part, done, None)
                progress(done, total or 0)
            with _writing(part.path):
                file.flush()
                os.fsync(file.fileno())
    if total is not None and done < total:
        raise _Interrupted(f"cut at {done / 1e6:.1f} of {total / 1e6:.1f} MB")


def _refuse_size(wanted: Wanted, part: Part, done: int, total: int | None) -> None:
    what = ""
    if max(done, total or 0) > wanted.largest:
        what = f"the file is larger than {wanted.largest >> 30} GiB"
        remedy = "check the address"
    elif wanted.size is not None and done > wanted.size:
        what = "more comes than was announced"
        remedy = "run again; if it says so again, the server or a proxy alters the file"
    if what:
        part.drop()
        raise DownloadError(what, where=wanted.url, remedy=remedy)
    if total is not None and total - done > shutil.disk_usage(part.path.parent).free:
        raise DownloadError(
            f"the disk is full: {(total - done) / 1e6:.0f} MB are needed",
            where=part.path.parent,
            remedy="free some space, or choose another folder",
        )


@contextlib.contextmanager
def _judging(url: str, part: Part) -> Iterator[None]:
    """Tells what may pass (:class:`_Interrupted`) from what will not (:class:`DownloadError`)."""
    refused = partial(DownloadError, where=url, remedy=_OTHERWISE)
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        answer = f"the server answers {error.code} {one_line(error.reason, 80)}"
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.drop()
            raise _Interrupted(answer) from error
        if error.code >= _SERVER_ERROR or error.code in (408, 429):
            raise _Interrupted(answer, status=error.code) from error
        raise refused(answer, status=error.code) from error
    except urllib.error.URLError as error:
        reason = error.reason
        if isinstance(reason, ssl.SSLCertVerificationError):
            what = f"the server's certificate is not valid ({reason.verify_message})"
            raise refused(what, remedy="check the address and the clock") from error
        raise _Interrupted(f"{urlsplit(url).netloc} does not answer: {one_line(reason)}") from error
    except TimeoutError as error:
        raise _Interrupted(f"the server does not answer in time: {one_line(error)}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(f"the connection broke: {one_line(error)}") from error
    except (ValueError, OverflowError) as error:  # addresses and lengths that are none
        what = f"the address, or what the server answers, makes no sense ({one_line(error)})"
        raise refused(what) from error
