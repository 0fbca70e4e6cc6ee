"""The model under load: asks it prompts and takes the times of each, by one clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from mmbench.core.errors import ModelUnusableError
from mmbench.core.requests import Request, RequestKind
from mmbench.core.responses import Generation, Response
from mmbench.models.caller import USER_ERRORS, ModelCaller
from mmbench.models.outputs import check_outputs
from mmbench.perf.cpu import CpuReading
from mmbench.perf.device_clock import DeviceClock
from mmbench.perf.memory import synchronise
from mmbench.results.schema import RequestTiming
from mmbench.runner.execute.batch_asker import describe_error, is_out_of_memory
from mmbench.runner.execute.event_loop import EventLoop
from mmbench.runner.execute.signals import raise_if_swallowed, shielded
from mmbench.runner.execute.silence import stop_when_silent

_PATIENCE_S = 10.0
"""How long a model that was cancelled may take to let go."""


class OutOfMemoryError(Exception):
    """A batch does not fit into memory."""


class Subject:
    """A model that is open, and the prompts that it is asked. Nothing that it answers is kept.

    Args:
        caller: The model.
        loop: Runs its async methods.
        prompts: What it is asked, over and over; at least one.
        timeout_s: Seconds after which a request to an async model is given up; None: never.
        spend: Told of the price of every answer in US dollars (None: unknown); raises `StoppedError` when enough is spent.
        clock: Seconds; another in tests.
        reading: What disturbs measuring; another in tests.
    """

    def __init__(
        self,
        caller: ModelCaller,
        loop: EventLoop,
        prompts: Sequence[Request],
        *,
        timeout_s: float | None = None,
        spend: Callable[[Response], None] = lambda _: None,
        clock: Callable[[], float] = time.perf_counter,
        reading: Callable[[], CpuReading] = CpuReading.now,
    ) -> None:
        self.prompts = prompts
        self.concurrent = all(caller.is_async(kind) for kind in {prompt.kind for prompt in prompts})
        """Whether it takes several requests at once, each by itself."""
        self.remote = caller.capabilities.remote
        """Whether what it is asked leaves the machine."""
        self.reading = reading
        """Reads the counters of the machine."""
        self.look: Callable[[], None] = lambda: None
        """Called after every call: looks at the GPU now and then."""
        self.give_up_s: float | None = None
        """Seconds after which a remote model that owes answers and sends nothing is given up; None: never."""
        self._flying = 0
        self._device = DeviceClock()
        self._caller = caller
        self._loop = loop
        self._timeout_s = timeout_s
        self._spend = spend
        self._clock = clock
        self._origin = clock()
        self._main: asyncio.Task[Any] | None = None

    def restart(self) -> None:
        """Let the clock begin at zero."""
        self._origin = self._clock()

    def now(self) -> float:
        """Seconds since `restart`."""
        return self._clock() - self._origin

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run to the end; what is in flight when an exception or a signal comes is given up."""
        try:
            self._loop.run(self._as_main(coroutine))
        except BaseException:
            if self._main is not None:
                with suppress(KeyboardInterrupt), shielded():
                    self._loop.abandon(self._main, _PATIENCE_S)
                if self._main.done() and not self._main.cancelled():
                    self._main.exception()
            raise
        finally:
            self._main = None

    async def _as_main(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._main = asyncio.current_task()
        try:
            if self.give_up_s is None or not self.remote:
                await coroutine
                return
            async with asyncio.TaskGroup() as group:
                silent = stop_when_silent(self._caller.model, self.give_up_s, lambda: not self._flying)
                watch = group.create_task(silent)
                await coroutine
                watch.cancel()
        except BaseExceptionGroup as errors:
            error: BaseException = errors
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            raise error from None

    def ask(self, numbers: Sequence[int], due_s: float | None = None) -> list[RequestTiming]:
        """Ask a synchronous model several prompts in one call.

        Args:
            numbers: Which prompts; those beyond the last one begin again with the first.
            due_s: When they were to be asked; None: now.

        Raises:
            OutOfMemoryError: If memory runs out.
            ModelUnusableError: If the model cannot be asked at all.
        """
        requests = [self.prompts[number % len(self.prompts)] for number in numbers]
        kind = requests[0].kind
        asked = self.now()
        outputs: Any = ()
        error = ""
        try:
            inputs = self._caller.collate(requests) if self._caller.collates else None
            with self._device.stretch():
                outputs = self._caller.call(kind, requests, inputs)
            synchronise()
        except ModelUnusableError:
            raise
        except USER_ERRORS as raised:
            if is_out_of_memory(raised):
                raise OutOfMemoryError(describe_error(raised)) from None
            error = describe_error(raised)
        ended = self.now()
        on_device = self._device.seconds()
        self.look()
        raise_if_swallowed()
        responses, outputs = _checked(kind, requests, outputs, error)
        due = asked if due_s is None else due_s
        timings = [
            self._timing(number, due, asked, ended, response, output, len(numbers))
            for number, response, output in zip(numbers, responses, outputs, strict=True)
        ]
        if not on_device:
            return timings
        return [msgspec.structs.replace(timing, device_s=sum(on_device)) for timing in timings]

    def failed(self, number: int, asked_s: float, error: str) -> RequestTiming:
        """The times of a request that failed just now."""
        return self._timing(number, asked_s, asked_s, self.now(), Response("error", error=error), None, 1)

    async def ask_one(self, number: int, due_s: float | None = None) -> RequestTiming:
        """Ask a model with async methods one prompt; it is not asked again. Raises `ModelUnusableError`."""
        request = self.prompts[number % len(self.prompts)]
        asked = self.now()
        output: Any = None
        error, status = "", "error"
        deadline = asyncio.timeout(self._timeout_s)
        try:
            self._flying += 1
            async with deadline:
                output = await self._caller.call_one(request.kind, request)
        except ModelUnusableError:
            raise
        except TimeoutError as raised:
            status = "timeout" if deadline.expired() else "error"
            error = f"no answer within {self._timeout_s:g} s" if deadline.expired() else describe_error(raised)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            error = "CancelledError: the model cancelled its own request"
        except USER_ERRORS as raised:
            error = describe_error(raised)
        finally:
            self._flying -= 1
        ended = self.now()
        if error:
            response, output = Response("timeout" if status == "timeout" else "error", error=error), None
        else:
            (response,), (output,) = _checked(request.kind, [request], [output], "")
        return self._timing(number, asked if due_s is None else due_s, asked, ended, response, output, 1)

    def _timing(
        self, number: int, due: float, asked: float, ended: float, response: Response, output: Any, size: int
    ) -> RequestTiming:
        self._spend(response)
        usage, sent = response.usage, asked
        pieces: tuple[float, ...] = ()
        if isinstance(output, Generation):
            sent = asked if output.sent_s is None else output.sent_s - self._origin
            pieces = tuple(sent + piece for piece in output.pieces_s)
        first, first_answer = response.first_token_s, response.first_answer_token_s
        return RequestTiming(
            prompt=number % len(self.prompts),
            due_s=due,
            asked_s=asked,
            sent_s=sent,
            ended_s=ended,
            status=response.status,
            first_token_s=None if first is None else sent + first,
            first_answer_token_s=None if first_answer is None else sent + first_answer,
            pieces_s=pieces,
            input_tokens=usage.input_tokens if usage else None,
            image_tokens=usage.image_tokens if usage else None,
            cached_tokens=usage.cached_tokens if usage else None,
            output_tokens=usage.output_tokens if usage else None,
            batch_size=size,
            error=response.error if response.status in ("error", "timeout") else None,
        )


def _checked(
    kind: RequestKind, requests: Sequence[Request], outputs: Any, error: str
) -> tuple[list[Response], Sequence[Any]]:
    """The responses of a call and the outputs that they were made of, one for each request."""
    if not error:
        try:
            outputs = list(outputs) if kind == "generate" and not isinstance(outputs, str) else outputs
            responses = check_outputs(kind, requests, outputs)
        except USER_ERRORS as raised:
            error = describe_error(raised)
        else:
            return responses, outputs if kind == "generate" else [None] * len(requests)
    return [Response("error", error=error)] * len(requests), [None] * len(requests)
