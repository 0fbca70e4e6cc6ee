"""`mmbench.compare`: two runs, sample by sample."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmbench.analysis.choose import chosen, distinct
from mmbench.analysis.variants import checked_allowances, matched
from mmbench.api.references import references_of
from mmbench.comparison.differences import Comparison, compare_runs
from mmbench.comparison.families import with_correction
from mmbench.comparison.over_seeds import check_seeds, compare_seeds
from mmbench.core.errors import OptionError
from mmbench.core.ids import names_of
from mmbench.core.spec import RUNS
from mmbench.resolve.current import STALE, load_current
from mmbench.stats import CORRECTIONS, Correction

__all__ = ["Comparison", "compare"]


def compare(  # noqa: PLR0913  # the options of the command
    a: Any,
    b: Any,
    *,
    tasks: str | Iterable[str] = (),
    metrics: str | Iterable[str] = (),
    slices: bool = True,
    allow: str | Iterable[str] = (),
    correction: Correction = "holm",
    out: str | Path = RUNS,
) -> Comparison:
    """Compare run `b`, the candidate, with run `a`, the reference, on what both have; no model and no network is needed.

    Args:
        a: The reference: a run directory, a saved baseline, the name of a model or an alias that has runs under `out`, or
            what `mmbench.run` or `mmbench.load_run` returned. Several are seeds of one model, and then so are those of `b`: their
            means are compared, over samples and seeds.
        b: The candidate, in the same forms.
        tasks: Full names or families; empty for all.
        metrics: Metrics, ``ID`` or ``TASK:ID``; empty for all.
        slices: Compare slices too: the primary metrics, or those that are named.
        allow: What may differ in what was asked or how it was scored: ``prompt``, ``extractor``, ``generation``. Variants of
            a task are then compared with each other. ``stale``: a run may be named by a model whose file has changed since.
        correction: How the p-values of a task are corrected for how many there are: ``holm``, ``fdr_bh`` or ``none``. Its
            primary metrics are one family, or those that are named; slices are not corrected.
        out: The folder of all runs.

    Returns:
        `Comparison.metrics` has, for every metric, the two values over the units that both have, and the paired difference
        with interval, p-value, corrected p-value (`p_adjusted`), minimum detectable effect and counts.
        `Comparison.refused` says of every task that does not compare why.

    Raises:
        UsageError: For a run, task, metric or correction that is not there.
        StaleRunError: If a run is named by its model and the model's file has changed since.
        NotComparableError: For files that are damaged, or of a newer schema.

    Example:
        >>> import mmbench
        >>> difference = mmbench.compare("concat", "mymodel").metrics[0].difference  # doctest: +SKIP
        >>> difference.low, difference.value, difference.high  # doctest: +SKIP
        (0.011, 0.023, 0.035)
    """
    if correction not in CORRECTIONS:
        raise OptionError("correction", correction, f"one of {', '.join(CORRECTIONS)}")
    allowed = checked_allowances(names_of(allow), (STALE,))
    first, second = references_of(a), references_of(b)
    sides = distinct(load_current([*first, *second], Path(out), allowed)[0])
    allowed -= {STALE}
    references, candidates = sides[: len(first)], sides[len(first) :]
    if several := len(first) > 1 or len(second) > 1:
        check_seeds(references, candidates)
    elif allowed:
        sides = [*matched(*sides)]
    wanted = chosen(sides, names_of(tasks), [metrics] if isinstance(metrics, str) else metrics)
    if several:
        found = compare_seeds(references, candidates, *wanted, slices=slices, allow=allowed)
    else:
        found = compare_runs(sides[0], sides[1], *wanted, slices=slices, allow=allowed)
    return with_correction(found, correction, every=bool(metrics))
