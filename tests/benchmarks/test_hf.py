"""A checkpoint in the Hugging Face layout beside a hand-written batched loop over the same questions."""

import sys
from pathlib import Path
from typing import Any

import pytest
from hand_written import NEW_TOKENS, TASK, loop

import mmbench

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "models" / "hf"))

QUESTIONS = 2000
BATCHES = (64, 128, 256)
"""Sizes of which the loop has the one that is best for it."""
LEAST = 1.1
"""Of the samples a second of the best loop."""
TRIES = 3


def harness(folder: Path, out: Path) -> float:
    """Seconds of the same in a run with the batch size that it chooses: the main loop, first batch included, scoring not."""
    result = mmbench.run(f"hf/{folder}", "vqa/easy-vqa", limit=QUESTIONS, out=out, progress=False)
    perf = result.runs[0].tasks["vqa/easy-vqa"].perf
    assert perf is not None
    assert perf.quality is not None
    return perf.quality.wall_s - perf.quality.where_s["score"]


def test_hf_is_as_fast_as_a_hand_written_loop(benchmark: Any, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    tiny = pytest.importorskip("tiny")
    folder = tiny.llava(tmp_path / "llava")
    samples = TASK.samples("test")[:QUESTIONS]
    assert TASK.requests(samples[0])[0].max_new_tokens == NEW_TOKENS
    shares: list[float] = []

    def compare() -> None:
        by_hand = min(loop(folder, samples, size) for size in BATCHES)
        shares.append(by_hand / harness(folder, tmp_path / str(len(shares))))

    benchmark.pedantic(compare, rounds=1)
    while max(shares) < LEAST and len(shares) < TRIES:  # the neighbours of a shared machine come and go
        compare()
    benchmark.extra_info["share of a hand-written loop"] = max(shares)
    assert max(shares) >= LEAST
