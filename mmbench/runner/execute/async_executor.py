"""Executor ``async``: asks a model with ``async def`` methods one request a call, a bounded number in flight.

A request that fails for a reason that may pass (`TransientError`) is asked again, after a wait; a server that says that it
is too much is asked less. A failure of any other kind is that request's answer.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from mmbench.core.errors import MmbenchError, ModelUnusableError, TransientError
from mmbench.core.phases import Phases, phase
from mmbench.core.phases import active as measuring
from mmbench.core.requests import Request
from mmbench.core.responses import Call, Response
from mmbench.models.caller import USER_ERRORS, ModelCaller
from mmbench.models.outputs import check_outputs
from mmbench.runner.execute.batch_asker import describe_error
from mmbench.runner.execute.event_loop import EventLoop
from mmbench.runner.execute.executor import Executor, Sink, Todo
from mmbench.runner.execute.pacing import MOST_PATIENT_S, Pace, backoff_s
from mmbench.runner.execute.signals import shielded
from mmbench.runner.execute.silence import stop_when_silent

_PATIENCE_S = 10.0
"""How long a model that was cancelled may take to let go."""
_AHEAD = 8
"""So many requests at least are built before it is their turn, and as many at a time."""
_GATHER_S = 0.01
"""An answer is recorded at most so long after it came, together with what came meanwhile: a write costs as much as a call."""


@dataclass(slots=True)
class _Attempt:
    """The last time that a request was asked, by the runner's clock."""

    start_s: float = 0.0
    """Seconds from the start of the session."""
    duration_s: float = 0.0
    """Seconds that it took, waits before it left out."""
    first_s: float | None = None
    """When the request was sent for the first time; None before."""

    @property
    def waited_s(self) -> float:
        """Seconds from the first time that the request was sent to this one."""
        return 0.0 if self.first_s is None else self.start_s - self.first_s


class AsyncExecutor(Executor):
    """Asks the model that is open in this process, on the session's event loop."""

    def run(self, todo: Todo, sink: Sink) -> None:
        """Ask everything that is not answered yet; a batch that is half answered is not repeated whole.

        Whatever is in flight when an exception ends the session is given up, and asked on resume.
        """
        model = todo.open_model()
        _Asking(model.caller, todo, sink).run(model.loop)


