"""Ranks against brute force, expectations against every order of the ties, and chance for models that know nothing."""

from __future__ import annotations

from itertools import pairwise, permutations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmbench.core import ScoreTable
from mmbench.metrics import (
    RankCounts,
    chance_counts,
    query_columns,
    rank_counts,
    retrieval_metrics,
)
from mmbench.metrics.evaluate import evaluate
from mmbench.metrics.retrieval.expected import expected_hit, expected_rank, expected_recall, expected_reciprocal_rank

pytestmark = pytest.mark.slow


def pointers(lists):
    """Lists of positives as indptr and indices."""
    sizes = [len(positives) for positives in lists]
    flat = np.array([p for positives in lists for p in positives], dtype=np.int64)
    return np.cumsum([0, *sizes]), flat


def unit_vectors(generator, n, d):
    vectors = generator.standard_normal((n, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def same(first, second):
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("indptr", "greater", "tied", "best_positives", "n_positives", "gallery")
    )


def brute_force(scores, positives, k):
    """Mean of hit, recall, first rank and its reciprocal over all orders of the gallery that respect the scores."""
    found = []
    for order in permutations(range(len(scores))):
        if all(scores[a] >= scores[b] for a, b in pairwise(order)):
            ranks = [order.index(positive) + 1 for positive in positives]
            first = min(ranks)
            found.append((first <= k, sum(rank <= k for rank in ranks) / len(ranks), first, 1 / first))
    return np.mean(found, axis=0)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_expectations_are_means_over_all_orders_of_the_ties(data):
    scores = data.draw(st.lists(st.integers(-1, 1), min_size=1, max_size=6))
    positives = data.draw(st.lists(st.integers(0, len(scores) - 1), min_size=1, unique=True))
    k = data.draw(st.integers(1, len(scores) + 1))
    gallery = np.array(scores, dtype=np.float32)[:, None]
    counts = rank_counts(np.ones((1, 1), dtype=np.float32), gallery, *pointers([positives]))
    got = [expected_hit(counts, k), expected_recall(counts, k), expected_rank(counts), expected_reciprocal_rank(counts)]
    np.testing.assert_allclose(np.concatenate(got), brute_force(scores, positives, k), rtol=1e-12)


@settings(deadline=None)
@given(st.data())
def test_counts_are_those_of_exact_arithmetic(data):
    n, m, d = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 30), st.integers(1, 4)))
    seed = data.draw(st.integers(0, 2**32))
    generator = np.random.default_rng(seed)
    queries, gallery = generator.integers(-3, 4, (n, d)), generator.integers(-3, 4, (m, d))
    lists = [generator.permutation(m)[: generator.integers(1, m + 1)].tolist() for _ in range(n)]
    block = data.draw(st.integers(1, n + 1))
    indptr, positives = pointers(lists)
    counts = rank_counts(queries.astype(np.float32), gallery.astype(np.float32), indptr, positives, block=block)
    for query, chosen in enumerate(lists):
        scores = gallery @ queries[query]
        span = slice(indptr[query], indptr[query + 1])
        assert counts.greater[span].tolist() == [(scores > scores[p]).sum() for p in chosen]
        assert counts.tied[span].tolist() == [(scores == scores[p]).sum() for p in chosen]
        assert counts.best_positives[query] == (scores[chosen] == scores[chosen].max()).sum()
        assert counts.n_positives[query] == len(chosen)


def test_ranks_of_real_vectors_are_those_of_double_precision():
    generator = np.random.default_rng(5)
    queries, gallery = unit_vectors(generator, 60, 96), unit_vectors(generator, 700, 96)
    lists = [generator.permutation(700)[: 1 + query % 20].tolist() for query in range(60)]
    indptr, positives = pointers(lists)
    counts = rank_counts(queries, gallery, indptr, positives)
    scores = queries.astype(np.float64) @ gallery.astype(np.float64).T
    expected = [(scores[q] > scores[q, p]).sum() for q, chosen in enumerate(lists) for p in chosen]
    assert counts.greater.tolist() == expected
    assert (counts.tied == 1).all()


