"""Runs on a Ray cluster of two nodes on this machine: the same bytes, and what a lost actor, node or driver costs."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import lines, mmbench, scores_of, start, write_captions, write_model, write_questions

import mmbench as package

ray_cluster = pytest.importorskip(
    "ray.cluster_utils", reason="needs the extra ray, which .ci/run installs for these tests"
)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

HOST = "127.0.0.2"
"""Loopback, which Ray takes as it is: 127.0.0.1 it would replace by an address that the tests may not connect to."""
LITTLE = {"object_store_memory": 80 * 2**20}

MODEL = """
import os, time
from pathlib import Path

class Reds:
    def __init__(self, once=None, slow=0.0, log=None, gate=None):
        self.once, self.slow, self.log, self.gate = once, slow, log, gate

    def generate(self, requests):
        if self.log:
            with open(self.log, "a") as file:
                print(os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES", ""), file=file)
        time.sleep(self.slow)
        while self.gate and requests[0].sample_id > "q2" and not Path(self.gate).exists():
            time.sleep(0.1)
        if self.once and any(request.sample_id == "q9" for request in requests) and not Path(self.once).exists():
            Path(self.once).touch()
            os.kill(os.getpid(), 9)
        return ["red" if request.images[0].load().getpixel((0, 0))[0] > 100 else "blue" for request in requests]

    def embed(self, requests):
        return [[float(len(request.text)), float(len(requests)), 1.0] for request in requests]
"""


TWO_MODELS = """
import time
from pathlib import Path

class First:
    def __init__(self, once):
        self.once = once

    def generate(self, requests):
        if any(request.sample_id == "q13" for request in requests):
            until = time.monotonic() + 60
            while not Path(self.once).exists():
                assert time.monotonic() < until, "the second model was not opened"
                time.sleep(0.05)
        return ["red"] * len(requests)

class Second(First):
    def open(self):
        Path(self.once).touch()
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head with one CPU, and a node with one CPU and, as far as Ray counts, two GPUs."""
    before = os.environ.get("RAY_AUTH_MODE")
    os.environ["RAY_AUTH_MODE"] = "disabled"
    made = ray_cluster.Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 1,
            "num_gpus": 0,
            "include_dashboard": False,
            "node_ip_address": HOST,
            **LITTLE,
        },
    )
    made.add_node(num_cpus=1, num_gpus=2, node_ip_address=HOST, **LITTLE)
    yield made
    made.shutdown()
    os.environ.pop("RAY_AUTH_MODE")
    if before is not None:
        os.environ["RAY_AUTH_MODE"] = before


def run(folder: Path, out: str, tasks: str = "vqa", **options: Any) -> package.RunResult:
    data = {"vqa": folder / "mine.jsonl", "retrieval": folder / "captions.jsonl"}
    given = {"batch_size": 3, "perf": "quick", "progress": False, "gpus_per_worker": 0, **options}
    named = {name: path for name, path in data.items() if name in tasks}
    return package.run(str(folder / "mymodel.py"), tasks, data=named, out=folder / out, **given)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_questions(tmp_path, 14)
    write_captions(tmp_path, 5)
    write_model(tmp_path, MODEL)
    return tmp_path


def logged(log: Path) -> list[str]:
    """A line for each call of the model: the process, and the GPUs that it sees."""
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def wait_until(there: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not there():
        assert time.monotonic() < until
        time.sleep(0.1)


def here(folder: Path, tasks: str = "vqa", **options: Any) -> Path:
    return run(folder, "here", tasks, gpus_per_worker=None, **options).path


def test_two_actors_give_the_bytes_of_this_process_with_images_sent_or_read(cluster: Any, folder: Path) -> None:
    far = run(folder, "far", "vqa,retrieval", ray=cluster.address, workers=2, ship_media=True)
    assert far.exit_code == 0
    assert scores_of(far.path) == scores_of(here(folder, "vqa,retrieval"))
    perf = far.runs[0].tasks["vqa/mine"].perf
    assert perf is not None
    assert [worker.kind for worker in perf.quality.workers] == ["ray", "ray"]


@pytest.mark.nightly
def test_the_second_model_is_opened_in_the_room_of_an_actor_of_the_first_that_has_nothing_left(
    cluster: Any, folder: Path
) -> None:
    path = write_model(folder, TWO_MODELS, "two.py")
    models = [f"{path}:{name}" for name in ("First", "Second")]
    options = {"data": folder / "mine.jsonl", "out": folder / "far", "batch_size": 3, "progress": False}
    args = {"once": str(folder / "opened")}  # the last batch of the first is answered once the second is opened
    far = package.run(models, "vqa", model_args=args, ray=cluster.address, workers=2, gpus_per_worker=0, **options)
    assert (far.exit_code, far.failures) == (0, {})
    near = package.run(models, "vqa", model_args=args, **{**options, "out": folder / "near"})
    assert [scores_of(run.path) for run in far.runs] == [scores_of(run.path) for run in near.runs]


def test_an_actor_that_is_killed_in_mid_batch_costs_no_answer(cluster: Any, folder: Path) -> None:
    args = {"once": str(folder / "once")}
    far = run(folder, "far", ray=cluster.address, workers=2, model_args=args)
    assert (folder / "once").exists()
    assert (far.exit_code, len(lines(far.path))) == (0, 14)
    assert scores_of(far.path) == scores_of(here(folder, model_args=args))


def test_a_node_that_is_lost_costs_no_answer_and_gpus_are_those_of_one_node(cluster: Any, folder: Path) -> None:
    log = folder / "log"
    node = cluster.add_node(num_cpus=1, num_gpus=2, node_ip_address=HOST, **LITTLE)
    child = start(
        *(
            "run",
            "--model",
            "mymodel.py",
            "--tasks",
            "vqa",
            "--data",
            "mine.jsonl",
            "--batch-size",
            "1",
            "--out",
            "far",
        ),
        *("--ray", cluster.address, "--workers", "2", "--gpus-per-worker", "2", "--model-args", f"slow=0.7,log={log}"),
        folder=folder,
    )
    try:
        wait_until(lambda: len({line.split()[0] for line in logged(log)}) == 2)
        cluster.remove_node(node)
        _, err = child.communicate(timeout=90)
    finally:
        child.kill()
    assert child.returncode == 0, err
    (far,) = (folder / "far").iterdir()
    assert len({line.id for line in lines(far)}) == 14
    assert all(line.status == "ok" for line in lines(far))
    assert {line.split()[1] for line in logged(log)} == {"0,1"}


def test_without_a_number_there_are_as_many_workers_as_nodes_have_room_for_and_they_come_and_go_with_them(
    cluster: Any, folder: Path
) -> None:
    log, gate = folder / "log", folder / "gate"
    command = ["run", "--model", "mymodel.py", "--tasks", "vqa", "--data", "mine.jsonl", "--batch-size", "1"]
    command += ["--out", "far", "--ray", cluster.address, "--gpus-per-worker", "0"]
    child = start(*command, "--model-args", f"log={log},gate={gate}", folder=folder)
    try:
        wait_until(lambda: len(set(logged(log))) == 2)
        node = cluster.add_node(num_cpus=1, node_ip_address=HOST, **LITTLE)
        wait_until(lambda: len(set(logged(log))) == 3)
        cluster.remove_node(node)
        gate.touch()
        _, err = child.communicate(timeout=90)
    finally:
        child.kill()
    assert child.returncode == 0, err
    assert len(set(logged(log))) == 3, "none was started in the place of the one that left with its machine"
    (far,) = (folder / "far").iterdir()
    assert scores_of(far) == scores_of(here(folder))
    perf = package.load_run(far).tasks["vqa/mine"].perf
    assert perf is not None
    assert (perf.quality.identity.workers, [each.n_lost for each in perf.quality.workers]) == (3, [0, 0, 1])


def test_a_driver_that_is_killed_takes_its_actors_with_it_and_the_same_command_goes_on(
    cluster: Any, folder: Path
) -> None:
    log = folder / "log"
    command = [
        "run",
        "--model",
        "mymodel.py",
        "--tasks",
        "vqa",
        "--data",
        "mine.jsonl",
        "--batch-size",
        "1",
        "--out",
        "far",
    ]
    command += ["--ray", cluster.address, "--gpus-per-worker", "0", "--model-args", f"slow=0.5,log={log}"]
    child = start(*command, folder=folder)
    try:
        wait_until(lambda: any(file.stat().st_size for file in folder.glob("far/*/tasks/*/responses.jsonl")))
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate()
    actors = {line.split()[0] for line in logged(log)}
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in actors))
    asked = len(logged(log))
    (far,) = (folder / "far").iterdir()
    kept = len(lines(far))
    assert mmbench(*command, folder=folder).code == 0
    assert len({line.id for line in lines(far)}) == len(lines(far)) == 14
    assert kept > 0
    assert len(logged(log)) == asked + 14 - kept


def test_a_signal_ends_the_run_as_without_ray(cluster: Any, folder: Path) -> None:
    log = folder / "log"
    command = [
        "run",
        "--model",
        "mymodel.py",
        "--tasks",
        "vqa",
        "--data",
        "mine.jsonl",
        "--batch-size",
        "1",
        "--out",
        "far",
    ]
    child = start(
        *command,
        *("--ray", cluster.address, "--gpus-per-worker", "0", "--model-args", f"slow=1,log={log}"),
        folder=folder,
    )
    try:
        wait_until(lambda: len(logged(log)) >= 2)
        child.terminate()
        began = time.monotonic()
        _, err = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 143, err
    assert time.monotonic() - began < 20
    (far,) = (folder / "far").iterdir()
    assert package.load_run(far).record.status == "interrupted"


def test_what_the_cluster_has_no_room_for_is_refused_before_the_model_is_opened(cluster: Any, folder: Path) -> None:
    for wrong in ({"gpus_per_worker": 8}, {"cpus_per_worker": 9}):
        with pytest.raises(package.UsageError):
            run(folder, "far", ray=cluster.address, workers=1, **wrong)
    assert not list((folder / "far").glob("*/run.json"))
