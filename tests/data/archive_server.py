"""A loopback server of one file, with Range, entity tags and the faults of real servers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ArchiveServer(ThreadingHTTPServer):
    """Serves ``content``; each request first takes one fault from ``faults``.

    A fault is a status (404), a number of bytes after which the connection is cut ("cut 300"),
    "whole" (a range is ignored), "shifted" (another range is sent), "endless" (no length).
    """

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.tag = '"v1"'
        self.faults: list[int | str] = []
        self.asked: list[str | None] = []
        """The Range header of each request."""
        self.sent = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/data%20set/archive.zip"

    def handle_error(self, *_: Any) -> None:
        """A client that goes away is part of the game."""


class _Handler(BaseHTTPRequestHandler):
    server: ArchiveServer

    def do_GET(self) -> None:
        fault = self.server.faults.pop(0) if self.server.faults else ""
        self.server.asked.append(self.headers["Range"])
        if isinstance(fault, int):
            self.send_error(fault)
            return
        start = self._start(fault)
        if start >= len(self.server.content) > 0:
            self.send_error(416)
            return
        body = self.server.content[start:]
        total = len(self.server.content)
        self.send_response(206 if start else 200)
        if start:
            said = start + 7 if fault == "shifted" else start
            self.send_header("Content-Range", f"bytes {said}-{total - 1}/{total}")
        if fault != "endless":
            self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", self.server.tag)
        self.end_headers()
        if fault.startswith("cut"):
            body = body[: int(fault.split()[1])]
        self.wfile.write(body)
        self.server.sent += len(body)

    def _start(self, fault: str) -> int:
        wanted = self.headers["Range"]
        if wanted is None or fault == "whole" or self.headers["If-Range"] != self.server.tag:
            return 0
        return int(wanted.removeprefix("bytes=").rstrip("-"))

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextlib.contextmanager
def serving(content: bytes) -> Iterator[ArchiveServer]:
    """The server, for as long as it is needed."""
    with ArchiveServer(content) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
