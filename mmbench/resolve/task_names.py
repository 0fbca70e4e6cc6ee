"""Resolve the names after ``--tasks`` and ``--data`` to tasks."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import msgspec

from mmbench import registry
from mmbench.core.errors import ForeignSourceError, UnknownNameError, UsageError, plugin_errors
from mmbench.core.ids import split_variant, variant_name
from mmbench.core.prompts import prompts_of
from mmbench.core.requests import SETTINGS
from mmbench.core.spec import Asking, DataSource
from mmbench.core.task import Task
from mmbench.resolve.forms import key_values
from mmbench.resolve.options import OPTIONS
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
        return variant_name(self.task.info.name, {**self.settings, **self.source.generation})

    def with_generation(self, generation: Mapping[str, Any]) -> ResolvedTask:
        """The same with other generation parameters set by the user."""
        return replace(self, source=msgspec.structs.replace(self.source, generation=dict(generation)))

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
    """The value that an option of a task has by itself, from its card or its attribute; None where neither tells."""
    with contextlib.suppress(AttributeError):
        return cast("Any", plain).option(option)
    return getattr(plain, option, None)


def resolve_tasks(
    names: Sequence[str],
    data: Sequence[DataSource] = (),
    options: Mapping[str, Any] | None = None,
    asking: Asking | None = None,
) -> list[ResolvedTask]:
    """Find every task.

    Args:
        names: Names of tasks, with settings in parentheses or without.
        data: The user's own data.
        options: Options of all tasks.
        asking: Prompts, with each of which every task that takes prompts is asked, and generation parameters.

    Returns:
        The tasks in the order of the names; those of one name stand together, in the order of the prompts.

    Raises:
        UsageError: For unknown names and for unused or missing ``--data``; for prompts that no task takes.
    """
    asking = asking or Asking()
    resolver = _Resolver(tuple(names), tuple(data), dict(options or {}), asking.generation)
    tasks = [task for name in names for task in resolver.resolve_each(name, asking.prompts)]
    if asking.prompts and not resolver.asked_with_prompts:
        raise UsageError(f"--prompt: none of the tasks {','.join(names)!r} takes a prompt")
    if unused := [source for source in data if source not in resolver.used]:
        raise UsageError(
            f"--data {unused[0].name or unused[0].path}: no task in {','.join(names)!r} takes it. "
            "A family takes your data (--tasks vqa --data FILE); a named dataset brings its own, or is read from your copy of it "
            "(--data NAME=FOLDER)."
        )
    shown = [task.name for task in tasks]
    if twice := sorted({name for name in shown if shown.count(name) > 1}):
        raise UsageError(f"task {twice[0]!r} is given twice")
    return tasks


def asking_of(values: Mapping[str, Any]) -> Asking:
    """What the options ``--prompt`` and those of `SETTINGS` say of how tasks are asked. Raises `UsageError` for a prompt file."""
    given = {name: values[name] for name in SETTINGS if values.get(name) not in (None, (), {})}
    return Asking(prompts_of(values["prompt"]), given)


def notes_of(task: Task) -> tuple[str, ...]:
    """What a task says that its users must know of its data, a sentence each: its attribute ``notes``, where it has one.

    Raises `PluginError` when it cannot say.
    """
    with plugin_errors(f"task {task.info.name!r} failed to say what must be known of it"):
        notes = getattr(task, "notes", ())
        return (notes,) if isinstance(notes, str) else tuple(map(str, notes))


def origins_of(task: Task) -> tuple[str, ...]:
    """Where the samples of a task were read from and how, a sentence each, once they were; empty where its source does not say."""
    return tuple(map(str, getattr(getattr(task, "source", None), "notes", ())))


def resolve_source(
    source: TaskSource, options: Mapping[str, Any] | None = None, *, foreign: bool = False
) -> ResolvedTask:
    """The task of an earlier run, with options that take the place of its own.

    Only registered names are looked up, unless `foreign`: a stored file must not decide what is imported here. Raises what
    `resolve_tasks` raises, and `ForeignSourceError`.
    """
    data: tuple[DataSource, ...] = ()
    name = source.name
    if source.data_path is not None:
        data = (DataSource(source.data_path, source.data_name, source.data_fields, source.data_download),)
        name = source.name if source.data_name == source.name else source.name.partition("/")[0]
    if _is_python(split_variant(name)[0]) and not foreign:
        raise ForeignSourceError(source.name)
    asking = Asking(generation=source.generation)
    return resolve_tasks([name], data, {**source.options, **(options or {})}, asking)[0]


@dataclass
class _Resolver:
    names: tuple[str, ...]
    data: tuple[DataSource, ...]
    options: dict[str, Any]
    generation: Mapping[str, Any]

    def __post_init__(self) -> None:
        self.used: list[DataSource] = []
        self.asked_with_prompts = False

    def resolve_each(self, given: str, prompts: Sequence[Any]) -> Iterator[ResolvedTask]:
        """The task with each of the prompts; as it is where it takes none, or the name says which."""
        name, options, generation = self._variant(given)
        plain, source = self._plain(name)
        takes_prompts = "prompt" in getattr(plain, "known_options", lambda _: {})({})
        self.asked_with_prompts |= takes_prompts
        varied = takes_prompts and "prompt" not in options and prompts
        for chosen in [{"prompt": each} for each in prompts] if varied else [{}]:
            task = registry.configured(plain, {**options, **chosen})
            held = {**options, **{key: task.info.options.get(key, value) for key, value in chosen.items()}}
            own = msgspec.structs.replace(source, options=held, generation=generation)
            yield ResolvedTask(task, own, _settings(plain, task))

    def _plain(self, name: str) -> tuple[Task, TaskSource]:
        """The task as it comes, and where it was found."""
        if _is_python(name):
            return registry.task_from_python(name), TaskSource(name=name)
        family_name, slash, dataset = name.partition("/")
        card = any(plugin.name == name for plugin in registry.plugins("task")) and "/" in name
        named = self._named(name, dataset) if card else None
        if named is not None and (found := self._card_at(name, named)) is not None:
            self.used.append(named)
            return found
        family_known = any(p.name == family_name for p in registry.plugins("task")) and "/" not in family_name
        source = self._data_for(name, family_name, dataset) if family_known else None
        if source is not None:
            self.used.append(source)
            return self._from_data(name, source)
        if slash and not any(plugin.name == name for plugin in registry.plugins("task")):
            hint = f"For your own data: --tasks {family_name} --data FILE" if family_known else ""
            raise UnknownNameError("task", name, _known(), hint=hint or "See: mmbench list tasks")
        found = registry.load(registry.find("task", name))
        if registry.is_family(found):
            if found.default is None:
                raise UsageError(f"{name} has no embedded data; give it yours: --tasks {name} --data FILE_OR_FOLDER")
            name = found.default
            found = registry.load(registry.find("task", name))
        return registry.as_task(found, name), TaskSource(name=name)

    def _variant(self, given: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """The name of a task; its options and generation parameters, with those in its parentheses over those of all tasks."""
        name, settings = split_variant(given)
        own = key_values(f"{key}={value}" for key, value in settings.items())
        generation = {key: _generation(key, value) for key, value in own.items() if key in SETTINGS}
        options = {key: value for key, value in own.items() if key not in SETTINGS}
        return name, {**self.options, **options}, {**self.generation, **generation}

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

    def _named(self, name: str, dataset: str) -> DataSource | None:
        """The user's copy of a published dataset: data that were named after it."""
        return next((each for each in self.data if each.name is not None and each.name in (name, dataset)), None)

    def _claimed(self, source: DataSource) -> bool:
        return any(name.partition("/")[2] == source.name for name in self.names)

    def _from_data(self, name: str, source: DataSource) -> tuple[Task, TaskSource]:
        family_name, _, dataset = name.partition("/")
        family = registry.load(registry.find("task", family_name))
        if not registry.is_family(family):
            raise UsageError(f"task {family_name!r} brings its own data; it takes no --data")
        path = Path(source.path).expanduser().absolute()
        own_name = source.name if source.name not in (name, family_name) else None
        dataset = dataset or own_name or _data_name(path)
        if any(plugin.name == f"{family_name}/{dataset}" for plugin in registry.plugins("task")):
            dataset = f"{dataset}.local"  # never to be taken for the published one
        task = family.from_data(dataset, path, **_reading(family_name, family, source))
        return task, _task_source(f"{family_name}/{dataset}", dataset, path, source)

    def _card_at(self, name: str, source: DataSource) -> tuple[Task, TaskSource] | None:
        """A published dataset, read from the user's copy of it; None for one that has no copies, and for a file of the user's own."""
        path = Path(source.path).expanduser().absolute()
        task = registry.source_at(registry.find("task", name), path)
        if task is None or not cast("Any", task).source.takes(path):
            return None
        if source.fields:
            raise UsageError(
                f"--map: {name} knows its fields; to read a file of yours: --tasks {name.partition('/')[0]}"
            )
        return task, _task_source(name, name, path, source)


