"""The queue of leases with up to a thousand workers and ten million samples, in simulated time."""

import random

import pytest
from simulated_pool import simulate

from mmbench.runner.plan.batching import batch_sizes


@pytest.mark.parametrize(("samples", "workers", "size"), [(10_000, 16, 64), (10_000, 16, 16), (100_000, 100, 64)])
def test_a_worker_at_half_speed_costs_no_more_than_its_share(samples: int, workers: int, size: int) -> None:
    ended = simulate(batch_sizes(samples, size), [0.01] * (workers - 1) + [0.02])
    assert ended.answered == samples
    assert ended.efficiency >= 0.95


def test_the_smaller_last_batches_are_what_it_rests_on() -> None:
    paces = [0.01] * 15 + [0.02]
    whole = simulate(batch_sizes(10_000, 64, shrink=False), paces)
    assert whole.efficiency < simulate(batch_sizes(10_000, 64), paces).efficiency


@pytest.mark.slow
@pytest.mark.parametrize("way_s", [0.0, 0.05])
def test_a_thousand_workers_answer_ten_million_samples_at_95_percent_of_the_ideal(way_s: float) -> None:
    ended = simulate(batch_sizes(10_000_000, 64), [0.01] * 999 + [0.02], way_s)
    assert ended.answered == 10_000_000
    assert ended.efficiency >= 0.95


@pytest.mark.slow
def test_workers_of_any_speeds_are_kept_busy() -> None:
    draw = random.Random(7)
    for workers in (2, 5, 60):
        paces = [0.01 * draw.choice((1, 1, 1, 1.5, 2, 4)) for _ in range(workers)]
        assert simulate(batch_sizes(2_000 * workers, 64), paces, 0.01).efficiency >= 0.95
