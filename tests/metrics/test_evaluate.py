"""Tables to values: what is counted, what no order can change, and what is refused."""

from __future__ import annotations

import math
from array import array
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmbench.core import Metric, MetricId, PluginError, ScoreTable
from mmbench.metrics.evaluate import INTERVALS, evaluate, evaluate_slices
from mmbench.metrics.formulas import mean_metric, median_metric, ratio
from mmbench.metrics.merging import merge_tables
from mmbench.stats import clustered_se, paired_mean_difference

ACCURACY = mean_metric("accuracy", "sample", "score")
MEDIAN = median_metric("median_rank", "sample", "score")
RATIO = Metric(MetricId("hits_per_try"), "sample", ("score", "tries"), formula=ratio, bounds=(None, None))
WEIGHTED = replace(ACCURACY, columns=("score", "tries"))
STATUSES = ("scored", "scored", "scored", "unparsed", "refused", "error", "skipped")


def weighted_mean(rows, weights):
    """A compute function whose last bit depends on the order of its rows."""
    return weights @ rows[:, 0] / weights.sum(axis=1)


COMPUTED = Metric(MetricId("computed_mean"), "sample", ("score",), compute=weighted_mean)


def make_table(scores, clusters=None, status=None, **more):
    n = len(scores)
    status = ["scored"] * n if status is None else list(status)
    return ScoreTable(
        unit="sample",
        unit_ids=[f"s{i}" for i in range(n)],
        cluster_ids=[f"s{i}" for i in range(n)] if clusters is None else [f"image {c}" for c in clusters],
        status=status,
        columns={"score": scores, "tries": np.arange(1.0, n + 1)},
        **more,
    )


def pick(table, index):
    return replace(
        table,
        unit_ids=[table.unit_ids[i] for i in index],
        cluster_ids=[table.cluster_ids[i] for i in index],
        status=[table.status[i] for i in index],
        columns={name: np.asarray(column)[index] for name, column in table.columns.items()},
        slices={name: [labels[i] for i in index] for name, labels in table.slices.items()},
    )


@st.composite
def tables(draw):
    n = draw(st.integers(1, 25))
    scores = draw(st.lists(st.floats(0, 1), min_size=n, max_size=n))
    clusters = draw(st.lists(st.integers(0, 7), min_size=n, max_size=n))
    status = draw(st.lists(st.sampled_from(STATUSES), min_size=n, max_size=n))
    labels = draw(st.lists(st.sampled_from(["", "colour", "shape"]), min_size=n, max_size=n))
    scores = [score if state == "scored" else 0.0 for score, state in zip(scores, status, strict=True)]
    return make_table(np.array(scores), clusters, status, slices={"type": labels})


def test_a_mean_with_its_interval():
    generator = np.random.default_rng(0)
    scores, clusters = generator.random(300), generator.integers(0, 40, 300)
    got = evaluate(ACCURACY, make_table(scores, clusters))
    error = clustered_se(scores, clusters)
    assert got.value == pytest.approx(scores.mean())
    assert got.low == pytest.approx(scores.mean() - 2 * error, abs=0.2 * error)
    assert got.high == pytest.approx(scores.mean() + 2 * error, abs=0.2 * error)
    assert (got.id, got.unit, got.method, got.reason) == ("accuracy", "sample", "cluster-score", None)
    assert (got.n, got.n_failed, got.n_clusters, got.coverage) == (300, 0, len(set(clusters.tolist())), 1.0)
    assert got.value_failed_as_zero == got.value


def test_what_is_counted_and_what_is_not():
    status = ["scored", "truncated", "unparsed", "refused", "error", "error", "skipped"]
    got = evaluate(ACCURACY, make_table([1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0], status=status))
    assert (got.n, got.n_failed, got.n_truncated, got.n_unparsed, got.n_refused) == (4, 2, 1, 1, 1)
    assert (got.bound_low, got.bound_high) == (1 / 6, 1.0)
    assert got.value == 2 / 4
    assert got.value_failed_as_zero == 2 / 6
    assert got.coverage == 4 / 6


def test_other_metrics_have_no_value_with_failures_as_zero():
    table = make_table([1.0, 2.0, 0.0], status=["scored", "scored", "error"])
    for metric in (MEDIAN, RATIO, WEIGHTED, replace(ACCURACY, higher_is_better=False)):
        assert evaluate(metric, table).value_failed_as_zero is None


def test_a_table_where_all_failed():
    got = evaluate(ACCURACY, make_table([0.0, 0.0], status=["error", "error"]))
    assert (got.value, got.low, got.high, got.method) == (None, None, None, "none")
    assert (got.n, got.n_failed, got.coverage, got.value_failed_as_zero) == (0, 2, 0.0, 0.0)
    assert got.reason == "no unit was scored"


