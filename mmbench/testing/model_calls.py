"""Ask a model as the runner does, for the checks of the kit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from mmbench.core.media import Media
from mmbench.core.model import capabilities
from mmbench.core.requests import Choose, Embed, Generate, Request, RequestKind
from mmbench.core.responses import Output, Response
from mmbench.core.task import Task
from mmbench.models.caller import ModelCaller, as_served
from mmbench.models.controls import reveal_to
from mmbench.models.outputs import LOWEST_SCORE, check_outputs
from mmbench.resolve.task_names import ResolvedTask
from mmbench.results.schema import TaskSource
from mmbench.runner.execute.event_loop import EventLoop
from mmbench.runner.training_data import fit_context, training_plan, training_splits
from mmbench.testing.rules import Stages
from mmbench.testing.subject import choose_samples, make_requests

SIZES = (1, 2, 5)
"""Batch sizes in which a pool is asked."""
_POOL = sum(SIZES)

Pools = dict[tuple[str, ...], list[Request]]


def in_batches(pool: Sequence[Request]) -> list[list[Request]]:
    """A pool cut into batches of 1, 2 and 5 requests, as far as it reaches."""
    cut, start = [], 0
    for size in SIZES:
        cut.append(list(pool[start : start + size]))
        start += size
    return [batch for batch in cut if batch]


@dataclass
class Sitting:
    """One model, open, with the requests of one kind that it is asked."""

    caller: ModelCaller
    """The model."""
    loop: EventLoop
    """Runs its async methods."""
    kind: RequestKind
    """The method that is tried."""
    pools: Pools
    """Modalities to requests: what may share a batch, as in a run."""
    tolerance: float
    """How much numbers may differ that ought to be equal, relative to their size."""
    stages: Stages = field(default_factory=Stages)
    """What was asked already."""
    unsteady: bool = False
    """Two equal calls gave different answers."""

    def ask(self, requests: Sequence[Request]) -> list[Response]:
        """Ask one batch (an async method: all of it at once). Raises what the model raises, and `BadOutputError`."""
        batch = list(requests)
        if self.caller.is_async(self.kind):
            outputs: list[Any] = []
            self.loop.run(self._gather(batch, outputs))
            return [check_outputs(self.kind, [r], [out])[0] for r, out in zip(batch, outputs, strict=True)]
        inputs = self._collated(batch)
        return check_outputs(self.kind, batch, self.caller.call(self.kind, batch, inputs))

    def _collated(self, batch: list[Request]) -> Any:
        if not self.caller.collates:
            return None
        with ThreadPoolExecutor(1) as background:
            return background.submit(self.caller.collate, batch).result()

    async def _gather(self, batch: Sequence[Request], outputs: list[Any]) -> None:
        outputs += await asyncio.gather(*(self.caller.call_one(self.kind, request) for request in batch))

    def answers(self) -> dict[tuple[str, ...], list[Response]]:
        """The answers of every pool, asked in batches of 1, 2 and 5."""
        return self.stages.get("answers", self._answers)

    def _answers(self) -> dict[tuple[str, ...], list[Response]]:
        return {
            name: [response for batch in in_batches(pool) for response in self.ask(batch)]
            for name, pool in self.pools.items()
        }

    def difference(self, one: Response, other: Response) -> str | None:
        """How two answers to one request differ, or None."""
        return difference(one, other, self.tolerance)


def difference(one: Response, other: Response, tolerance: float) -> str | None:
    """How two answers differ beyond the tolerance, or None.

    Texts are compared to the letter, scores of choices each relative to its own size (at least 1), embeddings by the
    length of the difference relative to their own.
    """
    import numpy as np

    if one.status != other.status:
        return f"{_shown(one)} and {_shown(other)}"
    if one.output is None or other.output is None or isinstance(one.output, str) or isinstance(other.output, str):
        equal = one.output is other.output or (isinstance(one.output, str) and one.output == other.output)
        return None if equal else f"{_shown(one)} and {_shown(other)}"
    first, second = np.asarray(one.output, dtype=np.float64), np.asarray(other.output, dtype=np.float64)
    if first.shape != second.shape:
        return f"{len(first)} and {len(second)} numbers"
    lowest = first <= LOWEST_SCORE
    if (lowest != (second <= LOWEST_SCORE)).any():
        return "minus infinity and a number"
    first, second = np.where(lowest, 0, first), np.where(lowest, 0, second)
    apart = np.linalg.norm(first - second)
    size = max(np.linalg.norm(first), np.linalg.norm(second))
    if apart <= tolerance * size or bool((np.abs(first - second) <= tolerance * np.maximum(1, np.abs(first))).all()):
        return None
    return f"numbers that are {apart / size:.2g} of their length apart"


def _shown(response: Response) -> str:
    return response.status if response.status != "ok" else repr(response.output)[:60]


def pools_of(task: Task, served: Mapping[RequestKind, RequestKind], seed: int) -> dict[RequestKind, Pools]:
    """Kind that the model is asked → pools of at most eight requests, made from the task's test samples."""
    samples = choose_samples(task.samples("test"), 4 * _POOL, seed)
    pools: dict[RequestKind, Pools] = {}
    seen: set[tuple[str, str]] = set()
    for made in make_requests(task, task.info.name, samples, seed):
        for request in made:
            if isinstance(request, Embed):
                part = request.part
                key = ("text", part) if isinstance(part, str) else (part.kind, part.digest)
                if key in seen:
                    continue
                seen.add(key)
            asked = as_served(request, served)
            pool = pools.setdefault(asked.kind, {}).setdefault(tuple(sorted(asked.modalities)), [])
            if len(pool) < _POOL:
                pool.append(asked)
    return pools


