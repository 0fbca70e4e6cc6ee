"""What the measurements of ``--perf quick`` cost a model with ``async def`` methods: its rate with them, and without."""

from __future__ import annotations

import asyncio
import itertools

import pytest

import mmbench
from mmbench.results.log import read_log

N = 1_280
CONCURRENCY = 64
MOST = 1.03
"""Of the time without measurements."""


class Sleeps:
    """Answers after 50 ms, all requests in flight at the same moment: what is done for each of them then holds up the rest."""

    async def generate(self, request):
        await asyncio.sleep(0.05)
        return "yes"


@pytest.mark.benchmark(group="harness", min_rounds=1)
def test_measuring_an_async_model_slows_it_by_less_than_three_percent(benchmark, tmp_path):
    number = itertools.count()

    def seconds(perf):
        """From the first request to the last answer, by the log, which both kinds of runs write."""
        options = {"limit": N, "concurrency": CONCURRENCY, "perf": perf, "progress": False}
        result = mmbench.run(Sleeps(), "vqa/easy-vqa", out=tmp_path / str(next(number)), **options)
        assert result.exit_code == 0
        (log,) = result.runs[0].path.glob("tasks/*/responses.jsonl")
        ends = [line.start_s + line.duration_s for line in read_log(log)]
        assert len(ends) > 0.9 * N  # whole groups of questions about one image
        return max(ends)

    pairs = benchmark.pedantic(lambda: [(seconds("quick"), seconds("off")) for _ in range(3)], rounds=1)
    measured, unmeasured = (min(times) for times in zip(*pairs, strict=True))
    benchmark.extra_info |= {"measured_s": measured, "unmeasured_s": unmeasured, "ratio": measured / unmeasured}
    assert measured <= MOST * unmeasured
