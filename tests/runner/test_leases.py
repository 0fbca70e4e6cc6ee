"""The queue of leases: batches are leased whole, and what costs workers is found and given up alone."""

import random

import pytest

from mmbench.runner.plan.batching import batch_sizes
from mmbench.runner.pool.leases import Lease, LeaseQueue, Patience


def answer_all(queue: LeaseQueue, crashing=(), workers: int = 3, seed: int = 0):
    """Answer everything with workers that die at some requests; (batch, start, stop) that were answered, those given up, losses."""
    draw, now, names = random.Random(seed), 0.0, list(range(workers))
    answered, given_up, losses = [], [], 0
    while not queue.done:
        for worker in names:
            while queue.take(worker, now) is not None:
                pass
        place = draw.randrange(workers)
        worker, now = names[place], now + draw.random()
        held = queue.held_by(worker)
        if not held:
            continue
        lease = held[0]
        if any((lease.batch, request) in crashing for request in range(lease.start, lease.stop)):
            losses += 1
            names[place] = max(names) + 1
            if (lost := queue.lose(worker)) is not None:
                given_up.append((lost.batch, lost.start, lost.stop))
        else:
            assert queue.finish(worker, lease.number, now) == lease
            answered.append((lease.batch, lease.start, lease.stop))
    return answered, given_up, losses


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_batches_are_leased_whole_whatever_the_number_of_workers(workers):
    sizes = [8, 8, 5, 1]
    answered, given_up, _ = answer_all(LeaseQueue(sizes), workers=workers, seed=workers)
    assert sorted(answered) == [(batch, 0, size) for batch, size in enumerate(sizes)]
    assert given_up == []


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_only_the_crashing_requests_are_given_up_and_each_other_is_answered_once(workers):
    crashing = {(1, 3), (1, 4), (2, 0)}
    answered, given_up, losses = answer_all(LeaseQueue([8, 8, 1, 8]), crashing, workers, seed=workers)
    assert sorted(given_up) == [(batch, request, request + 1) for batch, request in sorted(crashing)]
    each = sorted((batch, request) for batch, start, stop in answered for request in range(start, stop))
    assert each == sorted({(b, r) for b, size in enumerate([8, 8, 1, 8]) for r in range(size)} - crashing)
    assert (
        losses == 2 + (1 + 1 + 1) * 2 + 2
    )  # batch 1 twice, three levels of halves for both of its requests, batch 2 twice


def test_a_single_loss_brings_the_batch_back_whole_and_first():
    queue = LeaseQueue([4] * 20)
    first, ahead = queue.take(0, 0.0), queue.take(0, 0.0)
    assert queue.lose(0) is None
    again, after = queue.take(1, 1.0), queue.take(2, 1.0)
    assert (again.batch, again.start, again.stop, again.losses) == (first.batch, 0, 4, 1)
    assert (after.batch, after.losses) == (ahead.batch, 0)
    assert queue.take(1, 1.0) is None, "what has cost a worker is asked alone"


def test_a_machine_that_is_gone_blames_no_request():
    queue = LeaseQueue([1])
    for worker in range(5):
        assert queue.take(worker, 0.0).losses == 0
        assert queue.lose(worker, blamed=False) is None
    assert queue.left == 1


def test_leases_ahead_are_given_only_while_there_are_enough_for_all():
    queue = LeaseQueue([4] * 10)
    assert queue.take(0, 0.0)
    assert queue.take(0, 0.0)
    assert queue.take(0, 0.0) is None, "two at most"
    assert queue.take(1, 0.0)
    assert queue.take(1, 0.0) is None, "seven are left for two workers"


def test_a_slow_worker_gets_no_batch_that_the_others_will_have_answered_sooner():
    queue = LeaseQueue([4] * 3 + [4, 1])
    for worker in (0, 1, 2):
        queue.take(worker, 0.0)
    for worker, ended in ((0, 1.0), (1, 1.0), (2, 9.0)):
        queue.finish(worker, queue.held_by(worker)[0].number, ended)
    assert queue.take(2, 9.0) is None
    assert queue.take(0, 9.0) == Lease(3, 3, 0, 4)
    queue.lose(0)
    queue.lose(1)
    assert queue.take(2, 9.0) == Lease(4, 3, 0, 4, losses=1), "the only one that is left"


def test_the_deadline_follows_what_was_observed_and_counts_from_the_start_of_the_answer():
    queue = LeaseQueue([4] * 20, Patience(first_s=100.0, floor_s=5.0, factor=10.0))
    first, ahead = queue.take(0, 0.0), queue.take(0, 0.0)
    assert queue.next_deadline() == 100.0
    queue.finish(0, first.number, 2.0)
    assert queue.next_deadline() == 22.0, "the lease ahead begins when the first has ended; ten times 2 s"
    queue.take(1, 10.0)
    assert queue.overdue(21.9) == []
    assert queue.overdue(22.0) == [0]
    assert queue.overdue(30.0) == [0, 1]
    queue.lose(0)
    assert queue.finish(0, ahead.number, 31.0) is None, "an answer that comes too late counts for nothing"
    assert LeaseQueue([1], Patience(fixed_s=3.0)).next_deadline() is None


def test_a_lease_says_how_many_requests_it_has():
    assert len(Lease(0, 0, 3, 7)) == 4


@pytest.mark.parametrize(("requests", "size"), [(0, 4), (1, 4), (63, 4), (64, 4), (1000, 7), (10_000, 64), (500, 1)])
def test_the_last_batches_are_smaller_by_a_rule_that_knows_no_workers(requests, size):
    sizes = batch_sizes(requests, size)
    assert sum(sizes) == requests
    assert sizes == sorted(sizes, reverse=True)
    assert max(sizes, default=0) <= size
    whole = [each for each in sizes if each == size]
    if requests < 16 * size or size == 1:
        assert len(sizes) == -(-requests // size)
    else:
        assert requests * 15 / 16 - size <= sum(whole) < requests
        assert min(sizes) <= size / 2
        assert len(sizes) <= 1.2 * requests / size + 4
    assert batch_sizes(requests, size, shrink=False)[:-1] == [size] * (max(0, requests - 1) // size)
