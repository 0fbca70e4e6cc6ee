"""Asks a synchronous model batch by batch; finds the sample that breaks a batch; shrinks when memory runs out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mmbench.core.errors import MmbenchError, ModelUnusableError
from mmbench.core.requests import Request
from mmbench.core.responses import Response
from mmbench.models.caller import USER_ERRORS, ModelCaller
from mmbench.models.outputs import BadOutputError, check_outputs
from mmbench.perf.memory import loaded_torch, synchronise
from mmbench.runner.execute.lookahead import Lookahead, Prepared, Todo
from mmbench.runner.execute.record import Call, Recorder
from mmbench.runner.execute.signals import raise_if_swallowed


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that host or accelerator memory ran out."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and (
        "out of memory" in str(error).lower() or "can't allocate memory" in str(error).lower()
    )


def describe_error(error: BaseException) -> str:
    """One line that UTF-8 can hold: the type (unless the error is our own) and the first line of the message."""
    text = str(error).strip().partition("\n")[0]
    named = f"{type(error).__name__}: {text}" if text else type(error).__name__
    line = (text if isinstance(error, MmbenchError) else named)[:500]
    return line.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True, slots=True)
class Failure:
    """What a user's code raised, without the exception: its traceback would keep the failed attempt's memory alive."""

    text: str
    """As in `describe_error`."""
    out_of_memory: bool
    """As in `is_out_of_memory`."""
    misfit: bool
    """The model returned, but not one output for each request."""

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Describe an exception."""
        return cls(describe_error(error), is_out_of_memory(error), isinstance(error, BadOutputError))


class BatchExecutor:
    """Runs the remaining batches of one task on a model with synchronous methods."""

    def __init__(self, caller: ModelCaller, recorder: Recorder, size: int, *, auto: bool) -> None:
        self._caller = caller
        self._recorder = recorder
        self._auto = auto
        self.size = size
        self.misfit: str | None = None
        self._one_is_too_large = False
        self._origin = time.perf_counter()

    def run(self, todo: Todo, workers: int) -> None:
        """Ask everything in `todo`. Raises `TooManyErrorsError`.

        Afterwards `size` is what ``auto`` settled on, and `misfit` says how outputs did not fit the requests of a batch,
        or is None.
        """
        for prepared in Lookahead(self._recorder.plan, self._caller, todo, workers):
            size, self._one_is_too_large = self.size, False
            start = time.perf_counter()
            responses = self._first_try(prepared)
            duration = time.perf_counter() - start
            if self._one_is_too_large:
                self.size = size  # a request that never fits says nothing about how many others do
            call = Call(prepared.batch, prepared.numbers, prepared.requests, start - self._origin, duration)
            self._recorder.record(call, responses)
            raise_if_swallowed()

    def _first_try(self, prepared: Prepared) -> list[Response]:
        if isinstance(prepared.error, ModelUnusableError):
            raise prepared.error
        if prepared.error is not None:
            failure, prepared.error = Failure.of(prepared.error), None
            return self._split(prepared.requests, failure)
        if len(prepared.requests) > self.size:
            return self._in_pieces(prepared.requests)
        return self._ask(prepared.requests, prepared.inputs)

    def _in_pieces(self, requests: Sequence[Request]) -> list[Response]:
        responses: list[Response] = []
        while len(responses) < len(requests):
            responses += self._collate_and_ask(requests[len(responses) : len(responses) + self.size])
        return responses

    def _collate_and_ask(self, requests: Sequence[Request]) -> list[Response]:
        if not self._caller.collates:
            return self._ask(requests, None)
        try:
            inputs = self._caller.collate(requests)
        except USER_ERRORS as error:
            failure = Failure.of(error)
        else:
            return self._ask(requests, inputs)
        return self._split(requests, failure)

    def _ask(self, requests: Sequence[Request], inputs: Any) -> list[Response]:
        kind = requests[0].kind
        try:
            outputs = self._caller.call(kind, requests, inputs)
            synchronise()
            return check_outputs(kind, requests, outputs)
        except ModelUnusableError:
            raise
        except USER_ERRORS as error:
            failure = Failure.of(error)
        return self._split(requests, failure)

    def _split(self, requests: Sequence[Request], failure: Failure) -> list[Response]:
        """Ask the two halves on their own, until what fails stands alone."""
        if len(requests) == 1:
            self._one_is_too_large |= failure.out_of_memory
            return [Response("error", error=failure.text)]
        if failure.misfit and self.misfit is None:
            self.misfit = failure.text
        half = (len(requests) + 1) // 2
        if failure.out_of_memory:
            torch = loaded_torch()
            if torch is not None:
                torch.cuda.empty_cache()
            if self._auto:
                self.size = min(self.size, half)
                return self._in_pieces(requests)
        return self._collate_and_ask(requests[:half]) + self._collate_and_ask(requests[half:])
