"""Several models share the workers: the next one loads while the last batches of the one before it are answered."""

import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import mmbench, scores_of, start, wait_until, write_captions, write_model, write_questions

import mmbench as package
from mmbench.core import UsageError
from mmbench.core.responses import Response
from mmbench.runner.execute.recipe import ModelRecipe
from mmbench.runner.plan.planner import make_plan
from mmbench.runner.plan.upcoming import next_to_ask
from mmbench.runner.pool.asking import Asking
from mmbench.runner.pool.resources import Share
from mmbench.runner.pool.slots import Slots
from mmbench.runner.pool.transport import Answer, Answered, Died, NotStarted, Ready, WorkerInfo, WorkerSetup

MODELS = """
    import os, time
    from pathlib import Path

    def wait_for(path):
        until = time.monotonic() + 60
        while not Path(path).exists():
            assert time.monotonic() < until, f"{path} did not appear"
            time.sleep(0.01)
        Path("waited").touch()

    class One:
        def open(self):
            Path(f"pid-{os.getpid()}").touch()

        def answered(self, requests):
            # Answers depend on the whole batch, so that only batches of the same composition give the same.
            own = [sum(map(ord, request.id)) for request in requests]
            return [(request.choices or "abcde")[(each + sum(own)) % 3] for request, each in zip(requests, own)]

        def generate(self, requests):
            last = any(request.sample_id == "c19.png" for request in requests)  # of the task that is asked last
            if last and Path("gate").exists():
                wait_for(Path("gate").read_text())
            return self.answered(requests)

    class Two(One):
        def open(self):
            super().open()
            Path("two-opens").touch()

        def generate(self, requests):
            return self.answered(requests)

    class Broken(Two):
        def open(self):
            Path("broken-opens").touch()
            raise RuntimeError("there is no such checkpoint")
"""
DATA = {"vqa": "mine.jsonl", "captioning": "captions.jsonl"}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the models and the data in it, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path, MODELS, "models.py")
    write_questions(tmp_path, 12)
    write_captions(tmp_path, 20)
    return tmp_path


def ask(out: str, *models: str, **options):
    named = [f"models.py:{model}" for model in models]
    return package.run(named, "vqa,captioning", data=DATA, out=out, batch_size=4, progress=False, **options)


def alone_in(folder: Path):
    """The runs as one process makes them, one after the other."""
    runs = ask("alone", "One", "Two")
    for path in ("two-opens", f"pid-{os.getpid()}"):
        (folder / path).unlink()
    return runs


def alive(folder: Path) -> list[int]:
    """Workers that opened a model in this folder and live."""
    return [pid for path in folder.glob("pid-*") if Path(f"/proc/{(pid := int(path.name[4:]))}").exists()]


@pytest.mark.slow
def test_the_next_model_loads_before_the_last_batch_of_the_first_is_answered_and_bytes_stay_the_same(world):
    alone = alone_in(world)
    (world / "gate").write_text("two-opens")  # the last batch of One is answered once Two is being opened
    shared = ask("shared", "One", "Two", workers=2)
    assert (shared.exit_code, shared.failures) == (0, {})
    assert (world / "waited").exists()
    assert [run.path.name for run in shared.runs] == [run.path.name for run in alone.runs]
    assert [scores_of(run.path) for run in shared.runs] == [scores_of(run.path) for run in alone.runs]
    assert len(scores_of(shared.runs[0].path)) == 4
    assert not alive(world)
    one, two = ([run.tasks[task].perf.quality for task in shared.tasks] for run in shared.runs)
    assert all(perf.complete and len(perf.workers) == 2 for perf in (*one, *two))
    assert [any("next model" in note for note in perf.notes) for perf in (*one, *two)] == [False, True, False, False]
    assert [any("before it" in note for note in perf.notes) for perf in (*one, *two)] == [False, False, True, False]
    assert two[0].figures["load_s"].value > 0
    assert ["peak_memory_children" in perf.figures for perf in (*one, *two)] == [True, False, True, True]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), pytest.param(signal.SIGINT, 130, marks=pytest.mark.nightly)]
)
def test_a_command_killed_while_two_models_share_the_workers_goes_on_to_the_same_bytes(world, number, code):
    alone = alone_in(world)
    (world / "gate").write_text("never")
    tasks = ["--tasks", "vqa,captioning", "--data", "vqa=mine.jsonl", "--data", "captioning=captions.jsonl"]
    models = ["--model", "models.py:One", "--model", "models.py:Two"]
    command = ["run", *models, *tasks, "--batch-size", "4", "--workers", "2", "--out", "killed"]
    child = start(*command, folder=world)
    wait_until(lambda: (world / "two-opens").exists() or child.poll() is not None, what="the second model")
    child.send_signal(number)
    child.communicate(timeout=20)
    assert child.returncode == code
    wait_until(lambda: not alive(world), timeout=10, what="the end of the workers")
    assert len(list(world.glob("killed/*/run.json"))) == 1, "the second run begins when the first has ended"
    (world / "gate").unlink()
    ended = mmbench(*command, folder=world)
    assert ended.code == 0, ended.err
    for run in alone.runs:
        assert scores_of(world / "killed" / run.path.name) == scores_of(run.path)


