"""`mmbench.workers`: have more or fewer workers ask a run that is under way."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmbench.api.references import reference_of
from mmbench.core.errors import DamagedFileError, OptionError, UsageError
from mmbench.core.spec import RUNS
from mmbench.resolve import forms
from mmbench.results.find import find_run
from mmbench.results.rundir import RunDirectory, shown_path

__all__ = ["WorkerCount", "workers"]

_MOST = 999_999_999
"""The largest number that a run reads (`RunDirectory.read_workers`)."""


@dataclass(frozen=True, slots=True)
class WorkerCount:
    """How many workers a run is asked by that is under way."""

    path: Path
    """The run directory."""
    before: int | None
    """Workers that there were to be until now; None where the file that says so held no number."""
    count: int
    """Workers that there are to be from now on."""

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints: ``{"path", "before", "workers"}``."""
        return {"path": str(self.path), "before": self.before, "workers": self.count}


def workers(run: Any, count: int | None = None, *, out: str | Path = RUNS) -> WorkerCount:
    """Say how many workers a run under way is asked by, or have it asked by more or fewer.

    The process that runs it looks once a second. Further workers open the model first; those that leave end what they are
    answering. The scores stay the same bytes, and speed measured with a number that changed is marked so.

    Args:
        run: A run directory, or a name that finds one.
        count: Workers that there are to be; None: as many as there are.
        out: The folder in which names are looked up.

    Returns:
        How many there were to be, and are to be.

    Raises:
        RunNotFoundError: If there is no such run.
        OptionError: If `count` is not a whole number from 1 to 999,999,999; the run itself refuses what is too many for it.
        UsageError: If the run is not under way, or is asked by one process without workers.
        RunFailedError: If the number cannot be written.

    Example:
        >>> import mmbench
        >>> mmbench.workers("mymodel", 4).before  # doctest: +SKIP
        2
    """
    directory = find_run(reference_of(run), Path(out))
    if count is None:
        there_are = _workers_of(directory)
        return WorkerCount(directory.path, there_are, there_are)
    try:
        forms.number(least=1, most=_MOST).read(forms.whole().read(count))
    except (TypeError, ValueError):
        expected = f"a whole number from 1 to {_MOST:,} (Ctrl-C in the terminal of a run ends it)"
        raise OptionError("the number of workers", count, expected) from None
    before: int | None = None
    with contextlib.suppress(DamagedFileError):  # which is mended by this
        before = _workers_of(directory)
    if count != before:
        directory.write_workers(count)
    return WorkerCount(directory.path, before, count)


def _workers_of(directory: RunDirectory) -> int:
    place = shown_path(directory.path)
    if not directory.is_locked():
        raise UsageError(f"{place} is not under way; --workers N says with how many workers mmbench run begins")
    found = directory.read_workers()
    if found is None:
        raise UsageError(
            f"{place} is not asked by workers now; where it was started without --workers, press Ctrl-C there and give "
            "the same command with --workers N: it goes on where it was"
        )
    return found
