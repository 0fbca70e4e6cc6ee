"""Pure functions on arrays, the metrics made from them, and their evaluation over tables.

Attributes load on first use, so that importing this package loads no numpy. The function
`mmbench.metrics.evaluate.evaluate` is imported from its module, whose name it shares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbench._lazy import lazy_exports

if TYPE_CHECKING:
    from mmbench.metrics.captions.columns import caption_columns, one_image_note, tokenised_columns
    from mmbench.metrics.captions.declarations import bleu, caption_metrics, cider_d, meteor, rouge_l, spice
    from mmbench.metrics.captions.java import meteor_columns, spice_columns
    from mmbench.metrics.captions.tokenize import ptb_tokenize, tokenize_captions
    from mmbench.metrics.classes import AVERAGES, ZERO_DIVISIONS, class_columns, f1
    from mmbench.metrics.declare import MetricMaker, metric
    from mmbench.metrics.evaluate import evaluate_slices, merge_tables
    from mmbench.metrics.formulas import accuracy, exact_match, mean_metric, median_metric, ratio, weighted_median
    from mmbench.metrics.registered import maker_named, metric_from_id
    from mmbench.metrics.regression import (
        CONVENTIONS,
        NONZERO,
        NUMBER,
        acc2,
        acc5,
        acc7,
        mae,
        number_columns,
        pearson,
        polarity_columns,
        polarity_name,
        same_class,
        sentiment_f1,
        sentiment_metrics,
    )
    from mmbench.metrics.retrieval.counts import RankCounts, Relevant, captions_of_images, chance_counts
    from mmbench.metrics.retrieval.declarations import (
        PROTOCOLS,
        TIES,
        Protocol,
        Ties,
        hit_rate,
        mean_rank,
        median_rank,
        mrr,
        pair_metric,
        recall,
        retrieval_metrics,
    )
    from mmbench.metrics.retrieval.expected import query_columns
    from mmbench.metrics.retrieval.pairs import expected_pair
    from mmbench.metrics.retrieval.protocols import folded_columns, folds_of_images
    from mmbench.metrics.retrieval.ranks import rank_both, rank_counts
    from mmbench.metrics.vqa import (
        DEFAULT_VARIANT,
        EXACT,
        NORMALISED,
        OFFICIAL,
        VQA_VARIANTS,
        vqa_accuracies,
        vqa_accuracy,
        vqa_metric,
    )

__all__ = [
    "AVERAGES",
    "CONVENTIONS",
    "DEFAULT_VARIANT",
    "EXACT",
    "NONZERO",
    "NORMALISED",
    "NUMBER",
    "OFFICIAL",
    "PROTOCOLS",
    "TIES",
    "VQA_VARIANTS",
    "ZERO_DIVISIONS",
    "MetricMaker",
    "Protocol",
    "RankCounts",
    "Relevant",
    "Ties",
    "acc2",
    "acc5",
    "acc7",
    "accuracy",
    "bleu",
    "caption_columns",
    "caption_metrics",
    "captions_of_images",
    "chance_counts",
    "cider_d",
    "class_columns",
    "evaluate_slices",
    "exact_match",
    "expected_pair",
    "f1",
    "folded_columns",
    "folds_of_images",
    "hit_rate",
    "mae",
    "maker_named",
    "mean_metric",
    "mean_rank",
    "median_metric",
    "median_rank",
    "merge_tables",
    "meteor",
    "meteor_columns",
    "metric",
    "metric_from_id",
    "mrr",
    "number_columns",
    "one_image_note",
    "pair_metric",
    "pearson",
    "polarity_columns",
    "polarity_name",
    "ptb_tokenize",
    "query_columns",
    "rank_both",
    "rank_counts",
    "ratio",
    "recall",
    "retrieval_metrics",
    "rouge_l",
    "same_class",
    "sentiment_f1",
    "sentiment_metrics",
    "spice",
    "spice_columns",
    "tokenised_columns",
    "tokenize_captions",
    "vqa_accuracies",
    "vqa_accuracy",
    "vqa_metric",
    "weighted_median",
]

_EXPORTS = {
    "mmbench.metrics.captions.columns": "caption_columns one_image_note tokenised_columns",
    "mmbench.metrics.captions.java": "meteor_columns spice_columns",
    "mmbench.metrics.captions.declarations": "bleu caption_metrics cider_d meteor rouge_l spice",
    "mmbench.metrics.captions.tokenize": "ptb_tokenize tokenize_captions",
    "mmbench.metrics.classes": "AVERAGES ZERO_DIVISIONS class_columns f1",
    "mmbench.metrics.declare": "MetricMaker metric",
    "mmbench.metrics.evaluate": "evaluate_slices merge_tables",
    "mmbench.metrics.formulas": "accuracy exact_match mean_metric median_metric ratio weighted_median",
    "mmbench.metrics.registered": "maker_named metric_from_id",
    "mmbench.metrics.regression": "CONVENTIONS NONZERO NUMBER acc2 acc5 acc7 mae number_columns pearson polarity_columns polarity_name same_class sentiment_f1 sentiment_metrics",
    "mmbench.metrics.retrieval.counts": "RankCounts Relevant captions_of_images chance_counts",
    "mmbench.metrics.retrieval.expected": "query_columns",
    "mmbench.metrics.retrieval.declarations": "PROTOCOLS TIES Protocol Ties hit_rate mean_rank median_rank mrr pair_metric recall retrieval_metrics",
    "mmbench.metrics.retrieval.pairs": "expected_pair",
    "mmbench.metrics.retrieval.protocols": "folded_columns folds_of_images",
    "mmbench.metrics.retrieval.ranks": "rank_both rank_counts",
    "mmbench.metrics.vqa": "DEFAULT_VARIANT EXACT NORMALISED OFFICIAL VQA_VARIANTS vqa_accuracies vqa_accuracy vqa_metric",
}
__getattr__, __dir__ = lazy_exports(__name__, {module: tuple(names.split()) for module, names in _EXPORTS.items()})
