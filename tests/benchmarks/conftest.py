"""Targets hold on a machine as fast as the one they were set on; on a slower one they scale by how much slower it is."""

import time

import pytest

NOMINAL_S = 0.020
"""CPU seconds of `work` on the machine that docs/benchmarks.md names, when nothing else runs."""


def work() -> int:
    """A fixed piece of interpreter work: dicts, strings and calls."""
    counts: dict[str, int] = {}
    for i in range(100_000):
        key = f"{i % 1000}"
        counts[key] = counts.get(key, 0) + len(key)
    return sum(counts.values())


def _measure() -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


@pytest.fixture
def slowness() -> float:
    """How many times slower than the reference this machine is at this moment; at least 1."""
    return max(1.0, min(_measure() for _ in range(5)) / NOMINAL_S)
