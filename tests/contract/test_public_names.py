"""The plug-ins that come with mmbench import public names only, as a third party's would."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = (
    "mmbench",
    "mmbench.core",
    "mmbench.data",
    "mmbench.extract",
    "mmbench.metrics",
    "mmbench.stats",
    "mmbench.testing",
)
"""The packages whose `__all__` is public."""
PLUGINS = {"tasks": ROOT / "tasks" / "mmbench_tasks", "baselines": ROOT / "baselines" / "mmbench_baselines"}


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of everything that a file imports from mmbench; the name is empty for a module as a whole."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "mmbench":
            yield from ((node.module, alias.name) for alias in node.names)
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.startswith("mmbench."))


def private(folder: Path) -> list[str]:
    """What the files of a plug-in import that is not public, each with its file."""
    public = {(package, name) for package in PUBLIC for name in importlib.import_module(package).__all__}
    return [
        f"{path.relative_to(ROOT)}: {module} {name}"
        for path in sorted(folder.rglob("*.py"))
        for module, name in imported(path)
        if (module, name) not in public
    ]


@pytest.mark.slow
@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plug_in_imports_public_names_only(plugin: str) -> None:
    assert private(PLUGINS[plugin]) == []


@pytest.mark.parametrize("package", PUBLIC)
def test_every_public_name_is_there(package: str) -> None:
    module = importlib.import_module(package)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    assert len(set(module.__all__)) == len(module.__all__)
