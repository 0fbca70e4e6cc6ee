"""Sums that no order can change, and intervals that come from them.

Nothing here knows a metric, a task or a model: arrays go in, numbers come out.
"""

from mmbench.stats.intervals import (
    RESAMPLES,
    Z95,
    Bounds,
    Interval,
    bootstrap_interval,
    bootstrap_values,
    clustered_se,
    formula_statistic,
    mean_interval,
    resample_weights,
)
from mmbench.stats.paired import (
    Difference,
    paired_compute_difference,
    paired_difference,
    paired_mean_difference,
    paired_ratio_difference,
)
from mmbench.stats.power import design_effect, minimum_detectable_effect, paired_binary_sd, samples_needed
from mmbench.stats.sums import cluster_sums, exact_totals, on_grid
from mmbench.stats.tests import holm, mann_whitney, mcnemar_midp

__all__ = [
    "RESAMPLES",
    "Z95",
    "Bounds",
    "Difference",
    "Interval",
    "bootstrap_interval",
    "bootstrap_values",
    "cluster_sums",
    "clustered_se",
    "design_effect",
    "exact_totals",
    "formula_statistic",
    "holm",
    "mann_whitney",
    "mcnemar_midp",
    "mean_interval",
    "minimum_detectable_effect",
    "on_grid",
    "paired_binary_sd",
    "paired_compute_difference",
    "paired_difference",
    "paired_mean_difference",
    "paired_ratio_difference",
    "resample_weights",
    "samples_needed",
]
