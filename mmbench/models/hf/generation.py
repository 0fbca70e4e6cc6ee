"""How a model generates: settings built from nothing, so that nothing of a checkpoint's own stays in force."""

from __future__ import annotations

from typing import Any

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

    old = model.generation_config
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


def settings_of(temperature: float, max_new_tokens: int) -> dict[str, Any]:
    """Arguments of `generate`: greedy for a temperature of 0, otherwise drawn from the whole distribution."""
    if temperature <= 0:
        return {"max_new_tokens": max_new_tokens, "do_sample": False}
    sampling = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
    return {"max_new_tokens": max_new_tokens, **sampling}


def ends_of(model: Any) -> frozenset[int]:
    """The tokens that end a text."""
    ends = model.generation_config.eos_token_id
    return frozenset(ends if isinstance(ends, list) else [] if ends is None else [ends])
