"""Find the trackers that ``--track`` names, and check them before anything is asked."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from mmbench import registry
from mmbench.core.errors import MissingExtraError, PluginError, UnknownNameError, UsageError
from mmbench.tracking.tracker import Tracker

SAMPLES = 100
"""Samples of a task that a table shows, unless it is said otherwise."""
WAIT_S = 60.0
"""Seconds that a run waits for its trackers when it is over."""


@dataclass(frozen=True, slots=True)
class Tracking:
    """Which trackers are told of runs, and what they are told."""

    trackers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Name of each tracker to its options."""
    samples: int = SAMPLES
    """Samples of a task that are sent; 0: none."""
    wait_s: float = WAIT_S
    """Seconds to wait for a tracker after the last run."""
    foreign: bool = False
    """Whether Python files and modules are imported that runs name as the sources of their tasks, for questions and images."""


def wanted_trackers(names: Iterable[str], given: Mapping[str, Any], samples: int, wait_s: float) -> Tracking:
    """Check the trackers that a user named.

    Args:
        names: Their names.
        given: Options; each tracker gets those that it has, and each must belong to one of them.
        samples: As `Tracking.samples`.
        wait_s: As `Tracking.wait_s`.

    Raises:
        UnknownNameError: For a name or an option that does not exist, with the nearest.
        MissingExtraError: If the library of a tracker is not installed.
        UsageError: For a wrong option.
        PluginError: If a plug-in is no tracker.
    """
    classes = {name: tracker_class(name) for name in dict.fromkeys(names)}
    if given and not classes:
        raise UsageError("--tracker-args are options of trackers: add --track NAME")
    known = {name: tuple(inspect.signature(each).parameters) for name, each in classes.items()}
    for option in given:
        if not any(option in options for options in known.values()):
            everything = [each for options in known.values() for each in options]
            raise UnknownNameError(f"option of {' or '.join(classes)}:", option, everything)
    found = {name: {key: given[key] for key in options if key in given} for name, options in known.items()}
    for name, each in classes.items():
        if each.module and not is_installed(each.module):
            raise MissingExtraError(f"--track {name}", each.extra or each.module)
        built(name, each, found[name]).check()
    return Tracking(found, samples, wait_s)


def tracker_class(name: str) -> type[Tracker]:
    """The class of a registered tracker. Raises `UnknownNameError`, `PluginError`."""
    value = registry.load(registry.find("tracker", name))
    if not (isinstance(value, type) and issubclass(value, Tracker)):
        raise PluginError(f"tracker {name!r} is not a subclass of mmbench.tracking.Tracker")
    return value


def built(name: str, made: type[Tracker], options: Mapping[str, Any]) -> Tracker:
    """A tracker with its options. Raises `UsageError` where it does not take them."""
    try:
        return made(**options)
    except (TypeError, ValueError) as error:
        raise UsageError(f"tracker {name!r} does not take these options: {error}") from error


def is_installed(module: str) -> bool:
    """Whether a package can be imported; a folder of its name is none (wandb leaves a folder ``wandb`` behind)."""
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None