def fit(model: Any, task: Task, seed: int) -> Any:
    """Fit a model as the runner does; what `fit` returned, to be awaited where it is a coroutine."""
    plan = training_plan(ResolvedTask(task, TaskSource(name=task.info.name)), capabilities(model), seed)
    splits = training_splits(plan)
    return model.fit(task.info, *splits, fit_context(plan, splits))


def reveal(model: Any, task: Task) -> None:
    """Give the task's solutions to the control `oracle`, and to nothing else."""

    def solver() -> Callable[[Request], Output]:
        by_id = {sample.id: sample for sample in task.samples("test")}
        return lambda request: task.solve(by_id[request.sample_id], request)

    reveal_to(model, solver)


def odd_requests(kind: RequestKind, pools: Pools) -> dict[str, Request]:
    """Unusual requests of a kind, by what is unusual: made from the first of each pool."""
    import numpy as np

    from mmbench.data import image_from_array

    dot = image_from_array(np.full((1, 1, 3), 200, dtype=np.uint8))
    long = "Look at the colour of this very small square. " * 1000
    found: dict[str, Request] = {}
    for modalities, pool in pools.items():
        first = pool[0]
        media = tuple(part for part in first.content if isinstance(part, Media))
        if "text" in modalities:
            found["an empty text"] = _like(first, (*media, ""))
            found["a text of 9,000 words"] = _like(first, (*media, long))
        if "image" in modalities:
            found["an image of 1×1 pixels"] = _like(
                first, tuple(dot if isinstance(p, Media) else p for p in first.content)
            )
    return {name: request for name, request in found.items() if request.kind == kind}


def _like(request: Request, content: tuple[Any, ...]) -> Request:
    """A request as `request`, with another content."""
    own: dict[str, Any] = {"id": f"{request.id}/odd", "sample_id": request.sample_id, "seed": request.seed}
    if isinstance(request, Choose):
        return Choose(parts=content, choices=request.choices, **own)
    if isinstance(request, Generate):
        return Generate(parts=content, choices=request.choices, max_new_tokens=request.max_new_tokens, **own)
    return Embed(part=content[-1], **own)
