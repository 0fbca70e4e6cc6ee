"""Short waits, a key in the environment, and a run against a server in one call."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import evaluate, write_questions
from misbehaving import Server

from mmbench import RunResult
from mmbench.runner.execute import pacing

KEY = "sk-canary-5f2d91c07ab34e8896"
"""The key of the tests; it must be found nowhere but in the header."""

Ask = Callable[..., RunResult]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "BASE_S", 0.002)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):  # a developer's own
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    try:
        subprocess.run([*command, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no openssl that makes certificates: {error}")
    return files


@pytest.fixture
def key() -> str:
    return KEY


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run ``openai/test-model`` on `n` questions; ``args`` are options of the model, the rest options of the run."""
    monkeypatch.chdir(tmp_path)

    def run(server: Server, n: int = 6, *, args: dict[str, Any] | None = None, **options: Any) -> RunResult:
        data = write_questions(tmp_path, n)
        return evaluate(
            "openai/test-model", data, tmp_path, model_args={"base_url": server.url, **(args or {})}, **options
        )

    return run
