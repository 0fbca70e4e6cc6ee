"""Pure functions on arrays, the metrics made from them, and their evaluation over tables.

Attributes load on first use, so that importing this package, or reading the catalogue, loads no numpy. The function
`mmbench.metrics.evaluate.evaluate` is imported from its module, whose name it shares.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mmbench.metrics.catalog import CATALOG, MetricCard

if TYPE_CHECKING:
    from mmbench.metrics.evaluate import evaluate_slices, merge_tables
    from mmbench.metrics.formulas import mean_metric, median_metric, ratio, weighted_median
    from mmbench.metrics.retrieval import (
        RankCounts,
        expected_pair,
        pair_metric,
        query_columns,
        rank_counts,
        retrieval_metrics,
    )

__all__ = [
    "CATALOG",
    "MetricCard",
    "RankCounts",
    "evaluate_slices",
    "expected_pair",
    "mean_metric",
    "median_metric",
    "merge_tables",
    "pair_metric",
    "query_columns",
    "rank_counts",
    "ratio",
    "retrieval_metrics",
    "weighted_median",
]

_MODULES = {
    "RankCounts": "retrieval",
    "evaluate_slices": "evaluate",
    "expected_pair": "retrieval",
    "mean_metric": "formulas",
    "median_metric": "formulas",
    "merge_tables": "evaluate",
    "pair_metric": "retrieval",
    "query_columns": "retrieval",
    "rank_counts": "retrieval",
    "ratio": "formulas",
    "retrieval_metrics": "retrieval",
    "weighted_median": "formulas",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
