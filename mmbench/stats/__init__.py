"""Statistics of scores: intervals, paired differences, tests, power, ranks, and the resampling and exact sums beneath them.

Nothing here knows a metric, a task or a model: arrays go in, numbers come out.
"""

from mmbench.stats.crossed import SeedSpread, difference_over_seeds, seed_spread
from mmbench.stats.differences import Difference
from mmbench.stats.distributions import t_quantile
from mmbench.stats.intervals import (
    ONE_CLUSTER,
    UNDEFINED,
    BootstrapMethod,
    Bounds,
    Interval,
    bootstrap_interval,
    clustered_se,
    formula_interval,
    mean_interval,
    naive_se,
    no_interval,
)
from mmbench.stats.paired import (
    paired_compute_difference,
    paired_difference,
    paired_mean_difference,
    paired_ratio_difference,
)
from mmbench.stats.power import (
    clusters_needed,
    design_effect,
    minimum_detectable_effect,
    paired_binary_sd,
    samples_needed,
)
from mmbench.stats.resampling import (
    RESAMPLES,
    Bootstrap,
    bootstrap,
    bootstrap_compute,
    bootstrap_formula,
    bootstrap_values,
    in_order,
)
from mmbench.stats.sign_flips import pairs_needed, sign_flip_p
from mmbench.stats.sums import cluster_sums, exact_totals
from mmbench.stats.tests import CORRECTIONS, Correction, corrected, fdr_bh, holm, mann_whitney, mcnemar_midp

__all__ = [
    "CORRECTIONS",
    "ONE_CLUSTER",
    "RESAMPLES",
    "UNDEFINED",
    "Bootstrap",
    "BootstrapMethod",
    "Bounds",
    "Correction",
    "Difference",
    "Interval",
    "SeedSpread",
    "bootstrap",
    "bootstrap_compute",
    "bootstrap_formula",
    "bootstrap_interval",
    "bootstrap_values",
    "cluster_sums",
    "clustered_se",
    "clusters_needed",
    "corrected",
    "design_effect",
    "difference_over_seeds",
    "exact_totals",
    "fdr_bh",
    "formula_interval",
    "holm",
    "in_order",
    "mann_whitney",
    "mcnemar_midp",
    "mean_interval",
    "minimum_detectable_effect",
    "naive_se",
    "no_interval",
    "paired_binary_sd",
    "paired_compute_difference",
    "paired_difference",
    "paired_mean_difference",
    "paired_ratio_difference",
    "pairs_needed",
    "samples_needed",
    "seed_spread",
    "sign_flip_p",
    "t_quantile",
]
