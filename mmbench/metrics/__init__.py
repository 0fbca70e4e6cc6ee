"""Pure functions on arrays, the metrics made from them, and their evaluation over tables.

Attributes load on first use, so that importing this package loads no numpy. The function
`mmbench.metrics.evaluate.evaluate` is imported from its module, whose name it shares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbench._lazy import lazy_exports

if TYPE_CHECKING:
    from mmbench.metrics.answers.mathvision import latex_value, mathvision_extract, mathvision_match
    from mmbench.metrics.answers.mathvista import mathvista_match, mathvista_typed
    from mmbench.metrics.answers.mmmu import mmmu_choice, mmmu_open_candidates, mmmu_open_match
    from mmbench.metrics.answers.relaxed import relaxed_accuracy, relaxed_match
    from mmbench.metrics.answers.similarity import anls, anls_metric, levenshtein
    from mmbench.metrics.answers.strings import direct_answer_score, gqa_match, ocrbench_match, realworldqa_match
    from mmbench.metrics.binary import (
        auroc,
        average_precision,
        binary_columns,
        binary_f1,
        binary_recall,
        positive_rate,
        precision,
        score_column,
    )
    from mmbench.metrics.captions.columns import caption_columns, tokenised_columns
    from mmbench.metrics.captions.declarations import bleu, caption_metrics, cider_d, meteor, rouge_l, spice
    from mmbench.metrics.captions.java import meteor_columns, spice_columns
    from mmbench.metrics.captions.remarks import caption_remarks
    from mmbench.metrics.captions.tokenize import ptb_tokenize, tokenize_captions
    from mmbench.metrics.classes import AVERAGES, ZERO_DIVISIONS, class_columns, f1, multilabel_columns, samples_f1
    from mmbench.metrics.declare import MetricMaker, metric
    from mmbench.metrics.evaluate import evaluate_slices
    from mmbench.metrics.formulas import (
        accuracy,
        direct_answers,
        exact_match,
        mean_metric,
        median_metric,
        ratio,
        rule_accuracy,
        weighted_median,
    )
    from mmbench.metrics.groups import accuracy_plus, circular_accuracy, consistency, group_accuracy, group_table
    from mmbench.metrics.merging import merge_tables
    from mmbench.metrics.mme import mme_cognition, mme_columns, mme_perception
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
        ndcg,
        pair_metric,
        recall,
        retrieval_metrics,
    )
    from mmbench.metrics.retrieval.expected import query_columns
    from mmbench.metrics.retrieval.late_interaction import expected_pair_late, max_sim, rank_late
    from mmbench.metrics.retrieval.pairs import expected_pair
    from mmbench.metrics.retrieval.protocols import folded_columns, folds_of_images
    from mmbench.metrics.retrieval.ranks import rank_both, rank_counts
    from mmbench.metrics.translation.columns import translation_columns
    from mmbench.metrics.translation.declarations import chrf, sacrebleu
    from mmbench.metrics.translation.tokenize import tokenize_13a
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
    "accuracy_plus",
    "anls",
    "anls_metric",
    "auroc",
    "average_precision",
    "binary_columns",
    "binary_f1",
    "binary_recall",
    "bleu",
    "caption_columns",
    "caption_metrics",
    "caption_remarks",
    "captions_of_images",
    "chance_counts",
    "chrf",
    "cider_d",
    "circular_accuracy",
    "class_columns",
    "consistency",
    "direct_answer_score",
    "direct_answers",
    "evaluate_slices",
    "exact_match",
    "expected_pair",
    "expected_pair_late",
    "f1",
    "folded_columns",
    "folds_of_images",
    "gqa_match",
    "group_accuracy",
    "group_table",
    "hit_rate",
    "latex_value",
    "levenshtein",
    "mae",
    "maker_named",
    "mathvision_extract",
    "mathvision_match",
    "mathvista_match",
    "mathvista_typed",
    "max_sim",
    "mean_metric",
    "mean_rank",
    "median_metric",
    "median_rank",
    "merge_tables",
    "meteor",
    "meteor_columns",
    "metric",
    "metric_from_id",
    "mme_cognition",
    "mme_columns",
    "mme_perception",
    "mmmu_choice",
    "mmmu_open_candidates",
    "mmmu_open_match",
    "mrr",
    "multilabel_columns",
    "ndcg",
    "number_columns",
    "ocrbench_match",
    "pair_metric",
    "pearson",
    "polarity_columns",
    "polarity_name",
    "positive_rate",
    "precision",
    "ptb_tokenize",
    "query_columns",
    "rank_both",
    "rank_counts",
    "rank_late",
    "ratio",
    "realworldqa_match",
    "recall",
    "relaxed_accuracy",
    "relaxed_match",
    "retrieval_metrics",
    "rouge_l",
    "rule_accuracy",
    "sacrebleu",
    "same_class",
    "samples_f1",
    "score_column",
    "sentiment_f1",
    "sentiment_metrics",
    "spice",
    "spice_columns",
    "tokenised_columns",
    "tokenize_13a",
    "tokenize_captions",
    "translation_columns",
    "vqa_accuracies",
    "vqa_accuracy",
    "vqa_metric",
    "weighted_median",
    "winoground",
]

_EXPORTS = {
    "mmbench.metrics.answers.mathvision": "latex_value mathvision_extract mathvision_match",
    "mmbench.metrics.answers.mathvista": "mathvista_match mathvista_typed",
    "mmbench.metrics.answers.mmmu": "mmmu_choice mmmu_open_candidates mmmu_open_match",
    "mmbench.metrics.answers.relaxed": "relaxed_accuracy relaxed_match",
    "mmbench.metrics.answers.similarity": "anls anls_metric levenshtein",
    "mmbench.metrics.answers.strings": "direct_answer_score gqa_match ocrbench_match realworldqa_match",
    "mmbench.metrics.binary": "auroc average_precision binary_columns binary_f1 binary_recall positive_rate precision score_column",
    "mmbench.metrics.captions.columns": "caption_columns tokenised_columns",
    "mmbench.metrics.captions.declarations": "bleu caption_metrics cider_d meteor rouge_l spice",
    "mmbench.metrics.captions.java": "meteor_columns spice_columns",
    "mmbench.metrics.captions.remarks": "caption_remarks",
    "mmbench.metrics.captions.tokenize": "ptb_tokenize tokenize_captions",
    "mmbench.metrics.classes": "AVERAGES ZERO_DIVISIONS class_columns f1 multilabel_columns samples_f1",
    "mmbench.metrics.declare": "MetricMaker metric",
    "mmbench.metrics.evaluate": "evaluate_slices",
    "mmbench.metrics.merging": "merge_tables",
    "mmbench.metrics.formulas": "accuracy direct_answers exact_match mean_metric median_metric ratio rule_accuracy weighted_median",
    "mmbench.metrics.groups": "accuracy_plus circular_accuracy consistency group_accuracy group_table",
    "mmbench.metrics.mme": "mme_cognition mme_columns mme_perception",
    "mmbench.metrics.registered": "maker_named metric_from_id",
    "mmbench.metrics.regression": "CONVENTIONS NONZERO NUMBER acc2 acc5 acc7 mae number_columns pearson polarity_columns polarity_name same_class sentiment_f1 sentiment_metrics",
    "mmbench.metrics.retrieval.counts": "RankCounts Relevant captions_of_images chance_counts",
    "mmbench.metrics.retrieval.declarations": "PROTOCOLS Protocol TIES Ties hit_rate mean_rank median_rank mrr ndcg pair_metric recall retrieval_metrics winoground",
    "mmbench.metrics.retrieval.expected": "query_columns",
    "mmbench.metrics.retrieval.late_interaction": "expected_pair_late max_sim rank_late",
    "mmbench.metrics.retrieval.pairs": "expected_pair",
    "mmbench.metrics.retrieval.protocols": "folded_columns folds_of_images",
    "mmbench.metrics.retrieval.ranks": "rank_both rank_counts",
    "mmbench.metrics.translation.columns": "translation_columns",
    "mmbench.metrics.translation.declarations": "chrf sacrebleu",
    "mmbench.metrics.translation.tokenize": "tokenize_13a",
    "mmbench.metrics.vqa": "DEFAULT_VARIANT EXACT NORMALISED OFFICIAL VQA_VARIANTS vqa_accuracies vqa_accuracy vqa_metric",
}
__getattr__, __dir__ = lazy_exports(__name__, {module: tuple(names.split()) for module, names in _EXPORTS.items()})
