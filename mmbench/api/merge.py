"""`mmbench.merge`: make one run of the shards that several commands asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmbench.analysis.seeds import SeedGroup, group_seeds
from mmbench.api.references import references_of
from mmbench.api.run import write_report
from mmbench.core.errors import NotComparableError
from mmbench.core.ids import names_of
from mmbench.core.spec import RUNS
from mmbench.reporting.markdown import run_markdown
from mmbench.resolve.allowances import FOREIGN_SOURCE, VERSIONS, WEIGHTS, allowances
from mmbench.results.run import MetricRow, Run, read_run
from mmbench.runner.execute.progress import Display, Progress, progress_of
from mmbench.runner.execute.signals import interruptible
from mmbench.runner.merging.merge import Merge
from mmbench.runner.merging.shards import check_alike, sharded_runs
from mmbench.scoring.prior import prior_values

__all__ = ["MergeResult", "merge"]


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The runs that a merge made."""

    runs: tuple[Run, ...]
    """One a model and seed, in the order in which their shards were named."""

    @property
    def paths(self) -> list[Path]:
        """The run directories."""
        return [run.path for run in self.runs]

    def rows(self) -> list[MetricRow]:
        """Every metric of every run."""
        return [row for run in self.runs for row in run.rows()]

    @property
    def models(self) -> list[SeedGroup]:
        """The runs, those that differ in seed alone put together."""
        return group_seeds(self.runs, self.tasks, names_are_models=True)

    @property
    def tasks(self) -> list[str]:
        """Full names of all tasks."""
        return list(dict.fromkeys(name for run in self.runs for name in run.tasks))

    @property
    def exit_code(self) -> int:
        """0; 4 where requests failed."""
        results = [task for run in self.runs for task in run.tasks.values()]
        return 4 if any(each.status not in ("complete", "incompatible") for each in results) else 0

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints: ``{"runs": [paths], "metrics": [rows]}``."""
        return {"runs": [str(path) for path in self.paths], "metrics": [row.to_dict() for row in self.rows()]}

    def __str__(self) -> str:
        return run_markdown(self.models, self.tasks)


def merge(
    shards: Any,
    *,
    allow: str | Iterable[str] = (),
    out: str | Path = RUNS,
    progress: bool | Progress = True,
) -> MergeResult:
    """Put the shards of runs (``mmbench run --shard K/N``) together: the same scores as those of a run by one command.

    All shards are checked before anything is written. A new run appears as a whole, beside the shards, which stay.

    Args:
        shards: Run directories of shards, or runs by path or name, which stand for all their shards. Those of several
            models and seeds are merged run by run.
        allow: ``foreign-source`` to import a Python file or module that a shard names as the source of a task; ``versions``
            to merge shards that were asked with other versions of packages; ``weights`` to merge shards of a model that
            learned other weights in each.
        out: The folder in which names are looked up.
        progress: Report on stderr (True), nowhere (False), or to an object.

    Returns:
        The runs.

    Raises:
        UsageError: If there are no such shards, or a task cannot be built.
        NotComparableError: If shards are missing, not asked to their end, damaged, or not of one run: nothing is written.
        RunFailedError: If the run cannot be written.

    Example:
        >>> import mmbench
        >>> mmbench.merge("results/runs/mymodel--1a2b3c4d").rows()[0].value  # doctest: +SKIP
        0.25
    """
    allowed = allowances(names_of(allow), (FOREIGN_SOURCE, VERSIONS, WEIGHTS))
    found = sharded_runs(references_of(shards), Path(out))
    problems: list[str] = []
    for each in found:
        try:
            check_alike(each, versions=VERSIONS in allowed, weights=WEIGHTS in allowed)
        except NotComparableError as error:
            problems.append(str(error))
    if problems:
        raise NotComparableError("\n".join(problems), problems)
    display = progress_of(progress)
    with interruptible():
        merges = [Merge(each, display, prior_values, foreign=FOREIGN_SOURCE in allowed) for each in found]
        for made in merges:
            made.check()
        return MergeResult(tuple(_written(merges, display)))


def _written(merges: Iterable[Merge], display: Display) -> Iterator[Run]:
    for each in merges:
        run = read_run(each.write())
        write_report(run)
        display.note(f"{run.model.name}: merged {each.sharded.of} shards")
        yield run
