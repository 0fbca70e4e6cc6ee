"""What a family of checkpoints does in its own way and no probe can find out: one line each.

Everything else is found out when a checkpoint is opened: who writes the image token, which content its chat template takes,
on which side its tokenizer pads, whether an encoder reads the prompt (see `placement`, `chat` and `probe`). A family that is
missing here is treated by `Family`'s defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """How the checkpoints of one ``model_type`` are asked."""

    plain: str | None = None
    """The prompt without a chat template, with ``{}`` for the question; None: the question alone, which is noted, since a
    checkpoint that was tuned to chat should have a template."""
    joint: str = "\n"
    """What stands between an image and the text beside it, in a prompt that is one text."""
    image: str | None = None
    """What stands for the n-th image in such a prompt, with ``{n}`` for its number from 1; None: found out."""
    drops_last: bool = False
    """Whether the model leaves out the last token of a prompt, which the tokenizer wrote to close it."""
    to_decoder: bool = False
    """Whether the prompt is what the decoder's answer begins with, the image alone being encoded."""


FAMILIES: Mapping[str, Family] = {
    "blip": Family(plain="{}", drops_last=True),
    "blip-2": Family(plain="{}"),
    "florence2": Family(plain="{}"),
    "fuyu": Family(plain="{}\n"),
    "git": Family(plain="{}"),
    "idefics": Family(plain="User: {}<end_of_utterance>\nAssistant:", joint=""),
    "instructblip": Family(plain="{}"),
    "kosmos-2": Family(plain="{}"),
    "kosmos-2.5": Family(plain="{}"),
    "paligemma": Family(plain="{}", joint=""),
    "phi3_v": Family(joint="\n", image="<|image_{n}|>"),
    "phi4_multimodal": Family(joint=""),
    "phi4mm": Family(joint="", image="<|image_{n}|>"),
    "pix2struct": Family(plain="{}", to_decoder=True),
    "t5gemma2": Family(plain="{}", joint=""),
    "video_llava": Family(plain="USER: {} ASSISTANT:"),
    "vipllava": Family(plain="###Human: {}###Assistant:"),
    "vision-encoder-decoder": Family(plain="{}", to_decoder=True),
}
"""By ``model_type`` of the configuration. Prompts are those of the model cards."""


def family_of(config: Any) -> Family:
    """The family of a checkpoint, by its configuration; the defaults for one that is not listed."""
    return FAMILIES.get(str(getattr(config, "model_type", "")), Family())
