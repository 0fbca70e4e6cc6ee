"""What may differ between two results that are compared all the same, and variants of a task side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mmbench.analysis.joins import Mismatch
from mmbench.core.errors import UnknownNameError, UsageError
from mmbench.core.ids import split_variant
from mmbench.results.run import Run, TaskResult

ALLOWANCES: Mapping[str, tuple[str, ...]] = {
    "prompt": ("prompt", "generation parameters", "extractor"),
    "extractor": ("extractor",),
    "generation": ("generation parameters",),
}
"""What may be allowed to differ, as written after ``--allow``, to the facts that then may. A prompt brings its own bound on
new tokens and the extractor that fits it."""

_OPTIONS: Mapping[str, frozenset[str]] = {
    "prompt": frozenset({"prompt", "extractor"}),
    "extractor": frozenset({"extractor"}),
}


def checked_allowances(names: Iterable[str], also: Iterable[str] = ()) -> frozenset[str]:
    """The names as a set. Raises `UnknownNameError` for one that is none of `ALLOWANCES` and not `also` known."""
    found, known = frozenset(names), (*ALLOWANCES, *also)
    for name in sorted(found.difference(known)):
        raise UnknownNameError("value of --allow:", name, known, hint=f"There are: {', '.join(known)}.")
    return found


def is_allowed(mismatch: Mismatch, allowed: Iterable[str]) -> bool:
    """Whether two results may differ in this."""
    names = list(allowed)
    if mismatch.field == "task options":
        free: set[str] = set().union(*(_OPTIONS.get(name, frozenset()) for name in names))
        return _without(mismatch.a, free) == _without(mismatch.b, free)
    return any(mismatch.field in ALLOWANCES[name] for name in names)


def _without(options: Any, names: set[str]) -> dict[str, Any]:
    return {key: value for key, value in (options or {}).items() if key not in names}


def matched(a: Run, b: Run) -> tuple[Run, Run]:
    """Two runs in which the only variants that they have of a task stand under the task's own name.

    Tasks that both have under the same full name stay as they are.
    """
    own = [
        _by_task({name: task for name, task in run.tasks.items() if name not in other.tasks})
        for run, other in ((a, b), (b, a))
    ]
    renamed = {task for task in own[0] if len(own[0][task]) == len(own[1].get(task, ())) == 1}
    if not renamed:
        return a, b
    return _renamed(a, own[0], renamed), _renamed(b, own[1], renamed)


def _by_task(tasks: Mapping[str, TaskResult]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in tasks:
        found.setdefault(split_variant(name)[0], []).append(name)
    return found


def _renamed(run: Run, variants: Mapping[str, list[str]], tasks: set[str]) -> Run:
    names = {variants[task][0]: task for task in tasks}
    return replace(run, tasks={names.get(name, name): task for name, task in run.tasks.items()})


def variants_of(run: Run) -> Sequence[Run]:
    """One run for each setting of its tasks, with the tasks under their own names; the plain tasks come first.

    Raises:
        UsageError: If no task of the run has variants.
    """
    by_settings: dict[str, dict[str, TaskResult]] = {"": {}}
    for name, result in run.tasks.items():
        task = split_variant(name)[0]
        by_settings.setdefault(name.removeprefix(task), {})[task] = result
    several = {
        task
        for tasks in by_settings.values()
        for task in tasks
        if sum(task in each for each in by_settings.values()) > 1
    }
    if not several:
        raise UsageError(
            f"{run.label} has no task in several variants to compare; name a second run, or ask with another prompt "
            "(mmbench run … --prompt direct,cot)"
        )
    kept = {
        settings: {task: each for task, each in tasks.items() if task in several}
        for settings, tasks in by_settings.items()
    }
    return [replace(run, tasks=tasks, label=settings[1:-1] or "as it is") for settings, tasks in kept.items() if tasks]
