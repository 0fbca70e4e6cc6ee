"""The number of CPU threads that numerical libraries compute with."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

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
