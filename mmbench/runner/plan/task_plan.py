"""What will be asked, in which batches, and what is left of it after an earlier session."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmbench.core.errors import PluginError, UsageError, plugin_errors
from mmbench.core.media import Media
from mmbench.core.model import Capabilities
from mmbench.core.requests import Embed, Request, RequestKind, identify
from mmbench.core.responses import ENDED_WELL
from mmbench.core.samples import Sample
from mmbench.core.spec import Selection
from mmbench.models.caller import as_served, served_kinds
from mmbench.resolve.samples import said_of_part, samples_of, select
from mmbench.resolve.tasks import ResolvedTask
from mmbench.results.schema import SCHEMA_VERSION, PlanFile, ResponseLine, TaskSource
from mmbench.scoring.asked import AskedTask

AUTO_START = 64
"""Requests a batch with ``--batch-size auto`` before any memory runs out."""

MISSING, ANSWERED, FAILED = 0, 1, 2
"""State of a request: no line in the log; ended well; ended in an error or a time-out."""


@dataclass(kw_only=True)
class TaskPlan(AskedTask):
    """One task for one model, and the requests made from its samples."""

    source: TaskSource
    """How to find the task again."""
    served: dict[RequestKind, RequestKind]
    """Kind that the task asks → kind that the model is asked."""
    pools: dict[tuple[str, ...], array[int]] = field(default_factory=dict)
    """(kind, modalities) → requests in order: those that may share a batch."""
    selection_digest: str = ""
    """As in `PlanFile.selection_digest`."""
    part: str | None = None
    """Which part of the split is asked, for people; None if all of it is."""

    def requests(self, numbers: Sequence[int]) -> list[Request]:
        """Build the requests with these numbers, as the model is asked them."""
        built: list[Request] = []
        at, made = -1, []
        for number in numbers:
            place = bisect_right(self.first, number) - 1
            if place != at:
                at, made = place, self._make(self.samples[place])
            built.append(as_served(made[number - self.first[place]], self.served))
        return built

    def _make(self, sample: Sample) -> list[Request]:
        made = list(self.task.requests(sample))
        identify(made, self.name, sample.id, self.seed)
        return made

    def kind_of(self, numbers: Sequence[int]) -> RequestKind:
        """The kind of a batch as the model is asked it; all of a batch are of one pool."""
        return self.requests(numbers[:1])[0].kind


def plan_task(resolved: ResolvedTask, model: Capabilities, selection: Selection, seed: int) -> TaskPlan:
    """Read the data and enumerate the requests; the model is not needed. Raises `DataError` and `UsageError`."""
    info = resolved.task.info
    if model.learns and selection.split == "train":
        raise UsageError(f"{info.name}: a model that learns from the split 'train' cannot be asked it; ask test or val")
    served, _ = served_kinds(info, model)
    return plan_served(resolved, served, selection, seed)


def plan_served(
    resolved: ResolvedTask, served: dict[RequestKind, RequestKind], selection: Selection, seed: int
) -> TaskPlan:
    """The same where it is known already as which kind of request each kind is asked. Raises `DataError`, `PluginError`."""
    with plugin_errors(f"task {resolved.name!r} failed while its requests were made"):
        return _plan(resolved, served, selection, seed)


def _plan(resolved: ResolvedTask, served: dict[RequestKind, RequestKind], selection: Selection, seed: int) -> TaskPlan:
    info = resolved.task.info
    every = samples_of(resolved.task, selection.split)
    samples = select(every, selection, info.name)
    plan = TaskPlan(
        task=resolved.task, samples=samples, split=selection.split, seed=seed, source=resolved.source, served=served
    )
    plan.part = said_of_part(len(samples), len(every), selection)
    plan.identity = {
        "name": info.name,
        "version": info.version,
        "fingerprint": resolved.task.fingerprint(),
        "split": selection.split,
        "prompt": info.prompt,
        "extractor": info.extractor,
        "served": {kind: served[kind] for kind in sorted(served)},
        "options": dict(info.options),
        "generation": {},
    }
    _enumerate(plan)
    return plan


def _enumerate(plan: TaskPlan) -> None:
    """Number the requests, find duplicates, sort them into pools and digest their ids."""
    ids = hashlib.sha256(plan.name.encode())
    first_with: dict[tuple[str, str], int] = {}
    number = 0
    for sample in plan.samples:
        made = plan.task.requests(sample)
        for request in made:
            if request.kind not in plan.served:
                raise PluginError(f"task {plan.name!r} made a {request.kind} request that its info does not name")
            key = _content_key(request)
            if key is not None and (earlier := first_with.setdefault(key, number)) != number:
                plan.duplicates[number] = earlier
            else:
                plan.pools.setdefault(_pool(request), array("l")).append(number)
            number += 1
        plan.first.append(number)
        ids.update(f"\x1e{sample.id}\x1f{len(made)}".encode())
    plan.identity["generation"] = _generation(plan)
    plan.selection_digest = ids.hexdigest()


def _generation(plan: TaskPlan) -> dict[str, Any]:
    """Generation parameters of the first request of each pool; a task keeps them equal, or changes its version."""
    found: dict[str, Any] = {}
    for pool, numbers in sorted(plan.pools.items()):
        request = plan.requests(numbers[:1])[0]
        names = ("max_new_tokens", "stop", "temperature")
        found["+".join(pool)] = {name: getattr(request, name) for name in names if hasattr(request, name)}
    return found


def _content_key(request: Request) -> tuple[str, str] | None:
    """What makes two requests the same question to the model; None where each is asked on its own."""
    if not isinstance(request, Embed):
        return None
    part = request.part
    return (part.kind, part.digest) if isinstance(part, Media) else ("text", part)


def _pool(request: Request) -> tuple[str, ...]:
    kinds = {part.kind if isinstance(part, Media) else "text" for part in request.content}
    return (request.kind, *sorted(kinds))


def estimated_cost(request: Request) -> float:
    """Estimated tokens of a request: a quarter of its characters, its pictures, and what may be generated."""
    new = getattr(request, "max_new_tokens", 0)
    return len(request.text) / 4 + sum(map(_tokens_of, request.media)) + float(new)


def _tokens_of(media: Media) -> float:
    """One a patch of 28 × 28 pixels where the data set knows the size; 576, a common number, where it does not."""
    width, height = media.attrs.get("width"), media.attrs.get("height")
    return width * height / 784 if isinstance(width, int) and isinstance(height, int) else 576.0


def cut(plan: TaskPlan, size: int, cost: float | None, *, largest_first: bool = False) -> list[list[int]]:
    """Cut the pools into batches by count and, where a bound is given, by summed cost.

    With `largest_first`, requests of about the same cost share a batch, and the costliest come first.
    """
    batches: list[list[int]] = []
    for _, pool in sorted(plan.pools.items(), key=lambda item: item[1][0]):
        numbers = pool
        if largest_first:
            costs = {number: estimated_cost(plan.requests([number])[0]) for number in pool}
            numbers = array("l", sorted(pool, key=lambda number: -costs[number]))
        if cost is None:
            batches += [numbers[start : start + size].tolist() for start in range(0, len(numbers), size)]
        else:
            batches += _cut_by_cost(plan, numbers, size, cost)
    return batches


def _cut_by_cost(plan: TaskPlan, numbers: Sequence[int], size: int, bound: float) -> Iterable[list[int]]:
    batch: list[int] = []
    total = 0.0
    for number in numbers:
        own = estimated_cost(plan.requests([number])[0])
        if batch and (len(batch) == size or total + own > bound):
            yield batch
            batch, total = [], 0.0
        batch.append(number)
        total += own
    if batch:
        yield batch


def plan_file(plan: TaskPlan, size: int, cost: float | None, batches: list[list[int]]) -> PlanFile:
    """The plan as it is persisted."""
    return PlanFile(
        schema_version=SCHEMA_VERSION,
        task=plan.name,
        identity=plan.identity,
        identity_digest=plan.identity_digest,
        selection_digest=plan.selection_digest,
        n_samples=len(plan.samples),
        n_requests=plan.n_requests,
        batch_size=size,
        batch_cost=cost,
        batches=batches,
    )


class LogState:
    """What an earlier session logged: the state of every request, and how many rows of embeddings the log names."""

    def __init__(self, plan: TaskPlan, lines: Iterable[ResponseLine]) -> None:
        self.states = bytearray(plan.n_requests)
        self.rows = 0
        places = plan.places()
        for line in lines:
            if line.row is not None:
                self.rows = max(self.rows, line.row + 1)
            number = plan.number_of(line.id, places)
            if number is not None and self.states[number] != ANSWERED:
                self.states[number] = ANSWERED if line.status in ENDED_WELL else FAILED

    def remaining(self, batches: Sequence[list[int]]) -> list[tuple[int, list[int]]]:
        """(number of the batch, requests to ask): whole where a kill left it unfinished, else what failed."""
        left = []
        for number, batch in enumerate(batches):
            states = {self.states[request] for request in batch}
            if MISSING in states:
                left.append((number, batch))
            elif FAILED in states:
                left.append((number, [request for request in batch if self.states[request] == FAILED]))
        return left
