"""The tokenisation 13a of sacreBLEU, which is that of the script mteval-v13a of WMT."""

from __future__ import annotations

import re
from functools import lru_cache
from string import punctuation

_APART = "".join(mark for mark in punctuation if mark not in "',-.")
_PUNCTUATION = re.compile(f"([{re.escape(_APART)}])")
_STOP_AFTER_TEXT = re.compile(r"([^0-9])([.,])")
_STOP_BEFORE_TEXT = re.compile(r"([.,])([^0-9])")
_DASH_AFTER_DIGIT = re.compile(r"([0-9])(-)")
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))


@lru_cache(maxsize=1 << 14)
def tokenize_13a(text: str) -> tuple[str, ...]:
    """Split a text into words and marks.

    Punctuation stands apart, except for apostrophes and hyphens; stops and commas stand apart unless digits are on both
    sides, a hyphen after a digit does.

    Args:
        text: A segment.

    Returns:
        Its tokens.

    Example:
        >>> tokenize_13a("It's 1,000.5 km (or so), isn't it?")
        ("It's", '1,000.5', 'km', '(', 'or', 'so', ')', ',', "isn't", 'it', '?')
    """
    text = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    if "&" in text:
        for entity, character in _ENTITIES:
            text = text.replace(entity, character)
    text = _PUNCTUATION.sub(r" \1 ", f" {text} ")
    text = _STOP_AFTER_TEXT.sub(r"\1 \2 ", text)
    text = _STOP_BEFORE_TEXT.sub(r" \1 \2", text)
    return tuple(_DASH_AFTER_DIGIT.sub(r"\1 \2 ", text).split())
