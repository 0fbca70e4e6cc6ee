"""Several workers: the same bytes as in one process, whatever becomes of the workers and of the driver."""

import contextlib
import errno
import os
import random
import shutil
import signal
import sys
import time
import types
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import (
    Colours,
    evaluate,
    lines,
    mmbench,
    only_run,
    scores_of,
    start,
    statuses,
    wait_until,
    write_captions,
    write_model,
    write_questions,
)

from mmbench import load_run, workers
from mmbench.core import OptionError, PluginError, RunFailedError, UsageError
from mmbench.core.responses import Response
from mmbench.resolve.model_names import resolve_instance, resolve_model
from mmbench.results.rundir import RunDirectory
from mmbench.runner.execute.recipe import ModelRecipe
from mmbench.runner.execute.signals import Interrupted
from mmbench.runner.plan.planner import make_plan
from mmbench.runner.pool.asking import Asking
from mmbench.runner.pool.crew import Crew
from mmbench.runner.pool.pool_executor import user_files
from mmbench.runner.pool.processes import Processes
from mmbench.runner.pool.transport import Answer, Answered, Died, NotStarted, Ready, WorkerInfo, WorkerSetup

MODEL = """
    import os, signal, time
    from pathlib import Path
    import numpy as np

    class Mixed:
        '''Answers depend on the whole batch, so that only batches of the same composition give the same.'''

        def __init__(self, pause: float = 0.01, dies: str = "", once: str = "", hangs: str = "", opens: bool = True, tokens: str = ""):
            self.pause, self.dies, self.once, self.hangs, self.opens = pause, dies, once, hangs, opens
            self.tokens = tokens  # a file with the number of calls that may end

        def open(self):
            if not self.opens:
                raise RuntimeError("there is no such checkpoint")
            try:
                Path("slow").touch(exist_ok=False)
                self.pause *= 3  # whoever opens first is slow
            except FileExistsError:
                pass
            Path(f"pid-{os.getpid()}").touch()

        def collate(self, requests):
            return [sum(map(ord, request.id)) for request in requests]

        def suffer(self, requests):
            time.sleep(self.pause)
            if self.tokens:
                with open("calls", "a") as calls:
                    calls.write("x")
                    calls.flush()
                    number = calls.tell()
                while int(Path(self.tokens).read_text() or 0) < number:
                    time.sleep(0.02)
            ids = [request.sample_id for request in requests]
            if self.dies in ids:
                os.kill(os.getpid(), signal.SIGKILL)
            if self.hangs in ids:
                time.sleep(1000)
            if self.once in ids and not Path("died").exists():
                Path("died").touch()
                os.kill(os.getpid(), signal.SIGKILL)

        def generate(self, requests, inputs):
            self.suffer(requests)
            mixed = sum(inputs) % 5
            return [(request.choices or "abcde")[(own + mixed) % 3] for request, own in zip(requests, inputs)]

        def embed(self, requests, inputs):
            self.suffer(requests)
            own = np.stack([np.random.default_rng(seed).standard_normal(16) for seed in inputs])
            return own + own.mean(axis=0)
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the model and the data in it, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path, MODEL)
    write_questions(tmp_path, 30)
    write_captions(tmp_path, 20)
    return tmp_path


def ask(out: str, tasks: str = "vqa", data="mine.jsonl", **options):
    return evaluate("mymodel.py:Mixed", data, Path(out), tasks, batch_size=4, **options)


@pytest.mark.slow
def test_any_number_of_workers_gives_the_same_bytes(world):
    data = {"vqa": "mine.jsonl", "retrieval": "captions.jsonl", "captioning": "captions.jsonl"}
    here = ask("here", ",".join(data), data)
    assert {task.entry.promise for task in here.runs[0].tasks.values()} == {"bytes"}
    for count in (2, 3, 5):
        (world / "slow").unlink(missing_ok=True)
        there = ask(f"there{count}", ",".join(data), data, workers=count)
        assert there.exit_code == 0
        assert there.path.name == here.path.name, "the number of workers is no identity"
        assert len(scores_of(there.path)) == 6
        assert scores_of(there.path) == scores_of(here.path)
    assert {task.entry.promise for task in there.runs[0].tasks.values()} == {"bytes"}
    perf = there.runs[0].tasks["vqa/mine"].perf.quality
    assert (perf.identity.workers, perf.identity.concurrency, len(perf.workers)) == (5, 5, 5)
    assert sum(worker.n_requests for worker in perf.workers) == 30
    busy = [worker for worker in perf.workers if worker.n_calls]
    assert all(worker.peak_memory > 2**20 and worker.dispatch_ms >= 0 < worker.utilisation <= 1 for worker in busy)


@pytest.mark.slow
def test_a_worker_that_is_killed_once_costs_nothing(world):
    here, there = ask("here"), ask("there", workers=2, model_args={"once": "q9"})
    assert (world / "died").exists()
    assert set(statuses(there.path).values()) == {"ok"}
    answers = [{line.id: (line.output, line.batch) for line in lines(run.path)} for run in (here, there)]
    assert answers[0] == answers[1]
    perf = there.runs[0].tasks["vqa/mine"].perf.quality
    assert sum(worker.n_lost for worker in perf.workers) == 1


@pytest.mark.slow
def test_only_the_sample_that_costs_workers_is_marked(world):
    there = ask("there", workers=2, model_args={"dies": "q9"})
    ended = {line.id: line for line in lines(there.path)}
    failed = [line for line in ended.values() if line.status != "ok"]
    assert [line.id for line in failed] == ["vqa/mine/q9/0"]
    assert failed[0].error.startswith("WorkerDiedError: ")
    assert "SIGKILL" in failed[0].error
    assert len(ended) == 30
    task = there.runs[0].tasks["vqa/mine"]
    assert (task.status, task.entry.promise) == ("partial", "requests")
    assert there.exit_code == 4


@pytest.mark.slow
def test_a_worker_that_hangs_is_ended_at_the_limit(world):
    there = ask("there", workers=2, timeout=1.5, model_args={"hangs": "q9"})
    failed = [line for line in lines(there.path) if line.status != "ok"]
    assert [(line.id, line.status) for line in failed] == [("vqa/mine/q9/0", "timeout")]
    assert failed[0].error.startswith("WorkerTimeoutError: ")


def alive(folder: Path) -> list[int]:
    """Workers that opened a model in this folder and live."""
    return [pid for path in folder.glob("pid-*") if Path(f"/proc/{(pid := int(path.name[4:]))}").exists()]


def command(out: str, *more: str) -> list[str]:
    given = ["--tasks", "vqa", "--data", "mine.jsonl", "--batch-size", "2", "--workers", "2", "--out", out]
    return ["run", "--model", "mymodel.py:Mixed", *given, *more]


@pytest.mark.slow
def test_workers_join_and_leave_while_a_run_is_asked_and_the_bytes_are_the_same(world):
    tokens = world / "tokens"
    tokens.write_text("2")
    one_by_one = ("--batch-size", "1", "--model-args", "tokens=tokens")
    child = start(*command("there", *one_by_one), folder=world)

    def are_there(count: int, calls: int) -> bool:
        granted = int(tokens.read_text())
        tokens.write_text(str(min(granted + 1, max(granted, calls))))
        return len(alive(world)) == count

    try:
        wait_until(lambda: list(world.glob("there/*/workers")) != [] or child.poll() is not None, what="the run")
        run = only_run(world / "there")
        for count, before, calls in ((1, 2, 12), (3, 1, 12), (2, 3, 24)):
            assert workers(run, count).before == before
            time.sleep(2.5)  # it is looked at once a second, and no call is granted before
            wait_until(lambda count=count, calls=calls: are_there(count, calls), what=f"{count} workers")
        (run / "workers").write_text("many")
        time.sleep(1.5)  # it is looked at once a second
        tokens.write_text("1000")
        _, err = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 0, err
    assert "no number of workers" in err
    assert not (run / "workers").exists()
    with pytest.raises(UsageError):
        workers(run, 2)
    mmbench(*command("here", "--workers", "1", *one_by_one), folder=world)
    assert scores_of(run) == scores_of(only_run(world / "here"))
    perf = load_run(run).tasks["vqa/mine"].perf.quality
    assert (len(perf.workers), perf.identity.workers, perf.valid) == (3, 3, False)


@pytest.mark.slow
def test_a_killed_driver_leaves_no_worker_and_the_same_command_goes_on(world):
    kill_driver(world, 0.2)
    resumed_to_the_same_bytes(world)


def test_the_number_of_workers_that_a_killed_command_has_left_is_gone_with_the_next(world):
    run = ask("there").runs[0].path
    for wrong in (0, 10**9, "2", 1.5, True):
        with pytest.raises(OptionError):
            workers(run, wrong)
    RunDirectory(run).write_workers(2)  # as SIGKILL leaves it
    ask("there")
    assert RunDirectory(run).read_workers() is None


def test_processes_that_cannot_be_started_are_workers_that_are_not_there(monkeypatch):
    transport = Processes()
    refusal = OSError(errno.EMFILE, "Too many open files")
    monkeypatch.setattr(transport._context, "Pipe", lambda: (_ for _ in ()).throw(refusal))
    transport.start(7, WorkerSetup(ModelRecipe("m", "m:M", "m", {}), "1"))
    (event,) = transport.wait(0.0)
    assert (event.worker, type(event), type(event.error)) == (7, NotStarted, RunFailedError)


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_killed_at_random_moments_worker_and_driver_and_resumed(world, seed):
    draw = random.Random(seed)
    child = start(*command("killed"), folder=world)
    wait_until(lambda: bool(alive(world)) or child.poll() is not None, what="a worker")
    time.sleep(draw.random())
    for pid in draw.sample(alive(world), min(1, len(alive(world)))):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    child.communicate()
    assert child.returncode == 0
    if seed % 2:
        shutil.rmtree(
            world / "killed"
        )  # the driver is killed in the middle of a new run, or while nothing is left to ask
    kill_driver(world, draw.random())
    resumed_to_the_same_bytes(world)


def kill_driver(folder: Path, after_s: float) -> None:
    """Start the command, and kill it some time after it has begun to ask, if it has not ended by then."""
    child = start(*command("killed"), folder=folder)
    log = "killed/*/tasks/*/responses.jsonl"
    wait_until(lambda: list(folder.glob(log)) != [] or child.poll() is not None, what="the log")
    time.sleep(after_s)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    wait_until(lambda: not alive(folder), timeout=10, what="the end of the workers")


def resumed_to_the_same_bytes(folder: Path) -> None:
    """Give the command again, and compare with a run of one process that nobody killed."""
    for out, count in (("killed", "2"), ("whole", "1")):
        ended = mmbench(*command(out, "--workers", count), folder=folder)
        assert ended.code == 0, ended.err
    assert scores_of(only_run(folder / "killed")) == scores_of(only_run(folder / "whole"))


@pytest.mark.slow
def test_a_signal_ends_a_run_within_seconds_and_keeps_what_was_answered(world):
    child = start(*command("there", "--model-args", "pause=0.5"), folder=world)
    wait_until(
        lambda: any(path.stat().st_size for path in world.glob("there/*/tasks/*/responses.jsonl")), what="an answer"
    )
    child.send_signal(signal.SIGINT)
    begun = time.monotonic()
    child.communicate(timeout=20)
    assert child.returncode == 130
    assert time.monotonic() - begun < 10
    assert not alive(world)
    run = only_run(world / "there")
    assert 0 < len(lines(run)) < 30


class LastWords:
    """A transport whose workers are asked when a signal arrives; then one of them dies, and the other answers."""

    kind, waiting = "process", 0

    def __init__(self):
        self.asked = {}
        self.events = []

    def start(self, worker, setup):
        self.events.append(Ready(worker, WorkerInfo("here", worker, 0.0)))

    def submit(self, worker, work):
        self.asked[worker] = work.lease

    def wait(self, timeout_s):
        if self.events:
            events, self.events = self.events, []
            return events
        if len(self.asked) < 2:
            return []
        self.events = [
            Died(0, "died"),
            Answered(1, Answer(self.asked[1], [Response("ok", "a")], 0.0, 0.1, None, 1)),
        ]
        raise Interrupted(signal.SIGINT)


def test_after_a_signal_the_death_of_one_worker_costs_no_answer_of_another():
    transport, recorded = LastWords(), []
    setup = types.SimpleNamespace(recipe=types.SimpleNamespace(name="mine"), threads=1, gpus=0.0)
    todo = types.SimpleNamespace(
        plan=types.SimpleNamespace(name="vqa/mine", requests=list),
        batches=[(0, [0]), (1, [1])],
        spec=types.SimpleNamespace(timeout=None, batch_size=1),
        batch_size=1,
        started=0.0,
    )
    sink = types.SimpleNamespace(record=lambda call, responses: recorded.append(call.batch))
    asking = Asking(Crew(transport, [setup, setup], lambda text: None), transport, todo, sink)
    with pytest.raises(Interrupted):
        asking.run()
    assert recorded == [transport.asked[1]]


@pytest.mark.slow
def test_a_model_that_no_worker_can_open_is_one_sentence(world):
    run = ask("there", workers=2, model_args={"opens": False})
    assert run.exit_code == 4
    assert run.failures["mymodel.py:Mixed"].endswith("failed in open(): RuntimeError: there is no such checkpoint")
    assert alive(world) == []


@pytest.mark.slow
def test_what_a_model_learned_in_the_driver_is_asked_of_the_workers(world):
    learner = """
        import os
        from pathlib import Path

        class Learner:
            def fit(self, task, train, val, context):
                Path(f"fitted-{os.getpid()}").touch()
                self.learned_answer = sorted(sample.references[0] for sample in train)[0]

            def generate(self, requests):
                assert not Path(f"fitted-{os.getpid()}").exists(), "asked where it was fitted"
                return [self.learned_answer] * len(requests)
    """
    write_model(world, learner, "learner.py")
    run = evaluate("learner.py:Learner", None, Path("out"), "vqa/scenes", limit=60, workers=2)
    assert run.exit_code == 0, run.failures
    assert len(list(world.glob("fitted-*"))) == 1
    assert {line.output for line in lines(run.path)} == {lines(run.path)[0].output}


def test_what_no_worker_can_do_is_said_before_anything_is_asked(world):
    unpicklable = Colours()
    unpicklable.lock = (each for each in ())
    write_model(world, "class Later:\n    async def generate(self, request): ...\n", "later.py")
    for model, more in (
        (unpicklable, {}),
        ("later.py:Later", {"ray": "auto"}),
        ("mymodel.py:Mixed", {"gpus_per_worker": 1000}),
        ("mymodel.py:Mixed", {"workers": 1_000_000}),
        ("mymodel.py:Mixed", {"executor": "batch"}),
        ("mymodel.py:Mixed", {"perf": "full", "ray": "auto"}),
        ("mymodel.py:Mixed", {"batch_size": "search"}),
    ):
        with pytest.raises(UsageError):
            evaluate(model, Path("mine.jsonl"), Path("out"), **{"workers": 2, **more})
    with pytest.raises(UsageError, match="--workers"):
        evaluate("random", Path("mine.jsonl"), Path("out"), gpus_per_worker=1)
    for model in ("oracle", "later.py:Later"):
        with pytest.raises(UsageError, match="--executor pool"):
            evaluate(model, Path("mine.jsonl"), Path("out"), executor="pool")
    assert not (world / "out").exists()


def test_async_models_are_asked_by_this_process_beside_the_workers_and_it_is_said(world):
    write_model(world, "class Later:\n    async def generate(self, request):\n        return 'red'\n", "later.py")
    plan = make_plan(
        ["later.py:Later", "oracle", "mymodel.py:Mixed"], "vqa", "out", {"data": "mine.jsonl", "workers": 2}
    )
    assert [note.partition(" ")[0] for note in plan.notes if "not by workers" in note] == ["later.py:Later", "oracle"]
    run = evaluate("later.py:Later", Path("mine.jsonl"), Path("out"), workers=2, concurrency=3)
    assert set(statuses(run.path).values()) == {"ok"}
    perf = run.runs[0].tasks["vqa/mine"].perf.quality
    assert (perf.identity.workers, perf.identity.concurrency, alive(world)) == (1, 3, [])


@pytest.mark.slow
def test_oracle_is_asked_where_the_solutions_are_and_speed_under_load_is_measured_once_workers_have_ended(world):
    oracle = evaluate("oracle", Path("mine.jsonl"), Path("out"), workers=2)
    assert (oracle.exit_code, oracle.rows()[0].value) == (0, 1.0)
    more = {"perf": "full", "scenarios": "offline", "perf_requests": 8, "model_args": {"pause": 0.0}}
    full = ask("full", workers=2, **more)
    assert (full.exit_code, full.failures) == (0, {})
    scenarios = full.runs[0].tasks["vqa/mine"].perf.scenarios
    assert [(each.name, each.identity.workers) for each in scenarios] == [("quality", 2), ("offline", 1)]
    assert not alive(world) or alive(world) == [os.getpid()]


def test_weights_that_are_not_those_that_were_sent_are_refused():
    recipe = ModelRecipe.of(resolve_instance(Colours("sent")))
    assert recipe.build().info == {"digest": "sent"}
    other = ModelRecipe.of(resolve_instance(Colours("other")))
    with pytest.raises(RunFailedError, match="not those that were sent"):
        replace(recipe, instance=other.instance).build()


def test_a_file_that_differs_where_the_model_is_built_is_refused(world):
    recipe = ModelRecipe.of(resolve_model("mymodel.py:Mixed"))
    recipe.build()
    write_model(world, MODEL + "\n    # changed\n")
    with pytest.raises(PluginError, match="differs"):
        recipe.build()


def test_modules_that_have_any_attribute_are_no_files_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    class Anything(types.ModuleType):
        def __getattr__(self, name: str) -> object:
            return lambda: None

    monkeypatch.setitem(sys.modules, "anything", Anything("anything"))
    mine = types.ModuleType("mine")
    mine.__dict__["__mmbench_file__"] = "/somewhere/mine.py"
    monkeypatch.setitem(sys.modules, "mine", mine)
    found = user_files()
    assert found["mine"] == "/somewhere/mine.py"
    assert "anything" not in found
