"""Pure functions on arrays, the metrics made from them, and their evaluation over tables.

Attributes load on first use, so that importing this package, or reading the catalogue, loads no numpy. The function
`mmbench.metrics.evaluate.evaluate` is imported from its module, whose name it shares.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mmbench.metrics.catalog import CATALOG, MetricCard

if TYPE_CHECKING:
    from mmbench.metrics.captions.columns import caption_columns, one_image_note, tokenised_columns
    from mmbench.metrics.captions.java import meteor_columns, spice_columns
    from mmbench.metrics.captions.metrics import caption_metrics
    from mmbench.metrics.captions.tokenize import ptb_tokenize
    from mmbench.metrics.classes import class_columns, f1_metric
    from mmbench.metrics.evaluate import evaluate_slices, merge_tables
    from mmbench.metrics.formulas import mean_metric, median_metric, ratio, weighted_median
    from mmbench.metrics.regression import number_columns, number_metrics, sentiment_metrics
    from mmbench.metrics.retrieval import (
        RankCounts,
        captions_of_images,
        expected_pair,
        pair_metric,
        query_columns,
        rank_both,
        rank_counts,
        retrieval_metrics,
    )
    from mmbench.metrics.vqa import VQA_VARIANTS, vqa_accuracies, vqa_accuracy, vqa_metric

__all__ = [
    "CATALOG",
    "VQA_VARIANTS",
    "MetricCard",
    "RankCounts",
    "caption_columns",
    "caption_metrics",
    "captions_of_images",
    "class_columns",
    "evaluate_slices",
    "expected_pair",
    "f1_metric",
    "mean_metric",
    "median_metric",
    "merge_tables",
    "meteor_columns",
    "number_columns",
    "number_metrics",
    "one_image_note",
    "pair_metric",
    "ptb_tokenize",
    "query_columns",
    "rank_both",
    "rank_counts",
    "ratio",
    "retrieval_metrics",
    "sentiment_metrics",
    "spice_columns",
    "tokenised_columns",
    "vqa_accuracies",
    "vqa_accuracy",
    "vqa_metric",
    "weighted_median",
]

_MODULES = {
    "RankCounts": "retrieval",
    "VQA_VARIANTS": "vqa",
    "caption_columns": "captions.columns",
    "caption_metrics": "captions.metrics",
    "captions_of_images": "retrieval",
    "class_columns": "classes",
    "evaluate_slices": "evaluate",
    "expected_pair": "retrieval",
    "f1_metric": "classes",
    "mean_metric": "formulas",
    "median_metric": "formulas",
    "merge_tables": "evaluate",
    "meteor_columns": "captions.java",
    "number_columns": "regression",
    "number_metrics": "regression",
    "one_image_note": "captions.columns",
    "pair_metric": "retrieval",
    "ptb_tokenize": "captions.tokenize",
    "query_columns": "retrieval",
    "rank_both": "retrieval",
    "rank_counts": "retrieval",
    "ratio": "formulas",
    "retrieval_metrics": "retrieval",
    "sentiment_metrics": "regression",
    "spice_columns": "captions.java",
    "tokenised_columns": "captions.columns",
    "vqa_accuracies": "vqa",
    "vqa_accuracy": "vqa",
    "vqa_metric": "vqa",
    "weighted_median": "formulas",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
