"""Resampling: corpus metrics, paired differences, and a table of 200,000 clusters with 65 slices."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from mmbench.core import Metric, MetricId, ScoreTable
from mmbench.metrics.evaluate import evaluate, evaluate_slices
from mmbench.metrics.formulas import median_metric, ratio
from mmbench.stats import bootstrap_formula, paired_compute_difference, paired_difference, paired_mean_difference

DRAW = np.random.default_rng(0)


def bleu(sums):
    precision = np.log(sums[..., :4] / sums[..., 4:8]).mean(axis=-1)
    return np.exp(precision + np.minimum(0.0, 1.0 - sums[..., 9] / sums[..., 8]))


def plain(formula, rows, resamples):
    """One resample at a time."""
    generator = np.random.default_rng(0)
    return np.array([formula(rows[generator.integers(0, len(rows), len(rows))].sum(axis=0)) for _ in range(resamples)])


@pytest.mark.benchmark(group="statistics", timer=time.process_time)
def test_10000_resamples_of_ten_sums_over_5000_samples_take_half_a_second(benchmark, slowness):
    rows = DRAW.integers(1, 14, (5000, 10)).astype(np.float64)
    drawn = benchmark.pedantic(lambda: bootstrap_formula(bleu, rows, resamples=10_000), rounds=3)
    assert benchmark.stats.stats.min <= 0.5 * slowness
    start = time.process_time()
    loops = plain(bleu, rows, 500)
    assert benchmark.stats.stats.min * 3 <= (time.process_time() - start) * 20
    assert drawn.values.std() == pytest.approx(loops.std(), rel=0.15)


def two_models():
    clusters = DRAW.integers(0, 3166, 5000)
    clusters[:3166] = np.arange(3166)
    a, b = np.round(DRAW.random(5000), 1), np.round(DRAW.random(5000), 1)
    return a, b, clusters


@pytest.mark.benchmark(group="statistics", timer=time.process_time)
def test_a_paired_bootstrap_of_3166_clusters_takes_half_a_second(benchmark, slowness):
    a, b, clusters = two_models()
    rows = np.stack([a, np.ones(5000)], 1), np.stack([b, np.ones(5000)], 1)
    found = benchmark.pedantic(lambda: paired_difference(ratio, *rows, clusters, resamples=10_000), rounds=3)
    assert benchmark.stats.stats.min <= 0.5 * slowness
    assert found.se == pytest.approx(paired_mean_difference(a, b, clusters).se, rel=0.03)


@pytest.mark.benchmark(group="statistics", timer=time.process_time)
def test_a_paired_bootstrap_of_medians_takes_two_seconds(benchmark, slowness):
    from mmbench.metrics.formulas import weighted_median

    a, b, clusters = two_models()
    rows = a[:, None], b[:, None]
    benchmark.pedantic(lambda: paired_compute_difference(weighted_median, *rows, clusters, resamples=10_000), rounds=2)
    assert benchmark.stats.stats.min <= 2.0 * slowness


SIZE = 200_000
F1 = Metric(MetricId("f1"), "sample", ("c",), formula=lambda s: 2 * s[..., 0] / (2 * s[..., 0] + s[..., 1] + s[..., 2]))
BLEU = Metric(MetricId("bleu"), "sample", ("c",), formula=bleu)
MEDIAN = median_metric("median_rank", "sample", "c")


def large(column):
    ids = [f"s{i}" for i in range(SIZE)]
    return ScoreTable(
        unit="sample",
        unit_ids=ids,
        cluster_ids=ids,
        status=["scored"] * SIZE,
        columns={"c": column},
        slices={"kind": [f"k{i % 65}" for i in range(SIZE)]},
    )


@pytest.mark.parametrize(
    ("metric", "column", "target_s"),
    [
        (F1, lambda: np.eye(4)[DRAW.integers(0, 4, SIZE)], 2.0),
        (BLEU, lambda: DRAW.random((SIZE, 10)) + 1, 12.0),
        (MEDIAN, lambda: DRAW.exponential(100, SIZE), 15.0),
    ],
    ids=["f1", "bleu", "median"],
)
@pytest.mark.benchmark(group="statistics", timer=time.process_time)
def test_200000_clusters_and_65_slices(benchmark, metric, column, target_s, slowness):
    table = large(column())

    def both():
        return evaluate(metric, table), evaluate_slices(metric, table)

    value, slices = benchmark.pedantic(both, rounds=1)
    assert len(slices["kind"]) == 65
    assert value.low < value.value < value.high
    assert benchmark.stats.stats.min <= target_s * slowness


PROGRAM = """
    import numpy as np
    from mmbench.perf.memory import peak_bytes
    from mmbench.stats import bootstrap_formula

    rows = np.random.default_rng(0).random((200_000, 10)) + 1
    before = peak_bytes()
    bootstrap_formula(lambda sums: sums[..., 0] / sums[..., 1], rows, resamples=40)
    print((peak_bytes() - before) / 2**20)
"""


@pytest.mark.benchmark(group="statistics")
def test_a_bootstrap_of_200000_clusters_takes_150_mb(benchmark):
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM)]
    ended = benchmark.pedantic(lambda: subprocess.run(command, capture_output=True, text=True, check=True), rounds=1)
    assert float(ended.stdout) <= 150
