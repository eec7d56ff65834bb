"""A server on loopback that speaks the protocol of chat completions, and fails on demand."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fault = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class ChatServer:
    """What it says, the faults to come, and what it was asked."""

    endpoint: str = ""
    say: Callable[[int], str] = lambda _: '{"number": "1"}'
    """From how many questions came before to the content of the answer."""
    shares: tuple[float, ...] = ()
    """Log-probabilities of the numbers are given where there are some."""
    faults: list[Fault] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


def status(code: int) -> Fault:
    """This status, at once."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        handler.send_header("Retry-After", "0")
        handler.end_headers()

    return answer


def half(handler: BaseHTTPRequestHandler) -> None:
    """Half a body, and the connection closes."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"id": "x", "choi')
    handler.close_connection = True


def slow(_handler: BaseHTTPRequestHandler) -> None:
    """No answer for longer than the tests wait."""
    time.sleep(1.3)


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    """The server, until the end of the block."""
    state = ChatServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.asked.append(body)
            state.keys.append(self.headers.get("Authorization", ""))
            if state.faults:
                state.faults.pop(0)(self)
                return
            content = json.dumps(reply(state, body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.endpoint = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def reply(state: ChatServer, body: dict[str, Any]) -> dict[str, Any]:
    """A chat completion."""
    content = state.say(len(state.asked) - 1)
    choice: dict[str, Any] = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": content},
    }
    if state.shares and body.get("logprobs"):
        said = json.loads(content)["number"]
        alternatives = [
            {"token": str(i + 1), "logprob": math.log(share), "bytes": None}
            for i, share in enumerate(state.shares)
        ]
        plain = {"logprob": 0.0, "bytes": None, "top_logprobs": []}
        chosen = {"token": said, "logprob": 0.0, "bytes": None, "top_logprobs": alternatives}
        tokens = [{"token": '{"number": "', **plain}, chosen, {"token": '"}', **plain}]
        choice["logprobs"] = {"content": tokens, "refusal": None}
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [choice],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010},
    }
