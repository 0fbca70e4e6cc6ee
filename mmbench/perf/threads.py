"""The number of CPU threads that numerical libraries compute with."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier

from mmbench.perf.cpu import cpus
from mmbench.perf.memory import loaded_torch

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Environment variables that libraries read when they are loaded."""
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Environment variables by which users choose how OpenMP threads wait for each other."""


@contextmanager
def compute_threads(count: int | None) -> Iterator[None]:
    """Let numerical libraries compute with this many CPU threads inside the block.

    A library that is loaded inside the block reads the number from its environment variable; torch, if it is loaded
    already, is told, and computes with as many threads as before after the block. Several threads sleep while they wait
    for each other, unless the user chose how they wait: threads that spin make everything many times slower on cores
    that other processes use as well (docs/benchmarks.md).

    Args:
        count: The number of threads; None changes nothing.
    """
    if count is None:
        yield
        return
    chosen = dict.fromkeys(VARIABLES, str(count))
    if count > 1 and not any(name in os.environ for name in WAITING):
        chosen["OMP_WAIT_POLICY"] = "passive"
    before = {name: os.environ.get(name) for name in chosen}
    torch = sys.modules.get("torch")
    torch_before = torch.get_num_threads() if torch is not None else None
    os.environ.update(chosen)
    if torch is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if torch is not None:
            torch.set_num_threads(torch_before)


def idle_cpus() -> int:
    """CPUs that a model leaves idle while it computes.

    Returns:
        Those beyond torch's threads where torch is loaded and computes on the CPU; otherwise all but one, which the model's
        Python code needs, and at least 1.
    """
    threads = _torch_threads()
    return max(1, cpus() - 1) if threads is None else max(0, cpus() - threads)


def start_threads(count: int, name: str) -> ThreadPoolExecutor:
    """Threads for work beside a model, each of which computes alone where torch computes on the CPU.

    Otherwise torch would give each of them a team of threads of its own. As soon as all teams of a process have more threads
    than there are CPUs, libgomp lets them sleep whenever they wait for each other, also that of the model, which then takes up
    to 1.7 times as long, whether the others have work or not (docs/benchmarks.md).

    Args:
        count: The number of threads. All of them are started.
        name: What their names begin with.
    """
    pool = ThreadPoolExecutor(count, thread_name_prefix=name)
    threads = _torch_threads()
    if threads is None or threads == 1:
        return pool
    torch = sys.modules["torch"]
    all_started = Barrier(count)

    def compute_alone() -> None:
        torch.get_num_threads()  # torch sets up a thread when it is first used there, which would undo the next line
        torch.set_num_threads(1)
        all_started.wait()

    for started in [pool.submit(compute_alone) for _ in range(count)]:
        started.result()
    torch.set_num_threads(threads)  # for threads to come, which have all learned of 1
    return pool


def _torch_threads() -> int | None:
    """Threads with which torch computes on the CPU; None where it is not loaded, or uses an accelerator or may do so."""
    torch = sys.modules.get("torch")
    if torch is None or loaded_torch() is not None or torch.backends.mps.is_available() or torch.xpu.is_available():
        return None
    return int(torch.get_num_threads())
