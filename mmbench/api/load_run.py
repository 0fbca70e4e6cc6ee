"""`mmbench.load_run`: read a stored run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mmbench.api.references import reference_of
from mmbench.core.spec import RUNS
from mmbench.results import find
from mmbench.results.run import Run

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd

__all__ = ["StoredRun", "load_run"]


class StoredRun(Run):
    """A run as it lies on disk, with tables of it for pandas."""

    def samples(self, tasks: str | Iterable[str] = (), *, allow: str | Iterable[str] = ()) -> pd.DataFrame:
        """One row for each sample and task: what was asked, answered, scored and timed; see `mmbench.samples`.

        Args:
            tasks: Full names or families; empty for all tasks.
            allow: ``foreign-source`` to import a Python file or module that the run names as the source of a task.

        Returns:
            The columns of `mmbench.analysis.sample_rows.SampleRow.to_dict`.

        Raises:
            MissingExtraError: Without pandas.
            NotComparableError: If a file of the run is damaged.
        """
        from mmbench.api.samples import samples_frame

        return samples_frame([self], tasks, allow)

    def metrics(self, tasks: str | Iterable[str] = ()) -> pd.DataFrame:
        """One row for each metric and slice; see `mmbench.metrics_frame`. `rows` has the same without pandas.

        Args:
            tasks: Full names or families; empty for all tasks.

        Raises:
            MissingExtraError: Without pandas.
        """
        from mmbench.api.frames import metrics_of

        return metrics_of([self], tasks)

    def perf(self, tasks: str | Iterable[str] = ()) -> pd.DataFrame:
        """One row for each figure of speed; see `mmbench.perf_frame`.

        Args:
            tasks: Full names or families; empty for all tasks.

        Raises:
            MissingExtraError: Without pandas.
        """
        from mmbench.api.frames import perf_of

        return perf_of([self], tasks)


def load_run(reference: Any, out: str | Path = RUNS) -> StoredRun:
    """Read a stored run.

    Args:
        reference: A run directory, a file that ``mmbench baseline save`` made, a model's name, the beginning of the name of
            one folder under `out`, or anything with a ``path``, such as what `mmbench.run` returned.
        out: The folder in which names are looked up.

    Returns:
        The run; its score tables and answers are read when they are first used.

    Raises:
        RunNotFoundError: If there is no such run.
        AmbiguousRunError: If the name is the beginning of several runs' names.
        NotComparableError: If a file of the run is damaged, or of a newer schema than this mmbench knows.

    Example:
        >>> import mmbench
        >>> run = mmbench.load_run("mymodel")  # doctest: +SKIP
        >>> run.samples()[["id", "answer", "status"]].head()  # doctest: +SKIP
    """
    found = find.load_run(reference_of(reference), out)
    return StoredRun(found.path, found.record, found.tasks, found.label)
