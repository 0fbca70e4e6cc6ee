"""The workers of a model: who is started in whose place, what each may use, and what is said of them."""

from types import SimpleNamespace

import pytest

from mmbench.core import DamagedFileError, RunFailedError, UsageError
from mmbench.core.responses import Response
from mmbench.perf.workers import utilisation, worker_figures, worker_notes
from mmbench.results.rundir import RunDirectory
from mmbench.runner.execute.recipe import ModelRecipe
from mmbench.runner.pool import cluster, resources
from mmbench.runner.pool.crew import Crew
from mmbench.runner.pool.resources import shares
from mmbench.runner.pool.steering import Steering
from mmbench.runner.pool.transport import Answer, Died, NotStarted, Ready, WorkerInfo, WorkerSetup


class Started:
    """A transport that only remembers which workers were started."""

    kind = "process"

    def __init__(self):
        self.workers = []

    def start(self, worker, setup):
        self.workers.append(worker)


def crew_of(count: int):
    setup = WorkerSetup(ModelRecipe("m", "m:M", "m", {}), "1", threads=1)
    transport, notes = Started(), []
    return Crew(transport, [setup] * count, notes.append), transport, notes


def ready(crew, *workers, now=0.0):
    for worker in workers:
        crew.on_ready(Ready(worker, WorkerInfo("host", worker, 0.5)), now)


def answered(crew, worker, seconds, requests=4, under_way_s=None):
    responses = [Response("ok", "red")] * requests
    answer = Answer(0, responses, 0.25, seconds, None, requests, peak_memory=1000 * (worker + 1))
    crew.on_answer(worker, answer, under_way_s or seconds + 0.35)


def test_a_lost_worker_is_replaced_and_one_that_never_opens_is_given_up():
    crew, transport, notes = crew_of(2)
    ready(crew, 0, 1)
    crew.on_lost(1, 1.0, "was killed by SIGKILL")
    assert transport.workers == [0, 1, 2]
    crew.begin_task(2.0)  # which is no reason to try less often
    for worker in (2, 3, 4):
        assert crew.starting == 1
        crew.on_not_started(Died(worker, "was killed by SIGKILL"))
    assert (crew.starting, crew.size, list(crew.ready)) == (0, 1, [0])
    assert len(notes) == 3, "that workers start, that one was lost, that the others go on"


def test_workers_join_and_the_last_ones_leave_when_they_have_answered():
    crew, transport, _ = crew_of(1)
    ready(crew, 0)
    crew.begin_task(0.0)
    assert crew.resize(4, share) == []
    assert (transport.workers, crew.vacant, crew.size, crew.most, crew.changed) == ([0], {1, 2, 3}, 4, 4, True)
    for slot in (1, 2, 3):
        crew.fill(slot)
    ready(crew, 1, 2, now=1.0)
    assert crew.resize(1, share) == [2, 1, 3], "those that were asked answer what they hold"
    assert (list(crew.ready), crew.taken, crew.is_leaving(1), crew.is_open(3)) == ([0], {0}, True, False)
    crew.leave(3, 2.0)
    answered(crew, 2, 1.0)
    crew.leave(2, 3.0)
    crew.on_lost(1, 4.0, "was killed by SIGKILL")
    assert (list(crew.slots), len(transport.workers)) == ([0], 4), "none takes the place of one that was leaving"
    assert crew.resize(2, share) == []
    assert (crew.vacant, crew.size) == ({1}, 2)
    crew.end_task(5.0)
    assert [(each.number, each.n_requests, each.n_lost) for each in crew.figures()] == [(0, 0, 0), (1, 0, 1), (2, 4, 0)]
    crew.begin_task(6.0)
    assert (crew.changed, crew.most) == (False, 2)


def test_workers_that_were_to_leave_stay_where_more_are_wanted_again():
    crew, *_ = crew_of(3)
    ready(crew, 0, 1, 2)
    crew.begin_task(0.0)
    crew.resize(1, share)
    assert (sorted(crew.ready), crew.size) == ([0], 1)
    assert len(crew.resize(2, share)) == 1
    assert (len(crew.ready), crew.size, crew.vacant) == (2, 2, set())
    assert crew.resize(4, share) == []
    assert (sorted(crew.ready), crew.size, crew.vacant) == ([0, 1, 2], 4, {3})


def share(slot):
    return resources.Share(1, 1.0)


def test_a_worker_that_joins_and_cannot_open_the_model_ends_no_run_that_others_go_on_with():
    crew, _, notes = crew_of(1)
    ready(crew, 0)
    crew.begin_task(0.0)
    crew.resize(2, share)
    crew.fill(1)
    crew.on_not_started(NotStarted(1, UsageError("another version there")))
    assert notes[-1] == "another version there. 1 of 2 workers go on"


def test_workers_of_which_none_can_open_end_the_run():
    crew, _, notes = crew_of(2)
    crew.on_not_started(NotStarted(0, RunFailedError("no memory")))
    assert "no memory. 1 of 2 workers go on" in notes
    with pytest.raises(RunFailedError, match="no memory"):
        crew.on_not_started(NotStarted(1, RunFailedError("no memory")))
    crew, _, _ = crew_of(2)
    with pytest.raises(UsageError):
        crew.on_not_started(NotStarted(0, UsageError("wrong for all of them")))


