"""What is imported is declared, what is declared is explained, and all of it is pinned."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IMPORT_NAMES = {"PIL": "pillow", "easy_vqa": "easy-vqa", "mlflow": "mlflow-skinny", "pynvml": "nvidia-ml-py"}
"""Import names that differ from the distribution's."""
TRANSITIVE = {"pyarrow": "datasets", "huggingface_hub": "transformers", "yaml": "datasets"}
"""Imported packages that a declared one always brings."""

OWN = {"mmbench", "mmbench_tasks", "mmbench_baselines"}
OWN_ENVIRONMENT = {"vllm"}
"""Not pinned: each release demands one release of torch, which need not be ours (docs/design/dependencies.md)."""


def name_of(requirement: str) -> str:
    matched = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert matched, requirement
    return re.sub(r"[-_.]+", "-", matched.group()).lower()


def requirements(*groups: list[str]) -> set[str]:
    return {name_of(text) for group in groups for text in group} - {"mmbench"}


EXTRAS = PROJECT["optional-dependencies"]
RUNTIME = requirements(PROJECT["dependencies"], *(EXTRAS[name] for name in EXTRAS if name not in {"test", "dev"}))
DECLARED = RUNTIME | requirements(*EXTRAS.values())


def imported_by(file: Path) -> set[str]:
    """Third-party top-level packages that a module imports, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - OWN


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["mmbench", "tasks", "baselines"])
def test_every_import_is_declared(folder: str) -> None:
    undeclared = {
        f"{file.relative_to(ROOT)}: {package}"
        for file in (ROOT / folder).rglob("*.py")
        for package in imported_by(file)
        if name_of(TRANSITIVE.get(package, IMPORT_NAMES.get(package, package))) not in RUNTIME
    }
    assert undeclared == set()


def test_every_dependency_has_its_reason() -> None:
    text = (ROOT / "docs" / "design" / "dependencies.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| ([a-z][a-z0-9-]*) \|", text, re.MULTILINE)) - {"package"}
    assert explained == DECLARED


def test_every_dependency_is_pinned_to_one_version() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", pin)] == []
    names = [name_of(pin) for pin in pins]
    assert len(set(names)) == len(names)
    assert set(names) >= DECLARED - OWN_ENVIRONMENT
    assert "torch==2.13.0" in pins


def test_doctor_knows_every_extra() -> None:
    from mmbench.cli.doctor import EXTRAS as KNOWN

    assert set(KNOWN) == set(EXTRAS) - {"test", "dev"}
