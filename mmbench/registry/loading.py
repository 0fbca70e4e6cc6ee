"""Load what is registered, and make tasks of it: of cards, of classes, and of what a file holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from mmbench.core.card import DatasetCard
from mmbench.core.errors import MmbenchError, PluginError, UsageError, plugin_failed
from mmbench.core.task import Task
from mmbench.registry.entry_points import Plugin, find
from mmbench.registry.importing import import_target, load_reference


def load(plugin: Plugin) -> Any:
    """Import a plug-in; for the card of a dataset, make its family's task.

    Raises:
        PluginError: If that fails; the message names the cause.
    """
    value = import_target(plugin.target, f"{plugin.kind} {plugin.name!r} ({plugin.distribution})")
    return card_task(value) if plugin.kind == "task" and isinstance(value, DatasetCard) else value


def source_at(plugin: Plugin, path: Path) -> Task | None:
    """The task of a dataset, read from a copy at a path; None where it is no card whose source reads copies.

    Raises:
        PluginError: If the plug-in cannot be imported.
    """
    value = import_target(plugin.target, f"{plugin.kind} {plugin.name!r} ({plugin.distribution})")
    at = getattr(getattr(value, "source", None), "at", None) if isinstance(value, DatasetCard) else None
    return None if at is None else card_task(replace(value, source=at(path)))


def card_task(card: DatasetCard) -> Task:
    """The task that a card declares, made by the family that its name begins with.

    Raises:
        UnknownNameError: If there is no such family.
        PluginError: If the family takes no cards, or other ones.
    """
    name = card.name.partition("/")[0]
    family = load(find("task", name))
    if not hasattr(family, "from_card"):
        raise PluginError(f"the card of {card.name!r} belongs to no family: {name!r} takes no cards")
    found: Task = family.from_card(card)
    return found


def configured(task: Task, options: Mapping[str, Any]) -> Task:
    """The task with these options in force. Raises `UsageError` where it takes none, and what it raises for wrong ones."""
    if not options:
        return task
    configure = getattr(task, "with_options", None)
    if configure is None:
        raise UsageError(f"task {task.info.name!r} takes no options; got {', '.join(options)}")
    found: Task = configure(**options)
    return found


def is_family(value: Any) -> bool:
    """Whether a plug-in is a family of tasks."""
    return hasattr(value, "from_data") and hasattr(value, "default")


def as_task(value: Any, name: str) -> Task:
    """A plug-in, or what its class builds, as a task. Raises `PluginError` when it is none."""
    try:
        if isinstance(value, type):
            value = value()
        if isinstance(value, DatasetCard):
            value = card_task(value)
        complete = isinstance(value, Task) and bool(value.info.name)
    except MmbenchError:
        raise
    except Exception as error:
        raise plugin_failed(f"task {name!r} cannot be built", error) from error
    if not complete:
        missing = [m for m in ("info", "metrics", "samples", "requests", "score") if not hasattr(value, m)]
        raise PluginError(f"task {name!r} is not a task: it lacks {', '.join(missing) or 'part of the protocol'}")
    found: Task = value
    return found


def task_from_python(name: str) -> Task:
    """The task ``file.py``, ``file.py:Name`` or ``package.module:Name``; a module's is its attribute ``task``.

    Raises `PluginError` when it cannot be imported or is none, `UnknownNameError` for a missing attribute.
    """
    value, _ = load_reference(name, f"task {name!r}")
    if isinstance(value, ModuleType):
        if not hasattr(value, "task"):
            raise PluginError(f"task {name!r}: the module has no attribute 'task'; write {name}:NAME")
        value = value.task
    return as_task(value, name)
