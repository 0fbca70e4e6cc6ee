"""Stop waiting for a server that sends nothing any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, NoReturn

from mmbench.core.errors import StoppedError


class SilentServerError(StoppedError):
    """A remote model has sent nothing for as long as ``--give-up`` allows; what ended well is kept."""


async def stop_when_silent(model: Any, limit_s: float, may_be_silent: Callable[[], bool]) -> NoReturn:
    """Watch a remote model until it has been silent for too long.

    Args:
        model: The model; ``heard_s`` says when its last byte came, by `time.monotonic`.
        limit_s: Seconds that it may be silent.
        may_be_silent: Whether it has nothing to say now, because it was asked nothing or asked for a pause itself; such time
            does not count.

    Raises:
        SilentServerError: When it has been silent for too long.
    """
    since = time.monotonic()
    while True:
        await asyncio.sleep(min(1.0, limit_s / 4))
        now = time.monotonic()
        heard = getattr(model, "heard_s", None)
        since = now if may_be_silent() else max(since, heard or 0.0)
        if now - since > limit_s:
            raise SilentServerError(f"no byte has come from the endpoint for {limit_s:g} s (--give-up)")
