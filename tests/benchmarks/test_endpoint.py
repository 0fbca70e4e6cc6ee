"""Calls a second against an endpoint that answers after 50 ms, beside a bare client that sends the same bodies."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import aiohttp
import pytest

import mmbench
from mmbench.core.requests import identify
from mmbench.models.endpoint.payload import Payloads, Wishes
from mmbench_tasks.vqa.easy_vqa import CARD
from mmbench_tasks.vqa.task import VqaTask

task = VqaTask(CARD)

N = 4_000
CONCURRENCY = 64
SHARE = 0.95
"""Of the bare client's calls a second."""

SERVER = """
    import asyncio, json

    document = {"choices": [{"message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 100, "completion_tokens": 1}}
    body = json.dumps(document).encode()
    answer = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body

    class Connection(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport, self.data, self.needed = transport, b"", None

        def data_received(self, data):
            self.data += data
            if self.needed is None and (end := self.data.find(b"\\r\\n\\r\\n")) >= 0:
                head = self.data[:end].lower()
                length = head.partition(b"content-length:")[2].partition(b"\\r\\n")[0]
                self.needed = end + 4 + int(length)
            if self.needed is not None and len(self.data) >= self.needed:
                self.data, self.needed = b"", None
                asyncio.get_running_loop().call_later(0.05, self.transport.write, answer)

    async def main():
        server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0, backlog=256)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(main())
"""


@pytest.fixture(scope="module")
def url():
    """The endpoint, in a process of its own."""
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(SERVER)], stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{child.stdout.readline().strip()}/v1"
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


@pytest.fixture(scope="module")
def bodies():
    """What the run below sends."""
    payloads = Payloads(Wishes(model="m"))
    made = []
    for sample in task.samples()[:N]:
        requests = task.requests(sample)
        identify(requests, task.info.name, sample.id, 0)
        made += [payloads.generate(request) for request in requests]
    return made


def bare(url, bodies):
    """Calls a second of a loop that sends and decodes."""

    async def play():
        source = iter(bodies)
        connector = aiohttp.TCPConnector(limit=0)
        headers = {"Content-Type": "application/json", "Authorization": "Bearer none"}
        async with aiohttp.ClientSession(connector=connector, headers=headers) as http:

            async def worker():
                for body in source:
                    async with http.post(f"{url}/chat/completions", data=body) as answer:
                        assert json.loads(await answer.read())["choices"][0]["message"]["content"] == "yes"

            await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))

    start = time.perf_counter()
    asyncio.run(play())
    return len(bodies) / (time.perf_counter() - start)


def through_mmbench(url, folder):
    """Calls a second of a run, as it measured them itself: from the first answer to the last one logged."""
    options = {"base_url": url}
    result = mmbench.run(
        "openai/m", "vqa/easy-vqa", out=folder, limit=N, concurrency=CONCURRENCY, model_args=options, progress=False
    )
    assert result.exit_code == 0
    perf = result.runs[0].tasks["vqa/easy-vqa"].perf.quality
    assert perf.n_samples >= N - 3 * CONCURRENCY
    return perf.value("samples_per_s")


@pytest.mark.benchmark(group="endpoint", min_rounds=1)
def test_a_run_makes_nearly_as_many_calls_a_second_as_a_bare_client(benchmark, url, bodies, tmp_path):
    rounds = []

    def once():
        alone = bare(url, bodies)
        rounds.append((through_mmbench(url, tmp_path / str(len(rounds))), alone))
        return rounds[-1]

    benchmark.pedantic(once, rounds=2)
    ours, alone = (max(rates) for rates in zip(*rounds, strict=True))
    benchmark.extra_info |= {"calls_per_s": ours, "bare_calls_per_s": alone, "share": ours / alone}
    assert ours >= SHARE * alone


PEAK = """
    import sys
    import mmbench

    data, out, url = sys.argv[1:]
    result = mmbench.run(
        "openai/m", "vqa", data=data, out=out, concurrency=64, model_args={"base_url": url}, progress=False
    )
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    print(result.rows()[0].metric.n, peak)
"""
FEW, MANY = 2_000, 10_000
KB = 1.5
"""A sample, at most, by which more samples take more memory."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.benchmark(group="memory", min_rounds=1)
def test_memory_does_not_grow_with_what_was_asked(benchmark, url, tmp_path):
    """Peak memory of two runs in processes of their own: neither pictures nor bodies nor answers stay."""
    from PIL import Image

    (tmp_path / "images").mkdir()
    for i in range(200):
        Image.effect_noise((64, 64), 99 + i).save(tmp_path / "images" / f"{i}.png")

    def peak_kb(n):
        rows = [{"image": f"{i % 200}.png", "question": f"what is number {i}?", "answer": "yes"} for i in range(n)]
        data = tmp_path / f"{n}.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        command = [sys.executable, "-c", textwrap.dedent(PEAK), data, tmp_path / "runs", url]
        asked, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        assert int(asked) == n
        return int(peak)

    few, many = benchmark.pedantic(lambda: (peak_kb(FEW), peak_kb(MANY)), rounds=1)
    benchmark.extra_info["kb_per_sample"] = (many - few) / (MANY - FEW)
    assert many - few <= KB * (MANY - FEW)
