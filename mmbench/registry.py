"""Names to plug-ins, through entry points. Nothing is imported before it is used; what is broken is shown, not dropped.

Groups: ``mmbench.tasks`` (tasks and families), ``mmbench.models``, ``mmbench.metrics`` (values: `mmbench.metrics.MetricMaker`),
``mmbench.executors``, ``mmbench.datasets`` (values: the cards of datasets, `mmbench.core.DatasetCard`, of which a family
makes tasks), ``mmbench.suites`` (values:
`mmbench.core.Suite`) and ``mmbench.baselines`` (values: functions without arguments that return the rows of ``mmbench
list baselines``). A value is ``module:attribute``.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from mmbench.core.card import DatasetCard
from mmbench.core.errors import MmbenchError, PluginError, UnknownNameError, UsageError, missing_package, plugin_failed
from mmbench.core.task import Task

Kind = Literal["task", "model", "metric", "dataset", "suite", "baseline", "executor"]

GROUPS: dict[Kind, str] = {
    "task": "mmbench.tasks",
    "model": "mmbench.models",
    "metric": "mmbench.metrics",
    "dataset": "mmbench.datasets",
    "suite": "mmbench.suites",
    "baseline": "mmbench.baselines",
    "executor": "mmbench.executors",
}
"""Entry-point group of every kind of plug-in."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One registered name."""

    kind: Kind
    """What it is."""
    name: str
    """The name that users type."""
    target: str
    """``module:attribute``."""
    distribution: str
    """The installed distribution that registered it, as ``name==version``."""
    duplicate_of: str | None = None
    """Another distribution that registered the same name; using the name is then an error."""

    @property
    def module(self) -> str:
        """The module that has to be imported for it."""
        return self.target.partition(":")[0]


@cache
def plugins(kind: Kind) -> tuple[Plugin, ...]:
    """All registered plug-ins of a kind by name; imports none of them. Datasets are tasks, too: those of their families."""
    found: dict[str, Plugin] = {}
    groups = [GROUPS[kind], *([GROUPS["dataset"]] if kind == "task" else [])]
    for point in chain.from_iterable(entry_points(group=group) for group in groups):
        plugin = Plugin(kind, point.name, point.value, _distribution(point))
        other = found.get(point.name)
        if other is None:
            found[point.name] = plugin
        elif other.target != plugin.target:
            found[point.name] = Plugin(kind, point.name, other.target, other.distribution, plugin.distribution)
    return tuple(found[name] for name in sorted(found))


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name}=={point.dist.version}" if point.dist else "unknown"


def find(kind: Kind, name: str, *, hint: str = "") -> Plugin:
    """The plug-in registered under a name. Raises `UnknownNameError`, or `PluginError` when two claim the name."""
    known = {plugin.name: plugin for plugin in plugins(kind)}
    if name not in known:
        raise UnknownNameError(kind, name, known, hint=hint or f"See: mmbench list {kind}s")
    plugin = known[name]
    if plugin.duplicate_of:
        raise PluginError(
            f"{kind} {name!r} is registered by both {plugin.distribution} and {plugin.duplicate_of}; uninstall one"
        )
    return plugin


def load(plugin: Plugin) -> Any:
    """Import a plug-in; for the card of a dataset, make its family's task.

    Raises:
        PluginError: If that fails; the message names the cause.
    """
    value = import_target(plugin.target, f"{plugin.kind} {plugin.name!r} ({plugin.distribution})")
    return card_task(value) if plugin.kind == "task" and isinstance(value, DatasetCard) else value


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


def import_target(target: str, what: str) -> Any:
    """The object behind ``package.module:Name``. Raises `PluginError`."""
    module_name, _, attribute = target.partition(":")
    try:
        with redirect_stdout(sys.stderr):  # what a plug-in prints must not land in a JSON document
            value: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise _import_failed(f"{what} cannot be imported", error) from error
    return _attribute(value, attribute, what)


def import_file(path: Path, what: str) -> ModuleType:
    """Import a Python file as a module named after it, its folder importable. Raises `PluginError`."""
    path = path.resolve()
    name = path.stem.replace(".", "_")
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__mmbench_file__", None) == str(path):
        del sys.modules[name]
    elif loaded is not None or (importlib.util.find_spec(name) is not None and _found_elsewhere(name, path)):
        name = f"mmbench_user_{name}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{what}: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    module.__dict__["__mmbench_file__"] = str(path)
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    sys.modules[name] = module
    try:
        with redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise _import_failed(f"{what}: {path} cannot be imported", error) from error
    return module


def _import_failed(what: str, error: BaseException) -> UsageError:
    missing = missing_package(error) if isinstance(error, ImportError) else None
    said = f"{error}" if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
    return missing or PluginError(f"{what}: {said}")


def _found_elsewhere(name: str, path: Path) -> bool:
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin != str(path)


def _attribute(module: Any, attribute: str, what: str) -> Any:
    value, file = module, getattr(module, "__mmbench_file__", None)
    shown = Path(file).name if file else module.__name__
    for part in filter(None, attribute.split(".")):
        if not hasattr(value, part):
            raise UnknownNameError(f"attribute of {shown}", attribute, vars(module), hint=f"({what})")
        value = getattr(value, part)
    return value


def load_reference(reference: str, what: str) -> tuple[Any, ModuleType]:
    """The object (or module) behind ``file.py``, ``file.py:Name`` or ``package.module:Name``, and its module.

    Raises `PluginError` when it cannot be imported, `UnknownNameError` for a missing attribute.
    """
    place, _, attribute = reference.partition(":")
    if place.endswith(".py"):
        path = Path(place)
        if not path.is_file():
            raise PluginError(f"{what}: there is no file {place}")
        module: ModuleType = import_file(path, what)
    else:
        module = import_target(place, what)
    return _attribute(module, attribute, what), module


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
        if inspect.isclass(value):
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


def describe(plugin: Plugin) -> tuple[str, str | None]:
    """(first line of its module's docstring, what is wrong or None), read without importing the module itself.

    A module that cannot be found is reported; one that fails only while importing is found by `check`.
    """
    try:
        spec = importlib.util.find_spec(plugin.module)
    except Exception as error:  # noqa: BLE001 - a parent package may fail in any way; it is shown as broken
        return "", f"{type(error).__name__}: {error}"
    if spec is None or spec.origin is None:
        return "", f"there is no module {plugin.module}"
    try:
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        return "", f"{type(error).__name__}: {error}"
    return (_docstring_of(tree, plugin.target.partition(":")[2]) or "").strip().partition("\n")[0], None


def _docstring_of(tree: ast.Module, attribute: str) -> str | None:
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == attribute:
            return ast.get_docstring(node) or ast.get_docstring(tree)
    return ast.get_docstring(tree)


def check(plugin: Plugin, timeout_s: float = 60.0) -> str | None:
    """Import a plug-in in a process of its own; what went wrong, or None."""
    import subprocess

    code = (
        "import sys; from mmbench.registry import import_target\n"
        "try: import_target(sys.argv[1], 'it')\n"
        "except Exception as error: sys.stderr.write(str(error)); raise SystemExit(1)"
    )
    command = [sys.executable, "-c", code, plugin.target]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return f"importing it took more than {timeout_s:g} s"
    lines = done.stderr.strip().splitlines()
    return None if done.returncode == 0 else (lines[-1] if lines else f"exit status {done.returncode}")
