"""Where the numbers of a report come from: versions, machines, dates, and the commands that made the runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from mmbench.core.visible import visible
from mmbench.results.run import Run


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
    commands: list[str]
    """The commands that made it, in order."""
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


def origins(runs: Sequence[Run], commands_of: Callable[[Run], Sequence[str]]) -> Origins:
    """Where runs come from, in the order given; `commands_of` gives the commands that made a run."""
    machines = list(dict.fromkeys(map(_machine, runs)))
    packages = list(dict.fromkeys(map(_packages, runs)))
    found = [
        RunOrigin(
            visible(run.path.name),
            visible(run.model.name),
            run.seed,
            run.record.updated[:10],
            run.record.status,
            list(commands_of(run)),
            visible(run.record.mmbench_version),
            _commit(run),
            machines.index(_machine(run)),
            packages.index(_packages(run)),
        )
        for run in runs
    ]
    return Origins(found, machines, packages)


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
