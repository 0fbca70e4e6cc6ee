"""Short waits, a key in the environment, and a run against a server in one call."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import evaluate, write_questions
from misbehaving import Server

from mmbench import RunResult
from mmbench.runner import pacing

KEY = "sk-canary-5f2d91c07ab34e8896"
"""The key of the tests; it must be found nowhere but in the header."""

Ask = Callable[..., RunResult]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "BASE_S", 0.002)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


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