@pytest.mark.slow
def test_a_next_model_that_cannot_be_opened_fails_in_its_own_run(world):
    (world / "gate").write_text("broken-opens")
    run = ask("there", "One", "Broken", "Two", workers=2)
    assert list(run.failures) == ["models.py:Broken"]
    assert [task.status for task in run.runs[0].tasks.values()] == ["complete"] * 2
    assert [task.status for task in run.runs[-1].tasks.values()] == ["complete"] * 2
    assert not alive(world)


def test_the_next_run_is_the_first_that_has_something_left_and_learns_nothing(world):
    write_model(
        world, "class Learner:\n    def fit(self, *args): ...\n    def generate(self, requests): ...\n", "learner.py"
    )

    def jobs(*models):
        return make_plan(list(models), "vqa", "out", {"data": "mine.jsonl"}).jobs

    assert next_to_ask(()) is None
    one = jobs("models.py:One", "random")
    assert next_to_ask(one) is one[0]
    package.run("models.py:One", "vqa", data="mine.jsonl", out="out", progress=False)
    assert next_to_ask(one) is one[1]
    assert next_to_ask(make_plan("models.py:One", "vqa", "out", {"data": "mine.jsonl", "limit": 5}).jobs) is None
    assert next_to_ask(jobs("oracle", "random")[:1]).model.name == "oracle"


class Slow:
    """A transport whose workers are open at once, and end when they are told to be gone."""

    kind, waiting = "process", 0

    def __init__(self):
        self.running, self.stopped, self.events = {}, [], []

    def start(self, worker, setup):
        self.running[worker] = setup.environment["slot"]
        self.events.append(Ready(worker, WorkerInfo("here", worker, 0.5)))

    def stop(self, worker):
        self.stopped.append(worker)

    def gone(self, worker):
        del self.running[worker]
        self.events.append(Died(worker, "has ended"))

    def kill(self, worker):
        self.running.pop(worker, None)

    def wait(self, timeout_s):
        events, self.events = self.events, []
        return events


def setups(name: str, count: int = 2):
    recipe = ModelRecipe(name, "m:M", "m", {})
    return [WorkerSetup(recipe, "1", threads=1, environment={"slot": slot}) for slot in range(count)]


def shared_slots():
    transport = Slow()
    slots = Slots(transport, [Share(1, 1.0)] * 2)
    slots.open(setups("one"), str)
    for event in slots.wait(0.0):
        slots.crew.on_start(event, 0.0)
    return slots, transport, SimpleNamespace(model=object(), spec=object())


def test_a_slot_passes_on_when_its_worker_is_gone_and_never_has_two():
    slots, transport, job = shared_slots()
    slots.leave_to(job, lambda: setups("two"), 1, str)
    assert (transport.stopped, transport.running, slots.next_since) == ([1], {0: 0, 1: 1}, None)
    transport.gone(1)
    assert slots.wait(0.0) == []
    assert transport.running == {0: 0, 2: 1}, "the second model is opened in the slot of the worker that is gone"
    assert slots.next_since is not None
    assert slots.wait(0.0) == []
    assert (list(slots.next.ready), slots.next.vacant) == ([2], {0})
    assert list(slots.crew.ready) == [0]
    transport.gone(0)
    slots.leave_all()
    assert transport.running == {2: 1, 3: 0}
    assert slots.take_next(job.model, job.spec)
    assert slots.crew.load_s == 0.5
    assert slots.next is None


