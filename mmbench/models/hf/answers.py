"""From the tokens that a model wrote to its answer: the text, why it ended, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mmbench.core.reasoning import marks_reasoning, may_hold_reasoning, split_reasoning
from mmbench.core.requests import Generate
from mmbench.core.responses import FinishReason, Generation, Usage


class Answers:
    """Reads the answers of one model.

    Args:
        tokenizer: Its tokenizer.
        ends: The tokens that end a text.
    """

    def __init__(self, tokenizer: Any, ends: frozenset[int]) -> None:
        self.ends = ends
        """The tokens that end a text."""
        self._tokenizer = tokenizer
        special = dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
        added = getattr(tokenizer, "added_tokens_decoder", {})
        special |= {number: token.content for number, token in added.items() if token.special}
        self._silent = frozenset(number for number, text in special.items() if not marks_reasoning(str(text)))

    def of(self, request: Generate, tokens: Sequence[int], read: Usage, begun: str = "") -> Generation:
        """The answer to a request.

        Args:
            request: The request.
            tokens: What the model wrote. It is cut after the end and after what the request allows: padding is neither
                text nor counted.
            read: What reading the request cost.
            begun: The marker with which the prompt began reasoning; empty where it did not.
        """
        kept: list[int] = []
        reason: FinishReason = "unknown"
        for token in tokens[: request.max_new_tokens]:
            kept.append(token)
            if token in self.ends:
                reason = "stop"
                break
        if reason != "stop" and len(kept) == request.max_new_tokens:
            reason = "length"
        text = f"{begun}{self.text(kept)}".strip()
        usage = replace(read, output_tokens=len(kept), reasoning_tokens=self._reasoning_tokens(kept, begun, text))
        for stop in request.stop:
            text, found, _ = text.partition(stop)
            reason = "stop" if found else reason
        return Generation(text, usage, finish_reason=reason)

    def text(self, tokens: Sequence[int]) -> str:
        """The tokens as text, without special tokens but those that mark reasoning."""
        kept = [each for each in tokens if each not in self._silent]
        return str(self._tokenizer.decode(kept, skip_special_tokens=False))

    def _reasoning_tokens(self, tokens: Sequence[int], begun: str, text: str) -> int | None:
        """How many tokens were written before the reasoning ended, its markers included; None where there is none."""
        if not may_hold_reasoning(text) or split_reasoning(text).reasoning is None:
            return None
        if split_reasoning(text).unfinished:
            return len(tokens)
        low, high = 0, len(tokens)
        while low < high:
            middle = (low + high) // 2
            part = split_reasoning(f"{begun}{self.text(tokens[:middle])}")
            low, high = (low, middle) if part.reasoning is not None and not part.unfinished else (middle + 1, high)
        return low
