"""What several workers bring, and what they cost: speed of two against one, start-up, memory of the driver."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from PIL import Image

MODEL = """
    import hashlib, os, time

    class Works:
        '''Takes about `seconds` of CPU a call, in one thread.'''

        def __init__(self, seconds: float = 0.0, sleeps: bool = False):
            self.seconds, self.sleeps = seconds, sleeps

        def generate(self, requests):
            if self.sleeps:
                time.sleep(self.seconds)
            else:
                until = time.process_time() + self.seconds
                while time.process_time() < until:
                    hashlib.sha256(b"x" * 4096).digest()
            return ["red"] * len(requests)
"""
DRIVER = """
    import json, sys
    import mmbench
    from mmbench.perf.memory import peak_bytes

    if __name__ == "__main__":
        options = json.loads(sys.argv[1])
        run = mmbench.run("works.py:Works", "vqa", data="q.jsonl", progress=False, threads=1, **options)
        assert run.exit_code == 0, run.failures
        speed = run.runs[0].tasks["vqa/q"].perf.quality
        asked = sum(seconds for name, seconds in speed.where_s.items() if name != "score")
        loads = max([worker.load_s for worker in speed.workers] or [0.0])
        print(json.dumps({"asked_s": asked, "start_up_s": speed.value("load_s") - loads, "peak": peak_bytes()}))
"""

needs_two_cpus = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two CPUs")


def measure(folder: Path, samples: int, name: str, **options) -> dict[str, float]:
    """One run of a model in a process of its own."""
    (folder / "works.py").write_text(textwrap.dedent(MODEL), encoding="utf-8")
    (folder / "driver.py").write_text(textwrap.dedent(DRIVER), encoding="utf-8")
    Image.new("RGB", (8, 8), (200, 0, 0)).save(folder / "one.png")
    rows = (
        {"id": f"q{i}", "image": "one.png", "question": f"what colour is picture {i}?", "answer": "red"}
        for i in range(samples)
    )
    (folder / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    given = json.dumps({"out": name, **options})
    command = [sys.executable, "driver.py", given]
    return json.loads(subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout)


@needs_two_cpus
@pytest.mark.benchmark(group="pool")
@pytest.mark.parametrize("sleeps", [True, False], ids=["sleeping", "computing"])
def test_two_workers_are_at_least_1_6_times_as_fast_as_one(benchmark, tmp_path, sleeps):
    model = {"seconds": 0.1, "sleeps": sleeps}

    def best_of_three(workers):
        given = {"workers": workers, "batch_size": 4, "model_args": model}
        return min(measure(tmp_path, 240, f"{workers}-{turn}", **given)["asked_s"] for turn in range(3))

    ratio = benchmark.pedantic(lambda: best_of_three(1) / best_of_three(2), rounds=1)
    benchmark.extra_info["speed_up"] = ratio
    assert ratio >= 1.6


@pytest.mark.benchmark(group="pool")
def test_a_pool_starts_within_8_s_beyond_the_load_of_the_model(benchmark, tmp_path, slowness):
    measured = benchmark.pedantic(lambda: measure(tmp_path, 40, "out", workers=2), rounds=1)
    benchmark.extra_info["start_up_s"] = measured["start_up_s"]
    assert measured["start_up_s"] <= 8.0 * slowness


@pytest.mark.benchmark(group="pool")
def test_the_driver_keeps_at_most_a_kilobyte_a_sample(benchmark, tmp_path):
    def bytes_a_sample():
        few, many = (measure(tmp_path, samples, f"of-{samples}", workers=2)["peak"] for samples in (5_000, 45_000))
        return (many - few) / 40_000

    found = benchmark.pedantic(bytes_a_sample, rounds=1)
    benchmark.extra_info["bytes_a_sample"] = found
    assert found <= 1024
