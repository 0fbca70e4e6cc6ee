"""From the body of an answer to what the model said."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from mmbench.core.errors import RunFailedError, TransientError
from mmbench.core.responses import Generation, Usage
from mmbench.models.endpoint.payload import LETTERS
from mmbench.models.endpoint.prices import Price
from mmbench.models.finish_reasons import finish_reason_of

Hide = Callable[[str], str]
"""A text without what must not be shown."""
_SHOWN = 200
"""Characters of a foreign text that a message shows."""
_MOST_TOKENS = 2**53
"""No count of tokens is larger."""
_COUNTS = {"input_tokens": "prompt_tokens", "output_tokens": "completion_tokens"}


def quoted(text: str, hide: Hide) -> str:
    """A foreign text for a message: one line, cut after the key has gone, so that no piece of it stays."""
    line = " ".join(hide(text).split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


def parse(data: bytes, content_type: str, hide: Hide = str) -> dict[str, Any]:
    """The document. Raises `TransientError` for broken JSON, `RunFailedError` for what is none."""
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        start = quoted(data.decode("utf-8", "replace"), hide)
        if "html" in content_type or start[:1] == "<":
            raise RunFailedError(f"the endpoint answered with a web page, not JSON: {start}") from error
        raise TransientError(f"the endpoint's answer is no valid JSON ({error}): {start}") from error
    if not isinstance(document, dict):
        raise RunFailedError(f"the endpoint's answer is a JSON {type(document).__name__}, not an object")
    return document


def generation(document: Mapping[str, Any], price: Price | None, hide: Hide = str) -> Generation:
    """The text of an answer, its tokens and cost. Raises `RunFailedError` where there is none."""
    choice = first_choice(document)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise RunFailedError("the endpoint's answer has a choice without a message")
    usage = usage_of(document.get("usage"), price)
    refusal, text = message.get("refusal"), text_of(message.get("content"))
    reason = choice.get("finish_reason")
    ended = finish_reason_of(reason)
    if refusal or ended == "filter":
        return Generation(hide(str(refusal or text or "")), usage, refused=True, finish_reason="filter")
    if text is None:
        raise RunFailedError(f"the endpoint's answer holds no text (finish_reason {quoted(repr(reason), hide)})")
    return Generation(hide(text), usage, finish_reason="unknown" if ended == "error" else ended)


def letter_logprobs(document: Mapping[str, Any]) -> list[tuple[str, float]]:
    """The likeliest first tokens of an answer and their log-probabilities.

    Raises `RunFailedError` where the endpoint gives none, or what is not made of tokens and numbers.
    """
    found: Any = first_choice(document).get("logprobs")
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


def first_choice(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first of an answer's choices. Raises `RunFailedError` where there is none."""
    choices = document.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise RunFailedError("the endpoint's answer has no choices")
    return choices[0]


def text_of(content: Any) -> str | None:
    """The text of a message's content, which may be a list of parts; None where it has none."""
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        found = [text for text in texts if isinstance(text, str)]
        return "".join(found) if found else None
    return content if isinstance(content, str) else None


def usage_of(said: Any, price: Price | None) -> Usage | None:
    """Tokens as the endpoint counted them, and what they cost; None where it did not count."""
    if not isinstance(said, dict):
        return None
    read, written = (_count(said.get(theirs)) for theirs in _COUNTS.values())
    return Usage(read, written, price.cost(read, written) if price else None)


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < _MOST_TOKENS else None


class Streamed:
    """Puts the events of a streamed answer together into the document that an answer in one piece would be."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._refusals: list[str] = []
        self._reason: Any = None
        self._usage: Any = None
        self.done = False
        """The answer has come to its end."""

    def add(self, event: Mapping[str, Any]) -> bool:
        """Take the document of one event; True when it brought text."""
        self._usage = event.get("usage") or self._usage
        choices = event.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return False
        self._reason = choices[0].get("finish_reason") or self._reason
        self.done |= self._reason is not None
        delta = choices[0].get("delta")
        if not isinstance(delta, dict):
            return False
        text, refusal = text_of(delta.get("content")), text_of(delta.get("refusal"))
        self._texts += [text] if text else []
        self._refusals += [refusal] if refusal else []
        return bool(text)

    def document(self) -> dict[str, Any]:
        """The whole answer. Raises `TransientError` where the stream broke off."""
        if not self.done:
            raise TransientError("the endpoint's streamed answer broke off")
        message = {"content": "".join(self._texts), "refusal": "".join(self._refusals)}
        return {"choices": [{"message": message, "finish_reason": self._reason}], "usage": self._usage}
