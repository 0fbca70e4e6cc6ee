"""Tokens as an endpoint counts them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmbench.core.responses import Usage
from mmbench.models.endpoint.prices import Price

_MOST_TOKENS = 2**53
"""No count of tokens is larger."""
_CACHE_FIELDS = ("X-Cache", "X-Cache-Status", "CF-Cache-Status", "X-Proxy-Cache")
_OF_INPUT = ("prompt_tokens_details", "input_tokens_details")


def usage_of(given: Any, price: Price | None) -> Usage | None:
    """The counts of tokens in an answer, and what they cost; None where the endpoint did not count.

    >>> usage_of({"prompt_tokens": 3, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 4}}, None)
    Usage(input_tokens=3, output_tokens=5, cost_usd=None, reasoning_tokens=4, image_tokens=None, cached_tokens=None)
    """
    if not isinstance(given, dict):
        return None
    read = _first(given, "prompt_tokens", "input_tokens")
    written = _first(given, "completion_tokens", "output_tokens")
    return Usage(
        read,
        written,
        price.cost(read, written) if price else None,
        reasoning_tokens=_detail(given, ("completion_tokens_details", "output_tokens_details"), "reasoning_tokens"),
        image_tokens=_detail(given, _OF_INPUT, "image_tokens"),
        cached_tokens=_detail(given, _OF_INPUT, "cached_tokens"),
    )


def _first(given: dict[str, Any], *names: str) -> int | None:
    for name in names:
        if (count := _count(given.get(name))) is not None:
            return count
    return None


def _detail(given: dict[str, Any], groups: tuple[str, ...], name: str) -> int | None:
    """A count from the details, or from beside the totals, where some servers write it."""
    for group in groups:
        details = given.get(group)
        if isinstance(details, dict) and (count := _count(details.get(name))) is not None:
            return count
    return _count(given.get(name))


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < _MOST_TOKENS else None


def from_cache(headers: Mapping[str, str]) -> bool:
    """Whether the head of an answer says that it was not made for this request but taken from a cache.

    ``Age`` above 0 is a cache's own word for it (RFC 9111, section 5.1); proxies say ``HIT`` in fields of their own.

    >>> from_cache({"X-Cache": "HIT from proxy"}), from_cache({"Age": "0"}), from_cache({})
    (True, False, False)
    """
    age = headers.get("Age")
    if age is not None and age.strip().isdecimal() and int(age) > 0:
        return True
    return any(name in headers and "HIT" in headers[name].upper().split() for name in _CACHE_FIELDS)
