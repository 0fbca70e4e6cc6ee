"""Sums that no order can change, and intervals that come from them.

Nothing here knows a metric, a task or a model: arrays go in, numbers come out.
"""

from mmbench.stats.intervals import (
    RESAMPLES,
    Z95,
    Bounds,
    Interval,
    bootstrap_interval,
    clustered_se,
    formula_statistic,
    mean_interval,
    resample_weights,
)
from mmbench.stats.sums import cluster_sums, exact_totals, on_grid

__all__ = [
    "RESAMPLES",
    "Z95",
    "Bounds",
    "Interval",
    "bootstrap_interval",
    "cluster_sums",
    "clustered_se",
    "exact_totals",
    "formula_statistic",
    "mean_interval",
    "on_grid",
    "resample_weights",
]
