"""A server that nobody here wrote: ``transformers serve`` over a tiny checkpoint, beside ``hf/`` with the same checkpoint."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import evaluate, write_questions, write_rows
from PIL import Image

pytestmark = pytest.mark.slow

SERVE = "from transformers.cli.transformers import main; main()"
STARTS_WITHIN_S = 180


@pytest.fixture(scope="module")
def url(llava: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's base address, without a version."""
    for package in ("fastapi", "uvicorn", "openai"):
        pytest.importorskip(package)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log"
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVE, "serve", str(llava), *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )
    try:
        _wait(f"http://127.0.0.1:{port}/health", server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _wait(health: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(STARTS_WITHIN_S * 5):
        assert server.poll() is None, log.read_text(errors="replace")[-2000:]
        with contextlib.suppress(urllib.error.URLError, ConnectionError), opener.open(health, timeout=5):
            return
        time.sleep(0.2)
    raise AssertionError(log.read_text(errors="replace")[-2000:])


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def answers(result: Any) -> dict[str, tuple[Any, ...]]:
    """Request to how it ended, with a text of which no unfinished character is left at the end: a stream drops it."""
    (task,) = result.runs[0].tasks.values()
    return {
        line.id: (line.status, line.finish_reason, (line.output or line.error).rstrip("\ufffd "), line.output_tokens)
        for line in task.responses()
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Questions about plain images, turned ones, transparent ones, and about a placeholder."""
    folder = tmp_path_factory.mktemp("data")
    write_questions(folder, 3)
    turned = Image.Exif()
    turned[0x0112] = 6
    half = Image.new("RGB", (20, 12), "red")
    half.paste("blue", (0, 0, 20, 6))
    half.save(folder / "images" / "turned.png", exif=turned)
    clear = half.convert("RGBA")
    clear.putalpha(0)
    clear.save(folder / "images" / "clear.png")
    names = ["0.png", "1.png", "2.png", "turned.png", "clear.png"]
    rows = [{"id": name, "image": name, "question": f"which colour is {name}?", "answer": "red"} for name in names]
    return write_rows(folder / "served.jsonl", rows)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_greedy_answers_are_those_of_the_checkpoint_itself(
    stream: bool, url: str, llava: Path, data: Path, tmp_path: Path
) -> None:
    own = answers(evaluate(f"hf/{llava}", data, tmp_path / "own", batch_size=1))
    result = evaluate(f"openai/{llava}", data, tmp_path, model_args={"base_url": f"{url}/v1", "stream": stream})
    assert answers(result) == own
    assert len({text for _, _, text, _ in own.values()}) >= 4
    (task,) = result.runs[0].tasks.values()
    assert all((line.first_token_s is not None) == stream for line in task.responses())
    assert all(line.input_tokens for line in task.responses())


def test_an_address_without_a_version_is_corrected(url: str, llava: Path, data: Path, tmp_path: Path) -> None:
    result = evaluate(f"openai/{llava}", data, tmp_path, limit=2, model_args={"base_url": url})
    assert {ended[0] for ended in answers(result).values()} <= {"ok", "truncated"}
    assert result.runs[0].record.model.settings == {"address": f"{url}/v1/chat/completions"}


def test_a_model_that_is_not_served_is_said(url: str, data: Path, tmp_path: Path) -> None:
    result = evaluate("openai/nobody/knows", data, tmp_path, retries=0, model_args={"base_url": f"{url}/v1"})
    assert result.exit_code == 4
