"""Record responses: append them to the log, count them, and tell the observers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from mmbench.core.errors import StoppedError
from mmbench.core.phases import phase
from mmbench.core.requests import Request
from mmbench.core.responses import ENDED_WELL, Call, Response
from mmbench.core.visible import shown_name
from mmbench.models.outputs import same_length
from mmbench.perf.observer import Observer
from mmbench.results.log import ResponseLog, row_check
from mmbench.results.schema import ResponseLine
from mmbench.runner.execute.progress import State
from mmbench.runner.execute.signals import shielded
from mmbench.runner.plan.log_state import ANSWERED, FAILED, LogState
from mmbench.scoring.answers import AnswerBook

_ENOUGH_FOR_A_FRACTION = 50
_NOTHING: Mapping[str, Any] = {}


class TooManyErrorsError(StoppedError):
    """More requests failed than ``--max-errors`` allows; what ended well is kept."""


class _Rows(NamedTuple):
    """Where an embedding lies, as in `ResponseLine`; nowhere, for other kinds and failures."""

    row: int | None = None
    rows: int | None = None
    row_check: int | None = None


class Recorder:
    """The sink of one task. A context manager that starts and finishes the observers.

    Args:
        log: Takes the responses.
        log_state: The state of every request, from earlier sessions; updated.
        counts: Counters for people; updated.
        max_errors: Failures that are allowed: a count from 1, or a fraction.
        observers: Told of every call, in this order.
        book: Gets what is logged, except embeddings; None: nothing does.
    """

    def __init__(
        self,
        log: ResponseLog,
        log_state: LogState,
        counts: State,
        max_errors: float,
        observers: Sequence[Observer] = (),
        book: AnswerBook | None = None,
    ) -> None:
        self.batch_size: int | None = None
        """The size that `reduce_batch_size` was told last."""
        self.splits = 0
        """Calls that `report_splits` was told of."""
        self.split_cause: str | None = None
        """Why the first of them failed."""
        self._log = log
        self._states = log_state.states
        self._counts = counts
        self._max_errors = max_errors
        self._observers = observers
        self._book = book
        self._failed = 0
        self._first_error = ""

    def __enter__(self) -> Self:
        for observer in self._observers:
            observer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for observer in self._observers:
            observer.finish()

    def is_answered(self, number: int) -> bool:
        """Whether the request with this number has ended well."""
        return self._states[number] == ANSWERED

    def reduce_batch_size(self, size: int) -> None:
        """Keep the batch size that memory has room for."""
        self.batch_size = size

    def report_splits(self, count: int, cause: str) -> None:
        """Count calls that failed and were asked again in pieces, and keep the first cause."""
        self.splits += count
        self._counts.splits += count
        self.split_cause = self.split_cause or cause

    def record(self, call: Call, responses: Sequence[Response]) -> None:
        """Log the responses of one call, those already logged left out. Raises `TooManyErrorsError` after logging."""
        self.record_all([(call, responses)])

    def record_all(self, ended: Sequence[tuple[Call, Sequence[Response]]]) -> None:
        """The same for several calls, in one write."""
        with phase("post-process"):
            self._record_all(ended)

    def _record_all(self, ended: Sequence[tuple[Call, Sequence[Response]]]) -> None:
        with shielded():  # a signal amid this would lose answers, or leave the log and what is known of it apart
            self._log_and_tell(ended)
        self._check_errors()

    def _log_and_tell(self, ended: Sequence[tuple[Call, Sequence[Response]]]) -> None:
        lines: list[ResponseLine] = []
        kept = [self._kept(call, responses, lines) for call, responses in ended]
        begins = self._log.append(lines)
        if self._book is not None:
            logged = (call.numbers[place] for (call, _), (new, _) in zip(ended, kept, strict=True) for place in new)
            for number, line, begin in zip(logged, lines, begins, strict=True):
                self._book.add(number, line, begin)
        for (call, _), (new, responses) in zip(ended, kept, strict=True):
            self._count(call, new, responses)
        for (call, _), (new, responses) in zip(ended, kept, strict=True):
            for observer in self._observers:
                observer.on_responses(call, new, responses)

    def _kept(
        self, call: Call, responses: Sequence[Response], lines: list[ResponseLine]
    ) -> tuple[list[int], Sequence[Response]]:
        """Places and responses of a call that are not logged yet; their lines are added to `lines`."""
        states, requests = self._states, call.requests
        new = [place for place, number in enumerate(call.numbers) if states[number] != ANSWERED]
        kept = responses if len(new) == len(responses) else [responses[place] for place in new]
        times = round(call.start_s, 6), round(call.duration_s, 6)
        if requests[0].kind != "embed":
            lines += [_line(call, times, requests[place], response) for place, response in zip(new, kept, strict=True)]
            return new, kept
        kept = same_length(kept, self._log.embeddings.dim)
        lines += [
            _line(call, times, requests[place], response, row)
            for place, response, row in zip(new, kept, self._store(kept), strict=True)
        ]
        return new, kept

    def _store(self, responses: Sequence[Response]) -> list[_Rows]:
        """Append the vectors to the embeddings file; the rows of each response."""
        import numpy as np

        outputs: list[Any] = [response.output for response in responses if response.status == "ok"]
        vectors = [np.atleast_2d(output) for output in outputs]
        row = self._log.embeddings.append(np.concatenate(vectors)) if vectors else 0
        rows: list[_Rows] = []
        for response in responses:
            if response.status != "ok":
                rows.append(_Rows())
                continue
            output = np.asarray(response.output)
            several = len(output) if output.ndim == 2 else None
            rows.append(_Rows(row, several, row_check(output)))
            row += several or 1
        return rows

    def _count(self, call: Call, new: Sequence[int], responses: Sequence[Response]) -> None:
        """Count the responses to the requests at these places of a call."""
        counts, states = self._counts, self._states
        statuses = [response.status for response in responses]
        well = [status in ENDED_WELL for status in statuses]
        done = sum(well)
        counts.asked += len(new)
        counts.done += done
        counts.failed += len(new) - done
        counts.truncated += statuses.count("truncated")
        for place, ended_well in zip(new, well, strict=True):
            number = call.numbers[place]
            counts.failed -= states[number] == FAILED
            states[number] = ANSWERED if ended_well else FAILED
        if done < len(new):
            self._failed += len(new) - done
            place, first = next(each for each in zip(new, responses, strict=True) if each[1].status not in ENDED_WELL)
            name = shown_name(call.requests[place].sample_id)
            self._first_error = self._first_error or f"sample {name}: {first.error}"

    def _check_errors(self) -> None:
        failed, asked, allowed = self._failed, self._counts.asked, self._max_errors
        is_fraction = 0 < allowed < 1
        too_early = is_fraction and asked < _ENOUGH_FOR_A_FRACTION
        if failed > (allowed * asked if is_fraction else allowed) and not too_early:
            raise TooManyErrorsError(
                f"{failed:,} of {asked:,} requests failed, more than --max-errors {allowed:g} allows. "
                f"The first: {self._first_error}"
            )


def _line(
    call: Call, times: tuple[float, float], request: Request, response: Response, rows: _Rows | None = None
) -> ResponseLine:
    """The line of one response; `rows` says where the embedding lies, where it is one."""
    return ResponseLine(
        id=request.id,
        status=response.status,
        output=response.output if rows is None else None,  # type: ignore[arg-type]
        error=response.error,
        start_s=times[0],
        duration_s=times[1],
        batch=call.batch,
        batch_size=len(call.requests),
        cached=call.cached,
        **(_NOTHING if rows is None else rows._asdict()),
        **_details(response),
    )


def _details(response: Response) -> Mapping[str, Any]:
    """Fields of the line for what a model told beside its answer: nothing for most Python models, which must stay cheap."""
    usage, first = response.usage, response.first_token_s
    ended = response.finish_reason
    if usage is None and first is None and ended == "unknown" and response.raw is None and response.reasoning is None:
        return _NOTHING
    return {
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "cost_usd": usage.cost_usd if usage else None,
        "first_token_s": _rounded(first),
        "finish_reason": ended,
        "raw": response.raw,
        "reasoning": response.reasoning,
        "reasoning_tokens": usage.reasoning_tokens if usage else None,
        "image_tokens": usage.image_tokens if usage else None,
        "cached_tokens": usage.cached_tokens if usage else None,
        "first_answer_token_s": _rounded(response.first_answer_token_s),
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
