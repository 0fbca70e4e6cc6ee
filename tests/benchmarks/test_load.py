"""Loads that take a minute each: CPU seconds and memory of whole commands, each in a process of its own.

They are run every night, and by hand: ``pytest tests/benchmarks/test_load.py -m nightly -s``.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import numpy as np
import pytest
from boards import written
from PIL import Image
from stored import score_table
from test_endpoint import SERVER

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc"),
]

WRAPPED = """
    import json, resource, sys
    from mmbench.cli.main import main

    code = main(sys.argv[1:])
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    cpu = sum(each.ru_utime + each.ru_stime for each in used)
    sys.stderr.write("\\n" + json.dumps({"code": code, "cpu_s": cpu, "mb": peak * 1024 / 1e6}))
"""


class Used(NamedTuple):
    """What a command needed."""

    cpu_s: float
    """CPU seconds of all its threads and children, start-up included."""
    mb: float
    """Most memory at a time, the interpreter and all modules included, in 10**6 bytes."""
    out: str
    """What it printed on stdout."""


def command(*arguments: Any, folder: Path) -> Used:
    """Run ``mmbench`` to a good end."""
    words = [sys.executable, "-c", textwrap.dedent(WRAPPED), *map(str, arguments)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    found = json.loads(done.stderr.splitlines()[-1])
    assert found["code"] == 0, done.stderr
    print(f"mmbench {arguments[0]}: {found['cpu_s']:.2f} s of CPU, {found['mb']:.0f} MB")
    return Used(found["cpu_s"], found["mb"], done.stdout)


def write_questions(folder: Path, n: int) -> None:
    """`n` questions about 500 small pictures, in ``many.jsonl``."""
    (folder / "images").mkdir()
    for i in range(500):
        Image.new("RGB", (8, 8), (i % 256, i // 256, 7)).save(folder / "images" / f"{i}.png")
    with (folder / "many.jsonl").open("w", encoding="utf-8") as file:
        for i in range(n):
            row = {"image": f"{i % 500}.png", "question": f"what is number {i} of the picture?", "answer": str(i % 7)}
            file.write(json.dumps(row) + "\n")


def test_200_000_samples_with_an_instant_model_take_12_s_of_cpu_and_250_mb(tmp_path: Path, slowness: float) -> None:
    write_questions(tmp_path, 200_000)
    model = "class AtOnce:\n    def generate(self, requests):\n        return ['3'] * len(requests)\n"
    (tmp_path / "atonce.py").write_text(model, encoding="utf-8")
    used = command("run", "-m", "atonce", "-t", "vqa", "--data", "many.jsonl", "--json", "-q", folder=tmp_path)
    assert {row["n"] for row in json.loads(used.out)["metrics"]} == {200_000}
    assert used.cpu_s <= 12 * slowness
    assert used.mb <= 250


async def bare(url: str, n: int) -> None:
    """What anybody would write with aiohttp: `n` calls with a small body, 512 in flight, the answers read and dropped."""
    numbers = iter(range(n))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=512)) as session:

        async def worker() -> None:
            for _ in numbers:
                async with session.post(f"{url}/chat/completions", data=b"x" * 700) as response:
                    await response.read()

        await asyncio.gather(*(worker() for _ in range(512)))


def test_20_000_calls_at_512_in_flight_take_400_us_of_cpu_each_and_120_mb(tmp_path: Path, slowness: float) -> None:
    """Start-up, planning, logging and scoring are among the 400 µs a call; a bare client is timed beside it."""
    n, few = 20_000, 5_000
    write_questions(tmp_path, n)
    server = textwrap.dedent(SERVER).replace("backlog=256", "backlog=1024")
    child = subprocess.Popen([sys.executable, "-c", server], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        url = f"http://127.0.0.1:{child.stdout.readline().strip()}/v1"
        arguments = ["-t", "vqa", "--data", "many.jsonl", "--base-url", url, "--concurrency", 512, "--json", "-q"]
        used = command("run", "-m", "openai/m", *arguments, folder=tmp_path)
        begun = time.process_time()
        asyncio.run(bare(url, few))
        alone = (time.process_time() - begun) / few
    finally:
        child.kill()
        child.communicate()
    print(f"{1e6 * used.cpu_s / n:.0f} µs a call, a bare client {1e6 * alone:.0f} µs, slowness {slowness:.2f}")
    assert {row["n"] for row in json.loads(used.out)["metrics"]} == {n}
    assert used.mb <= 120
    assert used.cpu_s / n <= 400e-6 * slowness


def test_a_report_over_300_runs_takes_15_s_of_cpu(tmp_path: Path, slowness: float) -> None:
    generator = np.random.default_rng(0)
    clusters = [f"picture-{n // 4}" for n in range(1_000)]
    for model in range(300):
        tasks = {}
        for task in range(3):
            scores = generator.random(1_000) < 0.3 + 0.001 * model
            tasks[f"stored/task{task}"] = score_table(scores.astype(float).tolist(), clusters)
        written(tmp_path / "runs", f"model{model:03}", tasks)
    runs = sorted((tmp_path / "runs").iterdir())
    used = command("report", *runs, "--leaderboard", "--format", "json", folder=tmp_path)
    assert json.loads(used.out)
    assert used.cpu_s <= 15 * slowness


RETRIEVAL = """
    import json, sys
    import numpy as np
    from mmbench.metrics import captions_of_images, rank_both

    images, texts = (np.load(path, mmap_mode="r") for path in sys.argv[1:])
    forth, back = rank_both(images, texts, *captions_of_images(np.repeat(np.arange(10_000), 19), 10_000))
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    print(json.dumps({"mb": peak * 1024 / 1e6}))
"""


def test_retrieval_of_10_000_by_190_000_keeps_to_1_2_gb(tmp_path: Path) -> None:
    """Vectors of 512 numbers, read from memory maps; what is mapped counts as memory here."""
    generator = np.random.default_rng(0)
    paths = [tmp_path / "images.npy", tmp_path / "texts.npy"]
    for path, n in zip(paths, (10_000, 190_000), strict=True):
        vectors = generator.standard_normal((n, 512), dtype=np.float32)
        np.save(path, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    words = [sys.executable, "-c", textwrap.dedent(RETRIEVAL), *map(str, paths)]
    found = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    print(f"10,000 × 190,000: {found['mb']:.0f} MB")
    assert found["mb"] <= 1_200
