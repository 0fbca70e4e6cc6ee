"""Time a training step with one thread and with two, on idle cores and beside busy processes.

Run it by hand: ``python tests/benchmarks/training_steps.py --busy 0 2 > table.md``. It takes some minutes. Every figure
is the median of the medians of a few processes; the settings take turns, so that a drift of the machine meets them all.
"""

import argparse
import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator

TASKS = {
    "concat": "vqa/scenes",
    "attention": "vqa/scenes",
    "two-tower": "retrieval/scenes",
    "captioner": "captioning/scenes",
}
SETTINGS: dict[str, tuple[int, dict[str, str]]] = {
    "1 thread": (1, {}),
    "2 threads that spin": (2, {}),
    "2 threads that sleep": (2, {"OMP_WAIT_POLICY": "passive"}),
}
"""Title to the number of threads and the environment. Unless it is told otherwise, libgomp spins for 300,000 rounds."""

STEP = """
import json, statistics, sys, time
import torch
from mmbench.core import FitContext
from mmbench.resolve.task_names import resolve_tasks
from mmbench_baselines.settings import Settings
from mmbench_baselines.training.fit import fit

name, wanted, threads, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(threads)
task = resolve_tasks([wanted])[0].task
train, val = tuple(task.samples("train"))[:3000], tuple(task.samples("val"))[:100]
ticks = []
context = FitContext(task.requests, 0, report=lambda progress: ticks.append(time.perf_counter()))
fit(Settings.parse(name, {"steps": steps + 10, "checks": 1}), task.info, (train, val), context)
print(json.dumps(statistics.median(after - before for before, after in zip(ticks[8:-2], ticks[9:-1]))))
"""


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep so many processes busy inside the block."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def step_ms(name: str, setting: str, steps: int) -> float:
    """Milliseconds of a step in a process of its own."""
    threads, environment = SETTINGS[setting]
    known = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_", "KMP_"))}
    command = [sys.executable, "-c", STEP, name, TASKS[name], str(threads), str(steps)]
    done = subprocess.run(command, env=known | environment, capture_output=True, text=True, check=True)
    return 1000 * float(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 2], help="numbers of busy processes beside it")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--baselines", nargs="+", default=list(TASKS), choices=list(TASKS))
    given = parser.parse_args()
    print("| busy processes | baseline | " + " | ".join(SETTINGS) + " |")
    print("|---:|:---|" + "---:|" * len(SETTINGS))
    for count, name in itertools.product(given.busy, given.baselines):
        found = defaultdict(list)
        with busy(count):
            for _, setting in itertools.product(range(given.rounds), SETTINGS):
                found[setting].append(step_ms(name, setting, given.steps))
        cells = [f"{statistics.median(found[setting]):.0f} ms" for setting in SETTINGS]
        print(f"| {count} | `{name}` | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
