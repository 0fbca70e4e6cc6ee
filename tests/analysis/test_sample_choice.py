"""Which samples a page shows: some of every outcome, and the same whatever the order of the runs."""

import numpy as np

from mmbench.analysis.outcomes import OUTCOMES, SCORED
from mmbench.analysis.sample_choice import by_thirds, spread, stratified, with_others

IDS = [f"s{n}" for n in range(1_000)]


def outcomes(**places):
    """One run that got everything right but the places that are named by their outcome."""
    row = np.zeros(len(IDS), dtype=np.int8)
    for name, some in places.items():
        row[some] = OUTCOMES.index(name)
    return row


def test_a_rare_outcome_is_among_few_samples():
    matrix = np.stack([outcomes(refused=[17], failed=[400, 401]), outcomes(wrong=range(500, 900), truncated=[3])])
    chosen = stratified(IDS, matrix, 20)
    assert len(chosen) == len(set(chosen)) == 20
    assert {17, 400, 401, 3} <= set(chosen)
    assert any(500 <= place < 900 for place in chosen)


def test_the_choice_is_the_same_for_any_order_of_runs_and_data():
    matrix = np.stack([outcomes(wrong=range(300)), outcomes(unparsed=range(100, 200))])
    chosen = {IDS[place] for place in stratified(IDS, matrix, 50)}
    turned = stratified(IDS[::-1], matrix[::-1, ::-1], 50)
    assert {IDS[::-1][place] for place in turned} == chosen


def test_samples_with_images_come_first():
    chosen = with_others(IDS, [5, 900], 100)
    assert chosen[:2] == [5, 900]
    assert len(set(chosen)) == 100
    assert chosen[2:] == sorted(chosen[2:])
    assert with_others(IDS, [5], 2_000) == [5, *(n for n in range(1_000) if n != 5)]


def test_groups_share_a_number():
    assert spread({"a": 3, "b": 100, "c": 100}, 11) == {"a": 3, "b": 4, "c": 4}
    assert sum(spread({"a": 1, "b": 2}, 100).values()) == 3


def test_where_nothing_is_right_or_wrong_low_middle_and_high_scores_are_chosen():
    matrix = np.full((1, len(IDS)), SCORED, dtype=np.int8)
    values = np.arange(len(IDS), dtype=float)[None]
    chosen = stratified(IDS, by_thirds(matrix, values), 30)
    assert [sum(low <= place < low + 334 for place in chosen) for low in (0, 334, 668)] == [10, 10, 10]
    same = by_thirds(matrix, np.zeros_like(values))
    assert len(stratified(IDS, same, 30)) == 30
    judged = outcomes(wrong=[3])[None]
    assert (by_thirds(judged, values) == judged).all()
