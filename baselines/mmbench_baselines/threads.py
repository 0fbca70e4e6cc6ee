"""How many CPU threads the baselines compute with. Loads no torch before it is asked to.

The models are small: a training step is a few hundred operations of some microseconds each, and with several threads
every one of them ends at a barrier. The OpenMP runtime of torch lets threads wait there in a busy loop. On cores that
other processes use as well, the thread that is waited for is often not running, and the one that waits burns its time
slice: a step takes ten times as long as with one thread (docs/benchmarks.md). On idle cores a second thread makes a
step a fifth to a third faster. Hence one thread is the rule, whatever the machine; results then do not depend on the
number of its cores either.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

THREADS = 1
"""Threads of training and inference unless the option ``threads`` says otherwise."""

_WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Environment variables by which users choose how OpenMP threads wait."""


@contextlib.contextmanager
def compute_threads(count: int | None) -> Iterator[None]:
    """Let torch compute with this many threads inside the block, and with as many as before after it.

    With more than one, idle threads sleep instead of spinning, unless the user chose otherwise or torch is loaded
    already: its OpenMP runtime reads the environment once.

    Args:
        count: The number of threads; None: `THREADS`.
    """
    count = count or THREADS
    passive = count > 1 and "torch" not in sys.modules and not any(name in os.environ for name in _WAITING)
    if passive:
        os.environ["OMP_WAIT_POLICY"] = "passive"
    try:
        import torch
    finally:
        if passive:
            del os.environ["OMP_WAIT_POLICY"]
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
