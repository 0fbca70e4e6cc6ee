"""The loop that people write by hand around a checkpoint, which `hf/` is measured against."""

import time
from pathlib import Path
from typing import Any

from mmbench_tasks.vqa.easy_vqa import CARD
from mmbench_tasks.vqa.task import VqaTask

TASK = VqaTask(CARD)
NEW_TOKENS = 16


def loop(folder: Path, samples: list[Any], size: int, device: str = "cpu") -> float:
    """Seconds of what people write by hand: processor and generate, batch by batch, greedy, in the order of the data."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    processor.tokenizer.padding_side = "left"
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype="auto").to(device).eval()
    prompts = [(TASK.requests(sample)[0].parts[-1], sample.parts[0]) for sample in samples]
    answers: list[str] = []
    started = time.perf_counter()
    for start in range(0, len(prompts), size):
        batch = prompts[start : start + size]
        texts = [f"user: <image>\n{text} assistant:" for text, _ in batch]
        inputs = processor(text=texts, images=[[m.load()] for _, m in batch], padding=True, return_tensors="pt")
        inputs = inputs.to(device, model.dtype)
        with torch.inference_mode():
            written = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=3)
        answers += processor.batch_decode(written[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert len(answers) == len(samples)
    return time.perf_counter() - started