@pytest.mark.parametrize(("n", "m", "d"), [(1, 7, 1), (3, 1003, 512), (5, 101, 512), (67, 257, 65), (2, 5000, 30)])
@pytest.mark.parametrize("k", [1, 5, 10])
def test_a_constant_model_scores_what_chance_scores(n, m, d, k):
    generator = np.random.default_rng(d)
    queries, gallery = (np.repeat(generator.standard_normal((1, d)), count, axis=0) for count in (n, m))
    vectors = queries.astype(np.float32), gallery.astype(np.float32)
    one = rank_counts(*vectors, *pointers([[i % m] for i in range(n)]))
    assert (one.tied == m).all()
    assert expected_hit(one, k).tolist() == [min(k / m, 1.0)] * n
    assert expected_recall(one, k).tolist() == [min(k / m, 1.0)] * n
    assert expected_rank(one).tolist() == [(m + 1) / 2] * n
    five = rank_counts(*vectors, *pointers([list(range(5))] * n))
    chance = 1 - comb(m - 5, k) / comb(m, k) if k <= m else 1.0
    np.testing.assert_allclose(expected_hit(five, k), chance, rtol=1e-12)
    np.testing.assert_allclose(expected_rank(five), (m + 1) / 6)


def test_chance_is_the_constant_model():
    indptr, positives = pointers([[0, 2], [1], [3, 4, 5]])
    constant = rank_counts(np.ones((3, 4), np.float32), np.ones((9, 4), np.float32), indptr, positives)
    assert same(chance_counts(indptr, 9), constant)


@pytest.mark.parametrize(("n", "m", "d"), [(1, 1003, 512), (5, 101, 512), (64, 999, 64), (33, 37, 129)])
def test_copies_of_a_gallery_item_always_tie(n, m, d):
    generator = np.random.default_rng(n)
    queries, distinct = unit_vectors(generator, n, d), unit_vectors(generator, m // 3 + 1, d)
    copies = generator.integers(0, len(distinct), m)
    indptr, positives = pointers([[int(generator.integers(m))] for _ in range(n)])
    counts = rank_counts(queries, distinct[copies], indptr, positives)
    assert counts.tied.tolist() == [(copies == copies[p]).sum() for p in positives]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 70), st.sampled_from([3, 64, 130]))
def test_neither_order_nor_block_changes_a_rank(seed, block, d):
    generator = np.random.default_rng(seed)
    n, m = 40, 90
    queries, gallery = unit_vectors(generator, n, d), unit_vectors(generator, m, d)
    gallery[50:] = gallery[:40] + generator.choice([0, 1e-7], (40, 1)).astype(np.float32)
    lists = [generator.permutation(m)[: generator.integers(1, 6)] for _ in range(n)]
    counts = rank_counts(queries, gallery, *pointers(lists))
    assert same(rank_counts(queries, gallery, *pointers(lists), block=block), counts)
    rows, items = generator.permutation(n), generator.permutation(m)
    place = np.argsort(items)
    moved = rank_counts(queries[rows], gallery[items], *pointers([place[lists[row]][::-1] for row in rows]))
    expected = query_columns(counts)
    for name, column in query_columns(moved).items():
        assert column.tobytes() == expected[name][rows].tobytes()


@given(st.permutations([1, 3, 7, 11, 13, 10, 30]))
def test_the_order_of_the_positives_does_not_change_a_recall(tied):
    zeros, best = np.zeros(7, dtype=np.int64), np.array([1])
    listed, ordered = (
        RankCounts(np.array([0, 7]), zeros, np.array(sizes), best, gallery=40) for sizes in (tied, sorted(tied))
    )
    assert expected_recall(listed, 1).tobytes() == expected_recall(ordered, 1).tobytes()


@settings(deadline=None)
@given(st.floats(1e-30, 1e30))
def test_the_length_of_the_vectors_does_not_matter(scale):
    generator = np.random.default_rng(9)
    queries, gallery = unit_vectors(generator, 4, 8), unit_vectors(generator, 30, 8)
    lists = pointers([[0, 1], [2], [3], [4, 5, 6]])
    scaled = rank_counts((queries * scale).astype(np.float32), (gallery * scale).astype(np.float32), *lists)
    assert same(scaled, rank_counts(queries, gallery, *lists))


