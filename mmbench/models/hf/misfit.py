"""Why a processor and a model do not go together, for the message about a checkpoint that cannot be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_SAVE = "save the right one beside the weights with processor.save_pretrained"


def misfit(processor: Any, model: Any) -> str:
    """What tells that a processor was made for another model, as the end of a sentence; empty where nothing does.

    It is asked only about a checkpoint that has failed: names alone are no proof, since models share processors.
    """
    tokenizer = getattr(processor, "tokenizer", processor)
    words, rows = len(tokenizer), _rows(model)
    if rows is not None and words > rows:
        return f"; its tokenizer has {words:,} tokens and the model reads {rows:,}: the processor is another model's, {_SAVE}"
    token = getattr(processor, "image_token", None)
    expected = sorted(set(_image_tokens(model.config.to_dict())))
    if isinstance(token, str) and expected:
        number = tokenizer.convert_tokens_to_ids(token)
        if number not in expected:
            return (
                f"; its processor writes {token!r} ({number}) for an image and the model reads {expected[0]} (config.json): "
                f"the processor is another model's, {_SAVE}"
            )
    own, usual = type(processor).__name__, _usual(str(getattr(model.config, "model_type", "")))
    if usual and own != usual:
        return f"; its processor is a {own} and that of its kind a {usual} (processor_config.json): {_SAVE}"
    return ""


def _rows(model: Any) -> int | None:
    try:
        return int(model.get_input_embeddings().weight.shape[0])
    except (AttributeError, NotImplementedError):
        return None


def _image_tokens(config: Mapping[str, Any]) -> Iterator[int]:
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _image_tokens(value)
        elif isinstance(value, int) and name in ("image_token_id", "image_token_index"):
            yield value


def _usual(model_type: str) -> str | None:
    from transformers.models.auto import processing_auto

    names: Mapping[str, str] = getattr(processing_auto, "PROCESSOR_MAPPING_NAMES", {})
    return names.get(model_type)
