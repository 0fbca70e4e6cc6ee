"""MaxSim against an implementation by loops, ties, and independence of order and blocks."""

from typing import Any

import numpy as np
import pytest

from mmbench.metrics import Relevant, expected_pair, expected_pair_late, max_sim, rank_late
from mmbench.metrics.retrieval import late_interaction


def items(seed: int, sizes: list[int], dim: int = 8) -> list[Any]:
    """Vectors of norm 1, so many for each item."""
    rng = np.random.default_rng(seed)
    return [
        (v / np.linalg.norm(v, axis=1, keepdims=True)).astype(np.float32)
        for v in (rng.standard_normal((n, dim)) for n in sizes)
    ]


def by_loops(query: Any, item: Any) -> float:
    """The definition, a number at a time."""
    total = 0.0
    for q in query:
        best = -np.inf
        for d in item:
            best = max(best, sum(float(a) * float(b) for a, b in zip(q, d, strict=True)))
        total += best
    return total


def relevant(positives: list[list[int]]) -> Relevant:
    """Query i is answered by these items."""
    sizes = np.array([len(own) for own in positives])
    flat = np.array([p for own in positives for p in own])
    return Relevant(np.arange(len(positives)), np.concatenate(([0], np.cumsum(sizes))), flat)


QUERIES = items(1, [3, 7, 1, 20, 2, 5])
GALLERY = items(2, [4, 1, 9, 30, 2, 2, 6])
ANSWERS = [[0], [1, 3], [2], [6], [4, 5], [0, 1, 2]]


def test_scores_are_those_of_the_definition() -> None:
    for query in QUERIES:
        for item in GALLERY:
            assert max_sim(query, item) == pytest.approx(by_loops(query, item), abs=1e-9)


def test_ranks_are_those_of_scores_by_loops() -> None:
    counts = rank_late(QUERIES, GALLERY, relevant(ANSWERS))
    greater = []
    for query, answers in zip(QUERIES, ANSWERS, strict=True):
        scores = [by_loops(query, item) for item in GALLERY]
        greater += [sum(score > scores[answer] for score in scores) for answer in answers]
    assert counts.greater.tolist() == greater
    assert counts.tied.tolist() == [1] * len(greater)
    assert counts.gallery == len(GALLERY)


def test_equal_items_tie_wherever_they_stand() -> None:
    gallery = [GALLERY[0], *GALLERY, GALLERY[0][::-1].copy()]
    counts = rank_late(QUERIES, gallery, relevant([[1]] * len(QUERIES)))
    assert counts.tied.tolist() == [3] * len(QUERIES), "copies tie, and so do the same vectors in another order"


@pytest.mark.parametrize(("queries", "gallery"), [(1, 1), (8, 5), (10**6, 10**6)])
def test_blocks_change_no_rank(queries: int, gallery: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = rank_late(QUERIES, GALLERY, relevant(ANSWERS))
    monkeypatch.setattr(late_interaction, "_QUERY_VECTORS", queries)
    monkeypatch.setattr(late_interaction, "_ITEM_VECTORS", gallery)
    found = rank_late(QUERIES, GALLERY, relevant(ANSWERS))
    assert found.greater.tolist() == expected.greater.tolist()
    assert found.tied.tolist() == expected.tied.tolist()


def test_rows_of_zeros_are_padding_and_lengths_do_not_count_unless_asked() -> None:
    padded = [np.concatenate([item, np.zeros((3, 8), np.float32)]) for item in GALLERY]
    longer = [item * (place + 1) for place, item in enumerate(GALLERY)]
    expected = rank_late(QUERIES, GALLERY, relevant(ANSWERS)).greater.tolist()
    assert rank_late(QUERIES, padded, relevant(ANSWERS)).greater.tolist() == expected
    assert rank_late(QUERIES, longer, relevant(ANSWERS)).greater.tolist() == expected
    assert rank_late(QUERIES, longer, relevant(ANSWERS), normalise=False).greater.tolist() != expected


def test_only_queries_that_ask_are_counted() -> None:
    some = Relevant(np.array([1, 3]), np.array([0, 2, 3]), np.array([1, 3, 6]))
    whole = rank_late(QUERIES, GALLERY, relevant(ANSWERS))
    assert rank_late(QUERIES, GALLERY, some).greater.tolist() == whole.greater[[1, 2, 4]].tolist()


@pytest.mark.parametrize("bad", [np.zeros((2, 8)), np.full((1, 8), np.nan), np.full((1, 8), np.inf)])
def test_what_has_no_direction_is_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match="an item"):
        rank_late(QUERIES, [*GALLERY, bad], relevant(ANSWERS))


def test_a_pair_of_single_vectors_is_that_of_the_usual_product() -> None:
    rng = np.random.default_rng(3)
    queries, gallery = rng.standard_normal((2, 50, 2, 4)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=-1, keepdims=True)
    gallery /= np.linalg.norm(gallery, axis=-1, keepdims=True)
    late = expected_pair_late(queries[:, :, None], gallery[:, :, None])
    assert late.tolist() == expected_pair(queries, gallery).tolist()
    same = gallery[:, [0, 0]]
    assert set(expected_pair_late(queries[:, :, None], same[:, :, None]).tolist()) == {0.25}
