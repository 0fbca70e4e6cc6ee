"""Export of 200,000 samples: questions read again from their file, answers from the log, scores from their table."""

import json
import time

import pytest

import mmbench

SAMPLES = 200_000
TARGET_S = 10.0


class Instant:
    """Answers at once."""

    info = {"digest": "instant"}  # noqa: RUF012 - it never changes

    def generate(self, requests):
        return [mmbench.Generation("red, because of the light", mmbench.Usage(40, 7)) for _ in requests]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A run on questions without images: what an export writes of an image is its digest."""
    folder = tmp_path_factory.mktemp("export")
    rows = (
        {
            "id": f"q{n}",
            "image": None,
            "question": f"what colour is thing {n}?",
            "answer": "red",
            "type": f"kind {n % 4}",
        }
        for n in range(SAMPLES)
    )
    data = folder / "mine.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return mmbench.run(Instant(), "vqa", data=data, out=folder / "runs", progress=False, perf="off").path


@pytest.mark.parametrize("to", ["csv", "parquet", "eee"])
@pytest.mark.benchmark(group="export", timer=time.process_time, min_rounds=1, max_time=0.1, warmup=False)
def test_an_export_of_200_000_samples_takes_ten_seconds(benchmark, large, tmp_path, to, slowness):
    written = benchmark.pedantic(lambda: mmbench.export(large, to, tmp_path / to), rounds=1)
    lines = {"csv": SAMPLES + 1, "eee": SAMPLES}.get(to)
    if lines is not None:
        with written[0].open("rb") as file:
            assert sum(1 for _ in file) == lines
    assert benchmark.stats.stats.min <= TARGET_S * slowness
