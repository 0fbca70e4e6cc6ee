"""Where the numbers of a report come from: versions, machines, dates, and the commands that made the runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from mmbench.core.visible import shell_command, visible
from mmbench.resolve.options import OPTIONS
from mmbench.results.run import Run

_MOST = 8
"""Values of an option that a command spells out."""
_JOINED = ("ids", "scenarios", "tasks")
"""Options whose values stand behind one another with commas."""


class RunOrigin(Struct, omit_defaults=True):
    """One run."""

    run: str
    """Name of its directory or file."""
    model: str
    """Name of the model."""
    seed: int
    """Seed."""
    date: str
    """Day of its last write, in UTC."""
    status: str
    """How far it came."""
    command: str
    """The command that makes it again."""
    version: str
    """Version of mmbench."""
    commit: str = ""
    """Commit of the repository that it was started in, with ``+`` where files differed from it; empty outside one."""
    machine: int = 0
    """Which of the machines."""
    packages: int = 0
    """Which of the sets of packages."""


class Origins(Struct):
    """All runs, and what they share."""

    runs: list[RunOrigin]
    """The runs."""
    machines: list[str]
    """The machines, each once."""
    packages: list[str]
    """The versions of packages that can change a number, each set once."""


def origins(runs: Sequence[Run]) -> Origins:
    """Where runs come from, in the order given."""
    machines = list(dict.fromkeys(map(_machine, runs)))
    packages = list(dict.fromkeys(map(_packages, runs)))
    found = [
        RunOrigin(
            visible(run.path.name),
            visible(run.model.name),
            run.seed,
            run.record.updated[:10],
            run.record.status,
            run_command(run),
            visible(run.record.mmbench_version),
            _commit(run),
            machines.index(_machine(run)),
            packages.index(_packages(run)),
        )
        for run in runs
    ]
    return Origins(found, machines, packages)


def run_command(run: Run) -> str:
    """The command that makes a run again: what differs from the defaults, and no more."""
    spec = run.record.spec
    model = str(spec.get("model") or run.model.name)
    words = ["mmbench", "run", "--model", model, "--tasks", ",".join(map(str, spec.get("tasks") or run.tasks))]
    return visible(shell_command([*words, *_options(spec)]))


def _options(spec: Mapping[str, Any]) -> Iterator[str]:
    for option in OPTIONS.values():
        value = spec.get(option.keyword)
        if option.keyword in ("model", "tasks") or value in (None, [], {}, (), option.default):
            continue
        for text in [""] if option.form.flag else _texts(option.keyword, value):
            yield f"--{option.name}"
            if text:
                yield text


def _texts(keyword: str, value: Any) -> list[str]:
    """The values of an option as a command line takes them; of very many the first ones and an ellipsis."""
    if keyword == "data":
        return [f"{each['name']}={each['path']}" if each.get("name") else str(each.get("path")) for each in value]
    if isinstance(value, Mapping):
        return [",".join(f"{key}={each}" for key, each in value.items())]
    if not isinstance(value, list | tuple):
        return [str(value)]
    texts = [str(each) if isinstance(each, str | int | float) else "…" for each in value]
    texts = texts if len(texts) <= _MOST else [*texts[:_MOST], "…"]
    return [",".join(texts)] if keyword in _JOINED else texts


def _machine(run: Run) -> str:
    machine = run.record.machine
    memory = "" if machine.memory_bytes is None else f"{machine.memory_bytes / 2**30:.0f} GiB"
    cpus = f"{machine.cpu or 'CPU'} × {machine.cpus}"
    parts = (machine.accelerator or "", cpus, memory, machine.platform, machine.python and f"Python {machine.python}")
    return visible(", ".join(filter(None, parts)))


def _packages(run: Run) -> str:
    return visible(", ".join(f"{name} {version}" for name, version in sorted(run.record.packages.items())))


def _commit(run: Run) -> str:
    git = run.record.git
    return "" if git is None else f"{git.commit[:12]}{'+' * git.dirty}"
