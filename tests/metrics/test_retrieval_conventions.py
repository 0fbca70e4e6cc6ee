"""Rules for ties and protocols: placed ranks against sorted lists, folds against rankings made one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.core import MetricId, ScoreTable, UnknownNameError
from mmbench.metrics import (
    TIES,
    RankCounts,
    chance_counts,
    folded_columns,
    folds_of_images,
    mrr,
    query_columns,
    rank_counts,
    retrieval_metrics,
)
from mmbench.metrics.evaluate import evaluate
from mmbench.metrics.retrieval.expected import expected_rank, expected_recall, placed_ranks


def by_sorting(scores, positives, ties):
    """Ranks of the positives in a list sorted by score, positives first or last among equals."""
    place = {"optimistic": 0, "pessimistic": 1}[ties]
    order = sorted(
        range(len(scores)), key=lambda item: (-scores[item], (item in positives) == bool(place), item not in positives)
    )
    return sorted(order.index(positive) + 1 for positive in positives)


@pytest.mark.slow
@given(st.data())
def test_positives_stand_before_or_after_whatever_ties_with_them(data):
    scores = data.draw(st.lists(st.integers(-2, 2), min_size=1, max_size=12))
    items = st.lists(st.integers(0, len(scores) - 1), min_size=1, unique=True)
    lists = data.draw(st.lists(items, min_size=1, max_size=3))
    indptr, positives = np.cumsum([0, *map(len, lists)]), np.concatenate(lists)
    gallery = np.array(scores, dtype=np.float32)[:, None]
    counts = rank_counts(np.ones((len(lists), 1), np.float32), gallery, indptr, positives)
    k = data.draw(st.integers(1, 13))
    expected = query_columns(counts, (k,))
    for ties in ("optimistic", "pessimistic"):
        ranks = placed_ranks(counts, ties)
        columns = query_columns(counts, (k,), ties)
        for query, chosen in enumerate(lists):
            sorted_ranks = by_sorting(scores, chosen, ties)
            assert ranks[indptr[query] : indptr[query + 1]].tolist() == sorted_ranks
            assert columns["rank"][query] == sorted_ranks[0]
            assert columns["rr"][query] == 1 / sorted_ranks[0]
            assert columns[f"hit@{k}"][query] == (sorted_ranks[0] <= k)
            assert columns[f"recall@{k}"][query] == np.mean([rank <= k for rank in sorted_ranks])
    best, worst = (query_columns(counts, (k,), ties) for ties in ("optimistic", "pessimistic"))
    for name, column in expected.items():
        low, high = (best, worst) if name == "rank" else (worst, best)
        assert (low[name] <= column + 1e-12).all()
        assert (column <= high[name] + 1e-12).all()


def test_without_ties_every_rule_says_the_same():
    generator = np.random.default_rng(0)
    queries, gallery = (generator.standard_normal((n, 5)).astype(np.float32) for n in (20, 60))
    counts = rank_counts(queries, gallery, np.arange(0, 61, 3), generator.permutation(60))
    for ties in TIES:
        for name, column in query_columns(counts, ties=ties).items():
            np.testing.assert_allclose(column, query_columns(counts)[name], rtol=1e-12)


def test_a_constant_model_under_each_rule():
    counts = chance_counts(np.array([0, 5]), 100)
    at_10 = {ties: query_columns(counts, (10,), ties) for ties in TIES}
    assert [at_10[ties]["hit@10"].item() for ties in ("optimistic", "pessimistic")] == [1.0, 0.0]
    assert [at_10[ties]["rank"].item() for ties in TIES] == [101 / 6, 1.0, 96.0]
    assert at_10["expected"]["recall@10"].item() == 0.1


def test_unknown_conventions_are_refused():
    counts = chance_counts(np.array([0, 1]), 4)
    with pytest.raises(ValueError, match="optimistic or pessimistic"):
        query_columns(counts, (1,), "lucky")
    with pytest.raises(ValueError, match="k = 0"):
        query_columns(counts, (0,), "optimistic")
    with pytest.raises(UnknownNameError):
        mrr(direction="i2t", ties="lucky")
    with pytest.raises(UnknownNameError):
        retrieval_metrics("i2t", protocol="5k")
    with pytest.raises(ValueError, match="not the parameters"):
        retrieval_metrics("i2t,x=1")


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("protocol", ["all", "1k"])
def test_the_convention_stands_in_the_id_and_the_default_does_not(ties, protocol):
    ids = [metric.id for metric in retrieval_metrics("t2i", ties=ties, protocol=protocol)]
    assert {key.name for key in ids} == {"hit_rate", "recall", "ndcg", "median_rank", "mean_rank", "mrr"}
    for each in ids:
        convention = dict(each.params)
        assert MetricId.parse(str(each)) == each
        assert convention.pop("direction") == "t2i"
        assert convention.pop("ties", "expected") == ties
        assert convention.pop("protocol", "") == ("1k-5fold" if protocol == "1k" else "")
        assert not convention


def test_folds_are_thousands_in_the_order_of_the_data():
    folds = folds_of_images(5000)
    assert [folds.count(fold) for fold in range(5)] == [1000] * 5
    assert folds == sorted(folds)
    for images in (0, 999, 1000, 1001, 4999, 6000):
        with pytest.raises(ValueError, match=f"needs 5,000 images, not {images:,}"):
            folds_of_images(images)


def folded_table(sizes, seed=0):
    """A table of queries in folds of these sizes, with the columns of each fold as they were."""
    generator = np.random.default_rng(seed)
    parts = []
    for size in sizes:
        greater = generator.integers(0, 40, size)
        counts = RankCounts(np.arange(size + 1), greater, generator.integers(1, 4, size), np.ones(size, int), 50)
        parts.append(query_columns(counts, (1, 10)))
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    ids = [f"q{n}" for n in range(sum(sizes))]
    columns = folded_columns(joined, np.repeat(np.arange(len(sizes)), sizes).tolist())
    return ScoreTable("query_t2i", ids, ids, ["scored"] * len(ids), columns), parts


@pytest.mark.parametrize("sizes", [(30, 30, 30), (7, 40, 23, 11), (50,)])
def test_values_are_means_over_folds(sizes):
    table, parts = folded_table(sizes)
    metrics = {
        metric.id.name + str(metric.id.cutoff or ""): evaluate(metric, table)
        for metric in retrieval_metrics("t2i", (1, 10), protocol="1k")
    }
    columns = {"hit_rate1": "hit@1", "hit_rate10": "hit@10", "recall10": "recall@10", "mean_rank": "rank", "mrr": "rr"}
    for name, column in columns.items():
        value = metrics[name]
        assert value.value == pytest.approx(np.mean([part[column].mean() for part in parts]), rel=1e-12)
        assert value.low is not None
        assert value.low <= value.value <= value.high
        assert value.n == sum(sizes)
    assert metrics["median_rank"].value == np.mean([np.median(part["rank"]) for part in parts])
    assert not metrics["mean_rank"].higher_is_better


def test_folds_of_one_size_weigh_one_and_give_the_interval_of_a_plain_mean():
    table, parts = folded_table((30, 30, 30))
    assert table.columns["weight"].tolist() == [1.0] * 90
    plain = ScoreTable(
        table.unit,
        table.unit_ids,
        table.cluster_ids,
        table.status,
        {name: np.concatenate([part[name] for part in parts]) for name in parts[0]},
    )
    for folded, whole in zip(
        retrieval_metrics("t2i", (1, 10), protocol="1k"), retrieval_metrics("t2i", (1, 10)), strict=True
    ):
        if folded.is_mean:
            one, other = evaluate(folded, table), evaluate(whole, plain)
            assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))


def test_rows_that_do_not_count_weigh_nothing():
    columns = query_columns(chance_counts(np.arange(5), 9), (1,))
    counted = np.array([True, False, True, True])
    folded = folded_columns(columns, [0, 0, 1, 1], counted)
    assert folded["weight"].tolist() == [1.5, 0.0, 0.75, 0.75]
    nothing = folded_columns(columns, [0, 0, 1, 1], np.zeros(4, dtype=bool))
    assert nothing["weight"].tolist() == [0.0] * 4


def test_expected_values_are_between_the_others():
    counts = RankCounts(np.array([0, 2]), np.array([2, 5]), np.array([3, 2]), np.array([1]), gallery=9)
    assert placed_ranks(counts, "optimistic").tolist() == [3, 6]
    assert placed_ranks(counts, "pessimistic").tolist() == [5, 7]
    assert expected_rank(counts).item() == 4.0
    assert expected_recall(counts, 6).item() == 0.75
