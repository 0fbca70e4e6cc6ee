"""Calls go through the proxy that the environment names; the key is for the endpoint alone."""

import socket
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers import lines
from misbehaving import Server, always, reply, said, serving

from mmbench.core.errors import UsageError
from mmbench.models.endpoint.proxy import Proxy, proxy_for


class Tunnel:
    """A proxy on this machine: passes connections on (CONNECT and plain HTTP), and remembers their first bytes."""

    def __init__(self, refuse: bytes = b"") -> None:
        self.heads: list[bytes] = []
        self._refuse = refuse
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = client.recv(65536)
                if not piece:
                    return
                head += piece
            self.heads.append(head)
            if self._refuse:
                client.sendall(self._refuse)
                return
            verb, target, _ = head.split(b" ", 2)
            if verb == b"CONNECT":
                host, _, port = target.decode().rpartition(":")
            else:
                host, _, port = target.decode().split("/")[2].partition(":")
            with socket.create_connection((host, int(port))) as server:
                if verb == b"CONNECT":
                    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                else:
                    server.sendall(head)
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join(5)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._threads[0].join(5)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


@contextmanager
def tunnelling(refuse: bytes = b"") -> Iterator[Tunnel]:
    """A proxy for as long as the block."""
    tunnel = Tunnel(refuse)
    try:
        yield tunnel
    finally:
        tunnel.close()


@pytest.mark.parametrize("login", ["", "me:hunter%2022@"])
def test_an_encrypted_call_passes_the_proxy_without_showing_it_the_key(
    login: str, certificate: tuple[Path, Path], ask: Any, key: str, monkeypatch: Any
) -> None:
    with tunnelling() as tunnel, serving(always(said()), certificate) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{login}127.0.0.1:{tunnel.port}")
        result = ask(server, args={"ca_file": str(certificate[0])})
        assert result.exit_code == 0, result.failures
        assert len(server.calls) == 6
    assert tunnel.heads
    for head in tunnel.heads:
        assert head.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1".encode())
        assert b"bearer" not in head.lower()
        assert key.encode() not in head
    logins = {head.partition(b"Proxy-Authorization: Basic ")[2].partition(b"\r\n")[0] for head in tunnel.heads}
    assert {b64decode(each) for each in logins} == ({b"me:hunter 22"} if login else {b""})
    for call in server.calls:
        assert call.headers["Authorization"] == f"Bearer {key}"
        assert "Proxy-Authorization" not in call.headers


def test_a_plain_call_passes_the_proxy_of_its_scheme(ask: Any, key: str, monkeypatch: Any) -> None:
    with tunnelling() as tunnel, serving(always(said())) as server:
        monkeypatch.setenv("http_proxy", f"me:hunter22@127.0.0.1:{tunnel.port}")
        monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
        result = ask(server)
        assert result.exit_code == 0, result.failures
    assert tunnel.heads[0].startswith(f"POST {server.url}/chat/completions HTTP/1.1".encode())
    assert f"Authorization: Bearer {key}".encode() in tunnel.heads[0]  # not encrypted: whoever passes it on reads it
    assert b"Proxy-Authorization: Basic bWU6aHVudGVyMjI=" in tunnel.heads[0]
    assert {line.status for line in lines(result.path)} == {"ok"}


@pytest.mark.parametrize("excluded", ["127.0.0.1", "*", "localhost,127.0.0.1"])
def test_a_host_that_is_excluded_is_asked_directly(excluded: str, ask: Any, monkeypatch: Any) -> None:
    with serving(always(said())) as server:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("no_proxy", excluded)
        assert ask(server).exit_code == 0


def test_a_redirect_behind_a_proxy_is_not_followed_either(ask: Any, key: str, monkeypatch: Any) -> None:
    with tunnelling() as tunnel, serving(always(said())) as other:
        away = reply(307, b"", Location=f"{other.url}/chat/completions")
        with serving(always(away)) as server:
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{tunnel.port}")
            assert ask(server, 20).exit_code == 4
    assert other.calls == []
    assert not any(other.url.encode() in head for head in tunnel.heads)


def test_a_login_of_netrc_is_not_sent(ask: Any, key: str, monkeypatch: Any, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hunter22\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(always(said())) as server:
        assert ask(server).exit_code == 0
    assert {call.headers["Authorization"] for call in server.calls} == {f"Bearer {key}"}


def reason(server: Server, ask: Any) -> str:
    """What a run of forty questions says went wrong, asked sixteen times at most."""
    result = ask(server, 40, concurrency=4)
    assert result.exit_code == 4
    (run,) = result.runs
    text = " ".join([*result.failures.values(), *(task.reason or "" for task in run.tasks.values())])
    assert "hunter22" not in text
    return text


def test_a_proxy_that_is_away_is_named_at_once(ask: Any, monkeypatch: Any) -> None:
    with serving(always(said())) as server:
        monkeypatch.setenv("http_proxy", "http://me:hunter22@127.0.0.1:9")
        said_so = reason(server, ask)
    assert "the proxy http://127.0.0.1:9, which the environment names, fails (it cannot be reached)" in said_so
    assert "NO_PROXY=127.0.0.1" in said_so


def test_a_proxy_that_refuses_its_login_is_named_at_once(certificate: Any, ask: Any, monkeypatch: Any) -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with tunnelling(refusal) as tunnel, serving(always(said()), certificate) as server:
        monkeypatch.setenv("https_proxy", f"http://me:hunter22@127.0.0.1:{tunnel.port}")
        said_so = reason(server, ask)
        assert len(tunnel.heads) <= 8
    assert "fails (HTTP 407)" in said_so


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://proxy:3128", Proxy("http://proxy:3128")),
        ("proxy:3128", Proxy("http://proxy:3128")),
        ("http://me:a%40b@proxy", Proxy("http://proxy", ("me", "a@b"))),
        ("http://me@[::1]:8080", Proxy("http://[::1]:8080", ("me", ""))),
    ],
)
def test_addresses_of_proxies(given: str, expected: Proxy, monkeypatch: Any) -> None:
    monkeypatch.setenv("ALL_PROXY", given)
    assert proxy_for("https://api.example.com/v1") == expected
    assert "a@b" not in repr(proxy_for("https://api.example.com/v1"))


@pytest.mark.parametrize("given", ["socks5://me:hunter22@proxy:1080", "http://", "http://hunter22:99999"])
def test_a_proxy_that_http_does_not_go_through_is_refused_without_showing_its_password(
    given: str, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", given)
    with pytest.raises(
        UsageError, match=r"none that HTTP goes through \(http://HOST:PORT\); to do without: NO_PROXY=api"
    ) as caught:
        proxy_for("https://api.example.com/v1")
    assert "hunter22" not in str(caught.value)
