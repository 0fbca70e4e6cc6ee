"""One answer as a model's card shows it: the chat template, the processor and ``generate``, one question at a time.

It shares with the adapter the loaded weights and nothing that prepares a question or reads an answer, so that the two can be
compared: no batch, no padding, no probing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmbench.core.media import Media
from mmbench.core.reasoning import left_open
from mmbench.core.requests import Generate, conversation
from mmbench.models.hf.loading import load_processor, quiet
from mmbench.models.hf.sequences import accepted

if TYPE_CHECKING:
    from mmbench.models.hf.adapter import HuggingFace


def answer_by_hand(adapter: HuggingFace, request: Generate) -> str:
    """The text that the model writes for one question, greedily.

    Where the checkpoint has no chat template that takes typed parts, the prompt is the adapter's.

    Args:
        adapter: The adapter, open.
        request: The question.
    """
    import torch

    with quiet():
        processor = load_processor(adapter.source, adapter.options)
        text = _prompt(adapter, processor, request)
        images = [part.load() for part in request.media]
        given: dict[str, Any] = {"text": [text], "return_tensors": "pt", **({"images": [images]} if images else {})}
        start = processor.tokenizer.bos_token
        if start and text.startswith(start):
            given["add_special_tokens"] = False
        inputs = processor(**given).to(adapter.loaded.device, dtype=adapter.loaded.dtype)
    model = adapter.loaded
    with torch.inference_mode():
        written = model.generate(**accepted(model, inputs), max_new_tokens=request.max_new_tokens, do_sample=False)[0]
    read = inputs["input_ids"][0]
    if len(written) > len(read) and torch.equal(written[: len(read)], read):
        written = written[len(read) :]
    answer = f"{left_open(text)}{processor.tokenizer.decode(written, skip_special_tokens=True)}".strip()
    for stop in request.stop:
        answer = answer.partition(stop)[0]
    return answer


def _prompt(adapter: HuggingFace, processor: Any, request: Generate) -> str:
    typed = adapter.settings["chat_template"]
    if typed["content"] != "parts" or typed["source"] == "file" or (adapter.system and not typed["system"]):
        return adapter.rendered(request)
    messages = [
        {"role": message.role, "content": [_typed(p) for p in message.parts]} for message in conversation(request)
    ]
    if adapter.system:
        messages.insert(0, {"role": "system", "content": [_typed(adapter.system)]})
    return str(processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))


def _typed(part: str | Media) -> dict[str, str]:
    return {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"}
