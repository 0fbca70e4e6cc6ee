"""Say where a module of mmbench 0.1.0 lies today when an old import path is used. To be removed after one release."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType

MOVED = {
    "mmbench.baselines": "mmbench_baselines",
    "mmbench.cli.config": "mmbench.resolve.config",
    "mmbench.compare": "mmbench.comparison",
    "mmbench.compare.gate": "mmbench.gating",
    "mmbench.compare.join": "mmbench.analysis.joins",
    "mmbench.models.resolve": "mmbench.resolve.model_names",
    "mmbench.models.suites": "mmbench.resolve.suites",
    "mmbench.report": "mmbench.reporting",
    "mmbench.report.standings": "mmbench.analysis.leaders",
    "mmbench.results.seeds": "mmbench.analysis.seeds",
    "mmbench.runner.given": "mmbench.resolve.arguments",
    "mmbench.runner.jobs": "mmbench.runner.plan.planner",
    "mmbench.runner.predictions": "mmbench.scoring.predictions",
    "mmbench.runner.prior": "mmbench.scoring.prior",
    "mmbench.runner.rescoring": "mmbench.scoring.renewal",
    "mmbench.runner.scoring": "mmbench.scoring.tables",
    "mmbench.runner.selection": "mmbench.resolve.samples",
    "mmbench.runner.tasks": "mmbench.resolve.task_names",
    "mmbench.tasks": "mmbench_tasks",
    "mmbench.tasks.answers": "mmbench.extract",
    "mmbench.tasks.answers.extractors": "mmbench.extract",
}
"""Module or package of mmbench 0.1.0 to where it, with most of what was below it, lies today."""


class MovedError(ImportError):
    """An old import path was used. Not a `ModuleNotFoundError`, which ``from mmbench import tasks`` would swallow.

    Attributes:
        name: The module that was asked for.
        today: Its new path, and those of modules below it that lie elsewhere, by their old paths.
    """

    def __init__(self, name: str) -> None:
        self.today = {old: new for old, new in MOVED.items() if f"{old}.".startswith(f"{name}.")}
        super().__init__("; ".join(f"{old} has moved to {new}" for old, new in self.today.items()), name=name)


class MovedFinder:
    """The last finder on `sys.meta_path`: it is asked only about modules that nobody else has found."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        """Raise `MovedError` for a module that has moved; find nothing else. Parents are asked about before children."""
        del path, target
        if name in MOVED:
            raise MovedError(name)


def install() -> None:
    """Register the finder, once."""
    if MovedFinder not in sys.meta_path:
        sys.meta_path.append(MovedFinder)