def test_a_zero_vector_ties_with_everything():
    gallery = unit_vectors(np.random.default_rng(1), 12, 5)
    counts = rank_counts(np.zeros((1, 5), np.float32), gallery, *pointers([[3]]))
    assert (counts.greater.tolist(), counts.tied.tolist()) == ([0], [12])


def test_no_queries_have_no_ranks():
    counts = rank_counts(np.zeros((0, 3), np.float32), np.ones((4, 3), np.float32), *pointers([]))
    assert all(column.shape == (0,) for column in query_columns(counts).values())


@pytest.mark.parametrize("where", ["queries", "gallery"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(where, bad):
    vectors = {"queries": np.ones((2, 3), np.float32), "gallery": np.ones((4, 3), np.float32)}
    vectors[where][1, 2] = bad
    with pytest.raises(ValueError, match=f"the {where} hold NaN"):
        rank_counts(vectors["queries"], vectors["gallery"], *pointers([[0], [1]]))


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ([[0], []], "no positive"),
        ([[0], [4]], "outside the gallery"),
        ([[0], [-1]], "outside the gallery"),
        ([[0], [1, 1]], "twice"),
        ([[0]], "does not divide"),
    ],
)
def test_positives_that_do_not_fit_are_refused(lists, message):
    with pytest.raises(ValueError, match=message):
        rank_counts(np.ones((2, 3), np.float32), np.ones((4, 3), np.float32), *pointers(lists))


def test_arguments_that_do_not_fit_are_refused():
    queries, gallery = np.ones((1, 3), np.float32), np.ones((4, 3), np.float32)
    with pytest.raises(ValueError, match=r"expected \[n, d\]"):
        rank_counts(np.ones((1, 2), np.float32), gallery, *pointers([[0]]))
    with pytest.raises(ValueError, match="block 0"):
        rank_counts(queries, gallery, *pointers([[0]]), block=0)
    counts = rank_counts(queries, gallery, *pointers([[0]]))
    for expected in (expected_hit, expected_recall):
        with pytest.raises(ValueError, match="k = 0"):
            expected(counts, 0)


def test_metrics_read_the_columns_that_are_made_for_them():
    generator = np.random.default_rng(3)
    queries, gallery = unit_vectors(generator, 30, 6), unit_vectors(generator, 40, 6)
    counts = rank_counts(queries, gallery, *pointers([[i, i + 10] for i in range(30)]))
    columns = query_columns(counts, ks=(1, 20))
    ids = [f"q{i}" for i in range(30)]
    table = ScoreTable("query_i2t", ids, ids, ["scored"] * 30, columns)
    values = {str(metric.id): evaluate(metric, table) for metric in retrieval_metrics("i2t", ks=(1, 20))}
    ranks = np.array([min(counts.greater[2 * i : 2 * i + 2]) + 1 for i in range(30)])
    assert values["hit_rate@1(direction=i2t)"].value == pytest.approx(np.mean(ranks <= 1))
    assert values["hit_rate@20(direction=i2t)"].value == pytest.approx(np.mean(ranks <= 20))
    assert values["recall@20(direction=i2t)"].value == pytest.approx(np.mean(counts.greater < 20))
    assert values["median_rank(direction=i2t)"].value == np.median(ranks)
    assert values["median_rank(direction=i2t)"].method.startswith("cluster-bootstrap")
    assert values["mrr(direction=i2t)"].value == pytest.approx(np.mean(1 / ranks))


@pytest.mark.shared_data
def test_known_recalls_of_the_coco_5k_split(shared_data):
    with np.load(shared_data / "retrieval_synth_coco5k.npz") as data:
        images, texts = data["image_emb"].astype(np.float32), data["text_emb"].astype(np.float32)
        owners = data["text_image_index"].astype(np.int64)
    captions = np.argsort(owners, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=len(images)))])
    i2t = rank_counts(images, texts, indptr, captions)
    t2i = rank_counts(texts, images, np.arange(len(texts) + 1), owners)
    assert [round(expected_hit(i2t, k).mean(), 4) for k in (1, 5, 10)] == [0.9696, 0.9974, 0.9994]
    assert [round(expected_recall(t2i, k).mean(), 4) for k in (1, 5, 10)] == [0.7730, 0.9138, 0.9462]
    assert [round(expected_hit(t2i, k).mean(), 4) for k in (1, 5, 10)] == [0.7730, 0.9138, 0.9462]
