"""Start-up: CPU seconds of the commands that people type without meaning to run anything."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

TARGETS_S = {"help": 0.12, "list-tasks": 0.15, "click": 0.2}
"""CPU seconds of each, user and system together, on a machine that does nothing else."""


def children_cpu() -> float:
    """CPU seconds of all finished children, user and system."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.benchmark(group="start-up", timer=children_cpu)
@pytest.mark.parametrize(("name", "arguments"), [("help", ["--help"]), ("list-tasks", ["list", "tasks"])])
def test_start_up_keeps_to_its_budget(benchmark, name, arguments, slowness):
    command = [sys.executable, "-m", "mmbench", *arguments]
    benchmark.pedantic(lambda: subprocess.run(command, check=True, capture_output=True), rounds=9, warmup_rounds=1)
    assert benchmark.stats.stats.min <= TARGETS_S[name] * slowness


@pytest.mark.benchmark(group="start-up", timer=children_cpu)
def test_import_of_click_alone_for_comparison(benchmark, slowness):
    command = [sys.executable, "-c", "import click"]
    benchmark.pedantic(lambda: subprocess.run(command, check=True, capture_output=True), rounds=9, warmup_rounds=1)
    assert benchmark.stats.stats.min <= TARGETS_S["click"] * slowness
