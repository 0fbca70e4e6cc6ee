"""One run to be made: a model with its options and seed, and the plans of its tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmbench.core.spec import RunSpec
from mmbench.resolve.identity import unrepeatable_digest
from mmbench.resolve.model_names import ResolvedModel
from mmbench.results.codec import digest
from mmbench.results.rundir import RunDirectory, identity_of
from mmbench.results.schema import TaskEntry, Turn
from mmbench.runner.plan.task_plan import TaskPlan


@dataclass(frozen=True, slots=True)
class Job:
    """One model with the plans of its tasks."""

    model: ResolvedModel
    """The model, not built."""
    plans: Sequence[TaskPlan]
    """What it is asked."""
    skipped: Mapping[str, TaskEntry]
    """Tasks that it cannot answer, by name."""
    spec: RunSpec
    """What the user asked for."""
    out: Path
    """The folder of all runs."""
    turn: Turn | None = None
    """Its place among runs of two models that take turns; None for a run by itself."""
    fallback: str = field(default_factory=unrepeatable_digest)
    """Stands in for the digest of a model that has none: no other job has it, so nothing of such a model is resumed."""

    def directory(self) -> RunDirectory:
        """Its run directory: that of its identity, or where there is none, one that an earlier version of mmbench made."""
        ending = "" if self.spec.shard is None else self.spec.shard.ending
        own, *former = (
            RunDirectory.for_run(self.out, self.model.name, self._identity(known), ending)
            for known in (self.model.digest, *self.model.identity.former)
        )
        existing = (each for each in (own, *former) if (each.path / "run.json").is_file())
        return next(existing, own)

    @property
    def identity(self) -> str:
        """sha256 over model, digest, options, seed and, for a model that learns, ``retrain``."""
        return self._identity(self.model.digest)

    def _identity(self, known: str | None) -> str:
        options = dict(self.model.options)
        if self.spec.retrain and self.model.capabilities.learns:
            options["retrain"] = True  # a model trained anew is not the one that the package comes with
        return digest(identity_of(self.model.name, known or self.fallback, options, self.spec.seed))
