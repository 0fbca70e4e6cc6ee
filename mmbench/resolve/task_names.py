"""Resolve the names after ``--tasks`` and ``--data`` to tasks."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from mmbench import registry
from mmbench.core.errors import UnknownNameError, UsageError, plugin_errors
from mmbench.core.ids import split_variant, variant_name
from mmbench.core.spec import DataSource
from mmbench.core.task import Task
from mmbench.resolve.forms import key_values
from mmbench.results.schema import TaskSource


@dataclass(frozen=True, slots=True)
class ResolvedTask:
    """A task, and how to find it again."""

    task: Task
    """The task, with its options in force."""
    source: TaskSource
    """What the user gave for it."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Options that change what is asked, where they differ from the task's own; they stand in its name."""

    @property
    def name(self) -> str:
        """Its full name, such as ``vqa/my`` or ``vqa/my(prompt=cot)``."""
        return variant_name(self.task.info.name, self.settings)

    @property
    def asking_options(self) -> dict[str, Any]:
        """Its options that change what is asked."""
        return {name: value for name, value in self.task.info.options.items() if not _only_scores(self.task, name)}

    @property
    def scoring_options(self) -> dict[str, Any]:
        """Its options that change only how answers are scored."""
        return {name: value for name, value in self.task.info.options.items() if _only_scores(self.task, name)}


def _only_scores(task: Task, option: str) -> bool:
    return option == "extractor" or option in task.info.scoring_options


def _settings(plain: Task, task: Task) -> dict[str, Any]:
    """Options of a task that change what is asked and differ from those of the task as it comes."""
    info = task.info
    asked = {name: value for name, value in info.options.items() if not _only_scores(task, name)}
    if info.prompt is not None and info.prompt == plain.info.prompt:
        asked.pop("prompt", None)
    return {name: value for name, value in asked.items() if _own(plain, name) != value}


def _own(plain: Task, option: str) -> Any:
    """The value that an option of a task has by itself; None where the task does not tell."""
    with contextlib.suppress(AttributeError):
        return cast("Any", plain).option(option)
    return None


def resolve_tasks(
    names: Sequence[str], data: Sequence[DataSource] = (), options: Mapping[str, Any] | None = None
) -> list[ResolvedTask]:
    """Find every task. Raises `UsageError` or a subclass for unknown names and for unused or missing ``--data``."""
    resolver = _Resolver(tuple(names), tuple(data), dict(options or {}))
    tasks = [resolver.resolve(name) for name in names]
    if unused := [source for source in data if source not in resolver.used]:
        raise UsageError(
            f"--data {unused[0].name or unused[0].path}: no task in {','.join(names)!r} takes it. "
            "A family takes your data (--tasks vqa --data FILE); a named dataset brings its own."
        )
    shown = [task.name for task in tasks]
    if twice := sorted({name for name in shown if shown.count(name) > 1}):
        raise UsageError(f"task {twice[0]!r} is given twice")
    return tasks


def notes_of(task: Task) -> tuple[str, ...]:
    """What a task says that its users must know of its data, a sentence each: its attribute ``notes``, where it has one.

    Raises `PluginError` when it cannot say.
    """
    with plugin_errors(f"task {task.info.name!r} failed to say what must be known of it"):
        notes = getattr(task, "notes", ())
        return (notes,) if isinstance(notes, str) else tuple(map(str, notes))


def resolve_source(source: TaskSource, options: Mapping[str, Any] | None = None) -> ResolvedTask:
    """The task of an earlier run, with options that take the place of its own. Raises what `resolve_tasks` raises."""
    data = () if source.data_path is None else (DataSource(source.data_path, source.data_name),)
    name = source.name.partition("/")[0] if data else source.name
    return resolve_tasks([name], data, {**source.options, **(options or {})})[0]


@dataclass
class _Resolver:
    names: tuple[str, ...]
    data: tuple[DataSource, ...]
    options: dict[str, Any]

    def __post_init__(self) -> None:
        self.used: list[DataSource] = []

    def resolve(self, given: str) -> ResolvedTask:
        name, options = self._variant(given)
        if ":" in name or name.endswith(".py"):
            return _finish(registry.task_from_python(name), TaskSource(name=name, options=options))
        family_name, slash, dataset = name.partition("/")
        family_known = any(p.name == family_name for p in registry.plugins("task")) and "/" not in family_name
        source = self._data_for(name, family_name, dataset) if family_known else None
        if source is not None:
            self.used.append(source)
            return self._from_data(name, source, options)
        if slash and not any(plugin.name == name for plugin in registry.plugins("task")):
            hint = f"For your own data: --tasks {family_name} --data FILE" if family_known else ""
            raise UnknownNameError("task", name, _known(), hint=hint or "See: mmbench list tasks")
        found = registry.load(registry.find("task", name))
        if registry.is_family(found):
            if found.default is None:
                raise UsageError(f"{name} has no embedded data; give it yours: --tasks {name} --data FILE_OR_FOLDER")
            name = found.default
            found = registry.load(registry.find("task", name))
        return _finish(registry.as_task(found, name), TaskSource(name=name, options=options))

    def _variant(self, given: str) -> tuple[str, dict[str, Any]]:
        """The name of a task, and the options of all tasks with those in its parentheses."""
        try:
            name, settings = split_variant(given)
        except ValueError as error:
            raise UsageError(str(error)) from error
        return name, {**self.options, **key_values(f"{key}={value}" for key, value in settings.items())}

    def _data_for(self, name: str, family: str, dataset: str) -> DataSource | None:
        """The most specific of the sources: for this very task, for the dataset's name, for any bare family."""
        for wanted in (name, dataset or None):
            for source in self.data:
                if source.name is not None and source.name == wanted:
                    return source
        if dataset:  # a file named after the dataset: vqa/my with my.jsonl
            return next((each for each in self.data if each.name is None and Path(each.path).stem == dataset), None)
        anonymous = [source for source in self.data if source.name is None]
        named = [s for s in self.data if s.name is not None and s.name not in self.names and not self._claimed(s)]
        candidates = anonymous or named
        if len(candidates) > 1:
            raise UsageError(f"several --data fit {family!r}; write --data {family}=PATH")
        return candidates[0] if candidates else None

    def _claimed(self, source: DataSource) -> bool:
        return any(name.partition("/")[2] == source.name for name in self.names)

    def _from_data(self, name: str, source: DataSource, options: dict[str, Any]) -> ResolvedTask:
        family_name, _, dataset = name.partition("/")
        family = registry.load(registry.find("task", family_name))
        if not registry.is_family(family):
            raise UsageError(f"task {family_name!r} brings its own data; it takes no --data")
        path = Path(source.path).expanduser().absolute()
        own_name = source.name if source.name not in (name, family_name) else None
        dataset = dataset or own_name or path.stem
        task = family.from_data(dataset, path)
        record = TaskSource(name=f"{family_name}/{dataset}", data_name=dataset, data_path=str(path), options=options)
        return _finish(task, record)


def _finish(task: Task, source: TaskSource) -> ResolvedTask:
    configured = registry.configured(task, source.options)
    return ResolvedTask(configured, source, _settings(task, configured))


def _known() -> list[str]:
    return [plugin.name for plugin in registry.plugins("task")]
