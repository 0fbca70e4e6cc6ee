"""Plan a task: select its samples, number its requests, and work out what identifies them."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from mmbench.core.collecting import collection_paused
from mmbench.core.errors import PluginError, UsageError, plugin_errors
from mmbench.core.ids import derive_seed
from mmbench.core.media import Media
from mmbench.core.model import Capabilities
from mmbench.core.requests import GENERATION, Embed, Generate, Request, RequestKind, identify
from mmbench.core.samples import Sample
from mmbench.core.spec import Selection
from mmbench.metrics.registered import check_ids
from mmbench.models.caller import as_served, served_kinds
from mmbench.resolve.samples import note_on_part, samples_of, select
from mmbench.resolve.task_names import ResolvedTask
from mmbench.results.schema import TaskSource
from mmbench.scoring.asked import AskedTask

MOST_KEPT = 32_768
"""Requests that are kept from being numbered to being asked, so that memory does not grow with the data of a command."""


@dataclass(kw_only=True)
class TaskPlan(AskedTask):
    """One task for one model, and the requests made from its samples."""

    source: TaskSource
    """How to find the task again; stands for the optional field of `AskedTask`."""
    served: dict[RequestKind, RequestKind]
    """Kind that the task asks → kind that the model is asked."""
    pools: dict[tuple[str, ...], array[int]] = field(default_factory=dict)
    """(kind, modalities) → requests in order: those that may share a batch."""
    selection_digest: str = ""
    """As in `PlanFile.selection_digest`."""
    split_samples: int = 0
    """Samples of the whole split."""
    part: str | None = None
    """Which part of the split is asked, for people; None if all of it is."""
    training: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """What models are fitted to, read once for all models and seeds that share this plan; see `mmbench.runner.training_data`."""

    enumerated: dict[int, Sequence[Request]] = field(default_factory=dict, repr=False, compare=False)
    """Place of a sample → its requests as they were made to be numbered, until they are asked for: at most `MOST_KEPT`, and none of a
    task whose images lie in no file, since it may make them as it makes its requests."""

    def requests(self, numbers: Sequence[int]) -> list[Request]:
        """Build the requests with these numbers, as the model is asked them."""
        built: list[Request] = []
        at, made, first = -1, [], self.first
        for number in numbers:
            place = bisect_right(first, number) - 1
            if place != at:
                at, made = place, self._make(place)
            built.append(made[number - first[place]])
        if any(kind != by for kind, by in self.served.items()):
            return [as_served(request, self.served) for request in built]
        return built

    def _make(self, place: int) -> list[Request]:
        sample = self.samples[place]
        made = list(self.enumerated.pop(place, ()) or self.task.requests(sample))
        if self.source.generation:
            set_generation(made, self.source.generation)
        if self.repeats > 1:
            return self._repeated(made, sample)
        identify(made, self.base, sample.id, self.seed)
        return made

    def _repeated(self, made: Sequence[Request], sample: Sample) -> list[Request]:
        """Every request as often as it is asked, repeat by repeat; the first has the seed of one that is asked once."""
        every = [copy(request) for _ in range(self.repeats) for request in made]
        identify(every, self.base, sample.id, self.seed)
        for number, request in enumerate(every):
            if repeat := number // len(made):
                request.seed = derive_seed(self.seed, self.base, sample.id, "repeat", repeat)
        return every

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
    with plugin_errors(f"task {resolved.name!r} failed while its requests were made"), collection_paused():
        check_ids(resolved.task.metrics)
        return _plan(resolved, served, selection, seed)


def set_generation(requests: Iterable[Request], generation: Mapping[str, Any]) -> None:
    """Set generation parameters of those requests that ask for a text, in place."""
    for request in requests:
        if isinstance(request, Generate):
            for name, value in generation.items():
                if name in GENERATION:
                    setattr(request, name, value)


def _differing(generation: Mapping[str, Any], own: Sequence[Request]) -> dict[str, Any]:
    """Generation parameters that are not the task's own; none for a task that asks for no text."""
    texts = [request for request in own if isinstance(request, Generate)]
    return {
        name: value
        for name, value in generation.items()
        if any(getattr(each, name, 1) != value for each in texts)  # a task asks once by itself
    }


def _plan(resolved: ResolvedTask, served: dict[RequestKind, RequestKind], selection: Selection, seed: int) -> TaskPlan:
    info = resolved.task.info
    every = samples_of(resolved.task, selection.split)
    samples = select(every, selection, info.name)
    if resolved.source.generation:
        resolved = resolved.with_generation(_differing(resolved.source.generation, resolved.task.requests(samples[0])))
    plan = TaskPlan(
        name=resolved.name,
        task=resolved.task,
        samples=samples,
        split=selection.split,
        seed=seed,
        source=resolved.source,
        served=served,
    )
    plan.split_samples = len(every)
    plan.part = note_on_part(len(samples), len(every), selection)
    plan.identity = {
        "name": info.name,
        "version": info.version,
        "fingerprint": resolved.task.fingerprint(),
        "split": selection.split,
        "prompt": info.prompt,
        "served": {kind: served[kind] for kind in sorted(served)},
        "options": resolved.asking_options,
        "generation": {},
    }
    if (repeats := int(resolved.source.generation.get("repeats", 1))) > 1:
        plan.repeats = plan.identity["repeats"] = repeats
    plan.scored_by = {"extractor": info.extractor, "options": resolved.scoring_options}
    _enumerate(plan)
    undeclared = {modality for _, *pool in plan.pools for modality in pool}.difference(info.modalities)
    if undeclared:
        raise PluginError(
            f"task {plan.name!r} asks with {', '.join(sorted(undeclared))}, which its info.modalities lacks"
        )
    return plan


def _enumerate(plan: TaskPlan) -> None:
    """Number the requests, find duplicates, sort them into pools and digest their ids."""
    ids = hashlib.sha256(plan.base.encode())
    first_with: dict[tuple[str, str], int] = {}
    pools: dict[tuple[str, frozenset[str]], array[int]] = {}
    number, most = 0, MOST_KEPT
    for place, sample in enumerate(plan.samples):
        made = plan.task.requests(sample)
        if number < most:
            plan.enumerated[place] = made
        if plan.repeats > 1:
            made = [*made] * plan.repeats
        for request in made:
            if request.kind not in plan.served:
                raise PluginError(f"task {plan.name!r} made a {request.kind} request that its info does not name")
            key = _content_key(request) if isinstance(request, Embed) else None
            if key is not None and (earlier := first_with.setdefault(key, number)) != number:
                plan.duplicates[number] = earlier
            else:
                pool = request.kind, request.modalities
                if (numbers := pools.get(pool)) is None:
                    numbers = pools[pool] = plan.pools[request.kind, *sorted(request.modalities)] = array("l")
                    if any(media.path is None for media in request.media):
                        most = 0
                        plan.enumerated.clear()
                numbers.append(number)
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
        values = {name: getattr(request, name) for name in GENERATION if hasattr(request, name)}
        found["+".join(pool)] = {name: value for name, value in values.items() if value is not None}
    return found


def _content_key(request: Embed) -> tuple[str, str]:
    """What makes two requests the same question to the model; requests of other kinds are asked each on its own."""
    part = request.part
    return (part.kind, part.digest) if isinstance(part, Media) else ("text", part)
