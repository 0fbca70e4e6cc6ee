"""What the harness costs when the model costs nothing: 9,673 easy-VQA questions, every answer logged and scored."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import msgspec
import pytest

import mmbench.api.run as api
from mmbench.runner.execute.progress import Silent
from mmbench_tasks.vqa.easy_vqa import CARD
from mmbench_tasks.vqa.task import VqaTask

task = VqaTask(CARD)

N = 9_673
TARGET_US = 30.0


class AtOnce:
    """Answers without looking."""

    def generate(self, requests):
        return ["yes"] * len(requests)


@pytest.fixture(scope="module")
def warm():
    """Data read once, so that start-up is apart."""
    task.fingerprint()
    return task.samples()


@pytest.mark.benchmark(group="harness", timer=time.process_time, min_rounds=5, max_time=5.0, warmup=True)
def test_plan_ask_log_and_score_cost_at_most_30_us_a_sample(benchmark, warm, tmp_path, monkeypatch, slowness):
    # The blind prior that the table shows is a second model: it is measured on its own below.
    monkeypatch.setattr(api, "prior_values", lambda plan: {})
    number = itertools.count()

    def once():
        result = api.execute(api.make_plan(AtOnce(), "vqa/easy-vqa", tmp_path / str(next(number)), {}), Silent())
        return result.rows()[0].metric

    value = benchmark(once)
    assert value.n == N
    benchmark.extra_info["us_per_sample"] = 1e6 * benchmark.stats.stats.min / N
    assert 1e6 * benchmark.stats.stats.min / N <= TARGET_US * slowness


@pytest.mark.benchmark(group="harness", timer=time.process_time, min_rounds=5, max_time=5.0, warmup=True)
def test_bare_loop_that_builds_logs_and_scores_for_comparison(benchmark, warm, tmp_path):
    encoder = msgspec.json.Encoder()

    def once():
        right = 0
        with (tmp_path / "log.jsonl").open("wb") as log:
            for start in range(0, N, 64):
                batch = warm[start : start + 64]
                requests = [{"id": sample.id, "prompt": sample.parts[1], "image": sample.parts[0]} for sample in batch]
                answers = ["yes"] * len(requests)
                right += sum(answer in sample.references for answer, sample in zip(answers, batch, strict=True))
                log.write(
                    encoder.encode_lines(
                        [{"id": r["id"], "output": answer} for r, answer in zip(requests, answers, strict=True)]
                    )
                )
        return right / N

    assert 0 < benchmark(once) < 1


@pytest.mark.benchmark(group="harness", timer=time.process_time, min_rounds=3, max_time=5.0)
def test_blind_prior_of_a_task_costs_at_most_one_second(benchmark, warm, tmp_path, slowness):
    plan = api.make_plan(AtOnce(), "vqa/easy-vqa", tmp_path, {}).jobs[0].plans[0]
    values = benchmark(lambda: api.prior_values(plan))
    assert values["accuracy"] > 0.5
    assert benchmark.stats.stats.min <= slowness


SCRIPT = """
    import json, sys
    import numpy, PIL.Image
    import mmbench.metrics.evaluate, mmbench.runner.session, mmbench_tasks.vqa.family
    from mmbench.api.run import execute, make_plan
    from mmbench.runner.execute.progress import Silent

    class AtOnce:
        def generate(self, requests):
            return ["3"] * len(requests)

    def kilobytes(key):
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(key))

    imports = kilobytes("VmRSS")
    result = execute(make_plan(AtOnce(), "vqa", sys.argv[2], {"data": sys.argv[1]}), Silent())
    print(json.dumps({"n": result.rows()[0].metric.n, "kb": kilobytes("VmHWM") - imports}))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.benchmark(group="memory", min_rounds=1, max_time=0.1)
def test_100_000_questions_keep_to_1_kb_a_sample_above_the_imports(benchmark, tmp_path):
    from PIL import Image

    n = 100_000
    (tmp_path / "images").mkdir()
    for i in range(500):
        Image.new("RGB", (8, 8), (i % 256, i // 256, 7)).save(tmp_path / "images" / f"{i}.png")
    with (tmp_path / "many.jsonl").open("w") as file:
        for i in range(n):
            row = {"image": f"{i % 500}.png", "question": f"what is number {i} of the picture?", "answer": str(i % 7)}
            file.write(json.dumps(row) + "\n")
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), tmp_path / "many.jsonl", tmp_path / "runs"]

    def once():
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    measured = benchmark.pedantic(once, rounds=1)
    assert measured["n"] == n
    benchmark.extra_info["kb_per_sample"] = measured["kb"] / n
    assert measured["kb"] / n <= 1.0
