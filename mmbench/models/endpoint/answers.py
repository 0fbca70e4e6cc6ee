"""Read the body of an answer as JSON, and its log-probabilities as scores of letters."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from mmbench.core.errors import RunFailedError, TransientError
from mmbench.models.endpoint.payload import LETTERS

Hide = Callable[[str], str]
"""A text without what must not be shown."""
_SHOWN = 200
"""Characters of a foreign text that a message shows."""


def quoted(text: str, hide: Hide) -> str:
    """A foreign text for a message: one line, cut after the key has gone, so that no piece of it stays."""
    line = " ".join(hide(text).split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


def decoded(data: bytes) -> Any:
    """A JSON document, also one of the kinds that RFC 8259 does not allow and servers send.

    These begin with a byte order mark, or have texts that were cut in the middle of a character, the rest of which
    becomes U+FFFD.

    Raises:
        ValueError: If it is no JSON, or no UTF-8.
        RecursionError: If it is nested too deeply.
    """
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        found = json.loads(data.decode("utf-8-sig"), parse_constant=_no_number)
        whole = (
            json.dumps(found, ensure_ascii=False).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        )
        return json.loads(whole)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


def parse(data: bytes, content_type: str, hide: Hide = str) -> dict[str, Any]:
    """The document. Raises `TransientError` for broken JSON, `RunFailedError` for what is none."""
    try:
        document = decoded(data)
    except (ValueError, RecursionError) as error:
        start = quoted(data.decode("utf-8", "replace"), hide)
        if "html" in content_type or start[:1] == "<":
            raise RunFailedError(f"the endpoint answered with a web page, not JSON: {start}") from error
        raise TransientError(f"the endpoint's answer is no valid JSON ({error}): {start}") from error
    if not isinstance(document, dict):
        raise RunFailedError(f"the endpoint's answer is a JSON {type(document).__name__}, not an object")
    return document


def letter_logprobs(logprobs: Any) -> list[tuple[str, float]]:
    """The likeliest first tokens of an answer and their log-probabilities, from the field ``logprobs`` of its choice.

    Raises `RunFailedError` where the endpoint gives none, or what is not made of tokens and numbers.
    """
    found = logprobs
    found = found.get("content") if isinstance(found, dict) else None
    found = found[0] if isinstance(found, list) and found else None
    found = found.get("top_logprobs") if isinstance(found, dict) else None
    if not found:
        raise RunFailedError("the endpoint gives no log-probabilities, without which it cannot choose")
    try:
        pairs = [(str(each["token"]), float(each["logprob"])) for each in found]
    except (TypeError, KeyError, ValueError, OverflowError, AttributeError) as error:
        raise RunFailedError("the endpoint's log-probabilities are not tokens with a number each") from error
    if not all(math.isfinite(value) for _, value in pairs):
        raise RunFailedError("the endpoint's log-probabilities are not all finite")
    return pairs


def letter_scores(listed: Sequence[tuple[str, float]], count: int) -> list[float]:
    """Log-probabilities of the first `count` letters, float [count], from the likeliest first tokens of an answer.

    A letter counts with the likeliest of the tokens that are it but for case and spaces. One that is not listed is less
    likely than all that are: it gets the next number below them, an upper bound. Raises `RunFailedError` where none of
    the letters is listed.

    >>> letter_scores([(" B", -0.1), ("b", -3.0), ("C", -4.0)], 3)
    [-4.000000000000001, -0.1, -4.0]
    """
    found: dict[str, float] = {}
    for token, value in listed:
        letter = token.strip().upper()
        found[letter] = max(found.get(letter, value), value)
    letters = LETTERS[:count]
    if not any(letter in found for letter in letters):
        raise RunFailedError(f"none of the letters {', '.join(letters)} is among the model's likeliest tokens")
    below = math.nextafter(min(value for _, value in listed), -math.inf)
    return [found.get(letter, below) for letter in letters]
