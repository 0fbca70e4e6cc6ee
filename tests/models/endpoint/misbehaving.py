"""A server for chat completions on this machine that does what a test tells it to."""

import json
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Reply = Callable[["Handler"], None]
Behaviour = Callable[["Call"], Reply]


@dataclass(frozen=True)
class Call:
    """What a client sent."""

    body: Any
    headers: Mapping[str, str]
    path: str = "/v1/chat/completions"
    at: float = field(default_factory=time.monotonic)

    @property
    def prompt(self) -> str:
        """The text of the last message."""
        content = self.body["messages"][-1]["content"]
        return content if isinstance(content, str) else "\n".join(p["text"] for p in content if p["type"] == "text")

    @property
    def number(self) -> int:
        """The number of the picture that is asked about."""
        found = re.search(r"picture (\d+)", self.prompt)
        return int(found.group(1)) if found else -1

    @property
    def pictures(self) -> list[str]:
        """The addresses of the pictures."""
        content = self.body["messages"][-1]["content"]
        return [p["image_url"]["url"] for p in content if p["type"] == "image_url"]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Http"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        call = Call(json.loads(body), dict(self.headers), self.path)
        self.server.owner.calls.append(call)
        try:
            self.server.owner.behave(call)(self)
        except OSError:  # the client has gone
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.wfile.write(data)
        self.wfile.flush()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    owner: "Server"

    def handle_error(self, *_: Any) -> None:
        """A handshake that fails, a connection that breaks: tests make them on purpose."""


class Server:
    """Listens on a port of 127.0.0.1 (0: a free one) and remembers every call."""

    def __init__(self, behave: Behaviour, certificate: tuple[Path, Path] | None = None, port: int = 0) -> None:
        self.behave = behave
        self.calls: list[Call] = []
        self._http = _Http(("127.0.0.1", port), Handler)
        self._http.owner = self
        self.port = self._http.server_address[1]
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.port}/v1"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def times(self, number: int) -> int:
        """How often a picture was asked about."""
        return sum(call.number == number for call in self.calls)

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@contextmanager
def serving(behave: Behaviour, certificate: tuple[Path, Path] | None = None) -> Iterator[Server]:
    """A server for as long as the block."""
    server = Server(behave, certificate)
    try:
        yield server
    finally:
        server.close()


# --- replies ---


def reply(status: int, body: bytes | str, content_type: str = "application/json", **headers: str) -> Reply:
    """An answer in one piece; ``_`` in the name of a header stands for ``-``."""
    data = body.encode() if isinstance(body, str) else body

    def send(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.write(data)

    return send


def document(value: Any, status: int = 200) -> Reply:
    """A JSON document."""
    return reply(status, json.dumps(value))


def failed(status: int, message: str = "no", code: str | int | None = None, **headers: str) -> Reply:
    """An error as OpenAI's interface words it."""
    return reply(status, json.dumps({"error": {"message": message, "type": None, "code": code}}), **headers)


def answer(content: Any = "red", finish: str | None = "stop", usage: Any = None, **message: Any) -> dict[str, Any]:
    """The document of an answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    return {"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage}


def said(content: Any = "red", finish: str | None = "stop", usage: Any = None, **message: Any) -> Reply:
    """An answer."""
    return document(answer(content, finish, usage, **message))


def raw(data: bytes, *, reset: bool = False) -> Reply:
    """Bytes as they are, and the end of the connection; `reset`: the way a crash ends it."""

    def send(handler: Handler) -> None:
        handler.write(data)
        if reset:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
        handler.close_connection = True

    return send


def hang(seconds: float = 30.0) -> Reply:
    """Nothing, until the client has gone."""

    def send(handler: Handler) -> None:
        handler.connection.settimeout(seconds)
        handler.rfile.read(1)

    return send


def stream(events: Sequence[Any], *, end: bool = True, pause: float = 0.0) -> Reply:
    """Server-sent events: documents, or bytes as they are; without `end` the connection breaks off."""

    def send(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for event in events:
            data = event if isinstance(event, bytes) else b"data: " + json.dumps(event).encode() + b"\n\n"
            handler.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            time.sleep(pause)
        if end:
            handler.write(b"0\r\n\r\n")
        handler.close_connection = not end

    return send


def endless(total: int, piece: bytes = b"x" * 2**16, start: bytes = b"") -> tuple[Reply, list[int]]:
    """An answer of `total` bytes, and a list that tells how many of them went out."""
    sent = [0]

    def send(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(total))
        handler.end_headers()
        handler.write(start)
        sent[0] = len(start)
        while sent[0] < total:
            handler.write(piece)
            sent[0] += len(piece)

    return send, sent


# --- behaviours ---


def always(one: Reply) -> Behaviour:
    """The same reply to everything."""
    return lambda call: one


def first(*replies: Reply, on: int | None = None, then: Reply | None = None) -> Behaviour:
    """These replies one after the other, to calls about picture `on` (None: to any), then `then` for ever."""
    left = list(replies)
    lock = threading.Lock()

    def behave(call: Call) -> Reply:
        with lock:
            if left and on in (None, call.number):
                return left.pop(0)
        return then or said()

    return behave
