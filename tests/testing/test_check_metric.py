"""Metrics that break one promise each: the kit names that promise, and lets the package's own formulas pass."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmbench import registry
from mmbench.core import Metric, MetricId, ScoreTable
from mmbench.metrics import maker_named, retrieval_metrics
from mmbench.metrics.formulas import mean_metric, median_metric, ratio, weighted_median
from mmbench.testing import check_metric
from mmbench.testing.report import Report


def failing(report: Report) -> set[str]:
    return {check.name for check in report.failed}


def table(*columns: str, n: int = 30, seed: int = 0) -> ScoreTable:
    drawn = np.random.default_rng(seed).integers(0, 5, size=(len(columns), n)).astype(float)
    ids = [f"u{row}" for row in range(n)]
    values = dict(zip(columns, drawn, strict=True))
    return ScoreTable("sample", ids, [f"c{row // 3}" for row in range(n)], ["scored"] * n, values)


def f1(sums: Any) -> Any:
    return 2 * sums[..., 0] / (2 * sums[..., 0] + sums[..., 1] + sums[..., 2])


F1 = Metric(MetricId("f1"), "sample", ("tp", "fp", "fn"), formula=f1)


@pytest.mark.parametrize(
    "metric",
    [
        mean_metric("accuracy", "sample", "right"),
        mean_metric("error", "sample", "off", bounds=(0.0, None), higher_is_better=False, scale=1.0),
        mean_metric("gain", "sample", "gain", bounds=(None, None)),
        mean_metric("loss", "sample", "loss", bounds=(None, 0.0)),
        Metric(MetricId("share"), "sample", ("hits", "tries"), formula=ratio, is_mean=True),
        median_metric("median_rank", "query", "rank"),
        *retrieval_metrics("t2i", ks=(1, 5)),
    ],
    ids=lambda metric: str(metric.id),
)
def test_metrics_that_keep_their_promises_pass_without_a_table(metric: Metric) -> None:
    report = check_metric(metric)
    assert report.ok
    assert report.kind == "metric"
    assert report.name == str(metric.id)
    assert report["bounds"].status == ("skip" if metric.bounds == (None, None) else "pass")


def test_a_formula_over_several_columns_is_checked_on_its_table() -> None:
    alone, given_table = check_metric(F1), check_metric(F1, table("tp", "fp", "fn"))
    assert alone.ok
    assert alone["bounds"].status == "skip"
    assert given_table.ok
    assert given_table["bounds"].status == "pass"


@settings(max_examples=20)
@given(n=st.integers(2, 40), seed=st.integers(0, 2**32))
def test_a_good_metric_passes_on_any_table(n: int, seed: int) -> None:
    report = check_metric(F1, table("tp", "fp", "fn", n=n, seed=seed), seed=seed)
    assert failing(report) <= {"finite"}  # two units without a hit have no F1


def test_columns_wider_than_one_number_need_a_table() -> None:
    wide = Metric(
        MetricId("wide"), "sample", ("stats",), formula=lambda sums: sums[..., 3] / sums[..., 4], bounds=(0, None)
    )
    rows = np.random.default_rng(0).integers(1, 9, size=(12, 5)).astype(float)
    ids = [f"u{row}" for row in range(12)]
    alone = check_metric(wide)
    assert (alone.ok, alone["registered"].status, alone["finite"].status) == (True, "note", "skip")
    assert check_metric(wide, ScoreTable("sample", ids, ids, ["scored"] * 12, {"stats": rows})).ok


@pytest.mark.parametrize("name", [plugin.name for plugin in registry.plugins("metric")])
def test_every_registered_metric_keeps_its_promises(name: str) -> None:
    report = check_metric(maker_named(name))
    assert report.ok, str(report)
    assert report["registered"].status == "pass"


def only_last(sums: Any) -> Any:
    return np.asarray(sums[0] / sums[1]) if sums.ndim == 1 else ratio(sums[:1])


def over_the_batch(sums: Any) -> Any:
    return sums[..., 0] / sums[..., 1].max()


def in_place(sums: Any) -> Any:
    sums[..., 0] /= np.where(sums[..., 1] == 0, np.nan, sums[..., 1])
    return sums[..., 0]


class Counting:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, sums: Any) -> Any:
        self.calls += 1
        return ratio(sums) / self.calls


def python_numbers(sums: Any) -> Any:
    if sums.ndim == 1:
        return np.asarray(float(sums[0]) / float(sums[1]))
    return np.asarray([python_numbers(row) for row in sums])


def unweighted_mean(rows: Any, weights: Any) -> Any:
    return np.full(len(weights), rows[:, 0].mean())


def summed(rows: Any, weights: Any) -> Any:
    return weights @ rows[:, 0]


def first_row(rows: Any, weights: Any) -> Any:
    return np.asarray([rows[np.flatnonzero(row)[0], 0] if row.any() else np.nan for row in weights])


def one_for_all(rows: Any, weights: Any) -> Any:
    return weighted_median(rows, weights)[:1]


MEAN = mean_metric("own_mean", "sample", "right")
MEDIAN = median_metric("middle", "sample", "value", bounds=(None, None))


@pytest.mark.parametrize(
    ("metric", "check", "said"),
    [
        (replace(MEAN, id="accuracy"), "id", "str"),
        (replace(MEAN, unit=""), "declaration", "no unit"),
        (replace(MEAN, bounds=(1.0, 0.0)), "declaration", "bounds"),
        (replace(MEAN, scale=0.0), "declaration", "scale"),
        (mean_metric("accuracy", "sample", "x", higher_is_better=False), "registered", "accuracy"),
        (replace(MEAN, formula=lambda sums: 100 * ratio(sums)), "bounds", "outside its bounds"),
        (replace(MEAN, formula=lambda sums: ratio(sums) - 1), "bounds", "outside its bounds"),
        (replace(MEAN, formula=lambda sums: ratio(sums) * np.nan), "finite", "undefined"),
        (replace(MEAN, formula=only_last), "batched", "shape"),
        (replace(MEAN, formula=over_the_batch), "batched", "one by one"),
        (replace(MEAN, formula=in_place), "pure", "changes the array"),
        (replace(MEAN, formula=Counting()), "pure", "different values"),
        (replace(MEAN, formula=python_numbers), "undefined", "ZeroDivisionError"),
        (replace(MEDIAN, compute=unweighted_mean), "weights", "repeated so often"),
        (replace(MEDIAN, compute=summed), "doubled", "doubled"),
        (replace(MEDIAN, compute=first_row), "order", "shuffled"),
        (replace(MEDIAN, compute=one_for_all), "batched", "shape"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_promise_is_named(metric: Metric, check: str, said: str) -> None:
    report = check_metric(metric)
    assert report[check].status == "fail"
    assert said in report[check].detail
    assert report[check].advice


def test_a_table_without_the_metrics_column_fails() -> None:
    report = check_metric(MEAN, table("wrong"))
    assert not report.ok
    assert "'right'" in report["finite"].detail


def test_a_table_on_which_nothing_was_scored_decides_nothing() -> None:
    empty = replace(table("right"), status=["error"] * 30)
    assert check_metric(MEAN, empty)["finite"].status == "skip"
