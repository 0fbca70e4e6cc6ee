"""Percentiles: those of MLPerf's LoadGen on its own latencies, intervals that hold, failures above everything."""

import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmbench.perf.percentiles import (
    CONFIDENCE,
    LEVEL,
    SHOWN,
    allowed_over,
    early_stopping_estimate,
    meets_target,
    percentile,
    percentiles,
    requests_needed,
    sample_floor,
    with_failures,
)

HERE = Path(__file__).parent
LOGS = json.loads((HERE / "loadgen.json").read_text(encoding="utf-8"))
"""Latencies and summaries of mlcommons-loadgen 6.0.17, as ``loadgen_log.py`` prints them."""
LOADGEN = os.environ.get("MMBENCH_LOADGEN_PYTHON", sys.executable)
"""A Python that has mlcommons-loadgen."""


def tail(n: int, p: float, most: int) -> float:
    """P(X ≤ most) for X binomial (n, p), in exact integers."""
    numerator, denominator = p.as_integer_ratio()
    rest = denominator - numerator
    total = sum(math.comb(n, k) * numerator**k * rest ** (n - k) for k in range(most + 1))
    return float(total * 10**30 // denominator**n) / 1e30


def check_agreement(log: dict[str, Any]) -> None:
    ordered = with_failures(log["latencies_ns"])
    for name, expected in log["percentiles"].items():
        q = float(name) / 100
        found = percentile(ordered, q)
        if len(ordered) >= sample_floor(q):
            assert found is not None
            assert found.value == expected
        else:
            assert found is None
    for q in (0.9, 0.99):
        if log["scenario"] == "SingleStream":
            assert early_stopping_estimate(ordered, q) == log["early_stopping_estimates"].get(f"{100 * q:g}")
    if log["scenario"] == "Server":
        over = sum(latency > log["target_ns"] for latency in ordered)
        assert meets_target(ordered, 0.99, log["target_ns"]) == log["early_stopping_met"]
        more = max(0, requests_needed(over, 0.99) - len(ordered))
        assert more == (log["more_queries_needed"] or 0)


@pytest.mark.parametrize("log", LOGS, ids=lambda log: f"{log['scenario']}-{len(log['latencies_ns'])}")
def test_agrees_with_what_loadgen_says_of_its_own_latencies(log: dict[str, Any]) -> None:
    check_agreement(log)


@pytest.mark.slow
@pytest.mark.parametrize("ask", [("SingleStream", 1500, 0), ("SingleStream", 64, 0), ("Server", 1500, 6_000_000)])
def test_agrees_with_the_installed_loadgen(ask: tuple[str, int, int]) -> None:
    looked = subprocess.run([LOADGEN, "-c", "import mlperf_loadgen"], capture_output=True, check=False)
    if looked.returncode:
        pytest.skip("no mlcommons-loadgen here; MMBENCH_LOADGEN_PYTHON names a Python that has it")
    command = [LOADGEN, str(HERE / "loadgen_log.py"), *map(str, ask)]
    check_agreement(json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout))


def test_the_floors_are_those_that_mlperf_publishes() -> None:
    assert {q: sample_floor(q) for q in SHOWN} == {0.5: 11, 0.9: 64, 0.95: 130, 0.99: 662, 0.999: 6636}


@pytest.mark.parametrize(("n", "shown"), [(10, 0), (11, 1), (63, 1), (64, 2), (129, 2), (130, 3), (661, 3), (662, 4)])
def test_a_percentile_is_shown_from_its_floor_only(n: int, shown: int) -> None:
    assert [found.q for found in percentiles([1.0] * n)] == list(SHOWN[:shown])


@pytest.mark.parametrize("q", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("over", [0, 1, 2, 7])
def test_the_bound_of_early_stopping_is_the_least_that_keeps_its_confidence(q: float, over: int) -> None:
    needed = requests_needed(over, q)
    assert tail(needed, 1 - q, over) <= 1 - CONFIDENCE
    assert tail(needed - 1, 1 - q, over) > 1 - CONFIDENCE
    assert allowed_over(needed, q) == over
    assert allowed_over(needed - 1, q) == over - 1


def test_a_quarter_of_a_million_requests_are_counted_like_ten() -> None:
    n, q = 270_336, 0.99  # MLPerf's rules: 270,336 queries for p99 in the server scenario of 2021
    allowed = allowed_over(n, q)
    expected = n * (1 - q) - 2.326 * math.sqrt(n * q * (1 - q))  # the normal approximation
    assert allowed == pytest.approx(expected, rel=0.002)


@pytest.mark.parametrize(("n", "q"), [(11, 0.5), (64, 0.9), (200, 0.5), (130, 0.95)])
def test_the_ends_of_an_interval_leave_at_most_a_fortieth_beyond(n: int, q: float) -> None:
    found = percentile([float(i) for i in range(n)], q)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    low, high = int(found.low), int(found.high)
    assert tail(n, q, low) <= 0.025 < tail(n, q, low + 1)
    assert tail(n, 1 - q, n - 1 - high) <= 0.025 < tail(n, 1 - q, n - high)


@pytest.mark.parametrize("draw", [random.Random.random, lambda r: r.expovariate(1.0), lambda r: r.paretovariate(1.2)])
def test_intervals_hold_for_any_distribution(draw: Callable[[random.Random], float]) -> None:
    source, rounds = random.Random(3), 400
    truth = sorted(draw(source) for _ in range(40_000))[36_000]
    held = 0
    for _ in range(rounds):
        found = percentile(sorted(draw(source) for _ in range(100)), 0.9)
        held += found is not None and (found.low or 0) <= truth <= (found.high or math.inf)
    assert held / rounds >= LEVEL - 0.02


def test_a_percentile_that_falls_on_a_failure_has_no_value() -> None:
    ordered = with_failures([float(i) for i in range(90)], failed=10)
    found = {each.q: each for each in percentiles(ordered)}
    assert found[0.5].value == 50.0
    assert found[0.9].value is None
    assert found[0.9].low is not None
    assert found[0.9].high is None
    assert found[0.9].n == 100


def test_one_failure_in_a_hundred_leaves_the_median_bounded() -> None:
    ordered = with_failures([1.0] * 99, failed=1)
    found = percentile(ordered, 0.9)
    assert found is not None
    assert (found.value, found.high) == (1.0, 1.0)
    assert early_stopping_estimate(ordered, 0.9) == 1.0
    assert early_stopping_estimate(with_failures([1.0] * 63, failed=1), 0.9) is None


@pytest.mark.parametrize("q", [0.0, 1.0, -0.5, 99.0, math.nan])
def test_what_is_no_quantile_is_refused(q: float) -> None:
    with pytest.raises(ValueError, match="quantile"):
        percentile([1.0] * 100, q)
