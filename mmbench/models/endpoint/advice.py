"""What to do about a field of the request that an endpoint does not take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

NEEDED = ("model", "messages")
"""Fields that no request can do without."""
TOKENS_FIELDS = ("max_tokens", "max_completion_tokens")
"""Names that endpoints have for the bound on new tokens."""
_COMMON_WORDS = ("stop", "stream", "seed")


def advice_on(answer: bytes, body: bytes, tokens_field: str, omitted: Sequence[str] = ()) -> str:
    """How to leave out, or to rename, the fields of a request that an error answer names.

    Args:
        answer: The body of the answer, of status 400 or 422.
        body: The request that was sent.
        tokens_field: The request's name for the bound on new tokens.
        omitted: Fields that are left out already.

    Returns:
        The end of a sentence, beginning with a semicolon; empty where the answer names no field that was sent.

    Example:
        >>> advice_on(b"'seed' is not supported", b'{"model": "m", "seed": 3}', "max_tokens")
        '; to send no seed: --model-args omit=seed'
    """
    try:
        sent = [name for name in msgspec.json.decode(body, type=dict[str, msgspec.Raw]) if name not in NEEDED]
    except msgspec.DecodeError:
        return ""
    text = answer.decode("utf-8", "replace")
    named = [name for name in sent if _names(text, name)]
    if (param := _parameter(answer)) in sent:
        named = [param]
    if not named:
        return ""
    rename = ""
    if tokens_field in named:
        other = next(name for name in TOKENS_FIELDS if name != tokens_field)
        rename = f"; to call {tokens_field} {other}: --model-args tokens_field={other}"
    left_out = ",".join(dict.fromkeys([*omitted, *named]))
    return f"{rename}; to send no {' and no '.join(named)}: --model-args omit={left_out}"


def _names(text: str, name: str) -> bool:
    """Whether a text is about a field: by its name in quotes, or bare where the name is no common word."""
    quoted = rf"""['"`]{re.escape(name)}\\?['"`]"""
    if re.search(quoted, text):
        return True
    return name not in _COMMON_WORDS and re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text) is not None


def _parameter(answer: bytes) -> str | None:
    """The field that an error answer names by itself, as OpenAI's interface has it."""
    try:
        document: Any = msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    error = document.get("error") if isinstance(document, dict) else None
    param = error.get("param") if isinstance(error, dict) else None
    return param if isinstance(param, str) else None
