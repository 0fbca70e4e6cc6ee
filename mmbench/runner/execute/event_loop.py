"""The event loop that async models run on, also where the calling thread runs one already (a notebook)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any


class EventLoop:
    """One event loop for the life of a model. It starts when it is first needed; `close` ends it."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._running: Future[None] | None = None

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run to the end, in a thread of its own where this thread runs a loop. Raises what the coroutine raises."""
        if self._runner is None:
            self._runner = asyncio.Runner()
            if _runs_a_loop():
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="mmbench-loop")
        if self._thread is None:
            self._runner.run(coroutine)
        else:
            self._running = self._thread.submit(self._runner.run, coroutine)
            self._running.result()

    def call(self, method: Callable[[], Any]) -> None:
        """Call a method, and run what it returned to the end if it is awaitable."""
        returned = method()
        if inspect.isawaitable(returned):
            self.run(_await(returned))

    def abandon(self, task: asyncio.Task[Any], patience_s: float) -> None:
        """Cancel what `run` was interrupted in and wait until it has let go, or patience has run out."""
        if self._runner is None:
            return
        loop = self._runner.get_loop()
        if self._running is not None:
            loop.call_soon_threadsafe(task.cancel)
            wait([self._running], timeout=patience_s)
        else:
            task.cancel()
            loop.run_until_complete(asyncio.wait([task], timeout=patience_s))

    def close(self) -> None:
        """End the loop; what is still pending is cancelled."""
        runner, thread = self._runner, self._thread
        self._runner = self._thread = self._running = None
        if thread is not None and runner is not None:
            thread.submit(runner.close).result()
            thread.shutdown()
        elif runner is not None:
            runner.close()


async def _await(waiting: Awaitable[Any]) -> None:
    await waiting


def _runs_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
