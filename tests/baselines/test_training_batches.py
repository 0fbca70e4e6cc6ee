"""In which order training samples are seen, and how pictures are moved: a matter of groups, size and seed alone."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="baselines are torch modules: pip install 'mmbench[baselines]'")

from mmbench_baselines.training.batches import batches, random_shifts

MANY = [f"g{n // 3}" for n in range(120)]
grouped = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40)


def epochs(groups, size, seed, count):
    """The batches of some epochs."""
    found, stream = [], batches(groups, size, seed)
    for _ in range(count):
        epoch = []
        while sum(map(len, epoch)) < len(groups):
            epoch.append(next(stream).tolist())
        found.append(epoch)
    return found


@given(grouped, st.integers(1, 50), st.integers(0, 2**63))
def test_an_epoch_shows_every_sample_once_in_whole_groups(groups, size, seed):
    for epoch in epochs(groups, size, seed, 2):
        assert sorted(row for batch in epoch for row in batch) == list(range(len(groups)))
        for batch in epoch:
            here = {groups[row] for row in batch}
            assert len(batch) == sum(group in here for group in groups), "no group is torn apart"
            last = [row for row in batch if groups[row] == groups[batch[-1]]]
            assert len(batch) - len(last) < size, "a batch ends with the group that fills it"
        assert all(len(batch) >= size for batch in epoch[:-1])


@pytest.mark.slow
@given(grouped, st.integers(1, 50), st.integers(0, 2**63), st.integers(0, 20))
def test_to_go_on_at_a_step_is_to_skip_that_many_batches(groups, size, seed, step):
    whole = [batch.tolist() for batch in islice(batches(groups, size, seed), step + 3)]
    rest = [batch.tolist() for batch in islice(batches(groups, size, seed), step, step + 3)]
    assert whole[step:] == rest


def test_every_epoch_and_every_seed_has_an_order_of_its_own():
    first, second = epochs(MANY, 10, 0, 2)
    (other,) = epochs(MANY, 10, 1, 1)
    assert first != second
    assert first != other
    assert first != [list(range(start, start + 12)) for start in range(0, 120, 12)]


def test_samples_of_a_group_keep_their_order():
    ((batch,),) = epochs(["a", "b", "a", "b", "a"], 5, 3, 1)
    assert [row for row in batch if row % 2 == 0] == [0, 2, 4]


def test_without_samples_there_is_no_batch():
    assert list(batches([], 5, 0)) == []


@given(st.integers(1, 50), st.integers(0, 9), st.integers(0, 2**63), st.integers(0, 10**6))
def test_shifts_stay_within_their_limit_and_come_again(count, most, seed, step):
    shifts = random_shifts(count, most, seed, step)
    assert shifts.shape == (count, 2)
    assert np.abs(shifts).max() <= most
    np.testing.assert_array_equal(shifts, random_shifts(count, most, seed, step))


def test_shifts_reach_their_limit_and_differ_between_steps_and_seeds():
    shifts = random_shifts(500, 3, 0, 0)
    assert set(shifts.ravel().tolist()) == set(range(-3, 4))
    assert not np.array_equal(shifts, random_shifts(500, 3, 0, 1))
    assert not np.array_equal(shifts, random_shifts(500, 3, 1, 0))