def _is_python(name: str) -> bool:
    """Whether a name is a file or a module rather than something registered."""
    return ":" in name or name.endswith(".py")


def _data_name(path: Path) -> str:
    """What a user's data are called: the name of the file without its endings, or of the folder."""
    return path.name if path.is_dir() else path.name.removesuffix(".gz").rpartition(".")[0] or path.name


def _reading(family: str, taker: Any, source: DataSource) -> dict[str, Any]:
    """The keyword by which a family is told how to read. Raises `UsageError` for one that takes no map."""
    if not (source.fields or source.download):
        return {}
    if "reading" not in inspect.signature(taker.from_data).parameters:
        raise UsageError(f"--map and --download: the family {family!r} reads data in a way of its own")
    from mmbench.data.fields import parse_fields
    from mmbench.data.reading import Reading

    return {"reading": Reading(parse_fields(source.fields) if source.fields else None, source.download)}


def _task_source(name: str, data_name: str, path: Path, source: DataSource) -> TaskSource:
    return TaskSource(
        name=name,
        data_name=data_name,
        data_path=str(path),
        data_fields=dict(source.fields),
        data_download=source.download,
    )


def _generation(name: str, value: Any) -> Any:
    """A generation parameter that stands in the name of a task, checked as the option of that name is."""
    return OPTIONS[name.replace("_", "-")].value(value, f"{name}=")


def _known() -> list[str]:
    return [plugin.name for plugin in registry.plugins("task")]
