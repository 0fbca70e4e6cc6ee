"""Greedy and beam search against plain Python, and against all captions that there are of a tiny vocabulary."""

from functools import cache
from itertools import product

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="baselines are torch modules: pip install 'mmbench[baselines]'")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from mmbench_baselines.captioner.search import LENGTH_POWER, beam_search, greedy  # noqa: E402
from mmbench_baselines.captioner.words import BOUNDARY, UNKNOWN  # noqa: E402

WORDS = 5
"""Ids: the boundary, the unknown word and three that can be written."""


@cache
def logits_after(seed, ids):
    """What a made-up model says after some words: float64 [WORDS]."""
    return np.random.default_rng([seed, *ids]).normal(size=WORDS) * 2


def surprise_free(seed, ids):
    """Log-probabilities of what may follow: never the unknown word."""
    found = logits_after(seed, ids).astype(np.float32).astype(np.float64)
    found[UNKNOWN] = -np.inf
    return found - np.logaddexp.reduce(found)


class Table:
    """A writer whose rows follow made-up models, one a seed."""

    def __init__(self, seeds, beams=1):
        self.seeds = [seed for seed in seeds for _ in range(beams)]
        self.before = [()] * len(self.seeds)

    def step(self, words):
        self.before = [
            before if word == BOUNDARY else (*before, word)
            for before, word in zip(self.before, words.tolist(), strict=True)
        ]
        rows = [logits_after(seed, before) for seed, before in zip(self.seeds, self.before, strict=True)]
        return torch.tensor(np.stack(rows), dtype=torch.float32)

    def keep(self, rows):
        assert [self.seeds[row] for row in rows.tolist()] == self.seeds, "a caption stays with its picture"
        self.before = [self.before[row] for row in rows.tolist()]


def total(seed, ids, limit):
    """Log-probability of a caption, its end included unless it was cut off at the limit; and its length so."""
    steps = [surprise_free(seed, ids[:place])[word] for place, word in enumerate(ids)]
    if len(ids) < limit:
        steps.append(surprise_free(seed, ids)[BOUNDARY])
    return sum(steps), len(steps)


def worth(seed, ids, limit):
    logarithm, length = total(seed, ids, limit)
    return logarithm / length**LENGTH_POWER


def every_caption(limit):
    letters = range(UNKNOWN + 1, WORDS)
    return [ids for length in range(limit + 1) for ids in product(letters, repeat=length)]


def search(seeds, limits, beam, **more):
    return beam_search(Table(seeds, beam), torch.tensor(limits), beam, **more)


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_a_beam_that_nothing_falls_out_of_finds_the_best_of_all_captions(limit):
    everything = every_caption(limit)
    seeds = list(range(12))
    found = search(seeds, [limit] * len(seeds), beam=len(everything) + 1)
    best = [max(everything, key=lambda ids: worth(seed, ids, limit)) for seed in seeds]
    assert [tuple(ids) for ids in found] == best


def plain_beam(seed, limit, beam):
    """The same search in plain Python: (ids, log-probability, length, whether it is over), the best first."""
    kept = [((), 0.0, 0, limit == 0)]
    while not all(over for *_, over in kept):
        following = []
        for ids, logarithm, length, over in kept:
            if over:
                following.append((ids, logarithm, length, True))
                continue
            for word, more in enumerate(surprise_free(seed, ids)):
                longer = ids if word == BOUNDARY else (*ids, word)
                end = word == BOUNDARY or len(longer) == limit
                following.append((longer, logarithm + more, length + 1, end))
        kept = sorted(following, key=lambda one: -one[1] / max(1, one[2]) ** LENGTH_POWER)[:beam]
    return list(kept[0][0])


@pytest.mark.parametrize("beam", [1, 2, 3, 4])
def test_rows_of_any_length_get_what_each_gets_alone_in_plain_python(beam):
    seeds = list(range(20, 50))
    limits = [seed % 7 for seed in seeds]
    expected = [plain_beam(seed, limit, beam) for seed, limit in zip(seeds, limits, strict=True)]
    assert search(seeds, limits, beam) == expected
    assert len({len(ids) for ids in expected}) > 3


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=6), st.integers(0, 8))
def test_a_beam_of_one_is_greedy(seeds, limit):
    limits = [limit] * len(seeds)
    assert search(seeds, limits, beam=1) == greedy(Table(seeds), torch.tensor(limits))


def test_greedy_takes_the_likeliest_word_each_time_and_never_the_unknown_one():
    for seed in range(10):
        (found,) = greedy(Table([seed]), torch.tensor([6]))
        assert UNKNOWN not in found
        for place, word in enumerate(found):
            assert word == surprise_free(seed, tuple(found[:place])).argmax()
        assert len(found) == 6 or surprise_free(seed, tuple(found)).argmax() == BOUNDARY


@pytest.mark.slow
def test_a_wider_beam_writes_something_better_where_greedy_is_short_sighted():
    seeds = range(200)
    one, four = ([worth(s, tuple(search([s], [5], beam)[0]), 5) for s in seeds] for beam in (1, 4))
    assert np.mean(four) > np.mean(one)
    assert sum(wide > narrow + 1e-9 for wide, narrow in zip(four, one, strict=True)) > 20


@pytest.mark.parametrize("beam", [None, 1, 3])
def test_a_row_ends_where_it_is_told_to_and_others_go_on(beam):
    def ended(row, ids):
        return row == 1 and len(ids) == 2

    long = next(seed for seed in range(100) if min(len(search([seed], [6], wide)[0]) for wide in (1, 3)) > 3)
    seeds, limits = [long, long], torch.tensor([6, 6])
    if beam is None:
        free, cut = greedy(Table(seeds), limits), greedy(Table(seeds), limits, ended)
    else:
        free, cut = search(seeds, limits.tolist(), beam), search(seeds, limits.tolist(), beam, ended=ended)
    assert cut[0] == free[0] == free[1]
    assert len(cut[1]) <= 2 < len(cut[0])


def test_nothing_is_written_where_nothing_may_be():
    assert greedy(Table([1, 2]), torch.tensor([0, -3])) == [[], []]
    assert search([1, 2], [0, -3], beam=2) == [[], []]
