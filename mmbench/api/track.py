"""`mmbench.track`: send stored runs to experiment trackers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from mmbench.api.keywords import check_keywords
from mmbench.api.references import references_of
from mmbench.core.errors import NotComparableError, RunFailedError, UsageError
from mmbench.core.ids import names_of
from mmbench.core.spec import RUNS
from mmbench.resolve.allowances import FOREIGN_SOURCE, allowances
from mmbench.results.find import load_run
from mmbench.runner.execute.progress import Progress, progress_of
from mmbench.tracking.process import Followers
from mmbench.tracking.wanted import SAMPLES, wanted_trackers

__all__ = ["TrackOptions", "track"]

LONG_S = 600.0
"""Seconds that are waited for trackers, unless it is said otherwise."""


class TrackOptions(TypedDict, total=False):
    """Options of `track`."""

    tracker_args: Mapping[str, Any]
    """Options of the trackers; each gets those that it has."""
    samples: int
    """Samples of a task that are sent, spread over how they went; 0: none."""
    wait: float
    """Seconds to wait for the trackers."""
    allow: str | Iterable[str]
    """``foreign-source`` to import a Python file or module that a run names as the source of a task, for questions and images."""
    out: str | Path
    """The folder of all runs."""
    progress: bool | Progress
    """Report on stderr, nowhere, or to an object."""


def track(runs: Any, to: str | Iterable[str], **options: Unpack[TrackOptions]) -> None:
    """Send stored runs to experiment trackers. A run that was sent before is written over, not sent twice.

    Args:
        runs: A run directory, a name under `out`, what `mmbench.run` or `mmbench.load_run` returned, or several of these.
        to: Names of trackers: ``wandb``, ``tensorboard``, ``mlflow``, or that of a plug-in (``mmbench list trackers``).
        options: As `TrackOptions`.

    Raises:
        UsageError: For runs, trackers and options that do not exist, and where a tracker's library is not installed.
        NotComparableError: If a run is damaged, of a newer schema, or has no task with scores.
        RunFailedError: If a tracker fails, or does not finish in time.

    Example:
        >>> import mmbench
        >>> mmbench.track("mymodel", "tensorboard")  # doctest: +SKIP
    """
    check_keywords(options, TrackOptions, "mmbench.track")
    names = names_of(to)
    if not names:
        raise UsageError("name at least one tracker; see: mmbench list trackers")
    tracking = wanted_trackers(
        names, options.get("tracker_args") or {}, options.get("samples", SAMPLES), options.get("wait", LONG_S)
    )
    allowed = allowances(names_of(options.get("allow", ())), (FOREIGN_SOURCE,))
    tracking = replace(tracking, foreign=FOREIGN_SOURCE in allowed)
    out = options.get("out", RUNS)
    read = [load_run(reference, out) for reference in references_of(runs)]
    if not read:
        raise UsageError("name at least one run to send")
    for run in read:
        if not (run.path / "run.json").is_file():
            raise UsageError(f"{run.path} is a saved baseline and keeps no answers: name a run directory")
        if all(result.scores is None for result in run.tasks.values()):
            raise NotComparableError(f"{run.path} has no task with scores: there is nothing to send")
    display = progress_of(options.get("progress", True))
    with Followers(tracking, display.note, display.problem, loud=True) as followers:
        for run in read:
            followers.began(run.path)
            followers.ended(run.path)
    if followers.failed:
        raise RunFailedError("; ".join(f"{name}: {why}" for name, why in followers.failed.items()))
