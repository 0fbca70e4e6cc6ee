"""The number of threads reaches libraries and models, and is what it was afterwards."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import evaluate, write_questions

import mmbench
from mmbench import FitContext
from mmbench.perf.threads import VARIABLES, compute_threads, idle_cpus, start_threads

pytestmark = pytest.mark.slow


def test_variables_and_a_loaded_torch_are_set_inside_the_block_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    torch = SimpleNamespace(get_num_threads=lambda: 7, set_num_threads=told.append)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with compute_threads(2):
        assert {os.environ[name] for name in VARIABLES} == {"2"}
    assert told == [2, 7]
    assert os.environ["OMP_NUM_THREADS"] == "5"
    assert "MKL_NUM_THREADS" not in os.environ


def spins(threads: int, **environment: str) -> str:
    """How long waiting threads of torch spin, as libgomp says itself, in a fresh interpreter."""
    pytest.importorskip("torch")
    code = f"from mmbench.perf.threads import compute_threads\nwith compute_threads({threads}): import torch"
    known = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "KMP_"))}
    known |= {"OMP_DISPLAY_ENV": "VERBOSE", **environment}
    done = subprocess.run([sys.executable, "-c", code], env=known, capture_output=True, text=True, check=True)
    found = [line.partition("=")[2].strip(" '") for line in done.stderr.splitlines() if "GOMP_SPINCOUNT" in line]
    if not found:
        pytest.skip("torch does not stand on libgomp here")
    return found[0]


def test_several_threads_sleep_while_they_wait_unless_the_user_chose() -> None:
    assert spins(2) == "0"
    assert spins(1) != "0"
    assert spins(2, OMP_WAIT_POLICY="active") != "0"


def test_none_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with compute_threads(None):
        assert "OMP_NUM_THREADS" not in os.environ


TEAMS = """
import os
from threading import Thread
import torch
from mmbench.perf.cpu import cpus
from mmbench.perf.threads import idle_cpus, start_threads

torch.set_num_threads(cpus() + 1)
print(idle_cpus())
pool = start_threads(3, "beside")
for each in [pool.submit(torch.get_num_threads) for _ in range(3)]:
    print(each.result())
later = Thread(target=lambda: print(torch.get_num_threads() - cpus()))
later.start()
later.join()
print(torch.get_num_threads() - cpus())
before = len(os.listdir("/proc/self/task"))
for each in [pool.submit(lambda: torch.ones(2**20).add_(1)) for _ in range(3)]:
    each.result()
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted as Linux lists them")
def test_threads_beside_a_model_on_the_cpu_compute_alone() -> None:
    pytest.importorskip("torch")
    done = subprocess.run([sys.executable, "-c", TEAMS], capture_output=True, text=True, check=True)
    idle, *alone, later, own, added = map(int, done.stdout.split())
    assert idle == 0
    assert alone == [1, 1, 1]
    assert (later, own) == (1, 1), "threads of the model, and those that are started later, lost theirs"
    assert added <= 0, "a thread of the pool got a team of its own"


def test_without_torch_all_cpus_but_one_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr("mmbench.perf.threads.cpus", lambda: 4)
    assert idle_cpus() == 3
    with start_threads(2, "beside") as pool:
        assert pool.submit(threading.current_thread).result().name.startswith("beside")


def test_the_option_of_a_run_reaches_its_model_and_is_no_identity(tmp_path: Path) -> None:
    class Model:
        def generate(self, requests: list) -> list[str]:
            seen.append(os.environ.get("OMP_NUM_THREADS"))
            return ["red" for _ in requests]

    seen: list[str | None] = []
    evaluate(Model, write_questions(tmp_path), tmp_path, threads=3)
    assert seen == ["3"]


def test_threads_and_retrain_reach_fit(tmp_path: Path) -> None:
    class Learner:
        def fit(self, task: object, train: object, val: object, context: FitContext) -> None:
            seen.append((context.threads, context.retrain))

        def generate(self, requests: list) -> list[str]:
            return ["red" for _ in requests]

    seen: list[tuple[int | None, bool]] = []
    mmbench.train(Learner, "vqa/scenes", threads=2, retrain=True, progress=False, checkpoints=tmp_path)
    mmbench.run(Learner, "vqa/scenes", limit=1, out=tmp_path, checkpoints=tmp_path, progress=False)
    assert seen == [(2, True), (None, False)]
