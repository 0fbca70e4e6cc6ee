"""Units whose answer in one run says nothing to a metric: they are compared in neither."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mmbench.analysis.joins import Joined, is_silent
from mmbench.core.metric import Metric

Floats = NDArray[np.float64]


def without_silent(metric: Metric, rows: tuple[Floats, Floats], joined: Joined) -> tuple[Joined, tuple[int, int]]:
    """Leave out the units that one of the two runs did not answer, where a metric is over answers alone.

    A mean error over the answers that hold a number falls when a model keeps silent where it errs. Two such values are therefore
    compared over the units that both answered (`is_silent`).

    Args:
        metric: The metric.
        rows: What the metric reads of the whole tables of both runs, float64 [rows, d] each.
        joined: The two tables.

    Returns:
        The tables joined without these units, and the numbers of units not answered in the reference and in the candidate.
    """
    silent = [
        is_silent(metric, own[places], status[places])
        for own, places, status in (
            (rows[0], joined.rows_a, joined.status_a),
            (rows[1], joined.rows_b, joined.status_b),
        )
    ]
    either = silent[0] | silent[1]
    if not either.any():
        return joined, (0, 0)
    kept = replace(
        joined,
        rows_a=joined.rows_a[~either],
        rows_b=joined.rows_b[~either],
        clusters=np.unique(joined.clusters[~either], return_inverse=True)[1].astype(np.int64, copy=False),
    )
    return kept, (int(silent[0].sum()), int(silent[1].sum()))
