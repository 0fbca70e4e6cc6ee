"""`mmbench.metrics_frame` and `mmbench.perf_frame`: the values and speeds of stored runs as tables for pandas."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbench.analysis.frame_rows import metric_rows, perf_rows
from mmbench.analysis.stored_metrics import with_slices
from mmbench.api.references import references_of
from mmbench.api.samples import frame_of, wanted_tasks
from mmbench.core.ids import names_of
from mmbench.core.spec import RUNS
from mmbench.results.find import load_run
from mmbench.results.run import Run

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["metrics_frame", "metrics_of", "perf_frame", "perf_of"]


def metrics_frame(runs: Any, tasks: str | Iterable[str] = (), *, out: str | Path = RUNS) -> pd.DataFrame:
    """Every value of stored runs as a table for pandas.

    Args:
        runs: Run directories, names under `out`, saved baselines, or what `mmbench.run` or `mmbench.load_run` returned; one or
            several.
        tasks: Full names or families; empty for all tasks.
        out: The folder of all runs.

    Returns:
        One row for each metric of each task and run, over all units and by slice; the columns are those of
        `mmbench.analysis.frame_rows.metric_rows`. Values are in the metric's own range: tables multiply them by ``scale``.

    Raises:
        UsageError: If there is no such run or task.
        NotComparableError: If a file of a run is damaged, or of a newer schema.
        MissingExtraError: Without pandas.

    Example:
        >>> import mmbench
        >>> frame = mmbench.metrics_frame(["results/reference/concat-seed0.json", "results/reference/late-seed0.json"], "vqa/scenes")
        >>> whole = frame[frame["slice"].isna() & (frame["metric"] == "accuracy")]
        >>> whole[["model", "value", "low", "high"]].round(3)
                model  value    low   high
        0   concat  0.858  0.841  0.875
        10    late  0.413  0.405  0.421
    """
    return metrics_of([load_run(reference, out) for reference in references_of(runs)], tasks)


def perf_frame(runs: Any, tasks: str | Iterable[str] = (), *, out: str | Path = RUNS) -> pd.DataFrame:
    """Every figure of speed, memory, energy and cost of stored runs as a table for pandas.

    Args:
        runs: As of `metrics_frame`.
        tasks: Full names or families; empty for all tasks.
        out: The folder of all runs.

    Returns:
        One row for each figure of each scenario, task and run; the columns are those of
        `mmbench.analysis.frame_rows.perf_rows`. Figures whose ``valid`` is False must not be quoted.

    Raises:
        UsageError: If there is no such run or task.
        NotComparableError: If a file of a run is damaged, or of a newer schema.
        MissingExtraError: Without pandas.

    Example:
        >>> import mmbench
        >>> frame = mmbench.perf_frame("results/reference/concat-seed0.json", "vqa/scenes")
        >>> frame[frame["figure"] == "samples_per_s"][["model", "scenario", "unit", "valid"]]
            model scenario unit  valid
        0  concat  quality  1/s   True
    """
    return perf_of([load_run(reference, out) for reference in references_of(runs)], tasks)


def metrics_of(runs: Iterable[Run], tasks: str | Iterable[str] = ()) -> pd.DataFrame:
    """`metrics_frame` of runs that are read already."""
    read = list(runs)
    wanted = wanted_tasks(read, names_of(tasks))
    chosen = [replace(run, tasks={name: run.tasks[name] for name in run.tasks if name in wanted}) for run in read]
    return frame_of([row for run in chosen for row in metric_rows(with_slices(run), run.tasks)], "metrics()")


def perf_of(runs: Iterable[Run], tasks: str | Iterable[str] = ()) -> pd.DataFrame:
    """`perf_frame` of runs that are read already."""
    read = list(runs)
    wanted = wanted_tasks(read, names_of(tasks))
    rows = [row for run in read for row in perf_rows(run, [name for name in run.tasks if name in wanted])]
    return frame_of(rows, "perf()")
