"""Retrieval: exact ranks in bounded memory, and what every metric makes of them.

`rank_both` and `rank_counts` count what stands above and beside each positive (`ranks` says what is guaranteed);
`query_columns` turns counts into the scores of queries, under a rule for ties; `retrieval_metrics` are the metrics over
them, under a protocol.
"""

from mmbench.metrics.retrieval.counts import RankCounts, Relevant, captions_of_images, chance_counts
from mmbench.metrics.retrieval.expected import (
    KS,
    TIES,
    Ties,
    expected_hit,
    expected_rank,
    expected_recall,
    expected_reciprocal_rank,
    placed_ranks,
    query_columns,
)
from mmbench.metrics.retrieval.metrics import metric_id, retrieval_metrics
from mmbench.metrics.retrieval.pairs import expected_pair, pair_metric
from mmbench.metrics.retrieval.protocols import PROTOCOLS, Protocol, folded_columns, folds_of_images
from mmbench.metrics.retrieval.ranks import rank_both, rank_counts

__all__ = [
    "KS",
    "PROTOCOLS",
    "TIES",
    "Protocol",
    "RankCounts",
    "Relevant",
    "Ties",
    "captions_of_images",
    "chance_counts",
    "expected_hit",
    "expected_pair",
    "expected_rank",
    "expected_recall",
    "expected_reciprocal_rank",
    "folded_columns",
    "folds_of_images",
    "metric_id",
    "pair_metric",
    "placed_ranks",
    "query_columns",
    "rank_both",
    "rank_counts",
    "retrieval_metrics",
]
