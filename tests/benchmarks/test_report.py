"""A report over many runs: 50 of them, 5 tasks, 5,000 samples each, every table read and ranked, and a leaderboard."""

import io
import time
from contextlib import redirect_stderr

import numpy as np
import pytest
from boards import written
from stored import score_table

from mmbench.reporting.build import ReportOptions, make_report
from mmbench.reporting.formats import RENDERERS

RUNS, TASKS, SAMPLES, PICTURES = 50, 5, 5_000, 1_250
TARGET_S = 10.0
PAGE_TARGET_S = 25.0


@pytest.fixture(scope="module")
def fifty(tmp_path_factory):
    """The runs; models of one quality in five are alike."""
    out = tmp_path_factory.mktemp("fifty")
    clusters = [f"picture-{n % PICTURES}" for n in range(SAMPLES)]
    generator = np.random.default_rng(0)
    for model in range(RUNS):
        tasks = {}
        for task in range(TASKS):
            scores = generator.random(SAMPLES) < 0.3 + 0.01 * (model - model % 5)
            tasks[f"stored/task{task}"] = score_table(scores.astype(float).tolist(), clusters)
        written(out, f"model{model:02}", tasks)
    return sorted(out.glob("*"))


@pytest.mark.benchmark(group="report", timer=time.process_time, min_rounds=2, max_time=1.0)
def test_a_report_over_fifty_runs_takes_ten_seconds(benchmark, fifty, slowness):
    def once():
        with redirect_stderr(io.StringIO()):
            return make_report(fifty, options=ReportOptions(leaderboard=True))

    report = benchmark(once)
    assert len(report.tables) == TASKS + 1
    assert len(report.tables[0].rows) == RUNS
    for render in RENDERERS.values():
        assert render(report.tables)
    assert benchmark.stats.stats.min <= TARGET_S * slowness


@pytest.mark.benchmark(group="report", timer=time.process_time, min_rounds=1, max_time=1.0)
def test_the_page_of_fifty_runs_takes_25_seconds(benchmark, fifty, slowness):
    """Tables, rankings, views and all; without samples, which these runs have not."""

    def once():
        with redirect_stderr(io.StringIO()):
            return make_report(fifty, options=ReportOptions(leaderboard=True)).html()

    page = benchmark(once)
    assert page.count('data-kind="values"') == TASKS
    assert benchmark.stats.stats.min <= PAGE_TARGET_S * slowness


@pytest.mark.benchmark(group="report", timer=time.process_time, min_rounds=2, max_time=1.0)
def test_reading_the_same_score_tables_alone_for_comparison(benchmark, fifty):
    from mmbench.results.find import load_run

    def once():
        return sum(len(task.tables()) for run in fifty for task in load_run(run, run.parent).tasks.values())

    assert benchmark(once) == RUNS * TASKS
