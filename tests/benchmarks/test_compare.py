"""Two runs of 200,000 samples, from their directories to every difference, by slice too."""

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from stored import TASK, score_table, write_run

import mmbench

N = 200_000
TARGET_S = 5.0
TARGET_GB = 1.0


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """Two runs that disagree on a tenth of their questions: four a picture, 65 types, answers beside."""
    out = tmp_path_factory.mktemp("runs")
    generator = np.random.default_rng(0)
    right = generator.random(N) < 0.7
    groups = [f"picture-{n // 4:06}.jpg" for n in range(N)]
    more = {
        "slices": {"type": [f"type {n % 65}" for n in range(N)]},
        "answers": [f"answer {n % 1000}" for n in range(N)],
    }
    for name in ("first", "second"):
        scores = np.where(generator.random(N) < 0.1, ~right, right).astype(float)
        named = {f"question-{n:07}": score for n, score in enumerate(scores.tolist())}
        write_run(out, name, {TASK: [score_table(named, groups, **more)]})
    return out


@pytest.mark.benchmark(group="compare", timer=time.process_time, min_rounds=3, max_time=5.0)
def test_two_runs_of_200_000_samples_compare_in_5_s(benchmark, runs, slowness):
    comparison = benchmark(lambda: mmbench.compare("first", "second", out=runs))
    assert comparison.metrics[0].difference.n == N
    assert len(comparison.slices) == 65
    assert benchmark.stats.stats.min <= TARGET_S * slowness


@pytest.mark.benchmark(group="compare", timer=time.process_time, min_rounds=3, max_time=5.0)
def test_reading_the_tables_alone_for_comparison(benchmark, runs):
    from mmbench.results.find import load_run

    def once():
        return [load_run(name, runs).tasks[TASK].tables() for name in ("first", "second")]

    assert len(benchmark(once)) == 2


@pytest.mark.benchmark(group="memory", min_rounds=1, max_time=0.1)
def test_comparing_them_takes_less_than_1_gb(benchmark, runs):
    code = f"""
        import mmbench
        from mmbench.perf.memory import peak_bytes
        comparison = mmbench.compare("first", "second", out={str(runs)!r})
        assert comparison.metrics[0].difference.n == {N}
        print(peak_bytes() / 1e9)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = benchmark.pedantic(lambda: subprocess.run(command, capture_output=True, text=True, check=True), rounds=1)
    benchmark.extra_info["gb"] = float(done.stdout)
    assert float(done.stdout) <= TARGET_GB
