"""Every difference between two runs that is no result: what was asked, by what, with which packages, on which machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from mmbench.analysis.joins import shown
from mmbench.results.run import Run, TaskResult
from mmbench.results.schema import RunFile

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Explained:
    """One thing in which two runs differ."""

    section: str
    """``model``, ``run``, ``spec``, ``packages``, ``machine``, ``repository``, or the full name of a task."""
    name: str
    """Which thing, such as ``batch_size``."""
    a: str
    """What the first run has, as text; ``-`` where it has none."""
    b: str
    """What the second run has."""


def explain(a: Run, b: Run) -> list[Explained]:
    """Everything in which two runs differ but their answers and scores, section by section; empty where they agree."""
    found: list[Explained] = []
    left, right = _sections(a.record), _sections(b.record)
    for section in left:
        found += _differences(section, left[section], right[section])
    for name in dict.fromkeys([*a.tasks, *b.tasks]):
        if name not in a.tasks or name not in b.tasks:
            found.append(Explained(name, "task", *("run" if name in side.tasks else "-" for side in (a, b))))
            continue
        found += _differences(name, _of_task(a.tasks[name]), _of_task(b.tasks[name]))
    return found


def _sections(run: RunFile) -> dict[str, Mapping[str, Any]]:
    return {
        "model": msgspec.to_builtins(run.model),
        "run": {"seed": run.seed, "mmbench": run.mmbench_version, "status": run.status, "started": run.created},
        "spec": run.spec,
        "packages": run.packages,
        "machine": msgspec.to_builtins(run.machine),
        "repository": {} if run.git is None else msgspec.to_builtins(run.git),
    }


def _of_task(task: TaskResult) -> dict[str, Any]:
    source = {"source": task.source.name, "data": task.source.data_path}
    return {**task.comparability_key, **source, "status": task.status, "batch size": task.entry.batch_size}


def _differences(section: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Explained]:
    left, right = dict(_flat(a)), dict(_flat(b))
    for name in dict.fromkeys([*left, *right]):
        one, other = left.get(name, _ABSENT), right.get(name, _ABSENT)
        if one != other:
            yield Explained(section, name, *("-" if value is _ABSENT else shown(value) for value in (one, other)))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Names with dots to values that are no mappings."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
