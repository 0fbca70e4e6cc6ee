"""Tokens that stand for media: where the data hold one, it must not be taken for one more image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mmbench.core.media import Media
from mmbench.core.requests import Message

NEUTRALISED = "a placeholder of an image in the question's own text was broken by a space, so that it counts as none"
"""Said of requests whose text holds one."""
_MEDIA_WORDS = re.compile(
    r"image|img|vision|visual|video|audio|picture|speech|sound|media|patch|fake_token|row_\d+_col", re.IGNORECASE
)
_NAMED_BY_PROCESSOR = re.compile(r"(?:image|video|audio|vision|img|boi|eoi|boa|eoa).*(?:token|tag)|(?:boi|eoi)_token")


def placeholders(processor: Any, tokenizer: Any, more: Sequence[str] = ()) -> tuple[str, ...]:
    """Every token that a processor or its tokenizer has for media, the longest first.

    Args:
        processor: The processor; None where it is not at hand.
        tokenizer: Its tokenizer.
        more: Further ones that are known.
    """
    found = {*more, "<image>"}
    for owner in (processor, tokenizer):
        for name, value in getattr(owner, "__dict__", {}).items():
            if isinstance(value, str) and _NAMED_BY_PROCESSOR.search(name):
                found.add(value)
    for token in getattr(tokenizer, "added_tokens_decoder", {}).values():
        if token.special and _MEDIA_WORDS.search(token.content):
            found.add(token.content)
    return tuple(sorted((token for token in found if len(token) > 1), key=lambda token: (-len(token), token)))


def neutral(text: str, tokens: Sequence[str]) -> str:
    r"""A text of the data in which nothing stands for a medium: a space breaks every placeholder.

    >>> neutral("<image>\nWhat is it?", ["<image>"])
    '< image>\nWhat is it?'
    """
    while found := next((token for token in tokens if token in text), None):
        text = text.replace(found, f"{found[0]} {found[1:]}")
    return text


def neutral_messages(messages: Sequence[Message], tokens: Sequence[str]) -> tuple[Message, ...]:
    """A conversation in which no text stands for a medium."""
    return tuple(
        Message(each.role, tuple(part if isinstance(part, Media) else neutral(part, tokens) for part in each.parts))
        for each in messages
    )
