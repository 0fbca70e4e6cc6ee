"""A server that dies and comes back while it is asked: nothing is lost, nothing that was answered is asked twice."""

import json
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path

import pytest
from helpers import mmbench, only_run, start, statuses, wait_until, write_questions

SERVER = """
    import sys, time
    from misbehaving import Server, said

    log = open(sys.argv[2], "a", buffering=1)

    def behave(call):
        def send(handler):
            time.sleep(0.01)
            log.write(f"{call.number}\\n")
            said()(handler)
        return send

    server = Server(behave, port=int(sys.argv[1]))
    print("ready", flush=True)
    time.sleep(600)
"""
N = 120


def serve(port: int, log: Path) -> "subprocess.Popen[str]":
    """Start a server that writes down what it has answered."""
    command = [sys.executable, "-c", textwrap.dedent(SERVER), str(port), str(log)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def end(child: "subprocess.Popen[str]") -> None:
    """Kill a server, the hard way."""
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert child.stdout is not None
    child.stdout.close()


def answered(log: Path) -> list[int]:
    """The pictures that it has answered for, in order."""
    return [int(line) for line in log.read_text().split()] if log.exists() else []


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@pytest.mark.slow
def test_a_server_that_is_killed_and_started_again_while_it_is_asked(tmp_path: Path) -> None:
    write_questions(tmp_path, N)
    port, log = free_port(), tmp_path / "answered"
    server = serve(port, log)
    command = ["run", "-m", "openai/m", "-t", "vqa", "--data", "mine.jsonl", "--concurrency", "4"]
    run = start(*command, "--base-url", f"http://127.0.0.1:{port}/v1", folder=tmp_path)
    try:
        wait_until(lambda: len(answered(log)) >= 20)
        end(server)
        before = len(answered(log))
        time.sleep(0.3)
        server = serve(port, log)
        _, err = run.communicate(timeout=60)
    finally:
        run.kill()
        end(server)
    assert run.returncode == 0, err
    assert 0 < before < N
    recorded = statuses(only_run(tmp_path / "results" / "runs"))
    assert recorded == {f"q{n}": "ok" for n in range(N)}
    # Only the answers that were on their way when the server died are asked for again.
    counts = Counter(answered(log))
    assert set(counts) == set(range(N))
    assert sum(counts.values()) <= N + 4


@pytest.mark.slow
def test_a_server_that_stays_away_ends_the_run_which_then_resumes(tmp_path: Path) -> None:
    write_questions(tmp_path, N)
    port, log = free_port(), tmp_path / "answered"
    command = ["run", "-m", "openai/m", "-t", "vqa", "--data", "mine.jsonl", "--concurrency", "4"]
    command += ["--base-url", f"http://127.0.0.1:{port}/v1", "--max-errors", "0", "--retries", "0", "--json"]
    server = serve(port, log)
    run = start(*command, folder=tmp_path)
    try:
        wait_until(lambda: len(answered(log)) >= 20)
    finally:
        end(server)
    run.communicate(timeout=60)
    assert run.returncode == 4
    kept = {
        int(name[1:]) for name, status in statuses(only_run(tmp_path / "results" / "runs")).items() if status == "ok"
    }
    assert len(kept) >= 16
    server = serve(port, log)
    try:
        before = len(answered(log))
        ended = mmbench(*command, folder=tmp_path)
    finally:
        end(server)
    assert ended.code == 0, ended.err
    assert set(answered(log)[before:]) == set(range(N)) - kept
    assert len(answered(log)) - before == N - len(kept)
    assert json.loads(ended.out)