def test_an_empty_table():
    got = evaluate(ACCURACY, make_table([]))
    assert (got.value, got.n, got.n_failed, got.coverage, got.value_failed_as_zero) == (None, 0, 0, 0.0, None)
    assert got.reason == "no unit was scored"


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_score_that_is_not_finite_leaves_no_value(bad):
    got = evaluate(ACCURACY, make_table([1.0, bad, 0.0]))
    assert (got.value, got.low, got.high, got.value_failed_as_zero) == (None, None, None, None)
    assert "not a finite number" in got.reason


def test_a_failed_unit_may_hold_anything():
    got = evaluate(ACCURACY, make_table([1.0, float("nan"), 0.0], status=["scored", "error", "scored"]))
    assert (got.value, got.n_failed) == (0.5, 1)


def test_a_formula_that_is_undefined_leaves_no_value():
    table = replace(make_table([1.0, 2.0]), columns={"score": [1.0, 2.0], "tries": [0.0, 0.0]})
    got = evaluate(RATIO, table)
    assert (got.value, got.method) == (None, "none")
    assert "undefined" in got.reason


def test_one_cluster_has_a_value_without_interval():
    for metric in (ACCURACY, RATIO, MEDIAN):
        got = evaluate(metric, make_table([1.0, 2.0, 4.0], clusters=[0, 0, 0]))
        assert got.value is not None
        assert (got.low, got.high, got.method, got.n_clusters) == (None, None, "none", 1)
        assert got.reason == "one cluster: no interval"


def test_an_incomplete_table_says_so():
    table = make_table([1.0, 0.0], clusters=[0, 0], incomplete="2 pictures of the gallery failed")
    assert evaluate(ACCURACY, table).reason == "2 pictures of the gallery failed; one cluster: no interval"


