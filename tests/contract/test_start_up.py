"""Start-up is light: what every command touches loads no heavy library."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

HEAVY = ("PIL", "datasets", "numpy", "pandas", "torch", "transformers")
ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PLUGINS = sorted({target.partition(":")[0] for group in PROJECT["entry-points"].values() for target in group.values()})


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after a statement."""
    code = f"import sys; before = set(sys.modules)\n{statement}\nprint(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


@pytest.mark.slow
@pytest.mark.parametrize("module", ["mmbench", "mmbench.registry", "mmbench.cli.main", *PLUGINS])
def test_importing_loads_nothing_heavy(module: str) -> None:
    assert loaded_by(f"import {module}").isdisjoint(HEAVY)


@pytest.mark.parametrize("module", ["mmbench.core", "mmbench.registry"])
def test_the_core_and_the_registry_load_the_standard_library_alone(module: str) -> None:
    assert loaded_by(f"import {module}") <= {"mmbench", *sys.stdlib_module_names}


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list", "tasks"],
        ["list", "models"],
        ["list", "metrics"],
        *([name, "--help"] for name in ("run", "score", "compare", "rescore")),
    ],
)
def test_light_commands_load_nothing_heavy(arguments: list[str]) -> None:
    statement = f"""
from mmbench.cli.main import main
sys.argv = ["mmbench", *{arguments!r}]
try:
    code = main()
except SystemExit as stop:
    code = stop.code
assert not code, code
"""
    assert loaded_by(statement).isdisjoint(HEAVY)
