"""A loopback server of raw answers: what HTTP libraries are not expected to meet."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

Answer = Callable[[socket.socket, threading.Event], None]


def saying(text: bytes) -> Answer:
    def answer(client: socket.socket, _stopped: threading.Event) -> None:
        client.sendall(text)

    return answer


def _for_ever(start: bytes, again: bytes, pause: float = 0.0) -> Answer:
    def answer(client: socket.socket, stopped: threading.Event) -> None:
        client.sendall(start)
        while not stopped.wait(pause):
            client.sendall(again)

    return answer


_OK = b"HTTP/1.1 200 OK\r\n"
HOSTILE: dict[str, Answer] = {
    "length of 5000 digits": saying(_OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nx"),
    "range of 5000 digits": saying(
        b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-1/" + b"9" * 5000 + b"\r\n\r\nx"
    ),
    "chunk beyond any": saying(
        _OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 60000 + b"\r\nx\r\n"
    ),
    "chunk that is none": saying(_OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "half an IPv6 address": saying(b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\n\r\n"),
    "an address of control characters": saying(
        b"HTTP/1.1 302 Found\r\nLocation: http://a\x1b[2Jb\x00/\r\n\r\n"
    ),
    "to itself": saying(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"),
    "to a file": saying(b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n"),
    "a status of control characters": saying(b"HTTP/1.1 404 \x1b[2J\x00gone\r\n\r\n"),
    "no HTTP": saying(b"\x00\x01\x02\x1b[2J\r\n\r\n"),
    "nothing": saying(b""),
    "continue for ever": _for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "headers for ever": _for_ever(_OK, b"X-A: " + b"a" * 1000 + b"\r\n"),
    "headers in drops": _for_ever(_OK, b"X", 0.02),
    "content in drops": _for_ever(_OK + b"Content-Length: 1000000\r\n\r\n", b"xx", 0.02),
}


@contextlib.contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """The address of a server that gives every client the same answer."""
    stopped = threading.Event()

    def attend(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.recv(65536)
            answer(client, stopped)

    def accept(listener: socket.socket) -> None:
        while not stopped.is_set():
            with contextlib.suppress(OSError):
                client, _ = listener.accept()
                client.settimeout(5)
                threading.Thread(target=attend, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        thread = threading.Thread(target=accept, args=(listener,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stopped.set()
            thread.join()