class _Asking:
    """One task being asked."""

    def __init__(self, caller: ModelCaller, todo: Todo, sink: Sink) -> None:
        self._caller = caller
        self._todo = todo
        self._sink = sink
        self._spec = todo.spec
        self._pace = Pace(self._spec.concurrency, time.monotonic)
        self._jitter = random.Random()
        self._phases: Phases | None = None
        self._flying = 0
        self._main: asyncio.Task[Any] | None = None
        self._group: asyncio.TaskGroup
        self._source = self._requests()
        self._ended: list[tuple[Call, list[Response]]] = []

    def run(self, loop: EventLoop) -> None:
        try:
            self._phases = measuring()
            loop.run(self._run())
        except BaseException:
            self._give_up(loop)
            raise
        finally:
            if self._phases is not None:
                self._phases.attach()  # the loop may have run in another thread

    def _give_up(self, loop: EventLoop) -> None:
        """End what is in flight, so that nothing is recorded after the log is closed."""
        main = self._main
        if main is None:
            return
        with suppress(KeyboardInterrupt), shielded():
            loop.abandon(main, _PATIENCE_S)
        if main.done() and not main.cancelled():
            main.exception()  # asyncio complains of exceptions that nobody has looked at

    async def _run(self) -> None:
        self._main = asyncio.current_task()
        if self._phases is not None:
            self._phases.attach()
            self._phases.rest_on("queue")
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                workers = [group.create_task(self._worker()) for _ in range(self._spec.concurrency)]
                if self._caller.capabilities.remote:
                    watch = group.create_task(
                        stop_when_silent(self._caller.model, self._spec.give_up, lambda: self._pace.is_held)
                    )
                    await asyncio.wait(workers)
                    watch.cancel()
        except BaseExceptionGroup as errors:
            with suppress(MmbenchError):  # what stopped the session first is told
                self._record()
            raise errors.exceptions[0] from None
        finally:
            self._record()

    def _requests(self) -> Generator[tuple[int, int, Request], None, None]:
        """What is left to ask, built a few requests at a time before it is their turn: (batch, number, request)."""
        is_answered = self._sink.is_answered
        left = ((batch, n) for batch, numbers in self._todo.batches for n in numbers if not is_answered(n))
        built: deque[tuple[int, int, Request]] = deque()
        while True:
            if len(built) <= _AHEAD and (following := list(islice(left, _AHEAD))):
                with phase("load"):
                    requests = self._todo.plan.requests([number for _, number in following])
                built += [(*place, request) for place, request in zip(following, requests, strict=True)]
                self._caller.prepare_ahead(requests)
            if not built:
                return
            yield built.popleft()

    async def _worker(self) -> None:
        for batch, number, request in self._source:
            attempt = _Attempt()
            response = await self._ask(request, attempt)
            call = Call(batch, [number], [request], attempt.start_s, attempt.duration_s, waited_s=attempt.waited_s)
            self._ended.append((call, [response]))
            if len(self._ended) == self._spec.concurrency:
                self._record()
                await asyncio.sleep(0)  # others may do something, also where the model answers without waiting
            elif len(self._ended) == 1:
                self._group.create_task(self._record_soon())

    async def _record_soon(self) -> None:
        """Record what has ended, together with all that ends in the next moment."""
        try:
            await asyncio.sleep(_GATHER_S)
        finally:
            self._record()

    def _record(self) -> None:
        """Record what has ended and is not recorded yet."""
        if self._ended:
            ended, self._ended = self._ended, []
            try:
                self._sink.record_all(ended)
            except BaseException:
                self._source.close()  # nothing more is asked
                raise

    async def _ask(self, request: Request, attempt: _Attempt) -> Response:
        limit = self._spec.timeout
        deadline = None if limit is None else asyncio.timeout(None)  # it starts when the request is first asked
        try:
            if deadline is None:
                return await self._until_answered(request, attempt, None)
            async with deadline:
                return await self._until_answered(request, attempt, deadline)
        except TimeoutError as error:
            if deadline is not None and deadline.expired():
                return Response("timeout", error=f"no answer within {limit:g} s")
            return Response("error", error=describe_error(error))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return Response("error", error="CancelledError: the model cancelled its own request")
        except ModelUnusableError:
            raise
        except USER_ERRORS as error:
            return Response("error", error=describe_error(error))

    async def _until_answered(self, request: Request, attempt: _Attempt, deadline: asyncio.Timeout | None) -> Response:
        """Ask, and ask again while that may help. Raises what the model raised last."""
        asked_again = 0
        while True:
            try:
                return await self._once(request, attempt, deadline)
            except TransientError as error:
                wait = error.retry_after_s
                if asked_again == self._spec.retries or (wait is not None and wait > MOST_PATIENT_S):
                    raise
                if wait is None:
                    await asyncio.sleep(backoff_s(asked_again, self._jitter))
                else:
                    self._pace.hold(wait)
            asked_again += 1

    def _fly(self, step: int) -> None:
        """Count what is in flight: while something is, the time is the model's, else it is spent waiting for a turn."""
        self._flying += step
        if self._phases is not None:
            self._phases.rest_on("model" if self._flying else "queue")

    async def _once(self, request: Request, attempt: _Attempt, deadline: asyncio.Timeout | None) -> Response:
        ticket = await self._pace.enter()
        if self._spec.timeout is not None and deadline is not None and deadline.when() is None:
            deadline.reschedule(asyncio.get_running_loop().time() + self._spec.timeout)
        started = time.perf_counter()
        attempt.start_s = started - self._todo.started
        if attempt.first_s is None:
            attempt.first_s = attempt.start_s
        answered, too_much = True, False
        try:
            self._fly(1)
            output = await self._caller.call_one(request.kind, request)
            with phase("post-process"):
                return check_outputs(request.kind, [request], [output])[0]
        except TransientError as error:
            answered, too_much = False, error.slow_down
            raise
        except asyncio.CancelledError:
            too_much = True  # the deadline passed: the server fell silent
            raise
        finally:
            attempt.duration_s = time.perf_counter() - started
            self._fly(-1)
            self._pace.leave(ticket, too_much=too_much, answered=answered)
