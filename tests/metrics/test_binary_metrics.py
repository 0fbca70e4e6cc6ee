"""Metrics of two classes and of groups: scikit-learn says the same."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    ndcg_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from mmbench.core import ScoreTable
from mmbench.metrics import (
    auroc,
    average_precision,
    binary_columns,
    binary_f1,
    binary_recall,
    consistency,
    f1,
    group_accuracy,
    group_table,
    metric_from_id,
    mme_cognition,
    mme_columns,
    mme_perception,
    multilabel_columns,
    positive_rate,
    precision,
    query_columns,
    samples_f1,
    score_column,
)
from mmbench.metrics.evaluate import evaluate
from mmbench.metrics.mme import TASKS
from mmbench.metrics.retrieval.counts import RankCounts

RNG = np.random.default_rng(16)


def table_of(columns, n, unit="sample"):
    ids = [str(row) for row in range(n)]
    return ScoreTable(unit, ids, ids, ["scored"] * n, columns)


def test_precision_recall_and_f1_are_those_of_scikit_learn():
    for _ in range(6):
        predicted, actual = RNG.integers(0, 2, (2, 12))
        predicted[0] = actual[0] = 1
        table = table_of(binary_columns(predicted, actual == 1), 12)
        for maker, expected in ((precision, precision_score), (binary_recall, recall_score), (binary_f1, f1_score)):
            found = evaluate(maker(positive="yes"), table)
            assert found.value == pytest.approx(expected(actual, predicted))


def test_yes_to_everything_on_balanced_data():
    table = table_of(binary_columns([1.0] * 6, [True, False] * 3), 6)
    assert evaluate(binary_f1(positive="yes"), table).value == pytest.approx(2 / 3)
    assert evaluate(positive_rate(positive="yes"), table).value == 1.0


@pytest.mark.parametrize(("maker", "expected"), [(auroc, roc_auc_score), (average_precision, average_precision_score)])
def test_ranking_metrics_are_those_of_scikit_learn(maker, expected):
    for _ in range(6):
        scores, actual = RNG.integers(0, 6, 15) / 5, RNG.integers(0, 2, 15)
        actual[:2] = 0, 1
        rows = np.stack([scores, actual], axis=1).astype(float)
        weights = RNG.integers(0, 4, (3, 15)).astype(float)
        weights[:, :2] = 1
        found = maker(positive="yes").compute(rows, weights)
        assert found.tolist() == pytest.approx([expected(actual, scores, sample_weight=each) for each in weights])


def test_no_score_counts_as_wrong():
    actual = [True, False, True, False]
    column = score_column([0.9, 0.1, float("nan"), float("nan")], actual)["positive_score"]
    assert column[2] < 0.1
    assert column[3] > 0.9
    table = table_of({"positive_score": column, "positive_actual": np.array(actual, dtype=float)}, 4)
    assert evaluate(auroc(positive="yes"), table).value == 0.25


def test_f1_of_several_labels_is_that_of_scikit_learn():
    for _ in range(10):
        predicted, actual = RNG.integers(0, 2, (2, 9, 4)).astype(float)
        actual[0] = predicted[0] = 0
        table = table_of(multilabel_columns(predicted, actual), 9)
        assert evaluate(samples_f1(average="samples"), table).value == pytest.approx(
            f1_score(actual, predicted, average="samples", zero_division=0)
        )
        for average in ("micro", "macro", "weighted"):
            assert evaluate(f1(average=average, zero_division=0), table).value == pytest.approx(
                f1_score(actual, predicted, average=average, zero_division=0)
            )


def test_groups_count_when_all_members_are_right_and_fail_with_any():
    status = ["scored", "scored", "unparsed", "scored", "error", "scored"]
    ids = list("abcdef")
    table = ScoreTable("sample", ids, list("ppqqrr"), status, {"accuracy": [1.0, 1.0, 0.0, 1.0, 0.0, 1.0]})
    found = group_table(table, ["1", "1", "2", "2", "3", ""], unit="sentence")
    assert found.status == ["scored", "unparsed", "error"]
    assert found.cluster_ids == ["p", "q", "r"]
    value = evaluate(consistency(), found)
    assert (value.value, value.n, value.n_failed) == (0.5, 2, 1)
    assert metric_from_id("group_accuracy(of=figure)") is group_accuracy(of="figure")


def test_the_scores_of_mme_are_sums_over_tasks():
    right = RNG.integers(0, 3, 14 * 30).astype(float)
    tasks = list(TASKS) * 30
    table = table_of(mme_columns(tasks, right, right == 2), len(tasks), "image")
    of = {task: [value for value, name in zip(right, tasks, strict=True) if name == task] for task in TASKS}
    expected = {task: 100 * (sum(v) / (2 * len(v)) + sum(x == 2 for x in v) / len(v)) for task, v in of.items()}
    perception, cognition = evaluate(mme_perception(), table), evaluate(mme_cognition(), table)
    assert perception.value == pytest.approx(sum(expected[task] for task in TASKS[:10]))
    assert cognition.value == pytest.approx(sum(expected[task] for task in TASKS[10:]))
    assert perception.low < perception.value < perception.high
    without = evaluate(mme_cognition(), table_of(mme_columns(["OCR"], [1.0], [0.0]), 1, "image"))
    assert without.value is None
    assert "code_reasoning" in without.reason


def test_ndcg_is_that_of_scikit_learn_and_takes_the_mean_over_ties():
    for _ in range(6):
        scores = RNG.permutation(12).astype(float)
        relevant = RNG.permutation([1, 1, 1] + [0] * 9)
        greater = np.array([(scores > scores[j]).sum() for j in np.flatnonzero(relevant)])
        counts = RankCounts(np.array([0, 3]), greater, np.ones(3, dtype=int), np.array([1]), gallery=12)
        for ties in ("expected", "optimistic"):
            for k in (1, 5, 10):
                found = query_columns(counts, (k,), ties)[f"ndcg@{k}"].item()
                assert found == pytest.approx(ndcg_score([relevant], [scores], k=k))
    tied = RankCounts(np.array([0, 1]), np.array([0]), np.array([3]), np.array([1]), gallery=3)
    mean = (1 + 1 / np.log2(3) + 1 / np.log2(4)) / 3
    assert query_columns(tied, (10,))["ndcg@10"].item() == pytest.approx(mean)
    assert query_columns(tied, (10,), "pessimistic")["ndcg@10"].item() == pytest.approx(0.5)
