"""The explanation of the gap between two runs: causes with their points, and the settings in which the runs differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmbench.comparison.causes import Attribution
from mmbench.comparison.settings import Fact, may_change_answers
from mmbench.results.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskExplanation:
    """One task of two runs."""

    task_a: str
    """Full name of the task in the first run."""
    task_b: str
    """In the second run."""
    metric_a: str
    """Id of the first run's metric."""
    metric_b: str
    """Of the second run's."""
    unit: str = "sample"
    """What both metrics score: ``sample``, ``block`` and so on. Counts of samples are counts of these."""
    scale: float
    """What tables multiply values and points by."""
    higher_is_better: bool
    """Direction of the second run's metric."""
    attribution: Attribution
    """The gap, cause by cause."""
    facts: Sequence[Fact]
    """Every setting in which the runs differ, those that may change answers first."""
    notes: Sequence[str] = ()
    """What must be known to read it, a sentence each."""

    @property
    def due_to(self) -> list[str]:
        """Settings that may have changed the answers, which cannot be taken apart from each other without asking again."""
        return may_change_answers(self.facts)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: tasks, metrics, both values, the gap, ``parts``, ``due_to``, ``facts`` and counts."""
        found = self.attribution
        return {
            "task": {"a": self.task_a, "b": self.task_b},
            "metric": {"a": self.metric_a, "b": self.metric_b},
            "unit": self.unit,
            "scale": self.scale,
            "higher_is_better": self.higher_is_better,
            "value": {"a": found.value_a, "b": found.value_b},
            "gap": found.gap,
            "parts": [part.to_dict() for part in found.parts],
            "due_to": self.due_to,
            "facts": [fact.to_dict() for fact in self.facts],
            "samples": {
                "shared": found.shared,
                "only_a": found.only_a,
                "only_b": found.only_b,
                "same_output": found.same_output,
            },
            "matched_by": found.matched_by,
            "rescored": found.rescored,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """The gap between two runs, task by task."""

    a: Run
    """The first run."""
    b: Run
    """The second run; gaps are its value minus the first's."""
    tasks: Sequence[TaskExplanation]
    """Every pair of tasks that could be explained."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Task to why it could not."""

    @property
    def exit_code(self) -> int:
        """0, or 3 where a task could not be explained."""
        return 3 if self.refused or not self.tasks else 0

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints: ``{"a", "b", "tasks": […], "refused": {task: why}}``."""
        return {
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
            "tasks": [each.to_dict() for each in self.tasks],
            "refused": dict(self.refused),
        }
