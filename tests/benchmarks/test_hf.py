"""A checkpoint in the Hugging Face layout beside a hand-written batched loop over the same questions."""

import sys
import time
from pathlib import Path
from typing import Any

import pytest

import mmbench
from mmbench_tasks.vqa.easy_vqa import CARD
from mmbench_tasks.vqa.task import VqaTask

task = VqaTask(CARD)

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "models" / "hf"))

QUESTIONS = 2000
NEW_TOKENS = 16
BATCHES = (64, 128, 256)
"""Sizes of which the loop has the one that is best for it."""
LEAST = 1.1
"""Of the samples a second of the best loop."""
TRIES = 3


def loop(folder: Path, samples: list[Any], size: int) -> float:
    """Seconds of what people write by hand: processor and generate, batch by batch, greedy, in the order of the data."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    processor.tokenizer.padding_side = "left"
    model = AutoModelForImageTextToText.from_pretrained(folder).eval()
    prompts = [(task.requests(sample)[0].parts[-1], sample.parts[0]) for sample in samples]
    answers: list[str] = []
    started = time.perf_counter()
    for start in range(0, len(prompts), size):
        batch = prompts[start : start + size]
        texts = [f"user: <image>\n{text} assistant:" for text, _ in batch]
        inputs = processor(text=texts, images=[[m.load()] for _, m in batch], padding=True, return_tensors="pt")
        with torch.inference_mode():
            written = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=3)
        answers += processor.batch_decode(written[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert len(answers) == len(samples)
    return time.perf_counter() - started


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
    samples = task.samples("test")[:QUESTIONS]
    assert task.requests(samples[0])[0].max_new_tokens == NEW_TOKENS
    shares: list[float] = []

    def compare() -> None:
        by_hand = min(loop(folder, samples, size) for size in BATCHES)
        shares.append(by_hand / harness(folder, tmp_path / str(len(shares))))

    benchmark.pedantic(compare, rounds=1)
    while max(shares) < LEAST and len(shares) < TRIES:  # the neighbours of a shared machine come and go
        compare()
    benchmark.extra_info["share of a hand-written loop"] = max(shares)
    assert max(shares) >= LEAST
