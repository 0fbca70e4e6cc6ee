"""From the names after ``--model`` and ``--suite`` to models, one by one."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmbench import registry
from mmbench.core.errors import PluginError, UsageError
from mmbench.core.spec import Suite


@dataclass(frozen=True, slots=True)
class Wanted:
    """One model that is asked for."""

    model: Any
    """Its name, or an object or class from Python."""
    suite: str | None = None
    """The suite that brought it in; None: it was named itself."""


def find_suite(name: str) -> Suite:
    """The suite registered under a name. Raises `UnknownNameError`, or `PluginError` for what is no suite."""
    plugin = registry.find("suite", name)
    found = registry.load(plugin)
    if not isinstance(found, Suite):
        raise PluginError(f"suite {name!r} ({plugin.distribution}) is a {type(found).__name__}; expected a Suite")
    return found


def wanted_models(given: Iterable[Any], aliases: Container[str] = (), suite: str | None = None) -> list[Wanted]:
    """What is asked for, one by one: names separated at commas, suites as their models, objects as they are.

    An alias or a registered model hides a suite of its name. A suite adds no model that is there already, and one that
    is named itself takes the place of the suite's. Raises `UsageError` where a file here has the name of a suite, but for
    `suite`, which was named as one.
    """
    models = {plugin.name for plugin in registry.plugins("model")}
    suites = {plugin.name for plugin in registry.plugins("suite")} - models
    asked: list[Wanted] = []
    for item in given:
        names = [name.strip() for name in item.split(",") if name.strip()] if isinstance(item, str) else [item]
        for name in names:
            if isinstance(name, str) and name in suites and name not in aliases:
                if name != suite:
                    _refuse_hidden(name)
                asked += [Wanted(model, name) for model in find_suite(name).models]
            else:
                asked.append(Wanted(name))
    return _once(asked)


def _refuse_hidden(suite: str) -> None:
    """Raise `UsageError` where a file of the user's has the name of a suite: which of the two is meant cannot be told."""
    file = Path(f"{suite}.py")
    if file.is_file():
        raise UsageError(
            f"{suite!r} is a suite, and there is a file {file} here: write --model {file} for the file, "
            f"or --suite {suite} for the suite"
        )


def _once(asked: list[Wanted]) -> list[Wanted]:
    named = {wanted.model for wanted in asked if wanted.suite is None and isinstance(wanted.model, str)}
    seen: set[str] = set()
    kept = []
    for wanted in asked:
        if wanted.suite is not None:
            if wanted.model in named or wanted.model in seen:
                continue
            seen.add(wanted.model)
        kept.append(wanted)
    return kept
