"""Splits by group: whole groups, the wanted share, and no group that moves when others come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.data import held_out, split_by_group

groups = st.lists(st.text(max_size=3), max_size=30)
fractions = st.floats(0, 1)


@pytest.mark.slow
@given(groups, fractions, st.integers(0, 5))
def test_every_item_lies_on_one_side_and_groups_stay_whole(items: list[str], fraction: float, seed: int) -> None:
    kept, out = split_by_group(items, fraction, seed)
    assert sorted(kept + out) == list(range(len(items)))
    assert {items[n] for n in kept}.isdisjoint(items[n] for n in out)


@pytest.mark.slow
@given(groups, groups, fractions)
def test_adding_data_moves_nothing(items: list[str], more: list[str], fraction: float) -> None:
    before, _ = split_by_group(items, fraction)
    after, _ = split_by_group([*items, *more], fraction)
    assert before == [n for n in after if n < len(items)]


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 1.0])
def test_the_share_is_as_asked(fraction: float) -> None:
    n = 5000
    share = sum(held_out(f"image-{i}", fraction) for i in range(n)) / n
    assert abs(share - fraction) <= 4 * (fraction * (1 - fraction) / n) ** 0.5


def test_the_seed_gives_another_cut() -> None:
    names = [str(n) for n in range(200)]
    assert split_by_group(names, 0.5, 0) != split_by_group(names, 0.5, 1)
    assert split_by_group(names, 0.5, 1) == split_by_group(names, 0.5, 1)
