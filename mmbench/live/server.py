"""Serve the live page: on loopback alone, to whoever knows the token, and nothing but the page and what it shows.

Answers come from a table of names below the token; no path of a request reaches the file system. A page of another origin cannot read
them: it does not know the token, and a name that was bound to 127.0.0.1 meanwhile is refused by its ``Host``.
"""

from __future__ import annotations

import hmac
import http.server
import secrets
from collections.abc import Callable
from http import HTTPStatus
from threading import Lock
from typing import Any

import msgspec

from mmbench.core.errors import MediaError, MmbenchError, UsageError
from mmbench.live.snapshot import Follower, encoded

LOOPBACK = "127.0.0.1"
_OWN_NAMES = (LOOPBACK, "localhost")
"""Names that a browser may reach the page by, with any port: that of an SSH tunnel may be another than ours."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_JSON = "application/json; charset=utf-8"


class Server(http.server.ThreadingHTTPServer):
    """Serves the page of a folder of runs, once it has a `follower`: the port is taken before runs are read, which may be long.

    Args:
        port: The port; 0 for any that is free.
        title: The title of the page.

    Raises:
        UsageError: If the port is taken or may not be used.
    """

    daemon_threads = True
    follower: Follower
    """Reads the runs; is set before `serve_forever`."""

    def __init__(self, port: int, title: str) -> None:
        self.title = title
        self.token = secrets.token_urlsafe(24)
        """Stands at the beginning of every path that is answered."""
        self.making = Lock()
        """Is held while the page or samples are made: requests for the same ones do not make them twice."""
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            why = error.strerror or str(error)
            raise UsageError(f"port {port} cannot be used: {why}; choose another --port, or leave it out") from error

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{LOOPBACK}:{self.port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no news; everything else is shown by the answer that it got."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "mmbench", ""
    timeout = 60

    def do_GET(self) -> None:
        """Answer a request."""
        if self.headers.get("Host", "").partition(":")[0] not in _OWN_NAMES:
            self._refuse(HTTPStatus.FORBIDDEN, "this page is served under the names 127.0.0.1 and localhost alone")
            return
        if self.path == "/favicon.ico":  # every browser asks for it
            self._send(HTTPStatus.NO_CONTENT, "image/x-icon", b"")
            return
        parts = self.path.partition("?")[0].split("/")
        if len(parts) < 3 or parts[0] or not hmac.compare_digest(parts[1].encode(), self.server.token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "the address needs the token that mmbench view printed")
            return
        answer, names = _ANSWERS.get(parts[2], (None, 0))
        try:
            found = None if answer is None or len(parts) != 3 + names else answer(self.server, *parts[3:])
        except MediaError as error:
            self._refuse(HTTPStatus.GONE, str(error))
            return
        except MmbenchError as error:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
            return
        except Exception as error:  # noqa: BLE001 - the browser must hear of it: nobody else does
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, f"{type(error).__name__}: {error}")
            return
        if found is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")
        else:
            self._send(HTTPStatus.OK, *found)

    def do_HEAD(self) -> None:
        """Answer a request without the body."""
        self.do_GET()

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._send(status, "text/plain; charset=utf-8", f"{why}\n".encode("utf-8", "replace"))

    def _send(self, status: HTTPStatus, kind: str, body: bytes, encoding: str = "") -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **_HEADERS}.items():
            self.send_header(name, value)
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is that of the base class
        """Say nothing: the token stands in every path."""


Answer = tuple[str, bytes] | tuple[str, bytes, str] | None
"""Content type and body, and how the body is encoded; None where there is nothing."""


def _page(server: Server) -> Answer:
    now = server.follower.follow()
    with server.making:
        return "text/html; charset=utf-8", now.html(server.title).encode()


def _state(server: Server) -> Answer:
    return _JSON, msgspec.json.encode(server.follower.follow().state())


def _samples(server: Server, stamp: str, task: str, page: str) -> Answer:
    now = server.follower.now
    with server.making:
        found = None if stamp != now.stamp else now.samples(_number(task), _number(page))
    return None if found is None else (_JSON, found, "gzip")


def _number(text: str) -> int:
    """A number in a path; -1 for anything else."""
    return int(text) if text.isdecimal() and len(text) < 10 else -1


def _image(server: Server, name: str, *, small: bool = False) -> Answer:
    media = server.follower.image(name)
    return None if media is None else encoded(media, small=small)


def _thumbnail(server: Server, name: str) -> Answer:
    return _image(server, name, small=True)


_ANSWERS: dict[str, tuple[Callable[..., Answer], int]] = {
    "": (_page, 0),
    "state": (_state, 0),
    "samples": (_samples, 3),
    "image": (_image, 1),
    "thumbnail": (_thumbnail, 1),
}
"""What stands behind the token, to what answers it and how many names follow."""
