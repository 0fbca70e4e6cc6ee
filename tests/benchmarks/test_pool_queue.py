"""The queue of leases against the ideal, and what the driver of a pool costs a sample."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers import write_model
from simulated_pool import Canned, simulate

import mmbench
from mmbench.runner.plan.batching import batch_sizes
from mmbench.runner.pool import pool_executor
from mmbench.runner.pool.resources import Share


def test_sixteen_workers_with_one_at_half_speed(benchmark: Any) -> None:
    ended = benchmark(simulate, batch_sizes(10_000, 64), [0.01] * 15 + [0.02])
    ratio = ended.makespan / ended.ideal
    benchmark.extra_info["times the ideal"] = round(ratio, 4)
    assert ratio <= 1.05


def test_driver_of_a_thousand_workers(benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CPU of the driver for each sample: requests built and sent, answers read, checked and logged, and the queue."""
    samples = 3_400
    made: list[Canned] = []

    def here(todo: Any) -> tuple[Canned, Sequence[Share]]:
        made.append(Canned("red"))
        return made[-1], [Share(1, 1.0)] * 1_000

    monkeypatch.setattr(pool_executor, "_here", here)
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path, "class Reds:\n    def generate(self, requests):\n        return ['red' for _ in requests]\n")
    spent: list[float] = []
    asked = pool_executor.PoolExecutor.run

    def timed(self: Any, todo: Any, sink: Any) -> None:
        began, before = time.process_time(), made[-1].spent_s
        asked(self, todo, sink)
        spent.append(time.process_time() - began - (made[-1].spent_s - before))

    monkeypatch.setattr(pool_executor.PoolExecutor, "run", timed)

    def ask() -> Any:
        out = tmp_path / f"runs{len(spent)}"
        return mmbench.run("mymodel.py", "vqa/scenes", workers=2, out=out, batch_size=16, perf="off", progress=False)

    result = benchmark.pedantic(ask, rounds=2, iterations=1)
    assert result.runs[0].tasks["vqa/scenes"].entry.n_samples == samples
    each = min(spent) / samples
    benchmark.extra_info["us a sample"] = round(1e6 * each, 1)
    assert each <= 100e-6
