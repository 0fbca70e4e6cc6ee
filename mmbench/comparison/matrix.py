"""Three or more runs: every pair of them on every primary metric, with a correction for the number of pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

from mmbench.analysis.joins import Mismatch
from mmbench.comparison.differences import Comparison, MetricDifference, compare_runs
from mmbench.results.run import Run
from mmbench.stats import Correction, corrected

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PairDifference:
    """One metric of one pair of runs."""

    a: int
    """Place of the reference among the runs."""
    b: int
    """Place of the candidate: later than `a`."""
    found: MetricDifference
    """B against A, its p-value corrected for all pairs on this metric."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Every pair of several runs."""

    runs: tuple[Run, ...]
    """[s] the runs, in the order given."""
    comparisons: Mapping[Pair, Comparison]
    """(place of A, place of B), A before B, to their comparison."""
    correction: Correction = "holm"
    """How p-values are corrected for the number of pairs."""

    @property
    def metrics(self) -> list[tuple[str, str]]:
        """(task, metric id) of everything compared, in order."""
        found = [(each.task, each.id) for one in self.comparisons.values() for each in one.metrics]
        return list(dict.fromkeys(found))

    def pairs(self, task: str, metric: str) -> list[PairDifference]:
        """Every pair that has the metric. The correction is over these pairs: over all that one table asks."""
        found = [
            (place, each)
            for place, one in self.comparisons.items()
            for each in one.metrics
            if (each.task, each.id) == (task, metric)
        ]
        p_values = corrected([each.difference.p_value for _, each in found], self.correction)
        count = sum(p is not None for p in p_values)
        return [
            PairDifference(*place, replace(each, p_adjusted=p, family=count))
            for (place, each), p in zip(found, p_values, strict=True)
        ]

    @property
    def refused(self) -> dict[Pair, dict[str, list[Mismatch]]]:
        """Pair to task to what keeps it from being compared; pairs without any are absent."""
        return {place: dict(one.refused) for place, one in self.comparisons.items() if one.refused}

    @property
    def exit_code(self) -> int:
        """0, or 3 when any pair did not compare."""
        return max(one.exit_code for one in self.comparisons.values())

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints: ``{"runs": […], "pairs": […], "refused": […], "correction"}``; a ``pair`` is two places in ``runs``."""
        return {
            "runs": [side.to_dict() for side in self.runs],
            "pairs": [
                {"pair": [each.a, each.b], **each.found.to_dict()}
                for task, metric in self.metrics
                for each in self.pairs(task, metric)
            ],
            "refused": [
                {"pair": list(pair), "task": task, "differs": [asdict(each) for each in found]}
                for pair, tasks in self.refused.items()
                for task, found in tasks.items()
            ],
            "correction": self.correction,
        }


def compare_all(
    runs: Sequence[Run],
    tasks: Iterable[str] | None = None,
    metrics: Mapping[str, Iterable[str]] | None = None,
    *,
    allow: Iterable[str] = (),
    correction: Correction = "holm",
) -> Matrix:
    """Compare every pair of runs, as `compare_runs` does, without slices. Raises what that raises."""
    tasks = None if tasks is None else tuple(tasks)
    pairs = combinations(range(len(runs)), 2)
    found = {(i, j): compare_runs(runs[i], runs[j], tasks, metrics, slices=False, allow=allow) for i, j in pairs}
    return Matrix(tuple(runs), found, correction)
