"""Start-up: CPU seconds of the commands that people type without meaning to run anything."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

TARGET_S = 0.2


def children_cpu() -> float:
    """CPU seconds of all finished children, user and system."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.benchmark(group="start-up", timer=children_cpu)
@pytest.mark.parametrize("arguments", [["--help"], ["list", "tasks"]], ids=["help", "list-tasks"])
def test_start_up_takes_at_most_a_fifth_of_a_second_of_cpu(benchmark, arguments, slowness):
    command = [sys.executable, "-m", "mmbench", *arguments]
    benchmark.pedantic(lambda: subprocess.run(command, check=True, capture_output=True), rounds=9, warmup_rounds=1)
    assert benchmark.stats.stats.min <= TARGET_S * slowness


@pytest.mark.benchmark(group="start-up", timer=children_cpu)
def test_import_of_click_alone_for_comparison(benchmark, slowness):
    command = [sys.executable, "-c", "import click"]
    benchmark.pedantic(lambda: subprocess.run(command, check=True, capture_output=True), rounds=9, warmup_rounds=1)
    assert benchmark.stats.stats.min <= TARGET_S * slowness
