"""Tiny checkpoints, built once."""

from pathlib import Path

import pytest
import tiny


@pytest.fixture(autouse=True)
def _needs_transformers() -> None:
    pytest.importorskip("transformers")
    pytest.importorskip("torch")


@pytest.fixture(scope="session")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a LLaVA-like checkpoint."""
    pytest.importorskip("transformers")
    return tiny.llava(tmp_path_factory.mktemp("llava"))


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CLIP-like checkpoint."""
    pytest.importorskip("transformers")
    return tiny.clip(tmp_path_factory.mktemp("clip"))
