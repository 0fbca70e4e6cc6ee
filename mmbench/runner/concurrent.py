"""Asks an asynchronous model: one request a call, a bounded number in flight, one log line as each one ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from mmbench.core.requests import Request
from mmbench.core.responses import Response
from mmbench.models.caller import USER_ERRORS, ModelCaller
from mmbench.models.outputs import check_outputs
from mmbench.runner.executor import describe_error
from mmbench.runner.lookahead import Todo
from mmbench.runner.loop import Loop
from mmbench.runner.plan import ANSWERED
from mmbench.runner.record import Call, Recorder
from mmbench.runner.signals import shielded

_PATIENCE_S = 10.0
"""How long a model that was cancelled may take to let go."""


class AsyncExecutor:
    """Runs the remaining requests of one task on a model with ``async def`` methods."""

    def __init__(self, caller: ModelCaller, recorder: Recorder, concurrency: int, timeout_s: float | None) -> None:
        self._caller = caller
        self._recorder = recorder
        self._concurrency = concurrency
        self._timeout_s = timeout_s
        self._origin = time.perf_counter()
        self._main: asyncio.Task[Any] | None = None

    def run(self, todo: Todo, loop: Loop) -> None:
        """Ask everything in `todo` that is not answered yet; there is no batch to repeat whole.

        Raises `TooManyErrorsError`, `Interrupted`; whatever was in flight then is given up, and asked on resume.
        """
        try:
            loop.run(self._run(todo))
        except BaseException:
            self._give_up(loop)
            raise

    def _give_up(self, loop: Loop) -> None:
        """End what is in flight, so that nothing is recorded after the log is closed."""
        main = self._main
        if main is None:
            return
        with suppress(KeyboardInterrupt), shielded():
            loop.abandon(main, _PATIENCE_S)
        if main.done() and not main.cancelled():
            main.exception()  # asyncio complains of exceptions that nobody has looked at

    async def _run(self, todo: Todo) -> None:
        self._main = asyncio.current_task()
        source = self._requests(todo)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._concurrency):
                    group.create_task(self._worker(source))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    def _requests(self, todo: Todo) -> Iterator[tuple[int, int, Request]]:
        plan, states = self._recorder.plan, self._recorder.states
        for batch, numbers in todo:
            for number in numbers:
                if states[number] != ANSWERED:
                    yield batch, number, plan.requests([number])[0]

    async def _worker(self, source: Iterator[tuple[int, int, Request]]) -> None:
        for batch, number, request in source:
            start = time.perf_counter()
            response = await self._ask(request)
            duration = time.perf_counter() - start
            self._recorder.record(Call(batch, [number], [request], start - self._origin, duration), [response])

    async def _ask(self, request: Request) -> Response:
        deadline = asyncio.timeout(self._timeout_s)
        try:
            async with deadline:
                output = await self._caller.call_one(request.kind, request)
            return check_outputs(request.kind, [request], [output])[0]
        except TimeoutError as error:
            if deadline.expired():
                return Response("timeout", error=f"no answer within {self._timeout_s:g} s")
            return Response("error", error=describe_error(error))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return Response("error", error="CancelledError: the model cancelled its own request")
        except USER_ERRORS as error:
            return Response("error", error=describe_error(error))
