"""What engines and providers call the end of a generation, in one vocabulary."""

from __future__ import annotations

from typing import Any, Literal

from mmbench.core.responses import FinishReason

_NAMES: dict[FinishReason | Literal["error"], str] = {
    "stop": "stop stop_sequence stop_str stop_token eos eos_token end_turn complete completed finished",
    "length": "length max_tokens max_length max_new_tokens max_output_tokens max_completion_tokens token_limit model_length "
    "model_context_window_exceeded",
    "filter": "content_filter content_filtered content_filtering filter filtered safety sensitive refusal recitation blocklist "
    "prohibited_content spii image_safety guardrail_intervened",
    "tool": "tool_calls tool_call tool_use function_call",
    "error": "error abort aborted cancelled canceled failed network_error internal_error insufficient_system_resource",
}
_KNOWN = {name: reason for reason, names in _NAMES.items() for name in names.split()}


def finish_reason_of(given: Any) -> FinishReason | Literal["error"]:
    """The reason for which a generation ended, from the name that an engine or a provider has for it.

    Args:
        given: Its name, in any case; also None and what is no text.

    Returns:
        ``error`` where the generation broke off, ``unknown`` for a name that is not known.

    Example:
        >>> finish_reason_of("MAX_TOKENS"), finish_reason_of("eos"), finish_reason_of("abort"), finish_reason_of(None)
        ('length', 'stop', 'error', 'unknown')
    """
    return _KNOWN.get(given.strip().lower(), "unknown") if isinstance(given, str) else "unknown"
