"""Where every answer passes: into the log first, then into counts, clocks and progress."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmbench.core.errors import RunFailedError
from mmbench.core.requests import Request
from mmbench.core.responses import ENDED_WELL, Response
from mmbench.core.task import PerSampleTask
from mmbench.models.outputs import same_length
from mmbench.perf.meter import Meter
from mmbench.results.log import ResponseLog
from mmbench.results.schema import ResponseLine
from mmbench.runner.execute.progress import Progress, State
from mmbench.runner.plan.task_plan import ANSWERED, FAILED, MISSING, LogState, TaskPlan

if TYPE_CHECKING:
    from mmbench.runner.execute.cached import Cached

_ENOUGH_FOR_A_FRACTION = 50


class TooManyErrorsError(RunFailedError):
    """More requests failed than ``--max-errors`` allows; what ended well is kept."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the model, by the runner's clock."""

    batch: int
    """Number of the batch in the plan."""
    numbers: Sequence[int]
    """Numbers of the requests asked."""
    requests: Sequence[Request]
    """The requests, in the same order."""
    start_s: float
    """Seconds from the start of the session."""
    duration_s: float
    """Seconds that it took."""
    cached: bool = False
    """No call was made: the answers came from the cache."""


class Recorder:
    """Records the answers of one task."""

    def __init__(self, plan: TaskPlan, log: ResponseLog, state: LogState, max_errors: float) -> None:
        self.plan = plan
        self.log = log
        self.states = state.states
        self.meter: Meter | None = None
        self.cache: Cached | None = None
        self.first_error: str | None = None
        self._max_errors = max_errors
        self._session_failed = 0
        self._live_sum = 0.0
        self._live_n = 0
        task = plan.task
        self._live = task if isinstance(task, PerSampleTask) and task.columns else None
        self.progress: Progress | None = None
        done = len(self.states) - len(plan.duplicates) - self.states.count(MISSING) + _missing_duplicates(plan, state)
        self.state = State(plan.name, plan.n_requests - len(plan.duplicates), done - self.states.count(FAILED))

    def record(self, call: Call, responses: Sequence[Response]) -> None:
        """Log the answers of one call, those already logged left out. Raises `TooManyErrorsError` after logging."""
        fresh = [i for i, number in enumerate(call.numbers) if self.states[number] != ANSWERED]
        kept: Sequence[Response] = [responses[i] for i in fresh]
        rows: Sequence[int | None] = [None] * len(fresh)
        if call.requests[0].kind == "embed":
            kept = same_length(kept, self.log.embeddings.dim)
            rows = self._store(kept)
        self.log.append(
            [_line(call, call.requests[i], response, row) for i, response, row in zip(fresh, kept, rows, strict=True)]
        )
        for i, response in zip(fresh, kept, strict=True):
            number = call.numbers[i]
            if self.states[number] == FAILED:
                self.state.failed -= 1
            ok = response.status in ENDED_WELL
            self.states[number] = ANSWERED if ok else FAILED
            self._count(number, call.requests[i], response, ok)
        if self.meter is not None and call.cached:
            self.meter.n_cached += len(fresh)
        elif self.meter is not None:
            self.meter.add(len(call.numbers), call.duration_s, kept)
        if self.cache is not None and not call.cached:
            self.cache.keep([call.requests[i] for i in fresh], kept)
        if self.progress is not None:
            self.progress.update(self.state)
        self._check_errors()

    def _store(self, responses: Sequence[Response]) -> list[int | None]:
        """Append the vectors to the embeddings file; the row of each response, None for those that failed."""
        import numpy as np

        vectors: list[Any] = [response.output for response in responses if response.status == "ok"]
        row = self.log.embeddings.append(np.stack(vectors)) if vectors else 0
        rows: list[int | None] = []
        for response in responses:
            rows.append(row if response.status == "ok" else None)
            row += response.status == "ok"
        return rows

    def _count(self, number: int, request: Request, response: Response, ok: bool) -> None:
        self.state.asked += 1
        if not ok:
            self.state.failed += 1
            self._session_failed += 1
            if self.first_error is None:
                self.first_error = f"sample {request.sample_id}: {response.error}"
            return
        self.state.done += 1
        if self._live is not None and self.progress is not None and response.status == "ok":
            sample = self.plan.samples[bisect_right(self.plan.first, number) - 1]
            self._live_sum += self._live.score_response(sample, response).values[self._live.columns[0]]
            self._live_n += 1
            self.state.live = (self._live.columns[0], self._live_sum / self._live_n)

    def _check_errors(self) -> None:
        failed, allowed = self._session_failed, self._max_errors
        if 0 < allowed < 1:
            too_many = self.state.asked >= _ENOUGH_FOR_A_FRACTION and failed > allowed * self.state.asked
        else:
            too_many = failed > allowed
        if too_many:
            raise TooManyErrorsError(
                f"{failed:,} of {self.state.asked:,} requests failed, more than --max-errors {allowed:g} allows. "
                f"The first: {self.first_error}"
            )


def _missing_duplicates(plan: TaskPlan, state: LogState) -> int:
    return sum(state.states[number] == MISSING for number in plan.duplicates)


def _line(call: Call, request: Request, response: Response, row: int | None) -> ResponseLine:
    usage = response.usage
    return ResponseLine(
        id=request.id,
        status=response.status,
        output=None if request.kind == "embed" else response.output,  # type: ignore[arg-type]
        row=row,
        error=response.error,
        input_tokens=usage.input_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
        cost_usd=usage.cost_usd if usage else None,
        start_s=round(call.start_s, 6),
        duration_s=round(call.duration_s, 6),
        batch=call.batch,
        batch_size=len(call.requests),
        first_token_s=None if response.first_token_s is None else round(response.first_token_s, 6),
        cached=call.cached,
    )
