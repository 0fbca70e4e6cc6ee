"""Mask what may be a secret among options, before they are written down."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASKED = "[masked]"
"""What stands in the place of a secret."""

_SECRET = re.compile(
    r"(?:.*[_-])?(?:api[_-]?key|secret[_-]?key|private[_-]?key|access[_-]?key|subscription[_-]?key|key|secret|client[_-]?secret"
    r"|pass|password|passwd|passphrase|pwd|authorization|auth|bearer|credentials?|cookie"
    r"|(?:(?:api|access|auth|bearer|hf|hub|refresh|session|id|security)[_-]?)?token)",
    re.IGNORECASE,
)
_NO_SECRET = re.compile(r"(?:eos|bos|pad|unk|sep|cls|mask|image|video|audio|stop|start|end)[_-]token", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def masked(value: Any) -> Any:
    """Options in which whatever may be a secret is masked, at any depth: by its name, or because it stands in an address.

    >>> masked({"api_key": "sk-1", "url": "https://me:pw@host/v1", "extra": {"X-Api-Key": "a"}, "eos_token": "</s>"})
    {'api_key': '[masked]', 'url': 'https://[masked]@host/v1', 'extra': {'X-Api-Key': '[masked]'}, 'eos_token': '</s>'}
    """
    if isinstance(value, Mapping):
        return {name: MASKED if _is_secret(name, each) else masked(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [masked(each) for each in value]
    return _USERINFO.sub(MASKED, value) if isinstance(value, str) else value


def _is_secret(name: Any, value: Any) -> bool:
    return (
        isinstance(name, str)
        and isinstance(value, str | int | float)
        and not isinstance(value, bool)
        and value != ""
        and _SECRET.fullmatch(name) is not None
        and _NO_SECRET.fullmatch(name) is None
    )
