"""HTTP of the standard library, made to stand servers that mean no good.

A server that trickles is left, on its headers as on its content; its headers are bounded, its
redirections lead to http and https alone, and a token stays with the host that it is for.
Proxies are those of the environment (``HTTPS_PROXY``…).
"""

import http.client
import io
import time
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 30.0
"""Seconds without a byte after which the server is taken for gone."""
PATIENCE = 60.0
"""Seconds of waiting after which a server that is slower than ``SLOWEST`` is left."""
SLOWEST = 1000
"""Bytes a second."""
LONGEST_HEADERS = 1 << 20
"""Bytes of an answer before its content, 1xx answers included."""


class _Watched(io.RawIOBase):
    """What comes from a server, which is left when too little comes, or too many headers."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._waited, self._came = 0.0, 0
        self.headers_left: float = LONGEST_HEADERS
        """Bytes that may still come before the content; infinite once it has begun."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        clock = time.monotonic()
        count = int(self._raw.readinto(buffer) or 0)
        self._waited += time.monotonic() - clock
        self._came += count
        if self._waited > PATIENCE:
            if self._came < SLOWEST * self._waited:
                raise TimeoutError(f"fewer than {SLOWEST} bytes a second")
            self._waited, self._came = 0.0, 0
        self.headers_left -= count
        if self.headers_left < 0:
            raise http.client.LineTooLong("headers")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._watched = _Watched(self.fp.detach())
        # A small buffer: the content that comes with the headers is not counted as headers.
        self.fp = io.BufferedReader(self._watched, 1 << 16)

    def begin(self) -> None:
        super().begin()
        self._watched.headers_left = float("inf")


class _Connection(http.client.HTTPConnection):
    response_class = _Response


class _SecureConnection(http.client.HTTPSConnection):
    response_class = _Response


class _Handler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_SecureConnection, request)


class _Redirections(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, request: urllib.request.Request, *answer: Any
    ) -> urllib.request.Request | None:
        following = super().redirect_request(request, *answer)
        if following and urlsplit(following.full_url)[:2] != urlsplit(request.full_url)[:2]:
            following.remove_header("Authorization")
        return following


def open_url(
    url: str, headers: Mapping[str, str], *, timeout: float | None = None
) -> http.client.HTTPResponse:
    """The answer to a GET; a redirection to a local file or to FTP leads nowhere.

    Raises what :mod:`urllib.request` and :mod:`http.client` do, and :class:`ValueError` for an
    address that is none.
    """
    request = urllib.request.Request(  # noqa: S310 - the opener knows http and https alone
        url, headers={"User-Agent": "veille-clip", **headers, "Accept-Encoding": "identity"}
    )
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        _Handler,
        urllib.request.HTTPDefaultErrorHandler,
        _Redirections,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    response: http.client.HTTPResponse = opener.open(request, timeout=timeout or TIMEOUT)
    return response


def whole_number(text: str | None) -> int | None:
    """The bytes that a header announces; None when it is no number."""
    plain = (text or "").strip()
    if not (plain.isascii() and plain.isdecimal()):
        return None
    return int(plain[:18]) if len(plain) <= 18 else 10**18  # noqa: PLR2004 - int() has its limit
