"""The address of an endpoint, as users give it and as it is called."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from mmbench.core.errors import UsageError

PATH = "/chat/completions"
"""What is called below the base address."""
_VERSION = re.compile(r"/v\d+(?:alpha|beta)?\d*\Z")


def base_address(url: Any) -> str:
    """The base address that a user means: without a slash at its end, and without the path of the call.

    Args:
        url: The address, with or without ``/chat/completions``.

    Raises:
        UsageError: If it is no address, or may hold a password; the message does not show one that may.

    Example:
        >>> base_address("http://localhost:8000/v1/chat/completions/")
        'http://localhost:8000/v1'
    """
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        _ = parts and parts.port
    except ValueError:
        parts = None
    if "@" in str(url) or (parts is not None and (parts.query or parts.fragment)):
        raise UsageError(
            "base_url holds a name, a password or a query, which would be written down with it; "
            "give the key in the environment variable instead"
        )
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"base_url={url!r}: expected http://… or https://…, up to and without {PATH}")
    return str(url).rstrip("/").removesuffix(PATH).rstrip("/")


def call_address(base: str) -> str:
    """The address that is called."""
    return f"{base}{PATH}"


def other_address(called: str) -> str:
    """The address to call where there is nothing at `called`: with a version before the path, or without.

    >>> other_address("http://localhost:8000/chat/completions")
    'http://localhost:8000/v1/chat/completions'
    >>> other_address("https://example.org/api/v1/chat/completions")
    'https://example.org/api/chat/completions'
    """
    base = called.removesuffix(PATH)
    without = _VERSION.sub("", base)
    return call_address(without if without != base else f"{base}/v1")
