"""What has come of one completion, in one piece or as a stream, and how it ended: one verdict for both."""

from __future__ import annotations

import time
from array import array
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from mmbench.core.errors import RunFailedError, TransientError
from mmbench.core.reasoning import split_reasoning
from mmbench.core.responses import Generation, Usage
from mmbench.models.endpoint.failures import Endpoint, filtered_text, inner_failure
from mmbench.models.endpoint.prices import Price
from mmbench.models.endpoint.usage import usage_of
from mmbench.models.finish_reasons import finish_reason_of

_TEXT_TYPES = (None, "text", "output_text")
"""Types of the parts of a content that belong to the answer."""
_REASONING_TYPES = ("thinking", "reasoning", "reasoning_content", "reasoning_text", "thought", "summary")
_REASONING_FIELDS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
"""Fields of a message that hold its reasoning; servers that send several send the same in all."""


@dataclass
class Completion:
    """The first choice of an answer. `take` collects it, `generation` says how it ended."""

    streamed: bool
    """Whether it comes in pieces, each with what is new."""
    text: list[str] = field(default_factory=list)
    """Pieces of the answer, in their order; reasoning that is marked in the text is still among them."""
    reasoning: list[str] = field(default_factory=list)
    """Pieces of the reasoning that came apart from the text."""
    refusal: list[str] = field(default_factory=list)
    """Pieces of a refusal."""
    finish: Any = None
    """The finish reason in the server's words."""
    usage: Any = None
    """The counts of tokens as they came."""
    logprobs: Any = None
    """The log-probabilities as they came."""
    error: Any = None
    """The first error that came: what stood under ``error``."""
    ended: bool = False
    """Whether the answer came to its end: nothing counts any more."""
    problem: str | None = None
    """Why what came is no answer of this interface; None where it is one."""
    from_cache: bool = False
    """Whether the head of the answer says that a cache gave it."""
    started_s: float = field(default_factory=time.perf_counter)
    """When the request was sent, by the clock of `time.perf_counter`."""
    pieces_s: array[float] = field(default_factory=lambda: array("d"))
    """Seconds until each piece of any kind came in a stream."""
    _has_message: bool = False
    _instead: Mapping[str, Any] | None = None
    _lengths: array[int] = field(default_factory=lambda: array("q"))
    _arrivals: array[float] = field(default_factory=lambda: array("d"))
    _length: int = 0

    @classmethod
    def refused(cls, text: str) -> Completion:
        """The completion of a request that a content filter turned away."""
        return cls(streamed=False, refusal=[text], finish="content_filter", ended=True)

    def take(self, document: Mapping[str, Any], event: str = "message") -> None:
        """Take a document: the whole answer, or what one event of a stream brought."""
        error = document.get("error") or (document if event == "error" or document.get("object") == "error" else None)
        if error:
            self._fail(error)
            return
        self.usage = document.get("usage") or self.usage
        choices = document.get("choices")
        choice = _first_choice(choices)
        if choice is None:
            if not self.streamed and (not isinstance(choices, list) or any(choices)):
                self.problem, self._instead = "the endpoint's answer has no choices", document
            return
        self.finish = choice.get("finish_reason") or self.finish
        if choice.get("error"):
            self._fail(choice["error"])
            return
        self.logprobs = self.logprobs or choice.get("logprobs")
        message = choice.get("delta") if isinstance(choice.get("delta"), dict) else choice.get("message")
        if isinstance(message, dict):
            self._has_message = True
            self._take_message(message)
        elif not self.streamed:
            self.problem = "the endpoint's answer has a choice without a message"

    def _fail(self, error: Any) -> None:
        self.error = self.error or error
        self.ended = True

    def _take_message(self, message: Mapping[str, Any]) -> None:
        if message.get("error"):
            self._fail(message["error"])
            return
        before = len(self.text) + len(self.reasoning) + len(self.refusal)
        self._take_content(message.get("content"))
        for name in _REASONING_FIELDS:
            if found := _flat(message.get(name)):
                self.reasoning.append(found)
                break
        if refusal := message.get("refusal"):
            self.refusal.append(refusal if isinstance(refusal, str) else str(refusal))
        if self.streamed and len(self.text) + len(self.reasoning) + len(self.refusal) > before:
            self.pieces_s.append(time.perf_counter() - self.started_s)

    def _take_content(self, content: Any) -> None:
        if isinstance(content, str):
            self._add_text(content)
        elif isinstance(content, list):
            for part in content:
                self._take_part(part)
        elif content is not None and not self.streamed:
            self.problem = f"the endpoint's answer holds no text but a value of type {type(content).__name__}"

    def _take_part(self, part: Any) -> None:
        if isinstance(part, str):
            self._add_text(part)
        if not isinstance(part, dict):
            return
        kind = part.get("type")
        if kind in _TEXT_TYPES:
            self._add_text(_flat(part.get("text")))
        elif kind in _REASONING_TYPES:
            found = _flat(part)
            self.reasoning += [found] if found else []
        elif kind == "refusal":
            self.refusal.append(_flat(part.get("refusal")) or "refused")

    def _add_text(self, text: str) -> None:
        if text:
            self.text.append(text)
            self._length += len(text)
            if self.streamed:
                self._lengths.append(self._length)
                self._arrivals.append(time.perf_counter() - self.started_s)

    def check(self, endpoint: Endpoint) -> Completion:
        """The completion itself, where one came.

        Raises:
            TransientError: If none came, for a reason that may pass.
            RunFailedError: If none came, for another reason.
        """
        reason = finish_reason_of(self.finish)
        if self.error is not None:
            if (text := filtered_text(self.error, endpoint.hide)) is not None:
                self.refusal.append(text)
                self.finish, self.error = "content_filter", None
                return self
            raise inner_failure(self.error, endpoint, begun=self._has_message or reason == "error")
        if reason == "error":
            raise TransientError(
                f"the endpoint broke its answer off (finish_reason {endpoint.quote(repr(self.finish))})"
            )
        if self.problem is not None:
            said = "" if self._instead is None else f": {endpoint.quote(msgspec.json.encode(self._instead).decode())}"
            raise RunFailedError(f"{self.problem}{said}")
        empty = not (self.text or self.refusal)
        if self.streamed and (not self.ended and self.finish is None):
            raise TransientError("the endpoint's streamed answer broke off")
        if empty and not isinstance(self.finish, str):
            what = "nothing but reasoning" if self.reasoning else "no text" if self._has_message else "no choice"
            raise TransientError(f"the endpoint's answer holds {what} and no finish_reason: it is no completion")
        return self

    def generation(self, price: Price | None, endpoint: Endpoint) -> Generation:
        """What the model wrote and how it ended, for a completion that `check` let pass. No text of it holds the key."""
        text, reasoning = endpoint.hide("".join(self.text)), endpoint.hide("".join(self.reasoning))
        reason = finish_reason_of(self.finish)
        if self.refusal:
            reason, text = "filter", endpoint.hide("".join(self.refusal)) or text
        return Generation(
            text,
            self._usage(price),
            refused=reason == "filter",
            first_token_s=self.pieces_s[0] if self.pieces_s else None,
            first_answer_token_s=self._first_answer_token_s(),
            finish_reason="unknown" if reason == "error" else reason,
            reasoning=reasoning or None,
            sent_s=self.started_s,
            pieces_s=self.pieces_s,
        )

    def _usage(self, price: Price | None) -> Usage | None:
        usage = usage_of(self.usage, price)
        if not self.from_cache:
            return usage
        return replace(usage or Usage(), cached_tokens=(usage.input_tokens if usage else None) or 1)

    def _first_answer_token_s(self) -> float | None:
        """When the first piece came that is no reasoning; None without a stream, or an answer."""
        text = "".join(self.text)
        if not self._lengths or not (answer := split_reasoning(text).answer.strip()):
            return None
        return self._arrivals[bisect_right(self._lengths, max(text.rfind(answer), 0))]


def _first_choice(choices: Any) -> Mapping[str, Any] | None:
    """The choice whose index is 0; one without an index counts by its place."""
    for place, choice in enumerate(choices if isinstance(choices, list) else ()):
        if isinstance(choice, dict) and choice.get("index", place) in (0, None):
            return choice
    return None


def _flat(value: Any) -> str:
    """All text in a nested value: a text, a list of parts, or a part with its text in one of several fields."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(_flat, value))
    if isinstance(value, dict):
        return next((found for name in _FLAT_FIELDS if (found := _flat(value.get(name)))), "")
    return ""


_FLAT_FIELDS = ("text", "thinking", "reasoning", "reasoning_content", "summary", "content")
