"""Servers that accept and say nothing: limits on connection, handshake, first byte and whole call, and the end of a run."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Ended, lines, only_run, write_questions
from hostile import OK, HostileServer, answer

pytestmark = pytest.mark.slow


def SILENT(connection: socket.socket, request: bytes) -> None:  # noqa: N802 - a constant behaviour
    time.sleep(8)


def ask(call: Callable[..., Ended], folder: Path, url: str, *more: str, n: int = 4) -> tuple[Ended, float]:
    data = write_questions(folder, n)
    started = time.monotonic()
    arguments = ["-t", "vqa", "--data", data, "--base-url", url, "--max-errors", "99", *more]
    ended = call("run", "-m", "openai/m", *arguments)
    return ended, time.monotonic() - started


def errors(folder: Path) -> set[str | None]:
    return {line.error for line in lines(only_run(folder / "results" / "runs"))}


@pytest.mark.parametrize("accepts", [True, False])
def test_a_run_gives_a_silent_server_up(accepts: bool, call: Callable[..., Ended], tmp_path: Path) -> None:
    with HostileServer(SILENT if accepts else None) as server:
        ended, took = ask(call, tmp_path, server.url, "--give-up", "1.5")
    assert ended.code == 4
    assert took < 6
    assert "--give-up" in ended.err
    assert "mmbench run" in ended.err, "the command that resumes"


def test_a_handshake_has_a_limit(call: Callable[..., Ended], tmp_path: Path) -> None:
    def never(connection: socket.socket, _: bytes) -> None:
        time.sleep(8)

    listening = socket.create_server(("127.0.0.1", 0))
    url = f"https://127.0.0.1:{listening.getsockname()[1]}/v1"
    with listening:
        ended, took = ask(call, tmp_path, url, "--retries", "0", "--model-args", "connect_timeout=0.5")
    assert (ended.code, took < 6) == (4, True), ended.err
    assert all("0.5 s" in (error or "") for error in errors(tmp_path))


def test_the_first_byte_has_a_limit(call: Callable[..., Ended], tmp_path: Path) -> None:
    with HostileServer(SILENT) as server:
        ended, took = ask(call, tmp_path, server.url, "--retries", "0", "--model-args", "first_byte_timeout=0.5")
    assert (ended.code, took < 6) == (4, True), ended.err
    assert all("0.5 s" in (error or "") for error in errors(tmp_path))


def test_a_whole_call_has_a_limit(call: Callable[..., Ended], tmp_path: Path) -> None:
    def drip(connection: socket.socket, _: bytes) -> None:
        whole = answer(OK)
        connection.sendall(whole[:-40])
        for place in range(len(whole) - 40, len(whole)):
            time.sleep(0.3)
            connection.sendall(whole[place : place + 1])

    with HostileServer(drip) as server:
        ended, took = ask(call, tmp_path, server.url, "--retries", "0", "--model-args", "request_timeout=0.8")
    assert (ended.code, took < 8) == (4, True), ended.err
    assert all("0.8 s" in (error or "") for error in errors(tmp_path))


def test_a_server_that_is_slow_and_speaks_is_not_given_up(call: Callable[..., Ended], tmp_path: Path) -> None:
    def slow(connection: socket.socket, _: bytes) -> None:
        time.sleep(0.5)
        connection.sendall(answer(OK))

    with HostileServer(slow) as server:
        ended, took = ask(call, tmp_path, server.url, "--give-up", "1.2", "--concurrency", "1")
    assert ended.code == 0, ended.err
    assert took > 1.5


def test_a_wait_that_the_server_asked_for_is_no_silence(call: Callable[..., Ended], tmp_path: Path) -> None:
    asked = []

    def busy(connection: socket.socket, _: bytes) -> None:
        asked.append(time.monotonic())
        connection.sendall(answer({}, "429 Busy", "Retry-After: 2") if len(asked) == 1 else answer(OK))

    with HostileServer(busy) as server:
        ended, _ = ask(call, tmp_path, server.url, "--give-up", "1", "--concurrency", "1")
    assert ended.code == 0, ended.err
    assert asked[1] - asked[0] > 1.5


@pytest.mark.parametrize(
    "value",
    ["Fri, 31 Dec 9999 23:59:59 -2359", "Sat, 01 Jan 0001 00:00:00 +2359", "1e400", "-1e400", "nan", "Mon, 99 Foo 99999", "9" * 400, "\x00", "-5", ""],
)  # fmt: skip
def test_retry_after_may_say_anything(value: str) -> None:
    from mmbench.models.endpoint.failures import retry_after_s

    found = retry_after_s(value)
    assert found is None or 0 <= found < float("inf")
