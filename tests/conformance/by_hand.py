"""Answers and log-likelihoods as people write them by hand: one question at a time, no padding, no cache for choices."""

from collections.abc import Sequence
from typing import Any

from arch_parts import Architecture


def inputs_by_hand(
    architecture: Architecture, processor: Any, images: Sequence[Any], text: str, given: dict[str, Any]
) -> dict[str, Any]:
    """What the model card says to give it for one question."""
    if architecture.prompt is not None:
        prompt = architecture.prompt.format(images=architecture.image * len(images), text=text)
        shown = {"images": [list(images)]} if len(images) > 1 else {"images": images[0]} if images else {}
        found = processor(text=prompt, return_tensors="pt", **shown)
    else:
        typed = [*({"type": "image"} for _ in images), {"type": "text", "text": text}]
        content: Any = architecture.image * len(images) + text if architecture.string else typed
        template = processor.chat_template or processor.tokenizer.chat_template
        prompt = processor.apply_chat_template(
            [{"role": "user", "content": content}], chat_template=template, add_generation_prompt=True, **given
        )
        start = processor.tokenizer.bos_token
        twice = {"add_special_tokens": False} if start and prompt.startswith(start) else {}
        shown = {"images": [list(images)]} if images else {}
        found = processor(text=[prompt], return_tensors="pt", **shown, **twice)
    kept = {name: value for name, value in found.items() if name != "labels"}
    if architecture.ends and architecture.batches == "together":
        for name in ("input_ids", "attention_mask", "token_type_ids"):
            if name in kept:
                kept[name] = kept[name][:, : -architecture.ends]
    return kept


def answer_by_hand(architecture: Architecture, model: Any, processor: Any, inputs: dict[str, Any], new: int) -> str:
    """The greedy answer to one question."""
    import torch

    neutral = {"do_sample": False, "num_beams": 1, "repetition_penalty": 1.0, "no_repeat_ngram_size": 0}
    known = {name: value for name, value in inputs.items() if not _useless(model, name)}
    model.generation_config.forced_eos_token_id = None
    with torch.inference_mode():
        written = model.generate(**_copied(known), max_new_tokens=new, **neutral)[0]
    if not architecture.encoder:
        read = inputs["input_ids"].shape[1] - (architecture.ends if architecture.batches == "alone" else 0)
        written = written[read:]
    return str(processor.tokenizer.decode(written, skip_special_tokens=True)).strip()


def likelihood_by_hand(
    architecture: Architecture, model: Any, processor: Any, inputs: dict[str, Any], choice: str
) -> float:
    """The log-likelihood of a choice: one forward pass over prompt and choice, or over the choice as labels."""
    import torch

    tokens = torch.tensor([processor.tokenizer(choice, add_special_tokens=False)["input_ids"]])
    known = {name: value for name, value in _copied(inputs).items() if not _useless(model, name)}
    length = tokens.shape[1]
    with torch.inference_mode():
        if architecture.encoder:
            start = getattr(model.generation_config, "forced_bos_token_id", None)
            labels = tokens if start is None else torch.cat([torch.tensor([[start]]), tokens], dim=1)
            logits = model(**known, labels=labels).logits[0, -length:]
        else:
            if (
                architecture.ends and architecture.batches == "alone"
            ):  # the model puts its own token first, drops the last
                known = {name: v[:, : -architecture.ends] if v.ndim == 2 else v for name, v in known.items()}
                known["input_ids"][:, 0] = model.config.text_config.bos_token_id
            ids = known["input_ids"]
            grown = {
                name: _longer(value, length, architecture.grow.get(name, 0)) if value.shape[:2] == ids.shape else value
                for name, value in known.items()
                if hasattr(value, "shape")
            }
            grown["input_ids"] = torch.cat([ids, tokens], dim=1)
            grown["attention_mask"] = torch.ones_like(grown["input_ids"])
            logits = model(**grown, use_cache=False).logits[0, -length - 1 : -1]
    said = logits.double().log_softmax(dim=-1)
    return float(said.gather(1, tokens[0][:, None]).sum())


def _longer(value: Any, by: int, fill: int | str) -> Any:
    import torch

    shape = (value.shape[0], by, *value.shape[2:])
    more = value[:, -1:].expand(shape) if fill == "last" else torch.full(shape, int(fill), dtype=value.dtype)
    return torch.cat([value, more], dim=1)


def _copied(inputs: dict[str, Any]) -> dict[str, Any]:
    return {name: value.clone() if hasattr(value, "clone") else value for name, value in inputs.items()}


def _useless(model: Any, name: str) -> bool:
    """Of a BERT's tokenizer, for a model that takes none."""
    import inspect

    return name == "token_type_ids" and name not in inspect.signature(type(model).forward).parameters
