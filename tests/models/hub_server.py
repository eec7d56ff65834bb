"""A server on loopback that lays files out as the hub does, or at plain addresses, and fails
on demand: what the libraries and this program do about it is what the tests look at.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 100_000
"""From this size on a file is kept as the hub keeps large ones: by its SHA-256, elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong with one answer; the next answer of that file has the next fault."""

    method: str = "GET"
    status: int | None = None
    """This status, and nothing else."""
    error_code: str = ""
    """The hub's own name of the error: RepoNotFound, EntryNotFound, GatedRepo."""
    cut: int | None = None
    """The connection closes when this byte of the file should come."""
    half: bool = False
    """The first half, announced as if it were all."""
    corrupt: bool = False
    """One byte is another."""
    slow: float = 0.0
    """Seconds between two pieces."""
    silent: float = 0.0
    """Seconds without any answer."""
    no_range: bool = False
    """A range is ignored, as some proxies do."""


@dataclass(frozen=True)
class Request:
    """A request that came."""

    method: str
    path: str
    range: str | None
    authorization: str | None


@dataclass
class HubServer:
    """The files, the faults to come, and what was asked."""

    endpoint: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    plain: dict[str, bytes] = field(default_factory=dict)
    """Path of an address to its file."""
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    """Name of a file (the last part of its path) to what goes wrong with it, in turn."""
    requests: list[Request] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def add(self, repository: str, **files: bytes) -> None:
        """Files of a repository, their dots written as ``__``."""
        there = self.repositories.setdefault(repository, {})
        there |= {name.replace("__", "."): content for name, content in files.items()}

    def gets(self, name: str = "") -> list[Request]:
        """The requests for the content of files of that name."""
        return [one for one in self.requests if one.method == "GET" and one.path.endswith(name)]

    def find(self, path: str) -> tuple[str, bytes | None, str]:
        """The name, content and announced ETag of a path."""
        if path in self.plain:
            return path.rpartition("/")[2], self.plain[path], ""
        if found := re.fullmatch(r"/(?P<repo>[^/]+/[^/]+)/resolve/[^/]+/(?P<name>.+)", path):
            content = self.repositories.get(found["repo"], {}).get(found["name"])
            return found["name"], content, "" if content is None else etag(content)
        if found := re.fullmatch(r"/cdn/(?P<digest>[0-9a-f]{64})/(?P<name>.+)", path):
            for files in self.repositories.values():
                content = files.get(found["name"])
                if content is not None and etag(content) == found["digest"]:
                    return found["name"], content, found["digest"]
        return path.rpartition("/")[2], None, ""

    def fault(self, method: str, name: str) -> Fault:
        """What goes wrong with this answer."""
        waiting = self.faults.get(name, [])
        for fault in waiting:
            if fault.method == method:
                waiting.remove(fault)
                return fault
        return Fault()


def etag(content: bytes) -> str:
    """As the hub names a file: a large one by its SHA-256, a small one as git does."""
    if len(content) >= LARGE:
        return hashlib.sha256(content).hexdigest()
    header = b"blob %d\0" % len(content)
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_given: Any) -> None:
        """Quiet: the tests look at ``requests``."""

    def _answer(self) -> None:
        asked = self.headers.get("Range"), self.headers.get("Authorization")
        self.hub.requests.append(Request(self.command, self.path, *asked))
        name, content, tag = self.hub.find(self.path)
        elsewhere = "/resolve/" in self.path and content is not None and len(content) >= LARGE
        # What goes wrong with the content of a large file does so where it lies.
        leads = elsewhere and self.command == "GET"
        fault = Fault() if leads else self.hub.fault(self.command, name)
        if fault.silent and self.hub.stopped.wait(fault.silent):
            return
        if fault.status is not None:
            self._refuse(fault.status, fault.error_code)
        elif self.path.startswith("/api/models/"):
            self._describe()
        elif self.path.partition("?")[0] == "/":
            self._send(b"hub", fault)
        elif content is None:
            known = self.path.split("/resolve/")[0].strip("/") in self.hub.repositories
            self._refuse(404, "EntryNotFound" if known else "RepoNotFound")
        elif elsewhere:
            self._redirect(name, content, tag)
        else:
            self._send(content, fault, tag)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Repo-Commit", COMMIT)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _describe(self) -> None:
        path = self.path.partition("?")[0].removeprefix("/api/models/")
        repository, _, tree = path.partition("/tree/")
        _, _, folder = tree.partition("/")
        files = self.hub.repositories.get(repository)
        if files is None or folder:
            self._refuse(404, "RepoNotFound" if files is None else "EntryNotFound")
            return
        listed = [{"type": "file", "path": name, "size": len(files[name])} for name in files]
        card = {"id": repository, "sha": COMMIT, "siblings": [{"rfilename": n} for n in files]}
        self._send(json.dumps(listed if tree else card).encode(), Fault())

    def _redirect(self, name: str, content: bytes, tag: str) -> None:
        # Another host name, as that of large files is: the user's token must not follow.
        port = self.server.server_address[1]
        self.send_response(302)
        self.send_header("Location", f"http://localhost:{port}/cdn/{tag}/{name}")
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("X-Linked-Etag", f'"{tag}"')
        self.send_header("X-Linked-Size", str(len(content)))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, content: bytes, fault: Fault, tag: str = "") -> None:
        start = 0
        if (asked := self.headers.get("Range")) and not fault.no_range:
            start = int(asked.removeprefix("bytes=").split("-")[0])
        body = bytearray(content[: len(content) // 2] if fault.half else content)
        if fault.corrupt:
            body[-1] ^= 1
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.send_header("Accept-Ranges", "bytes")
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if tag:
            self.send_header("ETag", f'"{tag}"')
            self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self._stream(bytes(body[start : fault.cut]), fault)
            if fault.cut is not None:
                self.close_connection = True

    def _stream(self, body: bytes, fault: Fault) -> None:
        step = max(1, len(body) // 8) if fault.slow else len(body)
        try:
            for start in range(0, len(body), step or 1):
                self.wfile.write(body[start : start + step])
                self.wfile.flush()
                if fault.slow and self.hub.stopped.wait(fault.slow):
                    return
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


@contextmanager
def serving() -> Iterator[HubServer]:
    """A server for the time of a test, on a free port of loopback."""
    hub = HubServer()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        hub.stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()
