"""Differences of two runs: by hand where that can be done, and by the statistics where it cannot."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from stored import ACCURACY, TASK, score_table, write_run

import mmbench
from mmbench.comparison.differences import Comparison, compare_runs
from mmbench.comparison.flips import flips
from mmbench.comparison.paired_metric import paired, unit_changes
from mmbench.core import Metric, MetricId, NotComparableError
from mmbench.core.score_table import ScoreTable
from mmbench.metrics import caption_metrics, class_columns, mean_metric, median_metric, retrieval_metrics
from mmbench.metrics.classes import f1
from mmbench.metrics.regression import mae, number_columns, pearson
from mmbench.results import codec
from mmbench.results.find import load_run
from mmbench.stats import paired_compute_difference, paired_difference, paired_ratio_difference

RIGHT_IN_BOTH, GAINED, LOST, WRONG_IN_BOTH = 40, 12, 4, 44


def columns() -> tuple[list[float], list[float]]:
    a = [1.0] * RIGHT_IN_BOTH + [0.0] * GAINED + [1.0] * LOST + [0.0] * WRONG_IN_BOTH
    b = [1.0] * RIGHT_IN_BOTH + [1.0] * GAINED + [0.0] * LOST + [0.0] * WRONG_IN_BOTH
    return a, b


def compared(out: Path, a: ScoreTable, b: ScoreTable, *metrics: Metric, **options: bool) -> Comparison:
    for name, table in (("first", a), ("second", b)):
        write_run(out, name, {TASK: [table]}, metrics or (ACCURACY,))
    return compare_runs(load_run("first", out), load_run("second", out), **options)


def test_an_interval_ends_where_differences_of_the_metric_end(tmp_path: Path) -> None:
    wide = compared(tmp_path, score_table([0.0] * 100), score_table([1.0] * 99 + [0.0])).metrics[0].difference
    assert wide.value == 0.99
    assert 0.9 < wide.low < 0.99
    assert 0.99 < wide.high < 1.0
    rank = mean_metric("mean_rank", "sample", "accuracy", higher_is_better=False, bounds=(1.0, None), scale=1.0)
    ranks = score_table([1.0] * 100), score_table([500.0] * 99 + [1.0])
    free = compared(tmp_path / "rank", *ranks, rank).metrics[0].difference
    assert free.high > 499.0


# --- a mean ---


def test_two_by_two_counts_give_what_the_textbook_says(tmp_path: Path) -> None:
    a, b = columns()
    (found,) = compared(tmp_path, score_table(a), score_table(b)).metrics
    assert (found.a.value, found.b.value, found.difference.value) == (0.44, 0.52, 0.08)
    assert (found.gained, found.lost, found.better, found.worse) == (12, 4, 12, 4)
    chi2 = (GAINED - LOST) ** 2 / (GAINED + LOST)  # McNemar's test
    assert found.difference.p_value == pytest.approx(scipy_stats.chi2(1).sf(chi2), rel=1e-9)
    error = np.std(np.subtract(b, a), ddof=1) / 10
    quantile = scipy_stats.t(99).ppf(0.975)
    ratios = np.sqrt(
        scipy_stats.chi2(99).ppf((np.arange(1000) + 0.5) / 1000) / 99
    )  # of an estimated error to the true one
    assert scipy_stats.nct.sf(quantile, 99, found.mde / error * ratios).mean() == pytest.approx(0.8, abs=2e-4)


def test_clusters_widen_the_interval(tmp_path: Path) -> None:
    a, b = columns()
    (alone,) = compared(tmp_path / "alone", score_table(a), score_table(b)).metrics
    groups = [f"g{n // 10}" for n in range(100)]
    (grouped,) = compared(tmp_path / "grouped", score_table(a, groups), score_table(b, groups)).metrics
    assert grouped.difference.value == alone.difference.value
    assert grouped.difference.n_clusters == 10
    assert grouped.difference.se > 1.5 * alone.difference.se
    assert "mcnemar" not in grouped.difference.method


def test_swapping_the_runs_turns_every_sign(tmp_path: Path) -> None:
    a, b = columns()
    (one,) = compared(tmp_path / "one", score_table(a), score_table(b)).metrics
    (other,) = compared(tmp_path / "other", score_table(b), score_table(a)).metrics
    assert other.difference.value == -one.difference.value
    assert other.difference.low == pytest.approx(-one.difference.high, rel=1e-9)
    assert other.difference.high == pytest.approx(-one.difference.low, rel=1e-9)
    assert other.difference.p_value == one.difference.p_value
    assert (other.gained, other.lost) == (one.lost, one.gained)


def test_a_run_against_a_copy_of_itself_differs_in_nothing(tmp_path: Path) -> None:
    a, _ = columns()
    (found,) = compared(tmp_path, score_table(a), score_table(a)).metrics
    assert (found.difference.value, found.difference.p_value, found.gained, found.lost) == (0.0, 1.0, 0, 0)
    assert found.mde is None


@pytest.mark.slow
@settings(max_examples=20)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=30), st.randoms())
def test_the_order_of_rows_changes_nothing(tmp_path_factory: pytest.TempPathFactory, pairs, random) -> None:
    a = {f"s{n}": float(x) for n, (x, _) in enumerate(pairs)}
    b = {f"s{n}": float(y) for n, (_, y) in enumerate(pairs)}
    shuffled = list(b.items())
    random.shuffle(shuffled)
    folder = tmp_path_factory.mktemp("order")
    (one,) = compared(folder / "one", score_table(a), score_table(b)).metrics
    (other,) = compared(folder / "other", score_table(a), score_table(dict(shuffled))).metrics
    assert one == other


# --- what failed ---


def test_failed_samples_are_outside_the_pair_and_counted(tmp_path: Path) -> None:
    a = score_table([1.0, 1.0, 0.0, None, 1.0, None])
    b = score_table([1.0, None, 1.0, 1.0, 0.0, None])
    (found,) = compared(tmp_path, a, b).metrics
    assert (found.only_a, found.only_b, found.neither) == (1, 1, 1)
    assert (found.a.n, found.b.n, found.difference.n) == (3, 3, 3)
    assert (found.a.value, found.b.value) == (pytest.approx(2 / 3), pytest.approx(2 / 3))


def test_when_everything_failed_in_one_there_is_no_difference_and_the_exit_code_says_so(tmp_path: Path) -> None:
    comparison = compared(tmp_path, score_table([1.0, 0.0]), score_table([None, None]))
    (found,) = comparison.metrics
    assert found.difference.value is None
    assert found.difference.reason == "no unit was scored by both"
    assert comparison.exit_code == 3


# --- slices ---


def test_slices_are_compared_by_themselves_with_what_failed_in_them(tmp_path: Path) -> None:
    slices = {"kind": ["x", "x", "y", "y", "", "x"]}
    a = score_table([1.0, 0.0, 1.0, 0.0, 1.0, 1.0], slices=slices)
    b = score_table([1.0, 1.0, 0.0, None, 1.0, None], slices=slices)
    comparison = compared(tmp_path, a, b)
    by_label = {each.slice: each for each in comparison.slices}
    assert list(by_label) == [("kind", "x"), ("kind", "y")]
    x, y = by_label.values()
    assert (x.difference.value, x.difference.n, x.only_a) == (0.5, 2, 1)
    assert (y.difference.value, y.difference.n, y.only_a) == (-1.0, 1, 1)
    assert compared(tmp_path / "whole", a, b, slices=False).slices == []


# --- metrics that are no mean ---


def test_a_metric_that_is_no_mean_is_found_again_by_its_id(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (bleu,) = [metric for metric in caption_metrics() if str(metric.id) == "bleu@2"]
    rows = [rng.integers(5, 9, (40, 10)).astype(float) for _ in range(2)]
    tables = [
        ScoreTable("sample", *[[f"s{n:02}" for n in range(40)]] * 2, ["scored"] * 40, {"bleu": each}) for each in rows
    ]
    (found,) = compared(tmp_path, *tables, bleu).metrics
    expected = paired_difference(bleu.formula, *rows, np.arange(40))
    assert found.difference == expected
    assert found.b.value - found.a.value == pytest.approx(expected.value)


def test_a_median_is_compared_by_its_own_bootstrap_and_lower_is_better(tmp_path: Path) -> None:
    metrics = [metric for metric in retrieval_metrics("i2t") if metric.id.name == "median_rank"]
    ids = [f"s{n:02}" for n in range(30)]
    ranks = [np.random.default_rng(seed).integers(1, 20, (30, 1)).astype(float) for seed in (1, 2)]
    tables = [ScoreTable("query_i2t", ids, ids, ["scored"] * 30, {"rank": each[:, 0]}) for each in ranks]
    (found,) = compared(tmp_path, *tables, *metrics).metrics
    assert found.difference == paired_compute_difference(metrics[0].compute, *ranks, np.arange(30))
    assert found.better == int((ranks[1] < ranks[0]).sum())
    assert found.worse == int((ranks[1] > ranks[0]).sum())


def test_a_weighted_mean_keeps_its_weights(tmp_path: Path) -> None:
    metric = Metric(MetricId("share"), "sample", ("part", "whole"), lambda s: s[..., 0] / s[..., 1], is_mean=True)
    ids = [f"s{n:02}" for n in range(20)]
    rows = [np.random.default_rng(seed).uniform(1, 3, (20, 2)) for seed in (1, 2)]
    tables = [ScoreTable("sample", ids, ids, ["scored"] * 20, {"part": r[:, 0], "whole": r[:, 1]}) for r in rows]
    (found,) = compared(tmp_path, *tables, metric).metrics
    assert found.difference == paired_ratio_difference(*rows, np.arange(20))


def test_a_metric_that_nobody_knows_has_values_and_the_reason(tmp_path: Path) -> None:
    unknown = median_metric("own_median", "sample", "accuracy")
    comparison = compared(tmp_path, score_table([1.0, 0.0]), score_table([1.0, 1.0]), ACCURACY, unknown)
    found = {each.id: each for each in comparison.metrics}["own_median"]
    assert (found.a.value, found.b.value, found.difference.value) == (0.5, 1.0, None)
    assert "own_median" in found.difference.reason
    assert comparison.exit_code == 0


def test_what_means_nothing_for_a_single_unit_counts_what_changed_and_calls_it_neither_better_nor_worse(
    tmp_path: Path,
) -> None:
    metric = Metric(MetricId("none"), "sample", ("x",), lambda sums: np.full(sums.shape[:-1], np.nan))
    changes = unit_changes(metric, np.array([[1.0], [2.0]]), np.array([[1.0], [5.0]])).tolist()
    assert changes[0] == 0.0
    assert np.isnan(changes[1])
    assert unit_changes(metric, np.empty((0, 1)), np.empty((0, 1))).tolist() == []


def test_correlations_are_compared_as_wholes(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    labels = generator.uniform(-3, 3, 60)
    said = [labels + generator.normal(0, noise, 60) for noise in (0.2, 1.5)]
    ids = [f"s{n:02}" for n in range(60)]
    tables = [ScoreTable("number", ids, ids, ["scored"] * 60, number_columns(each, labels)) for each in said]
    error, correlation = compared(tmp_path, *tables, mae(), pearson()).metrics
    assert correlation.difference.value == pytest.approx(
        np.corrcoef(said[1], labels)[0, 1] - np.corrcoef(said[0], labels)[0, 1]
    )
    assert (correlation.changed, correlation.better, correlation.worse) == (60, 0, 0)
    errors = [np.abs(each - labels) for each in said]
    assert (error.better, error.worse) == (int((errors[1] < errors[0]).sum()), int((errors[1] > errors[0]).sum()))
    assert error.difference.value == pytest.approx(errors[1].mean() - errors[0].mean())


def test_a_correlation_has_no_flips(tmp_path: Path) -> None:
    labels = np.linspace(-3, 3, 20)
    ids = [f"s{n:02}" for n in range(20)]
    tables = [
        ScoreTable("number", ids, ids, ["scored"] * 20, number_columns(each, labels)) for each in (labels, labels**2)
    ]
    found = compared(tmp_path, *tables, mae(), pearson())
    with pytest.raises(NotComparableError, match="pearson means nothing for a single sample"):
        flips(found.a, found.b, TASK, "pearson", 5)
    assert len(flips(found.a, found.b, TASK, "mae", 5)) == 5


# --- what does not compare ---


def test_two_conventions_do_not_compare(tmp_path: Path) -> None:
    for name, bounds in (("first", (0.0, 1.0)), ("second", (0.0, None))):
        write_run(tmp_path, name, {TASK: [score_table([1.0])]}, [mean_metric("x", "sample", "accuracy", bounds=bounds)])
    (found,) = compare_runs(load_run("first", tmp_path), load_run("second", tmp_path)).metrics
    assert found.difference.value is None
    assert "in different ways" in found.difference.reason


def test_what_one_run_lacks_is_named_and_the_rest_compared(tmp_path: Path) -> None:
    extra = mean_metric("extra", "sample", "accuracy")
    write_run(tmp_path, "first", {TASK: [score_table([1.0, 0.0])], "a/lone": [score_table([1.0])]})
    write_run(tmp_path, "second", {TASK: [score_table([1.0, 1.0])]}, [ACCURACY, extra])
    comparison = compare_runs(load_run("first", tmp_path), load_run("second", tmp_path))
    assert [each.id for each in comparison.metrics] == ["accuracy"]
    assert comparison.missing == {"a/lone": "second has not run it", TASK: "first has no extra"}
    assert comparison.exit_code == 0


def test_a_task_whose_prompt_changed_is_refused_with_exit_code_3(tmp_path: Path) -> None:
    write_run(tmp_path, "first", {TASK: [score_table([1.0])]}, prompt="1: one word")
    write_run(tmp_path, "second", {TASK: [score_table([1.0])]}, prompt="2: briefly")
    comparison = compare_runs(load_run("first", tmp_path), load_run("second", tmp_path))
    assert [str(each) for each in comparison.refused[TASK]] == ["prompt: 1: one word against 2: briefly"]
    assert (comparison.metrics, comparison.exit_code) == ([], 3)


def test_a_comparison_of_nothing_ends_with_3(tmp_path: Path) -> None:
    write_run(tmp_path, "first", {"a/one": [score_table([1.0])]})
    write_run(tmp_path, "second", {"a/two": [score_table([1.0])]})
    comparison = compare_runs(load_run("first", tmp_path), load_run("second", tmp_path))
    assert comparison.exit_code == 3
    assert comparison.missing == {"a/one": "second has not run it", "a/two": "first has not run it"}


def test_a_model_that_cannot_answer_is_said_to_lack_the_task(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_run(tmp_path, name, {TASK: [score_table([1.0])]})
    first, second = load_run("first", tmp_path), load_run("second", tmp_path)
    entry = msgspec.structs.replace(second.tasks[TASK].entry, status="incompatible", reason="it has no method `choose`")
    task = replace(second.tasks[TASK], entry=entry, scores=None)
    comparison = compare_runs(first, replace(second, tasks={TASK: task}))
    assert comparison.missing == {TASK: "second cannot answer it (it has no method `choose`)"}


# --- from Python ---


def test_it_is_one_call_from_python(tmp_path: Path) -> None:
    a, b = columns()
    for name, scores in (("first", a), ("second", b)):
        write_run(tmp_path, name, {TASK: [score_table(scores)]})
    comparison = mmbench.compare("first", tmp_path / load_run("second", tmp_path).path.name, out=tmp_path)
    assert isinstance(comparison, mmbench.Comparison)
    assert comparison.metrics[0].difference.value == 0.08
    document = codec.canonical_json(comparison.to_dict())
    assert b'"better":12' in document
    with pytest.raises(mmbench.MmbenchError, match="unknown metric of these runs 'acuracy'"):
        mmbench.compare("first", "second", out=tmp_path, metrics="acuracy")
    with pytest.raises(TypeError):
        mmbench.compare("first", "second", out=tmp_path, unheard_of=1)


def test_tables_that_are_gone_are_an_error_of_code_3(tmp_path: Path) -> None:
    path = write_run(tmp_path, "first", {TASK: [score_table([1.0])]})
    write_run(tmp_path, "second", {TASK: [score_table([1.0])]})
    next(path.glob("tasks/*/scores/*.npz")).unlink()
    with pytest.raises(NotComparableError, match="it is missing"):
        mmbench.compare("first", "second", out=tmp_path)


@pytest.mark.parametrize(("rare", "has_interval"), [(4, False), (5, True)])
def test_a_difference_of_macro_f1_over_a_rare_class_has_a_p_value_and_no_interval(
    rare: int, has_interval: bool
) -> None:
    generator = np.random.default_rng(1)
    actual = (np.arange(60) < rare).astype(int)
    predicted = [np.where(generator.random(60) < right, actual, 1 - actual) for right in (0.9, 0.6)]
    rows = [np.concatenate(list(class_columns(np.eye(2)[each], actual).values()), axis=1) for each in predicted]
    found = paired(f1(average="macro"), *rows, np.arange(60))
    assert found.p_value is not None
    assert found.value is not None
    assert (found.low is not None, found.reason is None) == (has_interval, has_interval)
