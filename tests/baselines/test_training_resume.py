"""A training that is killed goes on where it was; two that want the same checkpoint share one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="baselines are torch modules: pip install 'mmbench[baselines]'")

from helpers import environment, wait_until
from tiny_tasks import TinyTraining

from mmbench_baselines.training import checkpoint

pytestmark = pytest.mark.slow

HERE = Path(__file__).resolve().parent
needs_fork = pytest.mark.skipif(sys.platform != "linux", reason="forks a process that has loaded torch")

NURSERY = """
import contextlib, os, signal, sys, time, traceback
from pathlib import Path
from tiny_tasks import TinyTraining

def fit(folder, doing, step):
    def at_step(progress):
        if progress.done == step:
            if doing == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            (folder / "there").touch()
            while not (folder / "go on").exists():
                time.sleep(0.01)

    class Notes(list):
        append = staticmethod(lambda text: print(text, flush=True))

    training = TinyTraining(folder=folder, notes=Notes(), at_step=at_step)
    training.fit()
    print(f"{len(training.reports)} steps", flush=True)

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
TinyTraining().fit(steps=1)  # loads all that the forked ones need
print("ready", flush=True)
for line in sys.stdin:
    folder, log, doing, step = line.rstrip("\\n").split("\\t")
    pid = os.fork()
    if pid == 0:
        with open(log, "w") as file, contextlib.redirect_stdout(file):
            try:
                fit(Path(folder), doing, int(step))
            except BaseException:
                traceback.print_exc(file=file)
        os._exit(0)
    print(pid, flush=True)
"""


@dataclass
class Child:
    """A process that runs trainings."""

    pid: int
    log: Path

    def ended(self) -> bool:
        """Whether it is gone."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def said(self) -> list[str]:
        """What it printed, once it has ended; one that was killed never says how many steps it did."""
        wait_until(self.ended, what="the end of a training")
        return self.log.read_text(encoding="utf-8").splitlines()

    def kill(self) -> None:
        """End it, if it is still there."""
        if not self.ended():
            os.kill(self.pid, signal.SIGKILL)
            wait_until(self.ended)


class Nursery:
    """A process that has loaded torch, and forks one for each training."""

    def __init__(self, process, logs):
        self.process, self.logs, self.children = process, logs, []
        self._line()

    def _line(self) -> str:
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return line

    def child(self, folder, doing="live", step=0) -> Child:
        """A new process, which trains with the seed 0 in this folder; at a step it may die or wait."""
        log = self.logs / f"{len(self.children)}.log"
        log.touch()
        self.process.stdin.write(f"{folder}\t{log}\t{doing}\t{step}\n")
        self.process.stdin.flush()
        self.children.append(Child(int(self._line()), log))
        return self.children[-1]


@pytest.fixture(scope="module")
def nursery(tmp_path_factory) -> Iterator[Nursery]:
    paths = [str(HERE), str(HERE.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        env=environment(PYTHONPATH=os.pathsep.join(paths), OMP_NUM_THREADS="1"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        found = Nursery(process, tmp_path_factory.mktemp("logs"))
        yield found
        for child in found.children:
            child.kill()
    finally:
        process.kill()
        process.communicate()


def weights_in(folder):
    (path,) = folder.glob(f"*/{checkpoint.WEIGHTS}")
    return path.read_bytes()


@pytest.fixture(scope="module")
def unbroken(nursery, tmp_path_factory) -> bytes:
    """The weights that a process ends with which nobody disturbs."""
    folder = tmp_path_factory.mktemp("unbroken")
    assert nursery.child(folder).said() == ["12 steps"]
    return weights_in(folder)


GOES_ON = "training goes on at step {} of 12"


@needs_fork
def test_killed_before_the_first_check_between_two_and_at_the_end_it_ends_with_the_same_bytes(
    tmp_path, nursery, unbroken
):
    said = []
    for step in (2, 6, 12):
        said.append(nursery.child(tmp_path, "die", step).said())
        assert not list(tmp_path.glob(f"*/{checkpoint.CARD}"))
    assert said == [[], [], [GOES_ON.format(4)]]
    assert nursery.child(tmp_path).said() == [GOES_ON.format(12), "0 steps"]
    assert weights_in(tmp_path) == unbroken
    assert {path.name for path in tmp_path.glob("concat*/*")} == {checkpoint.CARD, checkpoint.WEIGHTS}


@needs_fork
@pytest.mark.parametrize("first_ends", [True, False])
def test_of_two_processes_one_trains_and_the_other_waits_for_it(tmp_path, nursery, unbroken, first_ends):
    waits = "another process is training concat--vqa__tiny--seed0"
    first = nursery.child(tmp_path, "wait", 6)
    wait_until(lambda: (tmp_path / "there").exists() or first.ended())
    second = nursery.child(tmp_path)
    wait_until(lambda: waits in second.log.read_text(encoding="utf-8") or second.ended())
    if first_ends:
        (tmp_path / "go on").touch()
        assert first.said() == ["12 steps"]
        assert second.said()[1:] == ["0 steps"]
    else:
        first.kill()
        assert second.said()[1:] == [GOES_ON.format(4), "8 steps"]
    assert weights_in(tmp_path) == unbroken


def interrupt_at(step):
    def at_step(progress):
        if progress.done == step:
            raise KeyboardInterrupt

    return at_step


@pytest.mark.parametrize("step", [1, 4, 5, 11])
def test_interrupted_at_any_step_it_ends_with_the_same_bytes(tmp_path, step):
    whole, cut, again = (TinyTraining(folder=tmp_path / name) for name in ("whole", "cut", "cut"))
    whole.fit("film")
    cut.at_step = interrupt_at(step)
    with pytest.raises(KeyboardInterrupt):
        cut.fit("film")
    again.fit("film")
    assert weights_in(tmp_path / "cut") == weights_in(tmp_path / "whole")
    assert [report.done for report in again.reports] == list(range(step // 4 * 4 + 1, 13))
    assert again.reports[-1].val == whole.reports[-1].val


def test_the_card_of_a_training_in_two_sessions_tells_of_both(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        TinyTraining(folder=tmp_path, at_step=interrupt_at(9)).fit()
    (state,) = tmp_path.rglob(checkpoint.STATE)
    before = checkpoint.load_progress(state.parent)
    card, whole = (TinyTraining(folder=folder).fit()._trained.card for folder in (tmp_path, None))
    assert before is not None
    assert card.train_s > before.seconds > 0
    assert card.samples_per_s * card.train_s == pytest.approx(whole.samples_per_s * whole.train_s)
    assert card.checks == whole.checks


def test_what_a_kill_left_half_written_is_swept_away(tmp_path):
    folder = Path(TinyTraining(folder=tmp_path).fit().learned.checkpoint)
    for path in folder.iterdir():
        path.unlink()
    left = folder / f".{checkpoint.STATE}.99999.tmp"
    left.write_bytes(b"half")
    TinyTraining(folder=tmp_path).fit()
    assert not left.exists()
