"""The command line inside this process: as `helpers.mmbench`, without the start of an interpreter."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Ended

from mmbench.cli.main import main


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs ``mmbench`` with these arguments in `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str | Path, **environment: str) -> Ended:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        given = [str(argument) for argument in arguments]
        monkeypatch.setattr(sys, "argv", ["mmbench", *given])
        capsys.readouterr()
        code = main(given)
        captured = capsys.readouterr()
        for name in environment:
            monkeypatch.delenv(name)
        return Ended(code, captured.out, captured.err)

    return run
