"""`mmbench.samples`: one row for each sample of stored runs, with what was asked, answered, scored and timed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbench.analysis.sample_rows import SampleRow, sample_columns, sample_rows
from mmbench.api.references import references_of
from mmbench.core.errors import ForeignSourceError, MissingExtraError, NotComparableError, UnknownNameError, UsageError
from mmbench.core.ids import names_of, tasks_named
from mmbench.core.spec import RUNS
from mmbench.resolve.allowances import FOREIGN_SOURCE, allowances
from mmbench.resolve.stored_samples import stored_samples
from mmbench.results.find import load_run
from mmbench.results.run import Run, TaskResult

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SampleRow", "frame_of", "read_samples", "samples", "samples_frame", "wanted_tasks"]


def samples(
    runs: Any, tasks: str | Iterable[str] = (), *, allow: str | Iterable[str] = (), out: str | Path = RUNS
) -> pd.DataFrame:
    """Every sample of stored runs as a table for pandas.

    Args:
        runs: A run directory, a name under `out`, what `mmbench.run` or `mmbench.load_run` returned, or several of these.
        tasks: Full names or families; empty for all tasks.
        allow: ``foreign-source`` to import a Python file or module that a run names as the source of a task; without it the
            columns of what was asked are empty for such a task.
        out: The folder of all runs.

    Returns:
        One row for each sample, task and run; the columns are those of `SampleRow.to_dict`. What was asked is read again
        from the task's data, and is null where these are not to be had or have changed.

    Raises:
        UsageError: If there is no such run or task.
        NotComparableError: If a file of a run is damaged, or of a newer schema.
        MissingExtraError: Without pandas.

    Example:
        >>> import mmbench
        >>> frame = mmbench.samples("mymodel", "vqa")  # doctest: +SKIP
        >>> frame[frame["vqa_accuracy"] == 0][["question", "answer", "references"]]  # doctest: +SKIP
    """
    return samples_frame([load_run(reference, out) for reference in references_of(runs)], tasks, allow)


def samples_frame(
    runs: Iterable[Run], tasks: str | Iterable[str] = (), allow: str | Iterable[str] = ()
) -> pd.DataFrame:
    """`samples` of runs that are read already."""
    columns = sample_columns(read_samples(runs, names_of(tasks), allow=names_of(allow)))
    return frame_of(columns, "samples()")


def frame_of(data: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]], feature: str) -> pd.DataFrame:
    """Columns or rows as a table for pandas. Raises `MissingExtraError`, which names the `feature`, without pandas."""
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError(feature, "pandas") from error
    return pd.DataFrame(data)


def read_samples(
    runs: Iterable[Run],
    tasks: Iterable[str] = (),
    *,
    allow: Iterable[str] = (),
    note: Callable[[str], None] = lambda _: None,
) -> Iterator[SampleRow]:
    """Read stored runs sample by sample, task by task.

    Args:
        runs: The runs.
        tasks: Full names or families; empty for all tasks.
        allow: As in `samples`.
        note: Takes a sentence for each task of which what was asked cannot be read.

    Yields:
        The samples of each task of each run.

    Raises:
        UnknownNameError: If no run has a task of that name.
        NotComparableError: If a file of a run is damaged.
    """
    foreign = FOREIGN_SOURCE in allowances(allow, (FOREIGN_SOURCE,))
    runs = list(runs)
    wanted = wanted_tasks(runs, tasks)
    for run in runs:
        for name, result in run.tasks.items():
            if name in wanted and result.status != "incompatible":
                yield from sample_rows(run, result, _asked(result, note, foreign=foreign))


def wanted_tasks(runs: Iterable[Run], tasks: Iterable[str]) -> set[str]:
    """Full names of the tasks with these names, or of these families; of all tasks for none. Raises `UnknownNameError`."""
    known = dict.fromkeys(name for run in runs for name in run.tasks)
    found: set[str] = set()
    given = list(tasks)
    for each in given:
        fitting = tasks_named(each, list(known))
        if not fitting:
            raise UnknownNameError("task of these runs", each, known)
        found.update(fitting)
    return found if given else set(known)


def _asked(result: TaskResult, note: Callable[[str], None], *, foreign: bool) -> Any:
    try:
        return stored_samples(result, foreign=foreign, note=lambda text: note(f"{result.name}: {text}"))
    except (ForeignSourceError, UsageError, NotComparableError) as error:
        note(f"{result.name}: what was asked is not known: {error}")
        return None
