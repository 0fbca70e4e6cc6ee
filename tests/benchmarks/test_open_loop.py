"""The load generator itself: at 200 requests a second it sends them when they are due."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest
from test_endpoint import SERVER

import mmbench

RATE = 200.0
REQUESTS = 2_000
MOST_LAG_MS = 5.0


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """An endpoint that answers after 50 ms, in a process of its own."""
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(SERVER)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        yield f"http://127.0.0.1:{child.stdout.readline().strip()}/v1"
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


@pytest.mark.benchmark(group="open loop", min_rounds=1)
def test_requests_are_sent_when_they_are_due(benchmark, url, tmp_path, slowness):
    rounds, disturbed = [], []

    def once():
        result = mmbench.run(
            "openai/m",
            "vqa/easy-vqa",
            out=tmp_path / str(len(rounds)),
            limit=500,
            model_args={"base_url": url},
            perf="full",
            scenarios="server",
            rate=RATE,
            perf_requests=REQUESTS,
            progress=False,
        )
        assert result.exit_code == 0
        server = result.runs[0].tasks["vqa/easy-vqa"].perf.scenarios[-1]
        rounds.append({name: server.value(name) for name in ("dispatch_lag_p50", "dispatch_lag_p99", "requests_per_s")})
        disturbed.append("cpu_pressure" in {reason.code for reason in server.reasons})
        return rounds[-1]

    benchmark.pedantic(once, rounds=2)
    best = min(rounds, key=lambda each: each["dispatch_lag_p99"])
    benchmark.extra_info |= best
    assert best["requests_per_s"] == pytest.approx(RATE, rel=0.1)
    if all(disturbed) and best["dispatch_lag_p99"] >= MOST_LAG_MS * slowness:
        pytest.skip(f"other processes wanted the CPUs all the time: {best}")
    assert best["dispatch_lag_p99"] < MOST_LAG_MS * slowness
