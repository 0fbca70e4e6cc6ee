"""The gate in CI: from the start of the process to its exit code, on two small runs."""

from __future__ import annotations

import resource
import subprocess
import sys

import numpy as np
import pytest
from stored import TASK, score_table, write_run

TARGET_S = 0.6


def children_cpu() -> float:
    """CPU seconds of all finished children, user and system."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two runs of 3,000 questions, four a picture."""
    place = tmp_path_factory.mktemp("gate")
    generator = np.random.default_rng(0)
    clusters = [f"picture-{n // 4}" for n in range(3000)]
    for name in ("before", "after"):
        right = (generator.random(3000) < 0.7).astype(float).tolist()
        write_run(place / "results" / "runs", name, {TASK: [score_table(right, clusters)]})
    subprocess.run([sys.executable, "-m", "mmbench", "baseline", "save", "before", "b.json"], cwd=place, check=True)
    return place


@pytest.mark.benchmark(group="gate", timer=children_cpu)
@pytest.mark.parametrize("baseline", ["before", "b.json"], ids=["run", "file"])
def test_the_gate_takes_0_6_s_of_cpu_from_start_to_exit(benchmark, folder, slowness, baseline):
    command = [sys.executable, "-m", "mmbench", "gate", "after", "--baseline", baseline, "--junit", "gate.xml"]

    def once():
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr
        assert "1 rule" in done.stdout

    benchmark.pedantic(once, rounds=7, warmup_rounds=1)
    assert benchmark.stats.stats.min <= TARGET_S * slowness


@pytest.mark.benchmark(group="gate", timer=children_cpu)
def test_importing_what_it_needs_alone_for_comparison(benchmark, slowness):
    command = [sys.executable, "-c", "import click, msgspec, numpy, filelock, rich.table, rich.console"]
    benchmark.pedantic(lambda: subprocess.run(command, check=True), rounds=7, warmup_rounds=1)
    assert benchmark.stats.stats.min <= TARGET_S * slowness
