"""How a model generates: settings built from nothing, so that nothing of a checkpoint's own stays in force."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmbench.core.requests import Generate

TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id", "forced_bos_token_id")
"""What is kept of a checkpoint's generation config: the tokens of its format."""
_OF_FILES = ("transformers_version", "_from_model_config", "max_length", "use_cache")
"""Entries that say nothing of how answers are chosen."""


def build_config(model: Any, tokenizer: Any) -> dict[str, Any]:
    """Replace a model's generation config by one that holds its tokens alone.

    Beams, penalties, sampling, forced ends and several answers to one question are gone with the old one.

    Args:
        model: The model; changed.
        tokenizer: Its tokenizer, which has the token that pads.

    Returns:
        What was set in the old config and is in force no more, by name.
    """
    import transformers

    old = model.generation_config or transformers.GenerationConfig()
    config = transformers.GenerationConfig(**{name: getattr(old, name, None) for name in TOKENS})
    config.pad_token_id = tokenizer.pad_token_id
    if config.eos_token_id is None:
        config.eos_token_id = tokenizer.eos_token_id
    model.generation_config = config
    neutral = transformers.GenerationConfig().to_dict() | config.to_dict()
    neutral |= {name: value for name, value in _defaults(config).items() if neutral.get(name) is None}
    return {
        name: value
        for name, value in sorted(old.to_dict().items())
        if name not in (*TOKENS, *_OF_FILES) and value and value != neutral.get(name)
    }


def _defaults(config: Any) -> dict[str, Any]:
    """What transformers takes for entries that nobody set."""
    known = getattr(config, "_get_default_generation_params", None)
    return dict(known()) if callable(known) else {}


def settings_of(requests: Sequence[Generate]) -> dict[str, Any]:
    """Arguments of `generate` for a batch: greedy for a temperature of 0, otherwise drawn as the first request says."""
    first = requests[0]
    settings = {"max_new_tokens": max(request.max_new_tokens for request in requests)}
    if first.temperature <= 0:
        return {**settings, "do_sample": False}
    top_p = 1.0 if first.top_p is None else first.top_p
    return {**settings, "do_sample": True, "temperature": first.temperature, "top_k": 0, "top_p": top_p}


def ends_of(model: Any) -> frozenset[int]:
    """The tokens that end a text."""
    ends = model.generation_config.eos_token_id
    return frozenset(ends if isinstance(ends, list) else [] if ends is None else [ends])