def test_a_worker_that_does_not_close_its_model_is_ended_and_one_that_was_starting_at_once(monkeypatch):
    slots, transport, job = shared_slots()
    monkeypatch.setattr("mmbench.runner.pool.slots.CLOSE_S", -1.0)
    slots.crew.on_lost(0, 0.0, "died")
    transport.kill(0)
    slots.leave_to(job, lambda: setups("two"), 2, str)  # it was started in the place of the lost one
    assert transport.running == {1: 1, 3: 0}
    slots.leave_to(job, lambda: setups("two"), 1, str)
    slots.wait(0.0)
    assert transport.running == {3: 0, 4: 1}


def test_workers_of_a_run_that_does_not_come_are_ended_and_one_that_fails_to_open_is_tried_again_later():
    slots, transport, job = shared_slots()
    slots.leave_to(job, lambda: setups("two"), 0, str)
    transport.gone(0)
    slots.wait(0.0)
    assert not slots.take_next(object(), job.spec)
    assert transport.running == {1: 1}
    slots, transport, job = shared_slots()
    slots.leave_to(job, lambda: setups("two"), 0, str)
    transport.gone(0)
    slots.wait(0.0)
    transport.kill(2)
    transport.events = [NotStarted(2, UsageError("there is no such checkpoint"))]
    assert slots.wait(0.0) == []
    assert transport.running == {1: 1}
    slots.leave_to(job, lambda: setups("two"), 1, str)
    assert (slots.next, list(slots.crew.ready)) == (None, [1])
    assert not slots.take_next(job.model, job.spec)


def test_the_next_model_makes_room_for_the_only_worker_of_the_one_that_is_asked():
    slots, transport, job = shared_slots()
    slots.leave_to(job, lambda: setups("two"), 0, str)
    transport.gone(0)
    slots.wait(0.0)
    slots.wait(0.0)
    transport.kill(1)
    slots.crew.on_lost(1, 0.0, "was lost with its machine")
    transport.events, transport.waiting = [], 1  # no machine has room for the one in its place
    slots.wait(0.0)
    assert (slots.next, transport.running) == (None, {3: 1})
    assert not slots.take_next(job.model, job.spec)


class Paced(Slow):
    """Workers of which each takes its own time for a lease."""

    def __init__(self, *paces):
        super().__init__()
        self.paces, self.due, self.idle = paces, [], 0

    def submit(self, worker, work):
        self.due.append((time.monotonic() + self.paces[worker], worker, work.lease))

    def stop(self, worker):
        self.gone(worker)

    def wait(self, timeout_s):
        if self.events or not self.due:
            self.idle += 1
            assert self.idle < 20, "nobody is asked any more"
            return super().wait(timeout_s)
        self.due.sort()
        until, worker, lease = self.due.pop(0)
        time.sleep(max(0.0, until - time.monotonic()))
        answer = Answer(lease, [Response("ok", "a")], 0.0, self.paces[worker], None, 1)
        return [Answered(worker, answer)]


def test_the_last_batch_is_left_to_a_slow_worker_where_the_fast_one_leaves():
    transport, answered = Paced(0.1, 0.038), []
    slots = Slots(transport, [Share(1, 1.0)] * 2)
    slots.open(setups("one"), str)
    for event in slots.wait(0.0):
        slots.crew.on_start(event, 0.0)
    todo = SimpleNamespace(
        plan=SimpleNamespace(name="vqa/mine", requests=list),
        batches=[(number, [number]) for number in range(5)],
        spec=SimpleNamespace(timeout=None, batch_size=1),
        batch_size=1,
        started=0.0,
        note=str,
    )
    # The slow worker has answered once, and left the last batch to the fast one, when that is to leave.
    steering = SimpleNamespace(look=lambda now, size: 1 if 0 in answered and size > 1 else None, follows_cluster=False)
    sink = SimpleNamespace(record=lambda call, responses: answered.append(call.batch))
    Asking(slots.crew, slots, todo, sink, steering=steering).run()
    assert sorted(answered) == list(range(5))
    assert list(transport.running) == [0]
