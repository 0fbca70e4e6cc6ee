"""Ask a synchronous model one batch: find the sample that breaks it, and shrink when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mmbench.core.errors import MmbenchError, ModelUnusableError
from mmbench.core.phases import phase
from mmbench.core.requests import Request
from mmbench.core.responses import Response
from mmbench.models.caller import USER_ERRORS, ModelCaller
from mmbench.models.outputs import check_outputs
from mmbench.perf.device_clock import DeviceClock
from mmbench.perf.memory import loaded_torch, synchronise


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

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Describe an exception."""
        return cls(describe_error(error), is_out_of_memory(error))


class BatchAsker:
    """Asks an open model. Knows neither plan nor log, so that it serves in a worker process as well.

    Args:
        caller: The model.
        size: Requests a call at most.
        auto: Halve `size` when memory runs out, and keep it halved.
    """

    def __init__(self, caller: ModelCaller, size: int, *, auto: bool) -> None:
        self.size = size
        """Requests a call at most, after what has been asked so far."""
        self.splits = 0
        """Calls of several requests that failed, so that their requests were asked again in smaller calls. Those that `size` was
        halved for are not counted."""
        self.split_cause: str | None = None
        """Why the first of these calls failed; None where none did."""
        self.device = DeviceClock()
        """Times the model's work on a GPU."""
        self._caller = caller
        self._auto = auto
        self._one_is_too_large = False

    def ask(self, requests: Sequence[Request]) -> list[Response]:
        """Collate and ask a batch. Raises `ModelUnusableError`; whatever else the model raises becomes responses."""
        return self._keeping_size(self._in_pieces, requests)

    def ask_collated(self, requests: Sequence[Request], inputs: Any, failure: Failure | None) -> list[Response]:
        """The same for a batch that is collated: `inputs` is what `collate` made, `failure` why it could not."""
        if failure is not None:
            return self._keeping_size(self._split, requests, failure)
        if len(requests) > self.size:
            return self.ask(requests)
        return self._keeping_size(self._call, requests, inputs)

    def _keeping_size(self, ask: Callable[..., list[Response]], *arguments: Any) -> list[Response]:
        size, self._one_is_too_large = self.size, False
        responses = ask(*arguments)
        if self._one_is_too_large:
            self.size = size  # a request that never fits says nothing about how many others do
        return responses

    def _in_pieces(self, requests: Sequence[Request]) -> list[Response]:
        responses: list[Response] = []
        while len(responses) < len(requests):
            responses += self._collate_and_ask(requests[len(responses) : len(responses) + self.size])
        return responses

    def _collate_and_ask(self, requests: Sequence[Request]) -> list[Response]:
        if not self._caller.collates:
            return self._call(requests, None)
        try:
            with phase("preprocess"):
                inputs = self._caller.collate(requests)
        except USER_ERRORS as error:
            failure = Failure.of(error)
        else:
            return self._call(requests, inputs)
        return self._split(requests, failure)

    def _call(self, requests: Sequence[Request], inputs: Any) -> list[Response]:
        kind = requests[0].kind
        try:
            with phase("model"):
                with self.device.stretch():
                    outputs = self._caller.call(kind, requests, inputs)
                synchronise()
            with phase("post-process"):
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
        half = (len(requests) + 1) // 2
        if failure.out_of_memory:
            torch = loaded_torch()
            if torch is not None:
                torch.cuda.empty_cache()
            if self._auto:
                self.size = min(self.size, half)
                return self._in_pieces(requests)
        self.splits += 1
        self.split_cause = self.split_cause or failure.text
        return self._collate_and_ask(requests[:half]) + self._collate_and_ask(requests[half:])
