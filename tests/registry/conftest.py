"""Distributions of strangers."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmbench import registry

Install = Callable[..., None]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path, here and in processes; the registry is read anew before and after."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    registry.plugins.cache_clear()
    yield tmp_path
    registry.plugins.cache_clear()


@pytest.fixture
def install(elsewhere: Path) -> Install:
    """Install a distribution that registers plug-ins: its metadata and its modules, nothing else."""

    def distribution(name: str, points: str, **modules: str) -> None:
        info = elsewhere / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(points, encoding="utf-8")
        for module, source in modules.items():
            path = elsewhere.joinpath(*module.split(".")).with_suffix(".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(source, encoding="utf-8")

    return distribution
