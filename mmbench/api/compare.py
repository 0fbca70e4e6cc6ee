"""`mmbench.compare`: two runs, sample by sample."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbench.core.ids import names_of
from mmbench.core.spec import RUNS

if TYPE_CHECKING:
    from mmbench.comparison.differences import Comparison

__all__ = ["compare"]


def compare(
    a: Any,
    b: Any,
    *,
    tasks: str | Iterable[str] = (),
    metrics: str | Iterable[str] = (),
    slices: bool = True,
    out: str | Path = RUNS,
) -> Comparison:
    """Compare run `b`, the candidate, with run `a`, the reference, on what both have; no model and no network is needed.

    Parameters: `a` and `b`, a run directory, a name under `out`, or what `mmbench.run` returned; `tasks` and `metrics`,
    names, empty for all; `slices`, also by slice, the primary metrics or those that are named.

    Returns: `Comparison.metrics` has, for every metric, the two values over the units that both have and the paired difference
    with interval, p-value, minimum detectable effect and counts; `Comparison.refused` says of every task that does not compare
    why. Raises `UsageError` and its kin for a run, task or metric that is not there, `NotComparableError` for damaged runs.
    """
    from mmbench.comparison.choose import chosen, distinct
    from mmbench.comparison.differences import compare_runs
    from mmbench.results.find import load_run

    sides = distinct([load_run(getattr(each, "path", each), Path(out)) for each in (a, b)])
    wanted = chosen(sides, names_of(tasks), [metrics] if isinstance(metrics, str) else metrics)
    return compare_runs(sides[0], sides[1], *wanted, slices=slices)