def test_a_perfect_score_has_a_wilson_interval():
    got = evaluate(ACCURACY, make_table([1.0] * 40, clusters=[i // 2 for i in range(40)]))
    assert (got.value, got.high, got.method) == (1.0, 1.0, "wilson")
    assert got.low == pytest.approx(20 / (20 + 1.959963984540054**2))


def test_a_bootstrap_interval_names_its_seed():
    table = make_table(np.random.default_rng(1).integers(1, 50, 80).astype(float), clusters=np.arange(80) // 2)
    got = evaluate(MEDIAN, table, seed=7)
    assert got.method == "cluster-bootstrap(resamples=2000,seed=7)"
    assert got.value == np.median(table.columns["score"])
    assert got.low < got.value < got.high
    assert (got.higher_is_better, got.scale) == (False, 1.0)


@pytest.mark.parametrize("metric", [ACCURACY, RATIO, MEDIAN, COMPUTED], ids=lambda metric: str(metric.id))
def test_the_way_to_the_interval_can_be_chosen(metric):
    table = make_table(np.random.default_rng(3).exponential(10.0, 120), clusters=np.arange(120) // 2)
    standard, percentile, bca = (evaluate(metric, table, seed=3, interval=kind) for kind in INTERVALS)
    assert standard.value == percentile.value == bca.value
    assert percentile.method == "cluster-bootstrap(resamples=2000,seed=3)"
    assert bca.method == "cluster-bootstrap-bca(resamples=2000,seed=3)"
    assert (standard == percentile) == (metric.formula is None)
    assert (bca.low, bca.high) != (percentile.low, percentile.high)
    assert evaluate_slices(metric, replace(table, slices={"all": ["yes"] * 120}), seed=3, interval="bca") == {
        "all": {"yes": bca}
    }
    with pytest.raises(ValueError, match="standard, percentile, bca"):
        evaluate(metric, table, interval="normal")


@pytest.mark.parametrize("interval", INTERVALS)
def test_data_that_prove_nothing_have_no_interval_and_a_reason(interval):
    for scores, clusters in (([0.3] * 8, None), ([0.3] * 8, [0, 0, 0, 1, 1, 2, 2, 2]), ([0.3], None)):
        got = evaluate(ACCURACY, make_table(scores, clusters), interval=interval)
        assert (got.value, got.low, got.high, got.method) == (pytest.approx(0.3), None, None, "none")
        assert got.reason.endswith("no interval")
    for scores in ([np.nan, 0.5], [np.inf, 1.0]):
        got = evaluate(ACCURACY, make_table(scores), interval=interval)
        assert (got.value, got.low, got.reason) == (None, None, "a score is not a finite number")
    got = evaluate(ACCURACY, make_table([]), interval=interval)
    assert (got.value, got.low, got.n, got.reason) == (None, None, 0, "no unit was scored")


def test_formula_and_mean_agree_on_the_same_data():
    table = make_table(np.random.default_rng(2).random(400), clusters=np.arange(400) // 4)
    mean = evaluate(ACCURACY, table)
    for metric in (replace(ACCURACY, is_mean=False), COMPUTED):
        drawn = evaluate(metric, table)
        assert drawn.value == pytest.approx(mean.value)
        assert drawn.high - drawn.low == pytest.approx(mean.high - mean.low, rel=0.08)


@pytest.mark.parametrize("kind", [list, lambda scores: array("d", scores), np.array])
def test_a_column_may_be_any_sequence_of_floats(kind):
    scores = [0.25, 0.5, 1.0]
    assert evaluate(ACCURACY, make_table(kind(scores))) == evaluate(ACCURACY, make_table(scores))


def test_a_column_may_be_wide():
    confusion = np.array([[1.0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 1, 1]])
    metric = Metric(MetricId("wide"), "sample", ("cells", "1"), formula=lambda s: s[..., 0] * s[..., 2] / s[..., 3])
    table = replace(make_table([0.0] * 4), columns={"cells": confusion})
    assert evaluate(metric, table).value == 2 * 2 / 4


@pytest.mark.slow
@pytest.mark.parametrize("metric", [ACCURACY, RATIO, WEIGHTED, MEDIAN, COMPUTED], ids=lambda metric: str(metric.id))
@settings(deadline=None, max_examples=40)
@given(table=tables(), data=st.data())
def test_order_and_shards_do_not_change_a_single_bit(metric, table, data):
    n = len(table.unit_ids)
    order = data.draw(st.permutations(range(n)))
    cut = data.draw(st.integers(0, n))
    merged = merge_tables([pick(table, order[:cut]), pick(table, order[cut:])])
    assert evaluate(metric, merged) == evaluate(metric, table)
    assert evaluate_slices(metric, merged) == evaluate_slices(metric, table)


@pytest.mark.slow
@settings(deadline=None)
@given(tables())
def test_a_value_is_what_a_plain_loop_finds(table):
    rows = [i for i, status in enumerate(table.status) if status in ("scored", "unparsed", "refused")]
    got = evaluate(ACCURACY, table)
    assert got.n == len(rows)
    assert got.n_clusters == len({table.cluster_ids[i] for i in rows})
    if rows:
        assert got.value == pytest.approx(sum(table.columns["score"][i] for i in rows) / len(rows))
        assert got.low is None or got.low <= got.value <= got.high


@pytest.mark.slow
@settings(deadline=None)
@given(tables())
def test_a_slice_is_the_table_of_its_units(table):
    got = evaluate_slices(ACCURACY, table)
    labels = sorted({label for label in table.slices["type"] if label})
    assert list(got["type"]) == labels
    for label in labels:
        index = [i for i, other in enumerate(table.slices["type"]) if other == label]
        assert got["type"][label] == evaluate(ACCURACY, pick(table, index))


def test_a_table_without_slices_has_none():
    assert evaluate_slices(ACCURACY, make_table([1.0])) == {}


def test_what_a_metric_cannot_read_is_refused():
    table = make_table([1.0, 0.0])
    with pytest.raises(PluginError, match=r"reads column 'other'.*has: score, tries"):
        evaluate(replace(ACCURACY, columns=("other", "1")), table)
    with pytest.raises(PluginError, match="unit 'query'"):
        evaluate(replace(ACCURACY, unit="query"), table)
    with pytest.raises(PluginError, match=r"shape \(3,\) for 2 units"):
        evaluate(ACCURACY, replace(table, columns={"score": [1.0, 0.0, 1.0]}))
    with pytest.raises(PluginError, match="status 'fine'"):
        evaluate(ACCURACY, replace(table, status=["scored", "fine"]))
    with pytest.raises(PluginError, match="not as many statuses"):
        evaluate(ACCURACY, replace(table, status=["scored"]))


def test_shards_become_one_table():
    table = make_table([1.0, 0.0, 0.5], slices={"type": ["a", "b", "a"]}, answers=["red", None, "blue"])
    first, second = pick(table, [0]), replace(pick(table, [1, 2]), slices={}, answers=None, incomplete="late")
    first = replace(first, answers=["red"])
    merged = merge_tables([first, second])
    assert merged.unit_ids == ["s0", "s1", "s2"]
    assert merged.columns["score"].tolist() == [1.0, 0.0, 0.5]
    assert merged.slices == {"type": ["a", "", ""]}
    assert merged.answers == ["red", None, None]
    assert merged.explanations is None
    assert merged.incomplete == "late"
    said = [replace(first, remarks={"score": "low", "ones": "odd"}), replace(second, remarks={"score": "high"})]
    assert merge_tables(said).remarks == {"score": "high; low", "ones": "odd"}


def test_a_value_outside_the_declared_range_has_no_interval():
    for scores in ([7.0, 6.0, 7.0, 9.0], [-3.0, -2.0, 0.0, 0.0]):
        found = evaluate(mean_metric("score", "sample", "score"), make_table(scores))
        assert found.value == pytest.approx(np.mean(scores))
        assert (found.low, found.high, found.codes[0]) == (None, None, "out-of-range")


def test_scores_whose_squares_overflow_have_a_value_and_no_interval():
    values = [1e200, 2e200, 4e200, 1e200]
    found = evaluate(mean_metric("score", "sample", "score", bounds=(0.0, None)), make_table(values))
    assert found.value == pytest.approx(2e200)
    assert (found.low, found.high, found.codes) == (None, None, ["overflow"])
    scores = np.array(values)
    difference = paired_mean_difference(scores, scores[::-1], np.arange(4))
    assert difference.value == 0.0
    assert (difference.low, difference.p_value) == (None, None)


def test_shards_that_do_not_fit_are_refused():
    table = make_table([1.0, 0.0])
    other = replace(table, unit_ids=["s8", "s9"])
    with pytest.raises(ValueError, match="no tables"):
        merge_tables([])
    with pytest.raises(ValueError, match="different units"):
        merge_tables([table, replace(other, unit="query")])
    with pytest.raises(ValueError, match="different columns"):
        merge_tables([table, replace(other, columns={"score": [1.0, 0.0]})])
    with pytest.raises(ValueError, match="different columns"):
        merge_tables([table, replace(other, columns={"score": np.ones((2, 2)), "tries": np.ones(2)})])
    with pytest.raises(ValueError, match="'s1' occurs in more than one"):
        merge_tables([table, replace(table, unit_ids=["s1", "s2"])])


# --- what is said of a value, as codes ---


def _codes(metric: Metric, scores: list[float], clusters: list[str] | None = None) -> tuple[str, ...]:
    ids = [f"s{n}" for n in range(len(scores))]
    return tuple(
        evaluate(metric, ScoreTable("sample", ids, clusters or ids, ["scored"] * len(ids), {"x": scores})).codes
    )


def test_reasons_and_warnings_have_codes() -> None:
    share = mean_metric("share", "sample", "x")
    loss = mean_metric("loss", "sample", "x", bounds=(0.0, None))
    giant = ["big"] * 30 + [str(n) for n in range(30)]
    assert _codes(share, [1.0, 0.0] * 10) == ()
    assert _codes(share, [1.0, 0.0] * 10, ["one"] * 20) == ("one-cluster",)
    assert _codes(share, [1.0, float("nan")] * 10) == ("not-finite",)
    assert _codes(share, [1.0, 0.0] * 30, giant) == ("few-clusters",)
    assert _codes(loss, [2.0] * 20) == ("no-spread",)
    assert _codes(loss, [float(n % 7) for n in range(30)]) == ()
    lognormal = [math.exp(NormalDist().inv_cdf((n + 0.5) / 30)) for n in range(30)]
    assert _codes(loss, lognormal) == ("skewed",)
    assert _codes(loss, [math.exp(NormalDist().inv_cdf((n + 0.5) / 3000)) for n in range(3000)]) == ()


def test_a_formula_over_few_clusters_is_warned_of_too() -> None:
    rows = [1.0, 0.0] * 6
    harmonic = Metric(
        MetricId.parse("odd"), "sample", ("x", "1"), formula=lambda sums: (sums[..., 0] / sums[..., 1]) ** 2
    )
    assert "few-clusters" in _codes(harmonic, rows, [f"c{n // 3}" for n in range(12)])


def test_remarks_on_a_column_are_said_of_its_metrics_alone() -> None:
    ids = [f"s{n}" for n in range(20)]
    columns = {"x": [0.0, 1.0] * 10, "y": [1.0, 0.0] * 10}
    table = ScoreTable("sample", ids, ids, ["scored"] * 20, columns, remarks={"x": "of few images"})
    found = {name: evaluate(mean_metric(name, "sample", name), table) for name in "xy"}
    assert found["x"].codes == ["remark"]
    assert found["x"].reason == "of few images"
    assert (found["y"].codes, found["y"].reason) == ([], None)
