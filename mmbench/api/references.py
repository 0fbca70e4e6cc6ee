"""Name stored runs: what the functions that read runs accept in the place of a name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any


def reference_of(run: Any) -> str:
    """The path or name of one run: a text, a path, or anything with a ``path``, such as a `Run` or a `RunResult`."""
    return str(getattr(run, "path", run))


def references_of(runs: Any) -> list[str]:
    """The paths or names of runs: one run, a `RunResult` with several, or an iterable of them."""
    if hasattr(runs, "paths"):
        return [str(path) for path in runs.paths]
    if isinstance(runs, str | Path) or not isinstance(runs, Iterable):
        return [reference_of(runs)]
    return [reference for run in runs for reference in references_of(run)]