def test_what_each_worker_did_is_counted_and_the_slow_one_is_named():
    crew, _, _ = crew_of(3)
    ready(crew, 0, 1, 2, now=5.0)
    crew.begin_task(10.0)
    for worker, seconds in ((0, 1.0), (1, 1.0), (2, 2.0)):
        for _ in range(3):
            answered(crew, worker, seconds)
    crew.end_task(16.0)
    workers = crew.figures()
    assert [worker.n_requests for worker in workers] == [12, 12, 12]
    assert [worker.utilisation for worker in workers] == [0.5, 0.5, 1.0]
    assert [worker.requests_per_s for worker in workers] == [2.0, 2.0, 2.0]
    assert [worker.slower for worker in workers] == [None, None, 2.0]
    assert [round(worker.dispatch_ms) for worker in workers] == [100, 100, 100], (
        "what neither waited nor was the model's"
    )
    assert utilisation(workers) == pytest.approx(12 / 18)
    figures = worker_figures(workers)
    assert (figures["peak_memory"].value, round(figures["dispatch"].value)) == (3000, 100)
    assert "gpu_allocated" not in figures
    assert any("worker 2" in note and "2.0 times" in note for note in worker_notes(workers))
    assert "3 workers" in worker_notes(workers)[0]
    crew.begin_task(20.0)
    assert [worker.n_calls for worker in crew.figures()] == [0, 0, 0]


def spec(workers: int, **given):
    return SimpleNamespace(
        **{"workers": workers, "threads": None, "gpus_per_worker": None, "cpus_per_worker": None, **given}
    )


@pytest.mark.parametrize(
    ("visible", "given", "seen"),
    [
        ("0,1,2,3", {}, ["0,1", "2,3"]),
        ("0,1,2,3", {"gpus_per_worker": 1}, ["0", "1"]),
        ("GPU-a,GPU-b", {"gpus_per_worker": 1}, ["GPU-a", "GPU-b"]),
        ("5", {}, ["5", "5"]),
        ("0,1", {"gpus_per_worker": 0}, ["", ""]),
        ("", {}, [None, None]),
    ],
)
def test_gpus_are_divided_among_workers(monkeypatch, visible, given, seen):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = shares(spec(2, **given), {})
    assert [share.environment.get("CUDA_VISIBLE_DEVICES") for share in found] == seen


def test_more_gpus_than_there_are_and_a_gpu_by_number_are_refused(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    with pytest.raises(UsageError, match="needs 4 GPUs"):
        shares(spec(2, gpus_per_worker=2), {})
    with pytest.raises(UsageError, match="cuda:1"):
        shares(spec(2), {"device": "cuda:1"})


def test_cores_are_divided_unless_threads_are_given(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(resources, "cpus", lambda: 16)
    for given, threads, cpus in (({}, 4, 4.0), ({"threads": 2}, 2, 4.0), ({"cpus_per_worker": 3}, 3, 3)):
        found = shares(spec(4, **given), {})
        assert [(share.threads, share.cpus, share.environment["OMP_NUM_THREADS"]) for share in found] == [
            (threads, cpus, str(threads))
        ] * 4
    assert shares(spec(32), {})[0].threads == 1


@pytest.mark.parametrize(
    ("gpus", "workers", "each", "expected"),
    [("0,1,2,3", 2, 1, "2"), ("0,1,2,3", 2, None, None), ("0", 2, None, "0"), ("", 2, None, "")],
)
def test_one_more_worker_gets_gpus_of_its_own_or_shares_as_the_others_do(monkeypatch, gpus, workers, each, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
    spec = SimpleNamespace(workers=workers, threads=3, cpus_per_worker=None, gpus_per_worker=each)
    first = resources.shares(spec, {})
    if expected is None:
        with pytest.raises(UsageError, match="--gpus-per-worker"):
            resources.further_share(first, 2, 3)
        return
    share = resources.further_share(first, 2, 3)
    assert (share.environment.get("CUDA_VISIBLE_DEVICES", ""), share.threads) == (expected, 3)
    with pytest.raises(UsageError, match="ask for fewer"):
        resources.further_share(first, 2, 100_000)
    with pytest.raises(UsageError, match="ask for fewer"):
        cluster.check_count(100_000)


def test_only_changes_of_what_is_asked_for_and_of_the_room_change_the_number(tmp_path):
    rooms = iter([2, 3, 1, 3, 9])
    directory, steering = RunDirectory(tmp_path), Steering(lambda: next(rooms), 2)
    steering.begin(directory, 2)
    assert [steering.look(now, 2) for now in (0.0, 0.5, 1.0, 2.0, 3.0)] == [None, None, 3, None, 4]
    directory.write_workers(5)
    assert steering.follows_cluster
    assert [steering.look(now, 4) for now in (4.0, 5.0, 6.0)] == [5, None, None], "and the room counts no more"
    assert not steering.follows_cluster
    for text in ("0", "", "two", "-1", "9" * 30):
        (tmp_path / "workers").write_text(text)
        with pytest.raises(DamagedFileError):
            directory.read_workers()
    with pytest.raises(DamagedFileError):
        steering.look(7.0, 5)
    assert steering.look(8.0, 5) is None, "it is said once"
    directory.write_workers(7)
    steering.end()
    assert directory.read_workers() is None
    steering.begin(directory, 5)
    assert steering.look(9.0, 5) == 7, "what nobody had looked at when the run before ended"


def test_a_worker_that_leaves_with_its_machine_has_none_in_its_place_until_the_number_grows():
    crew, transport, _ = crew_of(2)
    ready(crew, 0, 1)
    crew.begin_task(0.0)
    crew.on_lost(1, 1.0, "was lost with its machine", another=False)
    assert (transport.workers, crew.size, crew.taken, crew.changed) == ([0, 1], 1, {0}, True)
    assert crew.resize(2, share) == []
    assert crew.vacant == {1}, "its slot is taken again"
