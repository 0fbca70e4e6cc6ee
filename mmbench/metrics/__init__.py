"""Pure functions on arrays, the metrics made from them, and their evaluation over tables.

Attributes load on first use, so that importing this package, or reading the catalogue, loads no numpy. The function
`mmbench.metrics.evaluate.evaluate` is imported from its module, whose name it shares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbench._lazy import lazy_exports
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

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "mmbench.metrics.retrieval": (
            "RankCounts",
            "captions_of_images",
            "expected_pair",
            "pair_metric",
            "query_columns",
            "rank_both",
            "rank_counts",
            "retrieval_metrics",
        ),
        "mmbench.metrics.vqa": ("VQA_VARIANTS", "vqa_accuracies", "vqa_accuracy", "vqa_metric"),
        "mmbench.metrics.captions.columns": ("caption_columns", "one_image_note", "tokenised_columns"),
        "mmbench.metrics.captions.metrics": ("caption_metrics",),
        "mmbench.metrics.classes": ("class_columns", "f1_metric"),
        "mmbench.metrics.evaluate": ("evaluate_slices", "merge_tables"),
        "mmbench.metrics.formulas": ("mean_metric", "median_metric", "ratio", "weighted_median"),
        "mmbench.metrics.captions.java": ("meteor_columns", "spice_columns"),
        "mmbench.metrics.regression": ("number_columns", "number_metrics", "sentiment_metrics"),
        "mmbench.metrics.captions.tokenize": ("ptb_tokenize",),
    },
)
