"""Registered names, read from the entry points of installed distributions without importing any plug-in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Literal, get_args

from mmbench.core.errors import PluginError, UnknownNameError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Kind = Literal[
    "task", "model", "metric", "dataset", "suite", "baseline", "executor", "renderer", "extractor", "tracker"
]
"""What can be registered. A new kind is one more word here: its group is ``mmbench.<kind>s``, and ``mmbench list``, ``doctor``
and the tests find it by this list. A value is ``module:attribute``, and what the attribute is depends on the kind:

- ``task``: a task, its class, or a family of tasks;
- ``model``: a class of models, or an object;
- ``metric``: a `mmbench.metrics.MetricMaker`;
- ``dataset``: a `mmbench.core.DatasetCard`, of which its family makes a task;
- ``suite``: a `mmbench.core.Suite`;
- ``baseline``: a function without arguments that returns the rows of ``mmbench list baselines``;
- ``executor``: a class of executors (`mmbench.runner.execute.executor.Executor`);
- ``renderer``: a function from the tables of a report to its text; the name is also the ending of its files;
- ``extractor``: a `mmbench.extract.Extractor`;
- ``tracker``: a subclass of `mmbench.tracking.Tracker`.
"""

GROUPS: dict[Kind, str] = {kind: f"mmbench.{kind}s" for kind in get_args(Kind)}
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
    groups = [GROUPS[kind], *([GROUPS["dataset"]] if kind == "task" else [])]
    found: dict[str, Plugin] = {}
    for distribution, point in _installed()[0]:
        if point.group not in groups:
            continue
        target = point.value.partition("[")[0].strip()  # what follows are extras, which nothing reads any more
        plugin = Plugin(kind, point.name, target, distribution)
        other = found.get(point.name)
        if other is None:
            found[point.name] = plugin
        elif other.target != plugin.target:
            found[point.name] = Plugin(kind, point.name, other.target, other.distribution, plugin.distribution)
    return tuple(found[name] for name in sorted(found))


def _installed() -> tuple[tuple[tuple[str, EntryPoint], ...], tuple[str, ...]]:
    """Entry points of mmbench's groups with their distributions; what is wrong with metadata that cannot be read.

    Other distributions are passed over before anything of them is parsed, and none that is broken hides the rest.
    """
    from importlib.metadata import distributions

    found: dict[str, tuple[tuple[str, EntryPoint], ...]] = {}
    broken: list[str] = []
    for each in distributions():
        try:
            if "[mmbench." in (each.read_text("entry_points.txt") or ""):
                shown = f"{each.name}=={each.version}"
                found.setdefault(each.name, tuple((shown, point) for point in each.entry_points))
        except Exception as error:  # noqa: BLE001 - metadata may be broken in any way
            broken.append(f"metadata below {each.locate_file('')}: {type(error).__name__}: {error}")
    return tuple(chain.from_iterable(found.values())), tuple(broken)


def broken_metadata() -> tuple[str, ...]:
    """What is wrong with distributions whose entry points cannot be read, and whose plug-ins are therefore missing."""
    return _installed()[1]


def is_registered(kind: Kind, name: str) -> bool:
    """Whether a plug-in of this kind has this name."""
    return any(plugin.name == name for plugin in plugins(kind))


def find(kind: Kind, name: str, *, hint: str = "") -> Plugin:
    """The plug-in registered under a name.

    Raises:
        UnknownNameError: If there is none.
        PluginError: If two distributions claim the name.
    """
    known = {plugin.name: plugin for plugin in plugins(kind)}
    if name not in known:
        raise UnknownNameError(kind, name, known, hint=hint or f"See: mmbench list {kind}s")
    plugin = known[name]
    if plugin.duplicate_of:
        raise PluginError(
            f"{kind} {name!r} is registered by both {plugin.distribution} and {plugin.duplicate_of}; uninstall one"
        )
    return plugin
