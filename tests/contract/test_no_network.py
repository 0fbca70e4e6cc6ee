"""The suite's own guard: nothing but loopback can be reached, in this process and in its children."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

OUTSIDE = "192.0.2.1"  # reserved for documentation: nobody is there


def use(kind: socket.SocketKind, action: Callable[[socket.socket], object]) -> None:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.settimeout(1)
        action(sock)


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: use(socket.SOCK_STREAM, lambda sock: sock.connect((OUTSIDE, 80))),
        lambda: use(socket.SOCK_STREAM, lambda sock: sock.connect_ex((OUTSIDE, 80))),
        lambda: use(socket.SOCK_DGRAM, lambda sock: sock.sendto(b"x", (OUTSIDE, 53))),
        lambda: socket.create_connection((OUTSIDE, 80), timeout=1),
        lambda: socket.getaddrinfo("example.org", 443),
        lambda: socket.gethostbyname("example.org"),
        lambda: asyncio.run(asyncio.open_connection(OUTSIDE, 80)),
    ],
)
def test_the_outside_is_out_of_reach(attempt: Callable[[], object]) -> None:
    with pytest.raises(RuntimeError, match="no network but loopback"):
        attempt()


def test_children_are_guarded_too() -> None:
    code = f"import socket; socket.create_connection(({OUTSIDE!r}, 80), timeout=1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "no network but loopback" in done.stderr


def test_loopback_is_open() -> None:
    with socket.create_server(("localhost", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"here")

        thread = threading.Thread(target=answer)
        thread.start()
        with socket.create_connection(server.getsockname()[:2], timeout=5) as client:
            assert client.recv(4) == b"here"
        thread.join()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no AF_UNIX on this system")
def test_unix_sockets_are_open() -> None:
    left, right = socket.socketpair(socket.AF_UNIX)
    with left, right:
        left.sendall(b"x")
        assert right.recv(1) == b"x"
