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
from collections.abc import Iterator

THREADS = 1
"""Threads of training and inference unless the option ``threads`` says otherwise."""


@contextlib.contextmanager
def compute_threads(count: int | None) -> Iterator[None]:
    """Let torch compute with this many threads inside the block, and with as many as before after it.

    Args:
        count: The number of threads; None: `THREADS`.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count or THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(before)
