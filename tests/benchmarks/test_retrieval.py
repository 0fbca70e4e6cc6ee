"""Exact ranks in both directions: seconds, share of the machine's matrix-product rate, peak memory."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

NOMINAL_GFLOPS = 150.0
"""What matrix products in float32 do on two cores of the machine that docs/benchmarks.md names, in 10**9 operations a second."""
TRIES = 3
"""Others may use the machine at the same time: the best try counts."""

COMMON = """
    import json, sys, time
    import numpy as np
    from mmbench.metrics import captions_of_images, rank_both

    D = 512

    def unit(generator, n):
        vectors = generator.standard_normal((n, D), dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    def gflops():
        one, two = np.ones((2, 2048, D), dtype=np.float32)
        out = np.empty((2048, 2048), dtype=np.float32)
        np.matmul(one, two.T, out=out)
        begun, times = time.perf_counter(), 0
        while time.perf_counter() - begun < 0.5:
            np.matmul(one, two.T, out=out)
            times += 1
        return times * 2 * out.size * D / (time.perf_counter() - begun) / 1e9

    def kilobytes(key):
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(key))

    def timed(function):
        before, begun = gflops(), time.perf_counter()
        function()
        seconds = time.perf_counter() - begun
        return seconds, (before + gflops()) / 2
"""

WHOLE = """
    generator = np.random.default_rng(0)
    owners = np.repeat(np.arange(5000), 5)
    images, texts = unit(generator, 5000), unit(generator, 25000)
    if sys.argv[1] == "learned":
        texts += images[owners] / 2
        texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    seconds, rate = timed(lambda: rank_both(images, texts, *captions_of_images(owners, 5000)))
    print(json.dumps({
        "seconds": seconds,
        "gflops": rate,
        "share": 2 * images.shape[0] * texts.shape[0] * D / seconds / rate / 1e9,
        "bytes": 1024 * kilobytes("VmHWM"),
    }))
"""

STREAMED = """
    # 2,000 of the pictures, with five captions each, against a gallery on disk; and every text of it against them.
    from mmbench.metrics import Relevant

    generator = np.random.default_rng(0)
    texts = np.load(sys.argv[1], mmap_mode="r")
    images = unit(generator, 2000)
    i2t = Relevant(np.arange(2000), np.arange(0, 10001, 5), np.arange(10000) * 9)
    t2i = Relevant(np.arange(len(texts)), np.arange(len(texts) + 1), np.arange(len(texts)) % 2000)
    before = kilobytes("RssAnon")
    seconds, rate = timed(lambda: rank_both(images, texts, i2t, t2i))
    print(json.dumps({
        "seconds": seconds,
        "gflops": rate,
        "share": 2 * images.shape[0] * texts.shape[0] * D / seconds / rate / 1e9,
        "bytes": 1024 * kilobytes("VmHWM"),
        "held": 1024 * (kilobytes("RssAnon") - before),
    }))
"""

SORTED = """
    # What people write: sort every row and every column, look up where the right items stand.
    generator = np.random.default_rng(0)
    owners = np.repeat(np.arange(1000), 5)
    images, texts = unit(generator, 1000), unit(generator, 5000)

    def by_sorting():
        scores = images @ texts.T
        ranks = np.empty(scores.shape, dtype=np.int64)
        for row, order in enumerate(np.argsort(-scores, axis=1)):
            ranks[row, order] = np.arange(len(texts))
        first = ranks[np.arange(1000)[:, None], np.arange(5000).reshape(1000, 5)]
        back = np.array([
            np.flatnonzero(np.argsort(-column) == owner)[0] for column, owner in zip(scores.T, owners)
        ])
        return first, back

    ours, _ = timed(lambda: rank_both(images, texts, *captions_of_images(owners, 1000)))
    theirs, _ = timed(by_sorting)
    print(json.dumps({"seconds": ours, "sorting": theirs}))
"""


def best(script: str, argument: object, wanted) -> dict[str, float]:
    """The first try that is as wanted; else the last."""
    found: dict[str, float] = {}
    command = [sys.executable, "-c", textwrap.dedent(COMMON) + textwrap.dedent(script), str(argument)]
    for _ in range(TRIES):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        if wanted(found):
            break
    return found


@pytest.mark.benchmark(group="retrieval")
@pytest.mark.parametrize("model", ["learned", "random"])
def test_coco_5k_both_ways_takes_two_and_a_half_seconds_and_a_gigabyte(benchmark, model):
    def wanted(found):
        return found["seconds"] <= 2.5 * max(1.0, NOMINAL_GFLOPS / found["gflops"]) and found["share"] >= 0.4

    found = benchmark.pedantic(best, args=(WHOLE, model, wanted), rounds=1)
    benchmark.extra_info.update(found)
    assert found["bytes"] <= 1e9
    assert found["seconds"] <= 2.5 * max(1.0, NOMINAL_GFLOPS / found["gflops"])


@pytest.fixture(scope="module")
def gallery(tmp_path_factory) -> Path:
    """100,000 unit vectors in a file, 205 MB."""
    import numpy as np

    path = tmp_path_factory.mktemp("gallery") / "texts.npy"
    generator = np.random.default_rng(1)
    file = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(100_000, 512))
    for start in range(0, len(file), 10_000):
        part = generator.standard_normal((10_000, 512), dtype=np.float32)
        file[start : start + 10_000] = part / np.linalg.norm(part, axis=1, keepdims=True)
    file.flush()
    return path


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.benchmark(group="retrieval")
def test_a_slice_of_100_000_by_500_000_streams_at_40_per_cent_of_the_product_rate(benchmark, gallery):
    found = benchmark.pedantic(best, args=(STREAMED, gallery, lambda found: found["share"] >= 0.4), rounds=1)
    benchmark.extra_info.update(found)
    assert found["share"] >= 0.4
    assert found["bytes"] <= 1e9
    # What stays for each vector and each positive is some 150 bytes: the whole would hold 0.1 GB beside its files.
    assert found["held"] <= 1e8


@pytest.mark.benchmark(group="retrieval")
def test_it_is_faster_than_sorting_every_row_and_column(benchmark):
    found = benchmark.pedantic(
        best, args=(SORTED, "", lambda found: 1.5 * found["seconds"] < found["sorting"]), rounds=1
    )
    benchmark.extra_info.update(found)
    assert 1.5 * found["seconds"] < found["sorting"]
