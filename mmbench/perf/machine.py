"""Describe the machine, the packages and the repository that a number came from."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mmbench.perf.cpu import cpus
from mmbench.perf.memory import loaded_torch
from mmbench.results.schema import GitState, Machine

PACKAGES = ("mmbench", "numpy", "pillow", "msgspec", "torch", "transformers", "datasets", "easy-vqa")
"""Packages whose version can change a number."""


def machine() -> Machine:
    """Where this process runs."""
    torch = loaded_torch()
    return Machine(
        platform=platform.platform(),
        python=platform.python_version(),
        cpu=_cpu(),
        cpus=cpus(),
        memory_bytes=_memory(),
        accelerator=None if torch is None else str(torch.cuda.get_device_name()),
    )


@cache  # a process stays on its machine
def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


@cache
def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def packages() -> dict[str, str]:
    """Installed versions of `PACKAGES`."""
    return {name: found for name in PACKAGES if (found := _version(name)) is not None}


@cache  # a process has one version of a package
def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def git_state(folder: Path) -> GitState | None:
    """Commit and cleanliness of the repository around a folder; None outside one or without git."""
    commit = _git(folder, "rev-parse", "HEAD")
    status = _git(folder, "status", "--porcelain", "--untracked-files=no") if commit else None
    return GitState(commit=commit, dirty=bool(status)) if commit and status is not None else None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's git
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
