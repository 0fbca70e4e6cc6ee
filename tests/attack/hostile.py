"""A server on loopback that answers every connection as a test says, byte by byte."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Self

OK = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "red"}, "finish_reason": "stop"}]}


def answer(
    body: bytes | str | dict[str, Any], status: str = "200 OK", *headers: str, kind: str = "application/json"
) -> bytes:
    """A whole HTTP answer."""
    if isinstance(body, dict):
        body = json.dumps(body)
    data = body.encode() if isinstance(body, str) else body
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(data)}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


class HostileServer:
    """Reads each request whole, keeps it in `requests`, and lets `behave` do the rest with the connection.

    `behave` takes the connection and the request; a server that is given none never accepts.
    """

    def __init__(self, behave: Callable[[socket.socket, bytes], None] | None) -> None:
        self._behave = behave
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._open: list[socket.socket] = []
        self.requests: list[bytes] = []
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/v1"
        self._ending = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while self._behave is not None and not self._ending.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            data = b""
            while b"\r\n\r\n" not in data:
                if not (piece := connection.recv(65536)):
                    return
                data += piece
            head, _, body = data.partition(b"\r\n\r\n")
            length = next(
                (int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")), 0
            )
            while len(body) < length:
                body += connection.recv(65536)
            self.requests.append(head + b"\r\n\r\n" + body)
            if self._behave is not None:
                self._behave(connection, self.requests[-1])
            connection.shutdown(socket.SHUT_WR)
            time.sleep(0.01)
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._ending.set()
        for each in [self._listening, *self._open]:
            with contextlib.suppress(OSError):
                each.close()
