"""What was asked of a model on one task: the samples, and their requests by number."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mmbench.core.samples import Sample
from mmbench.core.task import Task
from mmbench.results import codec
from mmbench.results.schema import TaskSource


@dataclass(kw_only=True)
class AskedTask:
    """One task as it was asked. Its requests are numbered from 0 in the order of the samples."""

    task: Task
    """The task."""
    samples: Sequence[Sample]
    """The samples that were selected."""
    split: str
    """The split that they come from."""
    seed: int
    """The run's seed."""
    identity: dict[str, Any] = field(default_factory=dict)
    """What makes answers reusable; see `PlanFile.identity`."""
    scored_by: dict[str, Any] = field(default_factory=dict)
    """How the answers are scored; see `TaskEntry.scored_by`."""
    source: TaskSource | None = None
    """How to find the task again; None where it was given as an object."""
    name: str = ""
    """Full name, with the settings that differ from the task's own."""
    repeats: int = 1
    """How often each question is asked."""
    first: array[int] = field(default_factory=lambda: array("l", [0]))
    """[n_samples + 1] number of each sample's first request."""
    duplicates: dict[int, int] = field(default_factory=dict)
    """Request that repeats an earlier one's image or text → the earlier one, whose answer it shares."""

    @cached_property  # read for every request, and `info` may be built anew each time
    def base(self) -> str:
        """The task's own name, which its requests and seeds bear whatever the settings are."""
        return self.task.info.name

    @cached_property
    def _prefix(self) -> str:
        return f"{self.base}/"

    @property
    def identity_digest(self) -> str:
        """sha256 of the identity."""
        return codec.digest(self.identity)

    @property
    def n_requests(self) -> int:
        """Number of requests, duplicates included."""
        return self.first[-1]

    def places(self) -> dict[str, int]:
        """Sample id → its place among the samples."""
        return {sample.id: place for place, sample in enumerate(self.samples)}

    def number_of(self, request_id: str, places: dict[str, int]) -> int | None:
        """Number of the request with this id; None if it is not among those selected.

        Args:
            request_id: ``task/sample/n``, as in the log.
            places: What `places` returns; passed in because it is built anew at each call.
        """
        head, _, n = request_id.rpartition("/")
        place = places.get(head[len(self._prefix) :]) if head.startswith(self._prefix) else None
        if place is None or not n.isdigit():
            return None
        number = self.first[place] + int(n)
        return number if number < self.first[place + 1] else None
