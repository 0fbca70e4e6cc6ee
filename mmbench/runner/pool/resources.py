"""How the CPUs and GPUs of this machine are divided among workers."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mmbench.core.errors import UsageError
from mmbench.core.spec import RunSpec
from mmbench.perf.cpu import cpus
from mmbench.perf.threads import VARIABLES

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_DEVICES = Path("/dev")
_MOST = 64
"""Workers for each CPU of this machine that are not yet taken for a slip of the keyboard."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker may use."""

    threads: int
    """CPU threads of numerical libraries."""
    cpus: float
    """CPUs."""
    gpus: float = 0.0
    """GPUs."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that say so."""


def visible_gpus() -> list[str]:
    """GPUs that CUDA shows to this process, by the names that ``CUDA_VISIBLE_DEVICES`` takes; nothing is loaded for it."""
    given = os.environ.get(_VISIBLE)
    if given is not None:
        return [name for name in map(str.strip, given.split(",")) if name and name != "-1"]
    found = [path for path in _DEVICES.glob("nvidia*") if re.fullmatch(r"nvidia\d+", path.name)]
    return [str(number) for number in range(len(found))]


def shares(spec: RunSpec, options: Mapping[str, Any]) -> list[Share]:
    """What each of the workers that a run begins with may use on this machine.

    CPUs are divided evenly unless ``--threads`` or ``--cpus-per-worker`` says otherwise. Each worker sees as many GPUs as
    ``--gpus-per-worker`` says, and its own part of those that there are without it.

    Args:
        spec: The options of the run.
        options: The options of the model.

    Raises:
        UsageError: For more GPUs than there are, for far more workers than CPUs, and for a model that is told to use a GPU by
            its number.
    """
    count = spec.workers or 1
    if count > _MOST * cpus():
        raise UsageError(
            f"--workers {count}: this machine has {cpus()} CPUs, and each worker is a process with a model of its own; ask for fewer"
        )
    given = spec.cpus_per_worker
    threads = spec.threads or (max(1, int(given)) if given else max(1, cpus() // count))
    own = given or max(1.0, cpus() / count)
    gpus = _gpus(spec)
    if gpus and re.fullmatch(r"cuda:\d+", str(options.get("device"))):
        raise UsageError(
            f"--device {options['device']}: each of several workers sees GPUs of its own, from cuda:0 on; give --device cuda"
        )
    shared = Share(threads, own, 0.0, dict.fromkeys(VARIABLES, str(threads)))
    return [shared] * count if gpus is None else [_with_gpus(shared, mine) for mine in gpus]


def further_share(first: Sequence[Share], number: int, count: int) -> Share:
    """What one more worker may use, while those that a run began with go on.

    It gets as many threads as each of them, because their number decides in which order libraries add up, and as many GPUs.

    Args:
        first: What `shares` gave those that the run began with.
        number: Workers that there are to be before it.
        count: Workers that there are to be altogether.

    Raises:
        UsageError: If it would need GPUs that others have, and where there are to be far more workers than CPUs.
    """
    if count > _MOST * cpus():
        raise UsageError(f"{count:,} workers are too many for the {cpus()} CPUs of this machine; ask for fewer")
    alike, there = first[0], visible_gpus()
    names = [share.environment.get(_VISIBLE, "") for share in first]
    if not alike.gpus or not there:
        return alike
    if len(set(names)) < len(names) or len(there) < len(first):  # they share GPUs already
        return _with_gpus(alike, [there[number % len(there)]])
    each = int(alike.gpus)
    mine = there[each * number : each * (number + 1)]
    if len(mine) < each:
        raise UsageError(
            f"each worker has {each:,} of the {len(there):,} GPUs, and there are no others for a further one: begin with "
            "--gpus-per-worker and a smaller number"
        )
    return _with_gpus(alike, mine)


def _with_gpus(share: Share, names: Sequence[str]) -> Share:
    environment = {**share.environment, _VISIBLE: ",".join(names)}
    return replace(share, gpus=float(len(names)), environment=environment)


def _gpus(spec: RunSpec) -> list[list[str]] | None:
    """The GPUs of each worker; None where there are none to divide."""
    count, wanted, there = spec.workers or 1, spec.gpus_per_worker, visible_gpus()
    if wanted is not None and wanted * count > len(there):
        known = f"there are {len(there)}" if there else "this machine has none that CUDA shows"
        raise UsageError(
            f"--workers {count} with --gpus-per-worker {wanted} needs {wanted * count} GPUs, and {known}; ask for fewer"
        )
    if not there:
        return None
    if wanted == 0:
        return [[]] * count
    each = wanted if wanted is not None else len(there) // count
    if each:
        return [there[each * worker : each * (worker + 1)] for worker in range(count)]
    return [[there[worker % len(there)]] for worker in range(count)]  # several workers share a GPU
